package plot

import (
	_ "embed"
	"image"
	"image/color"
	"image/draw"
	"strings"
)

// art is the printable ASCII in order, from the space on, and a box for all
// other characters: bands of twelve letters of 5 × 7 dots.
//
//go:embed glyphs.txt
var art string

// Lengths of the dot font: a letter and the step to the next.
const (
	glyphWidth  = 5
	glyphHeight = 7
	glyphStep   = glyphWidth + 1
	glyphBand   = 12
)

// A dotFont is the rows of art.
type dotFont []string

func newDotFont() dotFont { return strings.Split(art, "\n") }

// dot reports whether the letter has a dot at (x, y).
func (f dotFont) dot(r rune, x, y int) bool {
	if r < ' ' || r > '~' {
		r = '\x7f'
	}
	i := int(r - ' ')
	return f[i/glyphBand*(glyphHeight+1)+y][i%glyphBand*glyphStep+x] == '#'
}

// text draws s with the upper left corner of its first letter at p, each dot a
// square of scale pixels.
func (f dotFont) text(m draw.Image, p image.Point, s string, scale int, c color.Color) {
	ink := image.NewUniform(c)
	for _, r := range s {
		for y := range glyphHeight {
			for x := range glyphWidth {
				if f.dot(r, x, y) {
					at := p.Add(image.Pt(x*scale, y*scale))
					draw.Draw(m, image.Rectangle{at, at.Add(image.Pt(scale, scale))}, ink, image.Point{}, draw.Src)
				}
			}
		}
		p.X += glyphStep * scale
	}
}

// textWidth is the width in pixels of s at a scale.
func textWidth(s string, scale int) int {
	return max(0, len([]rune(s))*glyphStep-1) * scale
}

// cutText shortens s to at most width pixels, with two dots where something
// was left out.
func cutText(s string, scale, width int) string {
	if textWidth(s, scale) <= width {
		return s
	}
	n := (width/scale+1)/glyphStep - 2
	if n < 1 {
		return ""
	}
	return string([]rune(s)[:n]) + ".."
}
