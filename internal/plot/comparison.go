package plot

import (
	"fmt"
	"io"
	"math"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Comparison is several ways to train, the best first: how a metric grew, its
// values and their mean, and how far each lies behind the best.
type Comparison struct {
	Title  string
	Metric string
	Rows   []Candidate
	// Target is a value of the metric that is marked; NaN is none.
	Target float64
}

// A Candidate is one of the ways.
type Candidate struct {
	Name string
	// X and Y are the course: the metric by epochs.
	X, Y []float64
	// Values are the metric of each trial.
	Values []float64
	// Difference is how much better it is than the first, between Lo and Hi; NaN
	// where it is not known.
	Difference, Lo, Hi float64
}

// The panels of a Comparison.
const (
	courseHeight = 300
	rowHeight    = 24
	nameWidth    = 190
)

// SVG writes the picture.
func (c Comparison) SVG(w io.Writer) error {
	for _, r := range c.Rows {
		if len(r.X) != len(r.Y) {
			return fmt.Errorf("plot: %d values for %d epochs", len(r.Y), len(r.X))
		}
	}
	rows := float64(max(1, len(c.Rows)) * rowHeight)
	canvas := svg.New(curvesWidth, header+marginTop+courseHeight+marginBelow+marginTop+rows+marginBelow, c.Title)
	canvas.Text(svg.Point{X: 20, Y: 33}, svg.Cut(c.Title, 17, curvesWidth-40), svg.Font{Size: 17, Bold: true})
	c.courses(canvas)
	top := float64(header + marginTop + courseHeight + marginBelow + marginTop)
	width := (curvesWidth - nameWidth - 3*marginRight) / 2.0
	values, differences := c.scales()
	left := rowsOf{canvas, values, nameWidth, top, width, rows}
	left.frame(c.Metric+" of each trial, and the mean", c.Metric)
	right := rowsOf{canvas, differences, nameWidth + width + 2*marginRight, top, width, rows}
	right.frame("difference to the first, 95 % interval", "difference in "+c.Metric)
	if at := differences.At(0); at > 0 && at < 1 {
		x := right.x(0)
		canvas.Line(svg.Point{X: x, Y: top}, svg.Point{X: x, Y: top + rows}, svg.Pen{Color: svg.Soft, Dash: "4 3"})
	}
	for i, r := range c.Rows {
		y := top + (float64(i)+0.5)*rowHeight
		canvas.Text(svg.Point{X: nameWidth - 8, Y: y + 4}, svg.Cut(r.Name, 12, nameWidth-24), svg.Font{Anchor: svg.Right, Color: svg.Series(i)})
		sum, n := 0.0, 0
		for _, v := range r.Values {
			if isFinite(v) {
				canvas.Circle(svg.Point{X: left.x(v), Y: y}, 2.5, svg.Series(i).Mix(svg.White, 0.45))
				sum, n = sum+v, n+1
			}
		}
		if n > 0 {
			x := left.x(sum / float64(n))
			canvas.Line(svg.Point{X: x, Y: y - 8}, svg.Point{X: x, Y: y + 8}, svg.Pen{Color: svg.Series(i), Width: 2.5})
		}
		if isFinite(r.Lo) && isFinite(r.Hi) {
			canvas.Line(svg.Point{X: right.x(r.Lo), Y: y}, svg.Point{X: right.x(r.Hi), Y: y}, svg.Pen{Color: svg.Series(i), Width: 1.8})
		}
		if isFinite(r.Difference) {
			canvas.Circle(svg.Point{X: right.x(r.Difference), Y: y}, 4, svg.Series(i))
		}
	}
	_, err := canvas.WriteTo(w)
	return err
}

// courses draws the metric by epochs.
func (c Comparison) courses(canvas *svg.Canvas) {
	var xs, ys [][]float64
	keys := []svg.Key{}
	for i, r := range c.Rows {
		xs, ys = append(xs, r.X), append(ys, r.Y)
		if i < 6 {
			keys = append(keys, svg.Key{Pen: c.pen(i), Text: svg.Cut(r.Name, 12, 110)})
		}
	}
	if len(c.Rows) > len(keys) {
		keys = append(keys, svg.Key{Text: fmt.Sprintf("and %d more", len(c.Rows)-len(keys))})
	}
	if isFinite(c.Target) {
		ys = append(ys, []float64{c.Target})
	}
	a := &svg.Axes{Canvas: canvas, X: svg.Linear(append(xs, []float64{0})...), Y: svg.Linear(ys...), Whole: true, XLabel: "epoch", Title: c.Metric + " on the rows held out, mean of the trials",
		Left: marginLeft, Top: header + marginTop, Width: curvesWidth - marginLeft - marginRight, Height: courseHeight}
	a.Frame()
	if isFinite(c.Target) {
		y := a.At(a.X.Lo, c.Target).Y
		canvas.Line(svg.Point{X: a.Left, Y: y}, svg.Point{X: a.Left + a.Width, Y: y}, svg.Pen{Color: svg.Soft, Dash: "4 3"})
		canvas.Text(svg.Point{X: a.Left + 6, Y: y - 4}, "target "+svg.Number(c.Target), svg.Font{Size: 11, Color: svg.Soft})
	}
	for i, r := range c.Rows {
		a.Line(r.X, r.Y, c.pen(i))
	}
	canvas.Legend(svg.Point{X: curvesWidth - marginRight - 10, Y: header + marginTop + courseHeight - 14}, keys...)
}

// pen tells lines apart: by colour and, from the seventh on, by dashes too.
func (c Comparison) pen(i int) svg.Pen {
	p := svg.Pen{Color: svg.Series(i), Width: 1.8}
	switch i / 6 % 3 {
	case 1:
		p.Dash = "7 3"
	case 2:
		p.Dash = "2 3"
	}
	return p
}

// scales are those of the values and of the differences.
func (c Comparison) scales() (values, differences svg.Scale) {
	vs, ds := [][]float64{}, [][]float64{{0}}
	for _, r := range c.Rows {
		vs = append(vs, r.Values)
		ds = append(ds, []float64{r.Difference, r.Lo, r.Hi})
	}
	return svg.Linear(vs...), svg.Linear(ds...)
}

// rowsOf is a panel with a row for each candidate.
type rowsOf struct {
	canvas           *svg.Canvas
	scale            svg.Scale
	left, top, width float64
	height           float64
}

func (r rowsOf) x(v float64) float64 { return r.left + r.scale.At(v)*r.width }

func (r rowsOf) frame(title, label string) {
	r.canvas.Rect(r.left, r.top, r.width, r.height, svg.White, svg.Pen{Color: svg.Frame})
	r.canvas.Text(svg.Point{X: r.left, Y: r.top - 8}, svg.Cut(title, 12, r.width), svg.Font{Bold: true})
	for _, t := range r.scale.Ticks(5) {
		x := r.x(t.Value)
		r.canvas.Line(svg.Point{X: x, Y: r.top}, svg.Point{X: x, Y: r.top + r.height}, svg.Pen{Color: svg.Grid})
		r.canvas.Text(svg.Point{X: x, Y: r.top + r.height + 16}, t.Label, svg.Font{Size: 11, Color: svg.Soft, Anchor: svg.Center})
	}
	r.canvas.Text(svg.Point{X: r.left + r.width/2, Y: r.top + r.height + 34}, svg.Cut(label, 12, r.width), svg.Font{Color: svg.Soft, Anchor: svg.Center})
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
