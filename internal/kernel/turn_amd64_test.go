//go:build !noasm

package kernel

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTurnAdds holds what is added to each element, and what lies between rows to what it
// was.
func TestTurnAdds(t *testing.T) {
	t.Parallel()
	if active == generic {
		t.Skip("nothing turns here")
	}
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 70).Draw(t, "rows"), rapid.IntRange(1, 140).Draw(t, "cols")
		from, to := cols+rapid.IntRange(0, 5).Draw(t, "from"), rows+rapid.IntRange(0, 5).Draw(t, "to")
		src, dst := make([]float32, rows*from), make([]float32, cols*to)
		for i := range src {
			src[i] = float32(i % 1021)
		}
		for i := range dst {
			dst[i] = float32(i % 509)
		}
		want := slices.Clone(dst)
		for i := range rows {
			for j := range cols {
				want[j*to+i] += src[i*from+j]
			}
		}
		turn2D(dst, to, src, from, rows, cols, 1)
		if !slices.Equal(dst, want) {
			t.Fatalf("%d×%d, %d and %d apart: not the sum with the transpose", rows, cols, from, to)
		}
	})
}
