package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("flatten", Flatten{}, spec.Doc("each sample becomes a vector"))
	Layers.Register("reshape", Reshape{}, spec.Doc("each sample gets another shape"))
}

// Flatten makes each sample a vector: (N, a, b, …) becomes (N, a·b·…).
type Flatten struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply reshapes.
func (Flatten) Apply(_ *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	return x.Reshape(x.Dim(0), x.Shape()[min(1, x.Rank()):].Len())
}

// Reshape gives each sample another shape of as many elements; one axis may be
// −1 and takes what is left.
type Reshape struct {
	Shape []int  `spec:"target_shape,required,scalar,alias=shape" doc:"shape of one sample; -1 takes what is left"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Apply reshapes.
func (r Reshape) Apply(s *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	y := x.Reshape(append(tensor.Shape{x.Dim(0)}, r.Shape...)...)
	if !y.Valid() && !slices.ContainsFunc(r.Shape, func(n int) bool { return n < 1 }) {
		return standIn(s, x, r.Shape)
	}
	return y
}
