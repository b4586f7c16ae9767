package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// TestLayout draws values and when they live: those that do at the same time
// must not overlap in the arena, each is aligned, and the arena is no larger
// than all of them side by side.
func TestLayout(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "values")
		size := func(v *value[float32]) int {
			return v.typ.Shape.Len() * v.typ.Kind.DType(tensor.Float32).Size()
		}
		var values []*value[float32]
		sum, largest := 0, 0
		for range n {
			v := &value[float32]{
				typ: graph.Type{
					Kind:  rapid.SampledFrom([]graph.Kind{graph.Float, graph.Int, graph.Byte}).Draw(t, "kind"),
					Shape: tensor.Shape{rapid.IntRange(0, 300).Draw(t, "length")},
				},
				first: rapid.IntRange(0, 20).Draw(t, "first"),
				arena: rapid.IntRange(0, 9).Draw(t, "bound") > 0,
			}
			v.last = v.first + rapid.IntRange(0, 20).Draw(t, "life")
			values = append(values, v)
			if v.arena {
				sum += (size(v) + 63) / 64 * 64
				largest = max(largest, size(v))
			}
		}
		total := layout(values, tensor.Float32)
		if total > sum || total < largest {
			t.Fatalf("the arena has %d bytes for values of %d in all, %d the largest", total, sum, largest)
		}
		for i, v := range values {
			if !v.arena {
				if v.offset != 0 {
					t.Fatalf("value %d has memory of its own and got place %d", i, v.offset)
				}
				continue
			}
			if v.offset%64 != 0 || v.offset < 0 || v.offset+size(v) > total {
				t.Fatalf("value %d of %d bytes lies at %d of %d", i, size(v), v.offset, total)
			}
			for j, w := range values[:i] {
				alive := w.first <= v.last && v.first <= w.last
				if w.arena && alive && v.offset < w.offset+size(w) && w.offset < v.offset+size(v) {
					t.Fatalf("values %d [%d, +%d) and %d [%d, +%d) overlap", i, v.offset, size(v), j, w.offset, size(w))
				}
			}
		}
	})
}

// Products are cut into chunks that are few, not too small, and whole panels wide.
func TestCutProduct(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := func(name string) int {
			return rapid.OneOf(rapid.IntRange(1, 300), rapid.IntRange(1, 5000)).Draw(t, name)
		}
		m, n, k := size("m"), size("n"), size("k")
		rows, cols := cutProduct(m, n, k, rapid.Bool().Draw(t, "tb"))
		if rows < 1 || rows > m || cols < 1 || cols > n {
			t.Fatalf("chunks of %d×%d of a product %d×%d", rows, cols, m, n)
		}
		chunks := ((m + rows - 1) / rows) * ((n + cols - 1) / cols)
		if chunks > mostProductChunks || chunks > 1 && m*n*k < 2*productPerChunk {
			t.Errorf("%d×%d×%d is cut into %d chunks", m, n, k, chunks)
		}
		if cols < n && cols%32 != 0 {
			t.Errorf("%d columns of %d are no whole panels", cols, n)
		}
	})
}
