package kernel

import (
	"math/rand/v2"
	"testing"
)

// ELU has the bits of what it is made of, at every length and in place.
func TestELU(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testELU[float32](t) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testELU[float64](t) })
}

func testELU[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for n := range 1000 {
		x := numbers[T](r, n+1)[1:] // not aligned
		sign, low, want := make([]T, n), make([]T, n), make([]T, n)
		GtS(sign, x, 0)
		MinS(low, x, 0)
		Expm1(low, low)
		Select(want, sign, x, low)
		got := make([]T, n)
		for range 2 {
			ELU(got, x)
			for i := range want {
				if !same(got[i], want[i]) {
					t.Fatalf("number %d of %d: ELU of %g is %g, want %g", i, n, x[i], got[i], want[i])
				}
			}
			copy(got, x)
			x = got
		}
		x, y := numbers[T](r, n), numbers[T](r, n)
		Add(want, x, y)
		ELU(want, want)
		AddELU(got, x, y)
		AddELU(y, x, y)
		for i := range want {
			if !same(got[i], want[i]) || !same(y[i], want[i]) {
				t.Fatalf("number %d of %d: ELU of a sum with %g is %g, in place %g, want %g", i, n, x[i], got[i], y[i], want[i])
			}
		}
	}
}
