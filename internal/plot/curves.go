package plot

import (
	"fmt"
	"io"
	"math"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Curves is the history of a run: one panel a metric, training and validation
// in each, and a small one for the learning rate where it varies. Row i of
// every series belongs to X[i].
type Curves struct {
	Title string
	// X is what the rows are counted by: epochs done, or optimizer steps.
	X []float64
	// XName names X; empty means epoch.
	XName   string
	Metrics []Metric
	// LR is the learning rate of each row; it may be empty.
	LR []float64
	// Best is the row of the best value seen, which is marked; -1 is none.
	Best int
}

// A Metric is a named quantity measured on the training and the validation
// part. Either series may be empty, and a value that is not finite is a gap.
type Metric struct {
	Name       string
	Train, Val []float64
	// Loss says that the quantity falls towards 0: its axis is logarithmic
	// where it spans more than a decade.
	Loss bool
}

// Lengths in pixels.
const (
	curvesWidth = 920
	panelHeight = 240
	rateHeight  = 80
	header      = 52
	marginLeft  = 60
	marginRight = 20
	marginTop   = 30
	marginBelow = 44
)

const (
	trainColor = svg.Blue
	valColor   = svg.Vermilion
)

// SVG writes the picture.
func (c Curves) SVG(w io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	metrics := c.Metrics
	if len(metrics) == 0 {
		metrics = []Metric{{Name: "loss"}}
	}
	columns := min(2, len(metrics))
	rows := (len(metrics) + columns - 1) / columns
	rate := varies(c.LR)
	height := header + rows*(marginTop+panelHeight+marginBelow)
	if rate {
		height += marginTop + rateHeight + marginBelow
	}
	canvas := svg.New(curvesWidth, float64(height), c.Title)
	c.header(canvas)
	x := c.axis()
	cell := curvesWidth / columns
	top := float64(header)
	for i, m := range metrics {
		c.panel(canvas, x, m, float64(i%columns*cell), top+float64(i/columns*(marginTop+panelHeight+marginBelow)), float64(cell))
	}
	if rate {
		a := c.axes(canvas, x, 0, top+float64(rows*(marginTop+panelHeight+marginBelow)), curvesWidth, rateHeight)
		a.Title, a.Y = "learning rate", scale(true, c.LR)
		a.Frame()
		a.Line(c.X, c.LR, svg.Pen{Color: svg.Green, Width: 1.8})
	}
	_, err := canvas.WriteTo(w)
	return err
}

func (c Curves) check() error {
	for _, m := range c.Metrics {
		for _, s := range [][]float64{m.Train, m.Val} {
			if len(s) != 0 && len(s) != len(c.X) {
				return fmt.Errorf("plot: metric %q has %d values for %d rows", m.Name, len(s), len(c.X))
			}
		}
	}
	if len(c.LR) != 0 && len(c.LR) != len(c.X) {
		return fmt.Errorf("plot: %d learning rates for %d rows", len(c.LR), len(c.X))
	}
	return nil
}

func (c Curves) header(canvas *svg.Canvas) {
	keys := []svg.Key{}
	train, val := false, false
	for _, m := range c.Metrics {
		train = train || len(m.Train) > 0
		val = val || len(m.Val) > 0
	}
	if train {
		keys = append(keys, svg.Key{Pen: trainPen(), Text: "train"})
	}
	if val {
		keys = append(keys, svg.Key{Pen: valPen(), Text: "validation"})
	}
	if c.marked() {
		keys = append(keys, svg.Key{Pen: svg.Pen{Color: svg.Soft, Dash: "4 3"}, Text: "best " + c.xName()})
	}
	canvas.Legend(svg.Point{X: curvesWidth - marginRight, Y: 32}, keys...)
	canvas.Text(svg.Point{X: 20, Y: 33}, svg.Cut(c.Title, 17, curvesWidth-440), svg.Font{Size: 17, Bold: true})
}

// panel draws one metric in the cell whose upper left corner is (left, top).
func (c Curves) panel(canvas *svg.Canvas, x svg.Scale, m Metric, left, top, width float64) {
	a := c.axes(canvas, x, left, top, width, panelHeight)
	a.Title, a.Y = m.Name, scale(m.Loss, m.Train, m.Val)
	a.XLabel = c.xName()
	if a.Y.Log {
		a.Title += " (log axis)"
	}
	seen, color, what := m.Val, valColor, "validation"
	if len(seen) == 0 {
		seen, color, what = m.Train, trainColor, "train"
	}
	best := c.marked() && c.Best < len(seen)
	if best {
		a.Note = fmt.Sprintf("%s %s: %s %s", c.xName(), svg.Number(c.X[c.Best]), what, svg.Number(seen[c.Best]))
	}
	a.Frame()
	if best {
		a.Rule(c.X[c.Best], svg.Soft)
	}
	a.Line(c.X, m.Train, trainPen())
	a.Line(c.X, m.Val, valPen())
	if best {
		a.Mark(c.X[c.Best], seen[c.Best], color)
	}
	if !anyFinite(m.Train) && !anyFinite(m.Val) {
		canvas.Text(svg.Point{X: a.Left + a.Width/2, Y: a.Top + a.Height/2}, "no finite value yet", svg.Font{Color: svg.Soft, Anchor: svg.Center})
	}
}

func (c Curves) axes(canvas *svg.Canvas, x svg.Scale, left, top, width, height float64) *svg.Axes {
	return &svg.Axes{Canvas: canvas, X: x, Whole: true,
		Left: left + marginLeft, Top: top + marginTop, Width: width - marginLeft - marginRight, Height: height}
}

// axis is the scale of X, which begins shortly before the first row and ends
// shortly behind the last.
func (c Curves) axis() svg.Scale {
	s := svg.Linear(c.X)
	if varies(c.X) {
		// Narrower than the margins of Linear, which are a 22nd of the scale.
		back := (s.Hi - s.Lo) / 22 * 0.6
		s.Lo, s.Hi = s.Lo+back, s.Hi-back
	}
	return s
}

func (c Curves) xName() string {
	if c.XName == "" {
		return "epoch"
	}
	return c.XName
}

func (c Curves) marked() bool { return c.Best >= 0 && c.Best < len(c.X) }

func trainPen() svg.Pen { return svg.Pen{Color: trainColor, Width: 1.8} }
func valPen() svg.Pen   { return svg.Pen{Color: valColor, Width: 1.8, Dash: "7 3"} }

// scale is logarithmic for a quantity that falls over more than a decade.
func scale(loss bool, values ...[]float64) svg.Scale {
	if loss && svg.Decades(values...) > 1 {
		return svg.Logarithmic(values...)
	}
	return svg.Linear(values...)
}

func varies(values []float64) bool {
	for _, v := range values {
		if v != values[0] {
			return true
		}
	}
	return false
}

func anyFinite(values []float64) bool {
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return true
		}
	}
	return false
}
