package cpu

import (
	"slices"
	"sort"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// A value is the result of a node that has memory of its own: a stretch of the
// arena, a parameter, an input or a constant. The slices are what loops read;
// those of an input are set at every run.
type value[T float] struct {
	typ graph.Type
	t   *tensor.Tensor
	f   []T
	i   []int32
	b   []uint8

	first, last int // stages that write and read it; for the layout
	offset      int // bytes from the arena's start
	arena       bool
	param       bool
	local       bool // of each worker the part that it has just made: see [bundle]
}

type float interface{ float32 | float64 }

func (v *value[T]) bind(t *tensor.Tensor) {
	v.t = t
	switch v.typ.Kind {
	case graph.Float:
		v.f = tensor.Data[T](t)
	case graph.Int:
		v.i = t.Int32s()
	case graph.Byte:
		v.b = t.Uint8s()
	}
}

// layout gives every arena value an offset so that values that live at the
// same time do not overlap, and returns the arena's size. Large values choose
// first, each the lowest place that is free for its whole life.
func layout[T float](values []*value[T], float tensor.DType) int {
	const align = 64
	size := func(v *value[T]) int {
		n := v.typ.Shape.Len() * v.typ.Kind.DType(float).Size()
		return (n + align - 1) / align * align
	}
	order := make([]*value[T], 0, len(values))
	for _, v := range values {
		if v.arena {
			order = append(order, v)
		}
	}
	sortStable(order, func(a, b *value[T]) bool { return size(a) > size(b) })
	total := 0
	placed := make([]stretch, 0, len(order)) // by where they begin
	for _, v := range order {
		n, at := size(v), 0
		for _, w := range placed {
			if w.first > v.last || v.first > w.last {
				continue
			}
			if w.lo-at >= n {
				break
			}
			at = max(at, w.hi)
		}
		v.offset = at
		total = max(total, at+n)
		k := sort.Search(len(placed), func(i int) bool { return placed[i].lo > at })
		placed = slices.Insert(placed, k, stretch{v.first, v.last, at, at + n})
	}
	return total
}

// A stretch of the arena is taken from one instruction to another.
type stretch struct{ first, last, lo, hi int }
