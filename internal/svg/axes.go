package svg

import "math"

// An Axes is a panel: a rectangle on a Canvas whose sides stand for two scales.
// Room for ticks and labels lies outside the rectangle: about 56 pixels on the
// left, 36 below, 22 above where it has a Title.
type Axes struct {
	Canvas         *Canvas
	X, Y           Scale
	Left, Top      float64 // upper left corner of the rectangle in pixels
	Width, Height  float64
	Title          string // above, on the left
	Note           string // above, on the right
	XLabel, YLabel string
	Whole          bool // the x axis counts: only whole numbers are marked
}

// At is the place of a data point on the canvas; not finite where it has none.
func (a *Axes) At(x, y float64) Point {
	return Point{a.Left + a.X.At(x)*a.Width, a.Top + (1-a.Y.At(y))*a.Height}
}

// Frame draws the grid, the ticks, the frame and the texts: what lies under the
// marks.
func (a *Axes) Frame() {
	const size = 11
	c := a.Canvas
	bottom := a.Top + a.Height
	c.Rect(a.Left, a.Top, a.Width, a.Height, White, Pen{})
	xs := a.X.Ticks(int(a.Width / 70))
	if a.Whole {
		xs = a.X.Integers(int(a.Width / 60))
	}
	for _, t := range xs {
		x := a.Left + a.X.At(t.Value)*a.Width
		c.Line(Point{x, a.Top}, Point{x, bottom}, Pen{Color: Grid})
		c.Text(Point{x, bottom + 15}, t.Label, Font{Size: size, Color: Soft, Anchor: Center})
	}
	for _, t := range a.Y.Ticks(max(2, int(a.Height/40))) {
		y := a.Top + (1-a.Y.At(t.Value))*a.Height
		c.Line(Point{a.Left, y}, Point{a.Left + a.Width, y}, Pen{Color: Grid})
		c.Text(Point{a.Left - 6, y + 4}, t.Label, Font{Size: size, Color: Soft, Anchor: Right})
	}
	c.Rect(a.Left, a.Top, a.Width, a.Height, 0, Pen{Color: Frame})
	note := Cut(a.Note, size, a.Width*0.7)
	room := a.Width - TextWidth(note, size) - 12
	c.Text(Point{a.Left, a.Top - 8}, Cut(a.Title, 13, room), Font{Size: 13, Bold: true})
	c.Text(Point{a.Left + a.Width, a.Top - 8}, note, Font{Size: size, Color: Soft, Anchor: Right})
	c.Text(Point{a.Left + a.Width/2, bottom + 31}, Cut(a.XLabel, size, a.Width), Font{Size: size, Color: Soft, Anchor: Center})
	c.Text(Point{a.Left - 44, a.Top + a.Height/2}, Cut(a.YLabel, size, a.Height), Font{Size: size, Color: Soft, Anchor: Center, Rotate: -90})
}

// Line draws the line through (xs[i], ys[i]), xs ascending; what is not finite
// is a gap. A line of few points shows each of them; of one with more points
// than the panel has pixels, each column keeps its first, lowest, highest and
// last, which draws the same picture (Jugel et al., "M4", VLDB 2014).
func (a *Axes) Line(xs, ys []float64, pen Pen) {
	points := make([]Point, min(len(xs), len(ys)))
	for i := range points {
		points[i] = a.At(xs[i], ys[i])
	}
	if len(points) <= 32 {
		for _, p := range points {
			a.Canvas.Circle(p, pen.width()+0.8, pen.Color)
		}
	}
	a.Canvas.Polyline(thin(points), pen)
}

// thin keeps of each run of points in one pixel column the first, the lowest,
// the highest and the last, in order. A gap is kept as one point.
func thin(points []Point) []Point {
	var out []Point
	for i := 0; i < len(points); {
		if !finite(points[i].X, points[i].Y) {
			if len(out) > 0 && finite(out[len(out)-1].Y) {
				out = append(out, Point{math.NaN(), math.NaN()})
			}
			i++
			continue
		}
		column := math.Floor(points[i].X)
		low, high, j := i, i, i
		for ; j < len(points) && finite(points[j].X, points[j].Y) && math.Floor(points[j].X) == column; j++ {
			if points[j].Y < points[low].Y {
				low = j
			}
			if points[j].Y > points[high].Y {
				high = j
			}
		}
		kept := -1
		for _, k := range [...]int{i, min(low, high), max(low, high), j - 1} {
			if k > kept {
				out = append(out, points[k])
				kept = k
			}
		}
		i = j
	}
	return out
}

// Bars draws a bar from 0, or from the lower end of the scale, to ys[i] around
// each xs[i]; width is in the units of x.
func (a *Axes) Bars(xs, ys []float64, width float64, fill Color) {
	base := 0.0
	if a.Y.Log || a.Y.Lo > 0 {
		base = a.Y.Lo
	}
	for i := range min(len(xs), len(ys)) {
		p, q := a.At(xs[i]-width/2, base), a.At(xs[i]+width/2, ys[i])
		a.Canvas.Rect(p.X, math.Min(p.Y, q.Y), q.X-p.X, math.Abs(p.Y-q.Y), fill, Pen{})
	}
}

// Rule draws a dashed vertical line at x.
func (a *Axes) Rule(x float64, color Color) {
	px := a.Left + a.X.At(x)*a.Width
	a.Canvas.Line(Point{px, a.Top}, Point{px, a.Top + a.Height}, Pen{Color: color, Dash: "4 3"})
}

// Mark draws a ring at a data point.
func (a *Axes) Mark(x, y float64, color Color) {
	p := a.At(x, y)
	a.Canvas.Circle(p, 5.5, color)
	a.Canvas.Circle(p, 3, White)
}
