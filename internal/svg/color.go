package svg

import (
	"fmt"
	"math"
)

// A Color is an opaque sRGB colour written 0xffRRGGBB. The zero Color paints
// nothing.
type Color uint32

// The colours of marks (Okabe and Ito 2008) and those of text and frame.
const (
	Blue      Color = 0xff0072b2
	Vermilion Color = 0xffd55e00
	Green     Color = 0xff009e73
	Purple    Color = 0xffcc79a7
	Orange    Color = 0xffe69f00
	Sky       Color = 0xff56b4e9

	White Color = 0xffffffff // ground of a panel
	Paper Color = 0xfffbfbfa // ground of the picture
	Ink   Color = 0xff24292f // titles and values
	Soft  Color = 0xff5b6470 // axis text
	Frame Color = 0xffb4bac2 // frames and axis lines
	Grid  Color = 0xffe4e6e9 // grid lines
)

// Series is the colour of the i-th of several lines; the colours repeat after
// six.
func Series(i int) Color {
	return [...]Color{Blue, Vermilion, Green, Purple, Orange, Sky}[((i%6)+6)%6]
}

// String is the colour as SVG writes it, "none" for the zero Color.
func (c Color) String() string {
	if c == 0 {
		return "none"
	}
	return fmt.Sprintf("#%06x", uint32(c)&0xffffff)
}

// RGB is the three channels.
func (c Color) RGB() (r, g, b uint8) { return uint8(c >> 16), uint8(c >> 8), uint8(c) }

// Mix is the colour t of the way from c to d, t cut to [0, 1].
func (c Color) Mix(d Color, t float64) Color {
	t = math.Max(0, math.Min(1, t))
	mixed := Color(0xff)
	for shift := 16; shift >= 0; shift -= 8 {
		a, b := float64(uint8(c>>shift)), float64(uint8(d>>shift))
		mixed = mixed<<8 | Color(math.Round(a+t*(b-a)))
	}
	return mixed
}

// On is the text colour that reads better on c: Ink or White.
func (c Color) On() Color {
	r, g, b := c.RGB()
	if 0.299*float64(r)+0.587*float64(g)+0.114*float64(b) < 140 {
		return White
	}
	return Ink
}
