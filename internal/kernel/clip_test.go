package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Clamp is MaxS and MinS, and CountBeyond a loop, at every length, of NaN, infinities
// and denormals too.
func TestClip(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testClip[float32](t) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testClip[float64](t) })
}

func testClip[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	nan, zero := T(math.NaN()), T(math.Copysign(0, -1))
	for n := range 1000 {
		x := numbers[T](r, n+1)[1:]
		for _, c := range [][2]T{{-0.5, 0.5}, {-1e-30, 1e30}, {1, 2}, {2, 1}, {0, 0}, {zero, 0}, {nan, 1}, {-1, nan}, {T(math.Inf(-1)), T(math.Inf(1))}} {
			got, want := make([]T, n), make([]T, n)
			Clamp(got, x, c[0], c[1])
			MaxS(want, x, c[0])
			MinS(want, want, c[1])
			for i := range want {
				if !same(got[i], want[i]) {
					t.Fatalf("number %d of %d: %g within %g is %g, want %g", i, n, x[i], c, got[i], want[i])
				}
			}
			count := 0
			for _, v := range x {
				if math.Abs(float64(v)) > float64(c[1]) {
					count++
				}
			}
			if got := CountBeyond(x, c[1]); got != count {
				t.Fatalf("%d of %d numbers are beyond %g, want %d", got, n, c[1], count)
			}
		}
	}
	if got := CountBeyond([]T{0, 1, nan, -3}, -1); got != 3 {
		t.Errorf("%d numbers are beyond -1, want 3", got)
	}
}
