package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("add", Add{}, spec.Doc("sum of the inputs"))
	Layers.Register("multiply", Multiply{}, spec.Doc("product of the inputs, element by element"))
	Layers.Register("concatenate", Concatenate{}, spec.Alias("concat"), spec.Doc("the inputs side by side"))
}

// Add is the sum of its inputs, whose shapes broadcast.
type Add struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the sum of one input.
func (Add) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join adds the inputs.
func (Add) Join(_ *Scope, xs []graph.Node) graph.Node {
	return fold(xs, graph.Node.Add)
}

// Multiply is the product of its inputs, whose shapes broadcast.
type Multiply struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the product of one input.
func (Multiply) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join multiplies the inputs.
func (Multiply) Join(_ *Scope, xs []graph.Node) graph.Node {
	return fold(xs, graph.Node.Mul)
}

func fold(xs []graph.Node, f func(a, b graph.Node) graph.Node) graph.Node {
	y := xs[0].ToFloat()
	for _, x := range xs[1:] {
		if z := f(y, x.ToFloat()); z.Valid() { // else the layers behind are checked with the shape so far
			y = z
		}
	}
	return y
}

// Concatenate puts its inputs side by side along an axis; all others must be
// equal.
type Concatenate struct {
	Axis int    `spec:"axis" default:"-1" doc:"axis, the batch's being 0; counted from the end where negative"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: one input by itself.
func (Concatenate) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join joins the inputs.
func (c Concatenate) Join(_ *Scope, xs []graph.Node) graph.Node {
	axis := c.Axis
	if axis == 0 {
		axis = -1
	}
	fs := make([]graph.Node, len(xs))
	for i, x := range xs {
		fs[i] = x.ToFloat()
	}
	return graph.Concat(axis, fs...)
}
