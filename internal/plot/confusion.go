package plot

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"strconv"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Confusion is the matrix of a classifier: Counts[t][p] rows of true class t
// were taken for class p. Colour is the share of the true class: blue on the
// diagonal, red off it. The right margin is the recall of each class, the lower
// one its precision.
type Confusion struct {
	Title   string
	Classes []string
	Counts  [][]int
}

// MaxClasses is the largest number of classes a Confusion is drawn for.
const MaxClasses = 4096

// Up to numbered classes the cells carry their counts and the margins their
// percentages; beyond that they are a bitmap and bars.
const numbered = 40

// SVG writes the picture. Labels are thinned where they would overlap.
func (c Confusion) SVG(w io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	p := c.layout()
	c.heading(p)
	c.labels(p)
	if p.n <= numbered {
		c.cells(p)
	} else if err := c.bitmap(p); err != nil {
		return err
	}
	c.margins(p)
	p.canvas.Rect(p.left, p.top, p.size, p.size, 0, svg.Pen{Color: svg.Frame})
	_, err := p.canvas.WriteTo(w)
	return err
}

func (c Confusion) check() error {
	n := len(c.Classes)
	if n < 1 || n > MaxClasses {
		return fmt.Errorf("plot: a confusion matrix of %d classes cannot be drawn (1 to %d can)", n, MaxClasses)
	}
	if len(c.Counts) != n {
		return fmt.Errorf("plot: confusion matrix has %d rows for %d classes", len(c.Counts), n)
	}
	for t, row := range c.Counts {
		if len(row) != n {
			return fmt.Errorf("plot: row %d of the confusion matrix has %d columns for %d classes", t, len(row), n)
		}
		for p, k := range row {
			if k < 0 {
				return fmt.Errorf("plot: count %d at row %d, column %d of the confusion matrix is negative", k, t, p)
			}
		}
	}
	return nil
}

// A page holds the measures of one drawing.
type page struct {
	canvas          *svg.Canvas
	n               int
	left, top       float64 // corner of the matrix
	size, cell      float64 // side of the matrix, of a cell
	label           float64 // room for the row labels
	everyRow        int     // each how-many-th row is labelled
	everyCol        int     // and column
	slanted         bool    // column labels stand at an angle
	font            float64 // of counts and labels
	margin          float64 // thickness of the precision and recall strips
	total, diagonal int
	row, col        []int // sums
}

func (c Confusion) layout() *page {
	n := len(c.Classes)
	p := &page{n: n, row: make([]int, n), col: make([]int, n), margin: 52}
	most, widest := 0, 0.0
	for t, row := range c.Counts {
		for q, k := range row {
			p.row[t] += k
			p.col[q] += k
			most = max(most, k)
		}
		p.total += p.row[t]
		p.diagonal += row[t]
		widest = math.Max(widest, svg.TextWidth(c.Classes[t], 12))
	}
	p.font = 12
	if n <= numbered {
		digits := svg.TextWidth(strconv.Itoa(most), 1)
		p.cell = math.Max(26, math.Min(64, 560/float64(n)))
		p.font = math.Max(6, math.Min(13, (p.cell-4)/math.Max(digits, 1.6)))
		p.size = p.cell * float64(n)
	} else {
		p.size = math.Max(600, float64(n))
		p.cell = p.size / float64(n)
	}
	p.everyRow = int(math.Ceil(14 / p.cell))
	p.everyCol = p.everyRow
	if p.slanted = widest > p.cell*float64(p.everyCol)-4; p.slanted {
		p.everyCol = int(math.Ceil(20 / p.cell))
	}
	p.label = math.Min(130, widest)
	p.left, p.top = math.Max(p.label, 56)+54, 104
	width := p.left + p.size + 10 + p.margin + 24
	below := 10 + p.margin + 26
	if p.slanted {
		p.top += p.label * 0.72
		width += p.label * 0.2
	}
	p.canvas = svg.New(math.Max(width, 420), p.top+p.size+below, c.Title)
	return p
}

func (c Confusion) heading(p *page) {
	text := "no rows"
	if p.total > 0 {
		text = fmt.Sprintf("%s of %s right (%s)", group(p.diagonal), group(p.total), percent(p.diagonal, p.total))
	}
	p.canvas.Text(svg.Point{X: 20, Y: 32}, svg.Cut(c.Title, 17, math.Max(380, p.left+p.size)), svg.Font{Size: 17, Bold: true})
	p.canvas.Text(svg.Point{X: 20, Y: 52}, text+"; colour: share of the true class", svg.Font{Color: svg.Soft})
}

func (c Confusion) labels(p *page) {
	soft := svg.Font{Size: 12, Color: svg.Soft, Anchor: svg.Center}
	turned := soft
	turned.Rotate = -90
	p.canvas.Text(svg.Point{X: 26, Y: p.top + p.size/2}, "true class", turned)
	p.canvas.Text(svg.Point{X: p.left + p.size/2, Y: 72}, "predicted class", soft)
	for i := 0; i < p.n; i += p.everyRow {
		at := svg.Point{X: p.left - 8, Y: p.top + (float64(i)+0.5)*p.cell + 4}
		p.canvas.Text(at, svg.Cut(c.Classes[i], 12, p.label+0.5), svg.Font{Size: 12, Anchor: svg.Right})
	}
	for i := 0; i < p.n; i += p.everyCol {
		at := svg.Point{X: p.left + (float64(i)+0.5)*p.cell, Y: p.top - 8}
		f := svg.Font{Size: 12, Anchor: svg.Center}
		if p.slanted {
			at.X += 3
			f = svg.Font{Size: 12, Rotate: -45}
		}
		p.canvas.Text(at, svg.Cut(c.Classes[i], 12, p.label+0.5), f)
	}
}

