package kernel

import "testing"

// Uniform numbers of every length are the same in float32, which has vectors for them,
// and in float64; so they are where a block's number outgrows 32 bits.
func TestUniformOfEveryLength(t *testing.T) {
	t.Parallel()
	single, double := make([]float32, 300), make([]float64, 300)
	for n := range len(single) {
		for _, first := range []int{0, 3, 4, 1<<34 - 60, 1<<34 + 8} {
			Fill(single, 7)
			Uniform(single[:n], [2]uint32{uint32(n), 2}, 3, 4, first)
			Uniform(double[:n], [2]uint32{uint32(n), 2}, 3, 4, first)
			for i, v := range single {
				want := float32(7)
				if i < n {
					want = float32(double[i])
				}
				if v != want {
					t.Fatalf("number %d of %d from %d on is %g, want %g", i, n, first, v, want)
				}
			}
		}
	}
}
