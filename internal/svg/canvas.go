package svg

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"strconv"
)

// A Point is a place on a Canvas in pixels, y downwards.
type Point struct{ X, Y float64 }

// A Pen says how a line is drawn.
type Pen struct {
	Color Color
	Width float64 // pixels; 0 means 1
	Dash  string  // SVG dash pattern such as "4 3"; empty means solid
}

// An Anchor is the part of a text that lies at its point.
type Anchor string

// The anchors.
const (
	Left   Anchor = "start"
	Center Anchor = "middle"
	Right  Anchor = "end"
)

// A Font says how text is set.
type Font struct {
	Size   float64 // pixels; 0 means 12
	Color  Color   // the zero Color means Ink
	Anchor Anchor  // empty means Left
	Bold   bool
	Rotate float64 // degrees clockwise around the point
}

// A Canvas collects shapes in the order in which they are painted.
type Canvas struct {
	w, h  float64
	title string
	body  bytes.Buffer
}

// New makes an empty Canvas of the given size in pixels. The title is what
// screen readers and browser tabs show.
func New(width, height float64, title string) *Canvas {
	return &Canvas{w: width, h: height, title: title}
}

// Line draws a straight line from p to q.
func (c *Canvas) Line(p, q Point, pen Pen) {
	if !finite(p.X, p.Y, q.X, q.Y) {
		return
	}
	fmt.Fprintf(&c.body, `<line x1="%s" y1="%s" x2="%s" y2="%s"%s/>`+"\n",
		num(p.X), num(p.Y), num(q.X), num(q.Y), pen.attrs())
}

// Polyline draws the line through the points. A point that is not finite is a
// gap; a point between two gaps is drawn as a dot.
func (c *Canvas) Polyline(points []Point, pen Pen) {
	for len(points) > 0 {
		n := 0
		for n < len(points) && finite(points[n].X, points[n].Y) {
			n++
		}
		switch {
		case n == 1:
			c.Circle(points[0], math.Max(pen.width(), 1.5), pen.Color)
		case n > 1:
			c.body.WriteString(`<polyline points="`)
			for i, p := range points[:n] {
				if i > 0 {
					c.body.WriteByte(' ')
				}
				c.body.WriteString(num(p.X) + "," + num(p.Y))
			}
			fmt.Fprintf(&c.body, `" fill="none" stroke-linejoin="round" stroke-linecap="round"%s/>`+"\n", pen.attrs())
		}
		points = points[n:]
		for len(points) > 0 && !finite(points[0].X, points[0].Y) {
			points = points[1:]
		}
	}
}

// Rect draws a rectangle. Of a zero fill or a pen of no colour nothing is drawn.
func (c *Canvas) Rect(x, y, w, h float64, fill Color, pen Pen) {
	if !finite(x, y, w, h) || w < 0 || h < 0 {
		return
	}
	stroke := ""
	if pen.Color != 0 {
		stroke = pen.attrs()
	}
	fmt.Fprintf(&c.body, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"%s/>`+"\n",
		num(x), num(y), num(w), num(h), fill, stroke)
}

// Polygon fills the area within the points. One that is not finite is skipped.
func (c *Canvas) Polygon(points []Point, fill Color) {
	c.body.WriteString(`<polygon points="`)
	for _, p := range points {
		if finite(p.X, p.Y) {
			c.body.WriteString(num(p.X) + "," + num(p.Y) + " ")
		}
	}
	fmt.Fprintf(&c.body, `" fill="%s"/>`+"\n", fill)
}

// Circle draws a filled circle of radius r.
func (c *Canvas) Circle(p Point, r float64, fill Color) {
	if !finite(p.X, p.Y, r) || r < 0 {
		return
	}
	fmt.Fprintf(&c.body, `<circle cx="%s" cy="%s" r="%s" fill="%s"/>`+"\n", num(p.X), num(p.Y), num(r), fill)
}

// Text sets one line of text with its baseline at p.
func (c *Canvas) Text(p Point, text string, f Font) {
	if !finite(p.X, p.Y, f.Rotate) || text == "" {
		return
	}
	if f.Color == 0 {
		f.Color = Ink
	}
	fmt.Fprintf(&c.body, `<text x="%s" y="%s" font-size="%s" fill="%s"`, num(p.X), num(p.Y), num(f.size()), f.Color)
	if f.Anchor != "" && f.Anchor != Left {
		fmt.Fprintf(&c.body, ` text-anchor="%s"`, f.Anchor)
	}
	if f.Bold {
		c.body.WriteString(` font-weight="bold"`)
	}
	if f.Rotate != 0 {
		fmt.Fprintf(&c.body, ` transform="rotate(%s %s %s)"`, num(f.Rotate), num(p.X), num(p.Y))
	}
	c.body.WriteByte('>')
	escape(&c.body, text)
	c.body.WriteString("</text>\n")
}

// Image places a picture, stretched to w × h with hard pixel edges. It is for
// matrices of more cells than a document should have shapes.
func (c *Canvas) Image(x, y, w, h float64, m image.Image) error {
	if !finite(x, y, w, h) || w <= 0 || h <= 0 {
		return fmt.Errorf("svg: an image of %g x %g pixels at (%g, %g) cannot be placed", w, h, x, y)
	}
	var raw bytes.Buffer
	if err := png.Encode(&raw, m); err != nil {
		return fmt.Errorf("svg: image: %w", err)
	}
	fmt.Fprintf(&c.body, `<image x="%s" y="%s" width="%s" height="%s" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,%s"/>`+"\n",
		num(x), num(y), num(w), num(h), base64.StdEncoding.EncodeToString(raw.Bytes()))
	return nil
}

// WriteTo writes the document.
func (c *Canvas) WriteTo(w io.Writer) (int64, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s" role="img" font-family="sans-serif">`+"\n<title>",
		num(c.w), num(c.h))
	escape(&out, c.title)
	fmt.Fprintf(&out, "</title>\n<rect x=\"0\" y=\"0\" width=\"%s\" height=\"%s\" fill=\"%s\"/>\n", num(c.w), num(c.h), Paper)
	out.Write(c.body.Bytes())
	out.WriteString("</svg>\n")
	return out.WriteTo(w)
}

func (p Pen) width() float64 {
	if p.Width == 0 {
		return 1
	}
	return p.Width
}

func (p Pen) attrs() string {
	s := fmt.Sprintf(` stroke="%s"`, p.Color)
	if p.width() != 1 {
		s += fmt.Sprintf(` stroke-width="%s"`, num(p.width()))
	}
	if p.Dash != "" {
		s += fmt.Sprintf(` stroke-dasharray="%s"`, p.Dash)
	}
	return s
}

func (f Font) size() float64 {
	if f.Size == 0 {
		return 12
	}
	return f.Size
}

// num writes a coordinate with at most two decimals, which is finer than any
// screen and keeps long lines short.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100+0, 'f', -1, 64)
}

func finite(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// escape replaces what XML does not allow, control characters included, by
// U+FFFD. A bytes.Buffer never fails.
func escape(w *bytes.Buffer, text string) {
	_ = xml.EscapeText(w, []byte(text))
}
