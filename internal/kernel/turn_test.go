package kernel

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestTurn holds each element to where it belongs, with all its bits, and what lies between
// rows to what it was.
func TestTurn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(0, 70).Draw(t, "rows"), rapid.IntRange(0, 140).Draw(t, "cols")
		from, to := 4*(cols+rapid.IntRange(0, 5).Draw(t, "from")), 4*(rows+rapid.IntRange(0, 5).Draw(t, "to"))
		size := func(n, stride, last int) int { return max(0, (n-1)*stride+4*last) }
		off := rapid.IntRange(0, 3).Draw(t, "off")
		src, dst := make([]byte, off+size(rows, from, cols))[off:], make([]byte, off+size(cols, to, rows))[off:]
		for i := range src {
			src[i] = byte(i*31 + i>>7)
		}
		for i := range dst {
			dst[i] = byte(i)
		}
		want := bytes.Clone(dst)
		if Turn(dst, src, to, from, rows, cols) {
			for i := range rows {
				for j := range cols {
					copy(want[j*to+4*i:], src[i*from+4*j:][:4])
				}
			}
		}
		if !bytes.Equal(dst, want) {
			t.Fatalf("%d×%d, %d and %d bytes apart: not the transpose", rows, cols, from, to)
		}
	})
}
