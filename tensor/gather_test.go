package tensor

import (
	"testing"

	"pgregory.net/rapid"
)

// TestGather holds the copy to one element by element, with axes in any order, repeated or
// of one element.
func TestGather(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := Shape(rapid.SliceOfN(rapid.IntRange(0, 90), 0, 2).Draw(t, "shape"))
		if len(shape) > 0 && rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			shape[0] += rows // so many that they are cut
		}
		shape = append(shape, rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "more")...)
		size := rapid.SampledFrom([]int{1, 2, 3, 4, 8}).Draw(t, "size")
		strides := make([]int64, len(shape))
		order := make([]int, len(shape))
		for i := range order {
			order[i] = i
		}
		step := int64(1)
		for _, a := range rapid.Permutation(order).Draw(t, "order") {
			strides[a] = step
			if rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
				strides[a] = 0
				continue
			}
			step *= int64(max(1, shape[a]))
		}
		src := make([]byte, int(step)*size)
		for i := range src {
			src[i] = byte(i*7 + i>>8)
		}
		dst := make([]byte, shape.Len()*size)
		Gather(dst, src, int64(size), shape, strides)
		index := make([]int, len(shape))
		for k := range shape.Len() {
			at := int64(0)
			for i, v := range index {
				at += int64(v) * strides[i]
			}
			if string(dst[k*size:][:size]) != string(src[int(at)*size:][:size]) {
				t.Fatalf("shape %v, strides %v: element %d is not that at %d", shape, strides, k, at)
			}
			for i := len(index) - 1; i >= 0; i-- {
				if index[i]++; index[i] < shape[i] {
					break
				}
				index[i] = 0
			}
		}
	})
}
