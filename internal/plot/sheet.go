package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"github.com/nadir-ml/nadir/tensor"
)

// Sheet is a page of sample images, each enlarged to be seen, with its label
// below.
type Sheet struct {
	// Images is [n, height, width] or [n, height, width, channels] with 1
	// (gray), 3 (RGB) or 4 (RGBA) channels. Integers are 0 to 255; floats 0 to
	// 1, and where one lies outside, all are stretched from the least to the
	// greatest.
	Images *tensor.Tensor
	// Labels stand under the images: none, or one an image.
	Labels []string
	// Columns is the number of images in a row; 0 makes the page about square.
	Columns int
}

// Lengths of a sheet in pixels.
const (
	shownSide   = 84      // an image is enlarged to at least this
	sheetGap    = 10      // between images
	labelScale  = 2       // pixels a dot of a label; 1 where it would be cut
	sheetPixels = 1 << 26 // the largest page
)

// PNG writes the page.
func (s Sheet) PNG(w io.Writer) error {
	n, height, width, channels, err := s.size()
	if err != nil {
		return err
	}
	zoom := max(1, (shownSide+min(height, width)-1)/min(height, width))
	columns := s.Columns
	if columns == 0 {
		columns = int(math.Ceil(math.Sqrt(float64(n) * float64(height) / float64(width))))
	}
	columns = max(1, min(columns, n))
	caption := 0
	if len(s.Labels) > 0 {
		caption = glyphHeight*labelScale + 4
	}
	rows := (n + columns - 1) / columns
	cellW, cellH := width*zoom+sheetGap, height*zoom+caption+sheetGap
	pageW, pageH := columns*cellW+sheetGap, rows*cellH+sheetGap
	if pageW > sheetPixels || pageH > sheetPixels || pageW*pageH > sheetPixels {
		return fmt.Errorf("plot: a sheet of %d images of %dx%d pixels is too large (%d x %d pixels, at most %d in all); show fewer",
			n, height, width, pageW, pageH, sheetPixels)
	}
	m := image.NewRGBA(image.Rect(0, 0, pageW, pageH))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.Gray{Y: 0xee}), image.Point{}, draw.Src)
	level := s.levels()
	font := newDotFont()
	for i := range n {
		corner := image.Pt(sheetGap+i%columns*cellW, sheetGap+i/columns*cellH)
		for y := range height {
			for x := range width {
				at := corner.Add(image.Pt(x*zoom, y*zoom))
				c := s.pixel(((i*height+y)*width+x)*channels, channels, level)
				draw.Draw(m, image.Rectangle{at, at.Add(image.Pt(zoom, zoom))}, image.NewUniform(c), image.Point{}, draw.Over)
			}
		}
		if len(s.Labels) > 0 {
			text, scale := s.Labels[i], labelScale
			if textWidth(text, scale) > cellW-2 {
				scale = 1
			}
			text = cutText(text, scale, cellW-2)
			at := corner.Add(image.Pt((width*zoom-textWidth(text, scale))/2, height*zoom+4))
			font.text(m, at, text, scale, color.Gray{Y: 0x24})
		}
	}
	return png.Encode(w, m)
}

func (s Sheet) size() (n, height, width, channels int, err error) {
	if s.Images == nil {
		return 0, 0, 0, 0, fmt.Errorf("plot: a sheet without images")
	}
	shape := s.Images.Shape()
	channels = 1
	if len(shape) == 4 {
		channels = shape[3]
	}
	if len(shape) != 3 && len(shape) != 4 || channels != 1 && channels != 3 && channels != 4 || shape.Len() == 0 {
		return 0, 0, 0, 0, fmt.Errorf("plot: images of shape %v cannot be shown: want [n height width] or [n height width 1, 3 or 4]", shape)
	}
	if len(s.Labels) != 0 && len(s.Labels) != shape[0] {
		return 0, 0, 0, 0, fmt.Errorf("plot: %d labels for %d images", len(s.Labels), shape[0])
	}
	return shape[0], shape[1], shape[2], channels, nil
}

// levels maps a stored value to 0 … 255.
func (s Sheet) levels() func(float64) uint8 {
	lo, hi := 0.0, 255.0
	if s.Images.DType().IsFloat() {
		lo, hi = math.Inf(1), math.Inf(-1)
		for i := range s.Images.Len() {
			if v := s.Images.Flat(i); !math.IsNaN(v) && !math.IsInf(v, 0) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
		if lo >= 0 && hi <= 1 || lo > hi {
			lo, hi = 0, 1
		}
	}
	return func(v float64) uint8 {
		if math.IsNaN(v) || hi == lo {
			return 0
		}
		return uint8(math.Round(255 * math.Max(0, math.Min(1, (v/2-lo/2)/(hi/2-lo/2)))))
	}
}

func (s Sheet) pixel(at, channels int, level func(float64) uint8) color.Color {
	r := level(s.Images.Flat(at))
	if channels == 1 {
		return color.Gray{Y: r}
	}
	c := color.NRGBA{R: r, G: level(s.Images.Flat(at + 1)), B: level(s.Images.Flat(at + 2)), A: 255}
	if channels == 4 {
		c.A = level(s.Images.Flat(at + 3))
	}
	return c
}
