package plot

import (
	"fmt"
	"io"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Schedule is a learning rate over the steps of a run, and the momentum below
// it where that moves, too.
type Schedule struct {
	Title string
	// Formula stands below the title.
	Formula string
	// Epochs is the place of each point in epochs, ascending.
	Epochs       []float64
	LR, Momentum []float64 // Momentum may be empty
}

// SVG writes the picture.
func (s Schedule) SVG(w io.Writer) error {
	if len(s.LR) != len(s.Epochs) || len(s.Momentum) > 0 && len(s.Momentum) != len(s.Epochs) {
		return fmt.Errorf("plot: %d rates and %d momenta for %d points", len(s.LR), len(s.Momentum), len(s.Epochs))
	}
	const below, note = 120, 22
	height := header + note + marginTop + panelHeight + marginBelow
	if len(s.Momentum) > 0 {
		height += marginTop + below + marginBelow
	}
	canvas := svg.New(curvesWidth, float64(height), s.Title)
	canvas.Text(svg.Point{X: 20, Y: 33}, svg.Cut(s.Title, 17, curvesWidth-40), svg.Font{Size: 17, Bold: true})
	canvas.Text(svg.Point{X: 20, Y: 56}, svg.Cut(s.Formula, 12, curvesWidth-40), svg.Font{Size: 12, Color: svg.Soft})
	top := float64(header + note + marginTop)
	x := svg.Linear(s.Epochs)
	draw := func(title string, ys []float64, y svg.Scale, height float64, pen svg.Pen) {
		a := &svg.Axes{Canvas: canvas, X: x, Y: y, XLabel: "epoch", Left: marginLeft, Top: top,
			Width: curvesWidth - marginLeft - marginRight, Height: height, Title: title}
		if y.Log {
			a.Note = "log axis"
		}
		a.Frame()
		canvas.Polyline(points(a, s.Epochs, ys), pen)
		top += height + marginBelow + marginTop
	}
	draw("learning rate", s.LR, s.scale(), panelHeight, svg.Pen{Color: svg.Green, Width: 1.8})
	if len(s.Momentum) > 0 {
		draw("momentum", s.Momentum, svg.Linear(s.Momentum), below, svg.Pen{Color: svg.Vermilion, Width: 1.8})
	}
	_, err := canvas.WriteTo(w)
	return err
}

// points places a series on the axes.
func points(a *svg.Axes, xs, ys []float64) []svg.Point {
	out := make([]svg.Point, len(xs))
	for i := range xs {
		out[i] = a.At(xs[i], ys[i])
	}
	return out
}

// scale is the axis of the rate: from 0, or logarithmic where it spends most of
// the run near there.
func (s Schedule) scale() svg.Scale {
	top, low := 0.0, 0
	for _, v := range s.LR {
		top = max(top, v)
	}
	for _, v := range s.LR {
		if v < top/50 {
			low++
		}
	}
	if 2*low > len(s.LR) && svg.Decades(s.LR) > 0 {
		return svg.Logarithmic(s.LR)
	}
	return svg.Linear(s.LR, []float64{0})
}
