package plot

import (
	"fmt"
	"io"
	"math"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Search is the loss by learning rate, as a search for the rate saw it.
type Search struct {
	Title string
	// LR ascends; Loss and Smooth, its running mean, belong to it. A loss that
	// is not finite is a gap.
	LR, Loss, Smooth []float64
	// Marks are rates that are named, each by a vertical line.
	Marks []Mark
}

// A Mark is a named place on the x axis; one that is not above 0 is none.
type Mark struct {
	X    float64
	Name string
	Main bool // the one that counts
}

// SVG writes the picture.
func (s Search) SVG(w io.Writer) error {
	if len(s.LR) != len(s.Loss) || len(s.LR) != len(s.Smooth) {
		return fmt.Errorf("plot: %d losses and %d means for %d rates", len(s.Loss), len(s.Smooth), len(s.LR))
	}
	const height = 320
	canvas := svg.New(curvesWidth, header+marginTop+height+marginBelow, s.Title)
	canvas.Text(svg.Point{X: 20, Y: 33}, svg.Cut(s.Title, 17, curvesWidth-340), svg.Font{Size: 17, Bold: true})
	raw := svg.Pen{Color: svg.Soft.Mix(svg.White, 0.5), Width: 1}
	canvas.Legend(svg.Point{X: curvesWidth - marginRight, Y: 32}, svg.Key{Pen: raw, Text: "loss of a batch"}, svg.Key{Pen: trainPen(), Text: "running mean"})
	a := &svg.Axes{Canvas: canvas, X: svg.Logarithmic(s.LR), Y: svg.Linear(s.window()), XLabel: "learning rate", YLabel: "loss",
		Left: marginLeft, Top: header + marginTop, Width: curvesWidth - marginLeft - marginRight, Height: height,
		Title: "loss while the rate grows from step to step", Note: "log axis"}
	a.Frame()
	a.Line(s.LR, s.shown(s.Loss, a.Y), raw)
	a.Line(s.LR, s.shown(s.Smooth, a.Y), trainPen())
	for i, m := range s.Marks {
		if !(m.X > 0) {
			continue
		}
		color := svg.Soft
		if m.Main {
			color = valColor
		}
		a.Rule(m.X, color)
		at := svg.Point{X: a.Left + a.X.At(m.X)*a.Width + 4, Y: a.Top + 14 + 15*float64(i%4)}
		font := svg.Font{Size: 11, Color: color, Bold: m.Main}
		if at.X > a.Left+a.Width-150 {
			at.X, font.Anchor = at.X-8, svg.Right
		}
		canvas.Text(at, fmt.Sprintf("%s %.2g", m.Name, m.X), font)
	}
	_, err := canvas.WriteTo(w)
	return err
}

// window is the range of losses that is drawn: the running mean, as far as it
// does not rise far above where it began.
func (s Search) window() []float64 {
	lo, first := math.Inf(1), math.NaN()
	for _, v := range s.Smooth {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo = min(lo, v)
			if math.IsNaN(first) {
				first = v
			}
		}
	}
	top := first + 0.6*(first-lo)
	if !(first > lo) {
		top = first + math.Abs(first)
	}
	return []float64{lo, top}
}

// shown leaves out what lies above the window.
func (s Search) shown(ys []float64, y svg.Scale) []float64 {
	out := make([]float64, len(ys))
	for i, v := range ys {
		if out[i] = v; v > y.Hi || v < y.Lo {
			out[i] = math.NaN()
		}
	}
	return out
}
