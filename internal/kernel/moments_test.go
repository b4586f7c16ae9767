package kernel

import (
	"math/rand/v2"
	"testing"
)

// Adam and Nadam have the bits of what they are made of, at every length, of NaN,
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
	for name, f := range map[string]func(dst, p, g, m, v []T, c *Moments[T]){"Adam": Adam[T], "Nadam": Nadam[T]} {
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
			mean, square, step, root, want := append([]T{}, m...), append([]T{}, v...), make([]T, room), make([]T, room), append([]T{}, p...)
			for i := at; i < end; i++ {
				a, b := T(c.Mean*m[i]), T(c.New*g[i])
				mean[i] = a + b
				a, b = T(c.MeanSquare*v[i]), T(g[i]*g[i])
				b = T(c.NewSquare * b)
				square[i] = a + b
				step[i], root[i] = T(c.Scale*mean[i]), square[i]
				if name == "Nadam" {
					b = T(c.Ahead * g[i])
					step[i] += b
					root[i] /= c.Correction
				}
				d := sqrt(root[i]) + c.Epsilon
				d = step[i] / d
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
