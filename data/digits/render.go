package digits

import (
	"math"

	"github.com/nadir-ml/nadir/internal/rng"
)

// Side is the height and width of an image in pixels.
const Side = 28

const (
	pixels = Side * Side
	// spans is the number of straight pieces drawn between two points.
	spans = 3
	// cells is the number of cells an axis has in the grid of displacements.
	cells = 3
)

// How far an image may stray from its glyph: half widths of the distributions,
// in pixels where nothing else is said. They are set so that a linear
// classifier stays below 93 % and a small deep network goes beyond 97 %.
const (
	jitter    = 0.028 // of a control point, in units of the glyph's square
	bend      = 1.3   // of a grid point of the displacement
	turn      = 0.17  // tangent of half the angle: 19°
	shear     = 0.4
	shift     = 2.4
	noiseMost = 8 // deviation of the noise in gray levels, at most
)

// mul rounds its product, so that no compiler may fuse it with a sum that
// follows and an image has the same bytes on every machine. A product with a
// power of two is exact and goes without.
func mul(a, b float64) float64 { return float64(a * b) }

// between is uniform in [lo, hi).
func between(s *rng.Stream, lo, hi float64) float64 {
	return lo + mul(hi-lo, mul(float64(s.Uint32()), 0x1p-32))
}

// about is a bell of half width w around 0: the mean of two uniform numbers.
func about(s *rng.Stream, w float64) float64 {
	return mul(w, mul(float64(s.Uint32())-float64(s.Uint32()), 0x1p-32))
}

// warp takes points of the glyph's square to pixels.
type warp struct {
	xx, xy, yx, yy float64
	dx, dy         float64
	grid           [cells + 1][cells + 1]point
}

func newWarp(s *rng.Stream) *warp {
	var w warp
	t := about(s, turn)
	// The sine and cosine of an angle from the tangent of its half need no
	// more than division, which every machine rounds alike.
	d := 1 + mul(t, t)
	cos, sin := (1-mul(t, t))/d, 2*t/d
	size := between(s, 14, 23)
	sx, sy := mul(size, between(s, 0.72, 1.1)), size
	k := about(s, shear)
	// rotation · shear · scale
	w.xx, w.xy = mul(cos, sx), mul(mul(cos, k)-sin, sy)
	w.yx, w.yy = mul(sin, sx), mul(mul(sin, k)+cos, sy)
	w.dx, w.dy = about(s, shift)+Side/2, about(s, shift)+Side/2
	for i := range w.grid {
		for j := range w.grid[i] {
			w.grid[i][j] = point{about(s, bend), about(s, bend)}
		}
	}
	return &w
}

// apply is the affine map and then the displacement, interpolated between the
// grid's points by the smooth step 3t² − 2t³.
func (w *warp) apply(p point) point {
	x, y := p.x-0.5, p.y-0.5
	q := point{
		mul(w.xx, x) + mul(w.xy, y) + w.dx,
		mul(w.yx, x) + mul(w.yy, y) + w.dy,
	}
	j, u := cell(q.x)
	i, v := cell(q.y)
	a, b := mix(w.grid[i][j], w.grid[i][j+1], u), mix(w.grid[i+1][j], w.grid[i+1][j+1], u)
	e := mix(a, b, v)
	return point{q.x + e.x, q.y + e.y}
}

// cell is the grid cell that a coordinate lies in and how far through it.
func cell(c float64) (int, float64) {
	g := mul(c, float64(cells)/Side)
	k := min(max(int(g), 0), cells-1)
	t := min(max(g-float64(k), 0), 1)
	return k, mul(mul(t, t), 3-2*t)
}

func mix(a, b point, t float64) point {
	return point{a.x + mul(b.x-a.x, t), a.y + mul(b.y-a.y, t)}
}

// canvas is an image while it is drawn: how much of each pixel ink covers.
type canvas [pixels]float64

