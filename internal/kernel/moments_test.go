package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Whole rules have the bits of what they are made of, at every length, of NaN,
// infinities and denormals too, and touch nothing beside.
func TestMoments(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testMoments[float32](t) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testMoments[float64](t) })
}

func testMoments[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const room = 1000 + 8
	tame := func() []T {
		x := make([]T, room)
		for i := range x {
			x[i] = T(r.NormFloat64())
		}
		return x
	}
	type rule = func(dst, p, g, m, v []T, c *Moments[T])
	for name, f := range map[string]rule{
		"Adam": Adam[T], "Nadam": Nadam[T],
		"Momentum":       func(dst, p, g, m, _ []T, c *Moments[T]) { Momentum(dst, p, g, m, c) },
		"Nesterov":       func(dst, p, g, m, _ []T, c *Moments[T]) { Nesterov(dst, p, g, m, c) },
		"RMSProp":        func(dst, p, g, _, v []T, c *Moments[T]) { RMSProp(dst, p, g, v, c) },
		"RMSPropOutside": func(dst, p, g, _, v []T, c *Moments[T]) { RMSPropOutside(dst, p, g, v, c) },
	} {
		draw := tame
		for n := range 1000 {
			if n%2 == 0 {
				draw = func() []T { return numbers[T](r, room) }
			}
			at := n % 5
			end := at + n
			c := &Moments[T]{Mean: 0.9, New: 0.1, MeanSquare: 0.999, NewSquare: 0.001, Scale: 0.03, Ahead: 0.7, Correction: 0.3, Epsilon: 1e-7}
			p, g, m, v := draw(), draw(), draw(), draw()
			Abs(v, v)
			mean, square, want := append([]T{}, m...), append([]T{}, v...), append([]T{}, p...)
			for i := at; i < end; i++ {
				a, b := T(c.Mean*m[i]), T(c.New*g[i])
				moved := a + b
				a, b = T(c.MeanSquare*v[i]), T(g[i]*g[i])
				b = T(c.NewSquare * b)
				spread := a + b
				if name != "RMSProp" && name != "RMSPropOutside" {
					mean[i] = moved
				}
				if name != "Momentum" && name != "Nesterov" {
					square[i] = spread
				}
				var d T
				switch name {
				case "Momentum":
					d = -T(c.Scale * moved)
				case "Nesterov":
					a, b = T(c.Mean*moved), T(c.New*g[i])
					d = a + b
					d = -T(c.Scale * d)
				case "RMSProp":
					d = sqrt(spread + c.Epsilon)
					d = g[i] / d
					d = T(c.Scale * d)
				case "RMSPropOutside":
					d = sqrt(spread) + c.Epsilon
					d = g[i] / d
					d = T(c.Scale * d)
				default:
					step, root := T(c.Scale*moved), spread
					if name == "Nadam" {
						b = T(c.Ahead * g[i])
						step += b
						root /= c.Correction
					}
					d = sqrt(root) + c.Epsilon
					d = step / d
				}
				want[i] -= d
			}
			out := make([]T, room)
			copy(out, p)
			m2, v2, p2 := append([]T{}, m...), append([]T{}, v...), append([]T{}, p...)
			f(out[at:end], p[at:end], g[at:end], m[at:end], v[at:end], c)
			f(p2[at:end], p2[at:end], g[at:end], m2[at:end], v2[at:end], c)
			for i := range room {
				if !same(out[i], want[i]) || !same(p2[i], want[i]) || !same(m[i], mean[i]) || !same(m2[i], mean[i]) || !same(v[i], square[i]) || !same(v2[i], square[i]) {
					t.Fatalf("%s of %d numbers, element %d: %g and in place %g, want %g; means %g and %g, want %g and %g",
						name, n, i-at, out[i], p2[i], want[i], m[i], v[i], mean[i], square[i])
				}
			}
			draw = tame
		}
	}
}

// Quotients by one number are rounded correctly, though no division makes them: of all
// kinds of numbers, and of those whose quotient lies next to the middle of two.
func TestQuotients(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 14))
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	a, got := make([]float32, 1000), make([]float32, 1000)
	for i := range rounds {
		mantissa := uint32(r.Uint64()) & (1<<23 - 1)
		switch i % 8 {
		case 0:
			mantissa = 1<<23 - 1 - uint32(i/8%100)
		case 1:
			mantissa = uint32(i / 8 % 100)
		}
		s := math.Float32frombits(uint32(127-24+r.IntN(48))<<23 | mantissa)
		for k := range a {
			q := math.Float32frombits(uint32(1+r.IntN(254))<<23 | uint32(r.Uint64())&(1<<23-1))
			if k%4 > 0 { // often without a test for all lanes failing
				q = math.Float32frombits(uint32(127-20+r.IntN(40))<<23 | uint32(r.Uint64())&(1<<23-1))
			}
			half := (float64(q) + float64(math.Nextafter32(q, math.MaxFloat32))) / 2
			a[k] = float32(half * float64(s))
			switch k / 500 * (k % 7) {
			case 1:
				a[k] = math.Nextafter32(a[k], 0)
			case 2:
				a[k] = math.Nextafter32(a[k], math.MaxFloat32)
			case 3:
				a[k] = 0
			case 4:
				a[k] = -a[k]
			case 5:
				a[k] = math.Float32frombits(uint32(r.Uint64()))
			}
		}
		for lo := 0; lo < len(a); lo += 250 {
			DivS(got[lo:lo+250], a[lo:lo+250], s)
		}
		if i%3 == 0 { // lanes that make the others be divided
			a[17], a[900] = float32(math.NaN()), float32(math.Copysign(0, -1))
			DivS(got, a, s)
		}
		for k, x := range a {
			if want := x / s; !same(got[k], want) {
				t.Fatalf("%g / %g is %g, want %g", x, s, got[k], want)
			}
		}
	}
}
