package tensor

import "testing"

// BenchmarkGather turns kernels of other frameworks, whose outputs come first, into ours,
// beside a mere copy.
func BenchmarkGather(b *testing.B) {
	for _, c := range []struct {
		name    string
		shape   Shape
		strides []int64
	}{
		{"copy", Shape{1280, 1280}, []int64{1280, 1}},
		{"dense", Shape{1280, 1280}, []int64{1, 1280}},
		{"large dense", Shape{2560, 2560}, []int64{1, 2560}},
		{"conv 3x3", Shape{3, 3, 256, 256}, []int64{3, 1, 9, 9 * 256}},
		{"conv 1x1", Shape{512, 2048}, []int64{1, 512}},
		{"flattened", Shape{49, 512, 256}, []int64{1, 49, 49 * 512}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := 4 * c.shape.Len()
			dst, src := make([]byte, n), make([]byte, n)
			for i := range src {
				src[i] = byte(i)
			}
			b.SetBytes(int64(n))
			for b.Loop() {
				Gather(dst, src, 4, c.shape, c.strides)
			}
		})
	}
}