// line draws from a to b with a round pen of radius r whose edge fades over
// soft pixels.
func (c *canvas) line(a, b point, r, soft float64) {
	reach := r + soft/2
	x0, x1 := clip(min(a.x, b.x)-reach), clip(max(a.x, b.x)+reach+1)
	y0, y1 := clip(min(a.y, b.y)-reach), clip(max(a.y, b.y)+reach+1)
	dx, dy := b.x-a.x, b.y-a.y
	inv := 1 / max(mul(dx, dx)+mul(dy, dy), 1e-9)
	sharp := 1 / soft
	most := mul(reach, reach)
	for y := y0; y < y1; y++ {
		py := float64(y) - a.y
		along := mul(py, dy)
		row := c[y*Side : y*Side+Side]
		for x := x0; x < x1; x++ {
			if row[x] >= 1 {
				continue
			}
			px := float64(x) - a.x
			// Branches, for min and max would look for NaN as well.
			t := mul(mul(px, dx)+along, inv)
			if t < 0 {
				t = 0
			} else if t > 1 {
				t = 1
			}
			ex, ey := px-mul(t, dx), py-mul(t, dy)
			d := mul(ex, ex) + mul(ey, ey)
			if d >= most {
				continue
			}
			v := mul(reach-math.Sqrt(d), sharp)
			if v > 1 {
				v = 1
			}
			if row[x] < v {
				row[x] = v
			}
		}
	}
}

func clip(v float64) int { return int(min(max(v, 0), Side)) }

// draw draws one stroke of a glyph, every point moved by a jitter of its own.
func (c *canvas) draw(line stroke, w *warp, s *rng.Stream, radius, soft float64) {
	var moved [16]point
	p := moved[:len(line)]
	for i, q := range line {
		if i > 0 && q == line[i-1] {
			p[i] = p[i-1]
			continue
		}
		p[i] = point{q.x + about(s, jitter), q.y + about(s, jitter)}
	}
	r := radius
	from := w.apply(p[0])
	for i := 1; i < len(p); i++ {
		if p[i] == p[i-1] {
			continue
		}
		before, after := p[max(i-2, 0)], p[min(i+1, len(p)-1)]
		for k := 1; k <= spans; k++ {
			to := w.apply(spline(before, p[i-1], p[i], after, float64(k)/spans))
			c.line(from, to, r, soft)
			from = to
		}
		r = min(max(r+about(s, 0.25), 0.4), 2)
	}
}

// spline is the Catmull–Rom curve from b (t = 0) to c (t = 1).
func spline(a, b, c, d point, t float64) point {
	t2 := mul(t, t)
	t3 := mul(t2, t)
	wa := mul(0.5, 2*t2-t-t3)
	wb := 1 + mul(0.5, mul(3, t3)-mul(5, t2))
	wc := mul(0.5, t+4*t2-mul(3, t3))
	wd := mul(0.5, t3-t2)
	return point{
		mul(wa, a.x) + mul(wb, b.x) + mul(wc, c.x) + mul(wd, d.x),
		mul(wa, a.y) + mul(wb, b.y) + mul(wc, c.y) + mul(wd, d.y),
	}
}

// render draws a digit into dst, Side·Side gray levels by rows, ink bright.
func render(dst []uint8, digit int, s *rng.Stream) {
	ways := glyphs[digit]
	glyph := ways[s.IntN(len(ways))]
	w := newWarp(s)
	radius, soft := between(s, 0.7, 2), between(s, 1, 2)
	var c canvas
	for _, line := range glyph {
		c.draw(line, w, s, radius, soft)
	}
	for range s.IntN(3) { // stains
		p := point{between(s, 0, Side), between(s, 0, Side)}
		c.line(p, point{p.x + about(s, 3), p.y + about(s, 3)}, between(s, 0.2, 0.8), soft)
	}

	ink := between(s, 160, 255)
	noise := s.IntN(noiseMost + 1)
	var words [pixels]uint32
	s.Uint32s(words[:])
	for i, b := range words {
		// The four bytes of a word add up to nearly a normal number of mean
		// 510 and deviation 147.8.
		n := int(b&0xff) + int(b>>8&0xff) + int(b>>16&0xff) + int(b>>24) - 510
		dst[i] = uint8(min(max(int(mul(ink, c[i]))+n*noise/148, 0), 255))
	}
}
