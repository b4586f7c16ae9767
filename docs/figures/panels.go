package main

import "github.com/nadir-ml/nadir/internal/svg"

// A grid places panels of one size under a title.
type grid struct {
	canvas        *svg.Canvas
	columns       int
	width, height float64 // of a cell, with its margins
}

const (
	header     = 60.0
	below      = 40.0 // of a panel: ticks and label
	above      = 30.0
	leftMargin = 60.0
	right      = 16.0
)

func newGrid(title string, panels, columns int, width, height float64) *grid {
	rows := (panels + columns - 1) / columns
	w := width * float64(columns)
	c := svg.New(w, header+float64(rows)*height+8, title)
	c.Text(svg.Point{X: 20, Y: 33}, title, svg.Font{Size: 17, Bold: true})
	return &grid{canvas: c, columns: columns, width: width, height: height}
}

// panel is the axes of panel i.
func (g *grid) panel(i int, title string, x, y svg.Scale) *svg.Axes {
	return &svg.Axes{
		Canvas: g.canvas, X: x, Y: y, Title: title,
		Left:  float64(i%g.columns)*g.width + leftMargin,
		Top:   header + float64(i/g.columns)*g.height + above,
		Width: g.width - leftMargin - right, Height: g.height - above - below,
	}
}

// legend draws the keys at the upper right.
func (g *grid) legend(keys ...svg.Key) {
	g.canvas.Legend(svg.Point{X: g.width*float64(g.columns) - right, Y: 32}, keys...)
}

// linspace is n numbers from lo to hi.
func linspace(lo, hi float64, n int) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return xs
}
