package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("permute", Permute{}, spec.Doc("reorders the axes of each sample"))
}

// Permute reorders the axes of samples: axis i of the result is axis Dims[i] of
// the input, the batch being axis 0 and staying where it is. Dims 2, 1 make
// (N, a, b) (N, b, a).
type Permute struct {
	Dims []int  `spec:"dims,required,scalar" doc:"the axes in their new order, counted from 1"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Validate refuses what is no order of the axes from 1 on.
func (l Permute) Validate() error {
	order := slices.Sorted(slices.Values(l.Dims))
	for i, d := range order {
		if d != i+1 {
			return spec.Field("dims", "want each axis from 1 to %d once, got %v", len(l.Dims), l.Dims)
		}
	}
	return nil
}

// Apply transposes.
func (l Permute) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = unpacked(x)
	if x.Rank() != len(l.Dims)+1 {
		return s.B.Misfit("dims %v are for samples of %d axes, got %v", l.Dims, len(l.Dims), x.Type())
	}
	return x.Transpose(append([]int{0}, l.Dims...)...)
}

// unpacked reads bytes as floats. Whole numbers stay what they are where a layer only moves
// them: a float32 holds those up to 2²⁴ alone.
func unpacked(x graph.Node) graph.Node {
	if x.Valid() && x.Type().Kind == graph.Byte {
		return x.ToFloat()
	}
	return x
}
