package augment

import (
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

// An affine map says where in the picture before a pixel of the picture after
// comes from, both counted from the middle, x to the right and y down:
//
//	x′ = a·x + b·y + dx    y′ = c·x + d·y + dy
type affine struct{ a, b, c, d, dx, dy float64 }

var same = affine{a: 1, d: 1}

// after is the map of n and then m.
func (m affine) after(n affine) affine {
	return affine{
		a:  float64(m.a*n.a) + float64(m.b*n.c),
		b:  float64(m.a*n.b) + float64(m.b*n.d),
		c:  float64(m.c*n.a) + float64(m.d*n.c),
		d:  float64(m.c*n.b) + float64(m.d*n.d),
		dx: float64(m.a*n.dx) + float64(m.b*n.dy) + m.dx,
		dy: float64(m.c*n.dx) + float64(m.d*n.dy) + m.dy,
	}
}

// A Fill says what lies outside a picture, and how pixels between four others
// are made.
type Fill struct {
	Mode          string  `spec:"fill_mode" default:"reflect" doc:"what lies outside: reflect, wrap, nearest or constant"`
	Value         float64 `spec:"fill_value,plain" default:"0" doc:"value outside where fill_mode is constant"`
	Interpolation string  `spec:"interpolation" default:"bilinear" doc:"bilinear or nearest"`
}

var fillModes = []string{"reflect", "wrap", "nearest", "constant"}

// check refuses unknown words.
func (f Fill) check() error {
	if f.Mode != "" && !slices.Contains(fillModes, f.Mode) {
		return spec.Field("fill_mode", "want %s, got %q", strings.Join(fillModes, ", "), f.Mode)
	}
	switch f.Interpolation {
	case "", "bilinear", "nearest":
	default:
		return spec.Field("interpolation", "want bilinear or nearest, got %q", f.Interpolation)
	}
	if math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
		return spec.Field("fill_value", "want a number, got %g", f.Value)
	}
	return nil
}

// inside is the pixel of n that one outside is taken for, −1 where there is
// none. Coordinates are bounded by move.
func (f Fill) inside(i, n int) int {
	if uint(i) < uint(n) {
		return i
	}
	switch f.Mode {
	case "constant":
		return -1
	case "nearest":
		return min(max(i, 0), n-1)
	case "wrap":
		return ((i % n) + n) % n
	}
	i = ((i % (2 * n)) + 2*n) % (2 * n) // d c b a | a b c d | d c b a
	if i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// move makes the picture that m describes.
func (p *picture) move(m affine, f Fill) {
	if m == same {
		return
	}
	cx, cy := float64(p.w-1)/2, float64(p.h-1)/2
	for y := range p.h {
		v := float64(y) - cy
		x0 := float64(m.b*v) + m.dx + cx
		y0 := float64(m.d*v) + m.dy + cy
		dst := p.room[y*p.w*p.c:][:p.w*p.c]
		if p.c == 1 && f.Interpolation != "nearest" {
			p.line(dst, m, x0, y0, cx, f)
			continue
		}
		for x := range p.w {
			u := float64(x) - cx
			p.sample(dst[x*p.c:][:p.c], float64(m.a*u)+x0, float64(m.c*u)+y0, f)
		}
	}
	p.x, p.room = p.room, p.x
}

// line is a line of move for a picture of one channel: what sample does, without
// its detours for the pixels whose neighbours all lie within.
func (p *picture) line(dst []float32, m affine, x0, y0, cx float64, f Fill) {
	w := p.w
	for i := range dst {
		u := float64(i) - cx
		x, y := float64(m.a*u)+x0, float64(m.c*u)+y0
		if x >= 0 && y >= 0 && x < float64(w-1) && y < float64(p.h-1) {
			ix, iy := int(x), int(y)
			tx, ty := float32(x-float64(ix)), float32(y-float64(iy))
			q := p.x[iy*w+ix:][:w+2]
			dst[i] = blend(q[0], q[1], q[w], q[w+1], tx, ty)
			continue
		}
		p.sample(dst[i:i+1], x, y, f)
	}
}

// sample writes the channels at a place, counted from the first pixel.
func (p *picture) sample(dst []float32, x, y float64, f Fill) {
	if f.Interpolation == "nearest" {
		x, y = math.Floor(x+0.5), math.Floor(y+0.5)
	}
	// Whatever a file says, indices stay whole numbers.
	const far = 1 << 24
	x, y = min(max(x, -far), far), min(max(y, -far), far)
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	tx, ty := float32(x-fx), float32(y-fy)
	if uint(ix) < uint(p.w-1) && uint(iy) < uint(p.h-1) {
		at := (iy*p.w + ix) * p.c
		a, b := p.x[at:at+p.c], p.x[at+p.c:at+2*p.c]
		at += p.w * p.c
		c, d := p.x[at:at+p.c], p.x[at+p.c:at+2*p.c]
		for k := range dst {
			dst[k] = blend(a[k], b[k], c[k], d[k], tx, ty)
		}
		return
	}
	left, right := f.inside(ix, p.w), f.inside(ix+1, p.w)
	top, bottom := f.inside(iy, p.h), f.inside(iy+1, p.h)
	for k := range dst {
		dst[k] = blend(p.at(left, top, k, f), p.at(right, top, k, f), p.at(left, bottom, k, f), p.at(right, bottom, k, f), tx, ty)
	}
}

// at is a channel of the pixel in a column and a line, or what lies outside.
func (p *picture) at(x, y, k int, f Fill) float32 {
	if x < 0 || y < 0 {
		return float32(f.Value) * p.full
	}
	return p.x[(y*p.w+x)*p.c+k]
}

// blend is the value at (tx, ty) between a, b above and c, d below.
func blend(a, b, c, d, tx, ty float32) float32 {
	top := float32(a*(1-tx)) + float32(b*tx)
	bottom := float32(c*(1-tx)) + float32(d*tx)
	return float32(top*(1-ty)) + float32(bottom*ty)
}
