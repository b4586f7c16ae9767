package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("sequential", Block{}, spec.Doc("layers one after the other, as one layer"))
	Layers.Register("residual", Residual{}, spec.Doc("x + f(x) for layers f that keep the shape"))
}

// Block is a sequence of layers that stands as one layer with a name.
type Block struct {
	Layers Sequential `spec:"layers,required" doc:"the layers, in order"`
	Name   string     `spec:"name" doc:"name of the layer"`
}

// Apply traces the layers.
func (b Block) Apply(s *Scope, x graph.Node) graph.Node { return b.Layers.Apply(s, x) }

// Residual is x + f(x) for a sequence of layers f whose output has the shape of
// its input (He, Zhang, Ren and Sun, "Deep Residual Learning for Image
// Recognition", CVPR 2016).
type Residual struct {
	Layers Sequential `spec:"layers,required" doc:"the layers f, in order"`
	Name   string     `spec:"name" doc:"name of the layer"`
}

// Apply traces the layers and adds their input.
func (r Residual) Apply(s *Scope, x graph.Node) graph.Node {
	x = x.ToFloat()
	y := r.Layers.Apply(s, x)
	if x.Valid() && y.Valid() && !x.Shape().Equal(y.Shape()) {
		return s.B.Fail("residual: the layers turn %v into %v; both must be equal to be added", x.Shape(), y.Shape())
	}
	return joinMasks(s, "", x.Add(y), []graph.Node{x, y})
}
