package cpu

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Memory keeps its bytes when it is asked to lie on large pages.
func TestLargePages(t *testing.T) {
	t.Parallel()
	whole := make([]byte, 9<<20)
	for i := range whole {
		whole[i] = byte(i * i >> 7)
	}
	want := bytes.Clone(whole)
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.IntRange(0, len(whole)).Draw(t, "from")
		largePages(whole[lo:rapid.IntRange(lo, len(whole)).Draw(t, "to")])
	})
	largePages(whole)
	if !bytes.Equal(whole, want) {
		t.Error("the bytes have changed")
	}
}
