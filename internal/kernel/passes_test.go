package kernel

import (
	"math"
	"testing"
)

// TestPasses tells that the ranges of k follow one another, and that products over one
// each, added in turn, are the product to the bit.
func TestPasses(t *testing.T) {
	t.Parallel()
	t.Run("float32", checkPasses[float32])
	t.Run("float64", checkPasses[float64])
}

func checkPasses[T Float](t *testing.T) {
	t.Parallel()
	const m, n = 17, 45
	for _, k := range []int{1, 127, 128, 129, 320, 321, 640, 641, 784, 1000, 2048} {
		a, b := make([]T, m*k), make([]T, k*n)
		for i := range a {
			a[i] = T(math.Sin(float64(i)))
		}
		for i := range b {
			b[i] = T(math.Cos(float64(i)))
		}
		want, got, sum := make([]T, m*n), make([]T, m*n), make([]T, m*n)
		MatMul(want, n, a, k, false, b, n, false, m, n, k, 0, m, 0, n, false)
		end := 0
		for s := range Passes[T](k) {
			from, to := Pass[T](k, s)
			if from != end || to <= from {
				t.Fatalf("k %d: range %d is [%d, %d), behind %d", k, s, from, to, end)
			}
			end = to
			if Passes[T](to-from) != 1 {
				t.Fatalf("k %d: range %d is itself cut", k, s)
			}
			MatMul(sum, n, a[from:], k, false, b[from*n:], n, false, m, n, to-from, 0, m, 0, n, false)
			if s == 0 {
				copy(got, sum)
			} else {
				Add(got, got, sum)
			}
		}
		if end != k {
			t.Fatalf("k %d: the last range ends at %d", k, end)
		}
		for i, v := range want {
			if got[i] != v {
				t.Fatalf("k %d: sum %d of the ranges is %g, the product's %g", k, i, got[i], v)
			}
		}
	}
}
