package tensor

import "testing"

// TestAligned holds storage of every size to its boundary and to zeros, also where what was
// there before lay in large pages.
func TestAligned(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 63, 64, 65, 1 << 12, 1<<21 - 1, 1 << 21, 5<<20 + 3} {
		for range 3 {
			b := Aligned(n)
			if len(b) != n || cap(b) != n || n > 0 && address(b)%align != 0 {
				t.Fatalf("%d of %d bytes at %#x; want %d on a boundary of %d", len(b), cap(b), address(b), n, align)
			}
			for i := range b {
				if b[i] != 0 {
					t.Fatalf("byte %d of %d is not 0", i, n)
				}
				b[i] = 1
			}
		}
	}
}
