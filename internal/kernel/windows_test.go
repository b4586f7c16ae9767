package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRows(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testRows[float32](t) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testRows[float64](t) })
}

// testRows holds what goes over rows to loops that do so number by number, and
// looks for what is changed between them.
func testRows[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rows := rapid.IntRange(0, 70).Draw(t, "n"), rapid.IntRange(0, 9).Draw(t, "rows")
		ds, ss := n+rapid.IntRange(0, 5).Draw(t, "gap"), rapid.IntRange(0, 2*n+3).Draw(t, "step")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		src, old := numbers[T](r, rows*ss+n+1)[1:], numbers[T](r, rows*ds+n)
		index := make([]int32, len(old))
		for i := range index {
			index[i] = int32(-i)
		}
		copied, largest, larger, numbered := slices.Clone(old), slices.Clone(old), slices.Clone(old), slices.Clone(index)
		CopyRows(copied, src, ds, ss, n, rows)
		MaxRows(largest, src, ds, ss, n, rows)
		MaxIndexRows(larger, numbered, src, ds, ss, n, rows, 100, 3)
		want := [3][]T{slices.Clone(old), slices.Clone(old), slices.Clone(old)}
		for k := range rows {
			for i := range n {
				v, at := src[k*ss+i], k*ds+i
				b := old[at]
				want[0][at], want[1][at] = v, max(b, v)
				if v > b || v != v && b == b {
					want[2][at], index[at] = v, int32(100+3*k)
				}
			}
		}
		near := rapid.IntRange(0, n).Draw(t, "overlap")
		added, sums := slices.Clone(old), slices.Clone(old)
		AddRows(added, src, near, ss, n, rows)
		for k := range rows {
			for i := range n {
				sums[k*near+i] += src[k*ss+i]
			}
		}
		for i := range sums {
			if !same(added[i], sums[i]) {
				t.Fatalf("sum %d is %g, want %g", i, added[i], sums[i])
			}
		}
		for q, got := range [3][]T{copied, largest, larger} {
			for i := range got {
				if !same(got[i], want[q][i]) {
					t.Fatalf("function %d, number %d is %g, want %g", q, i, got[i], want[q][i])
				}
			}
		}
		if !slices.Equal(numbered, index) {
			t.Fatalf("numbers %v, want %v", numbered, index)
		}
	})
}
