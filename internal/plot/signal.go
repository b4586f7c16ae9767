package plot

import (
	"fmt"
	"io"
	"math"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Signal is how far the outputs of each layer spread, and the gradients on
// their way back, both on logarithmic axes.
type Signal struct {
	Title  string
	Layers []string // names, from the input on
	// Forward and Backward are the standard deviations of outputs and gradients.
	// One that is not finite, or not above 0, is a gap.
	Forward, Backward []float64
}

// The panels of a Signal.
const (
	signalHeight = 200
	nameSize     = 10
	namesMost    = 16 // layers up to which their names are written
)

// SVG writes the picture.
func (s Signal) SVG(w io.Writer) error {
	n := len(s.Layers)
	if len(s.Forward) != n || len(s.Backward) != n {
		return fmt.Errorf("plot: %d and %d values for %d layers", len(s.Forward), len(s.Backward), n)
	}
	const panel = marginTop + signalHeight + marginBelow
	canvas := svg.New(curvesWidth, header+2*panel, s.Title)
	canvas.Text(svg.Point{X: 20, Y: 33}, svg.Cut(s.Title, 17, curvesWidth-40), svg.Font{Size: 17, Bold: true})
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	for i, p := range []struct {
		title, label string
		values       []float64
		pen          svg.Pen
	}{
		{"forward: standard deviation of the outputs", "std", s.Forward, svg.Pen{Color: trainColor, Width: 1.8}},
		{"backward: standard deviation of the gradients", "gradient's std", s.Backward, svg.Pen{Color: valColor, Width: 1.8}},
	} {
		a := &svg.Axes{Canvas: canvas, X: svg.Linear(xs, []float64{0.5, float64(n) + 0.5}), Y: s.scale(p.values), Whole: true, XLabel: "layer",
			Left: marginLeft, Top: float64(header + i*panel + marginTop), Width: curvesWidth - marginLeft - marginRight, Height: signalHeight,
			Title: p.title, Note: "log axis"}
		a.Frame()
		a.Line(xs, p.values, p.pen)
		if n <= namesMost {
			for k, name := range s.Layers {
				at := svg.Point{X: a.Left + a.X.At(xs[k])*a.Width, Y: a.Top + a.Height - 6}
				canvas.Text(at, svg.Cut(name, nameSize, a.Width/float64(n)-6), svg.Font{Size: nameSize, Color: svg.Soft, Anchor: svg.Center})
			}
		}
	}
	_, err := canvas.WriteTo(w)
	return err
}

// scale is the logarithmic axis of one direction.
func (s Signal) scale(values []float64) svg.Scale {
	y := svg.Logarithmic(values)
	// Over less than a decade a line would look steeper than it is.
	if y.Hi < 10*y.Lo {
		y = svg.Logarithmic([]float64{y.Lo / 2, y.Hi * 2})
	}
	if len(s.Layers) <= namesMost { // room for the names
		y = svg.Logarithmic([]float64{y.Lo, y.Hi, y.Lo * math.Pow(y.Lo/y.Hi, 0.08)})
	}
	return y
}