func (c Confusion) cells(p *page) {
	for t, row := range c.Counts {
		for q, k := range row {
			fill := shade(t == q, share(k, p.row[t]))
			x, y := p.left+float64(q)*p.cell, p.top+float64(t)*p.cell
			p.canvas.Rect(x, y, p.cell, p.cell, fill, svg.Pen{Color: svg.White})
			if k > 0 {
				p.canvas.Text(svg.Point{X: x + p.cell/2, Y: y + p.cell/2 + p.font*0.36}, strconv.Itoa(k),
					svg.Font{Size: p.font, Anchor: svg.Center, Color: fill.On()})
			}
		}
	}
}

// bitmap draws the matrix with a pixel a cell.
func (c Confusion) bitmap(p *page) error {
	m := image.NewNRGBA(image.Rect(0, 0, p.n, p.n))
	for t, row := range c.Counts {
		for q, k := range row {
			r, g, b := shade(t == q, share(k, p.row[t])).RGB()
			m.SetNRGBA(q, t, color.NRGBA{R: r, G: g, B: b, A: 255})
		}
	}
	return p.canvas.Image(p.left, p.top, p.size, p.size, m)
}

// margins draws recall on the right and precision below.
func (c Confusion) margins(p *page) {
	soft := svg.Font{Size: 11, Color: svg.Soft, Anchor: svg.Center}
	right, below := p.left+p.size+10, p.top+p.size+10
	p.canvas.Text(svg.Point{X: right + p.margin/2, Y: p.top - 8}, "recall", soft)
	soft.Anchor = svg.Right
	p.canvas.Text(svg.Point{X: p.left - 8, Y: below + p.margin/2 + 4}, "precision", soft)
	if p.n > numbered {
		c.profiles(p, right, below)
		return
	}
	for i := range p.n {
		hit, at := c.Counts[i][i], float64(i)*p.cell
		fill := shade(true, share(hit, p.row[i]))
		f := svg.Font{Size: 11, Anchor: svg.Center, Color: fill.On()}
		p.canvas.Rect(right, p.top+at, p.margin, p.cell, fill, svg.Pen{Color: svg.White})
		p.canvas.Text(svg.Point{X: right + p.margin/2, Y: p.top + at + p.cell/2 + 4}, percent(hit, p.row[i]), f)
		fill = shade(true, share(hit, p.col[i]))
		f.Color = fill.On()
		p.canvas.Rect(p.left+at, below, p.cell, p.margin, fill, svg.Pen{Color: svg.White})
		x, y := p.left+at+p.cell/2, below+p.margin/2+4
		if p.cell < 44 {
			f.Rotate, x, y = -90, x+4, y-4
		}
		p.canvas.Text(svg.Point{X: x, Y: y}, percent(hit, p.col[i]), f)
	}
}

// profiles draws the margins of a large matrix as one stepped area each, a full
// strip being 1.
func (c Confusion) profiles(p *page, right, below float64) {
	recall := []svg.Point{{X: right, Y: p.top}}
	precision := []svg.Point{{X: p.left, Y: below}}
	for i := range p.n {
		hit, at := c.Counts[i][i], float64(i)*p.cell
		x, y := right+p.margin*share(hit, p.row[i]), below+p.margin*share(hit, p.col[i])
		recall = append(recall, svg.Point{X: x, Y: p.top + at}, svg.Point{X: x, Y: p.top + at + p.cell})
		precision = append(precision, svg.Point{X: p.left + at, Y: y}, svg.Point{X: p.left + at + p.cell, Y: y})
	}
	recall = append(recall, svg.Point{X: right, Y: p.top + p.size})
	precision = append(precision, svg.Point{X: p.left + p.size, Y: below})
	p.canvas.Polygon(recall, svg.Blue)
	p.canvas.Polygon(precision, svg.Blue)
	p.canvas.Rect(right, p.top, p.margin, p.size, 0, svg.Pen{Color: svg.Frame})
	p.canvas.Rect(p.left, below, p.size, p.margin, 0, svg.Pen{Color: svg.Frame})
}

// shade is the colour of a share of a class. The root makes rare confusions
// visible: one in a hundred is a tenth of the way.
func shade(right bool, part float64) svg.Color {
	const pale, hit, miss svg.Color = 0xfff4f5f6, 0xff00558a, 0xffb04200
	if right {
		return pale.Mix(hit, math.Sqrt(part))
	}
	return pale.Mix(miss, math.Sqrt(part))
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// percent writes a share with one decimal, of which only a whole is 100 %, and
// "–" where there is nothing to share.
func percent(part, whole int) string {
	switch {
	case whole == 0:
		return "–"
	case part == whole:
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", min(99.9, 100*share(part, whole)))
}

// group writes a count with commas between thousands.
func group(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
