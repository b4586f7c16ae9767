package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("add", Add{}, spec.Doc("sum of the inputs"))
	Layers.Register("multiply", Multiply{}, spec.Doc("product of the inputs, element by element"))
	Layers.Register("subtract", Subtract{}, spec.Doc("the first of two inputs less the second"))
	Layers.Register("average", Average{}, spec.Doc("mean of the inputs, element by element"))
	Layers.Register("maximum", Maximum{}, spec.Doc("largest of the inputs, element by element"))
	Layers.Register("minimum", Minimum{}, spec.Doc("smallest of the inputs, element by element"))
	Layers.Register("concatenate", Concatenate{}, spec.Alias("concat"), spec.Doc("the inputs side by side"))
}

// Add is the sum of its inputs. The shapes of their samples broadcast.
type Add struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the sum of one input.
func (Add) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join adds the inputs.
func (Add) Join(s *Scope, xs []graph.Node) graph.Node {
	return fold(s, xs, graph.Node.Add)
}

// Multiply is the product of its inputs, element by element. The shapes of
// their samples broadcast.
type Multiply struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the product of one input.
func (Multiply) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join multiplies the inputs.
func (Multiply) Join(s *Scope, xs []graph.Node) graph.Node {
	return fold(s, xs, graph.Node.Mul)
}

// Subtract is the first of two inputs less the second. The shapes of their samples
// broadcast.
type Subtract struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply fails: one input has nothing to be taken from it.
func (Subtract) Apply(s *Scope, x graph.Node) graph.Node { return Subtract{}.Join(s, []graph.Node{x}) }

// Join takes the second input from the first.
func (Subtract) Join(s *Scope, xs []graph.Node) graph.Node {
	if len(xs) != 2 {
		return s.B.Fail("takes two inputs, got %d", len(xs))
	}
	return fold(s, xs, graph.Node.Sub)
}

// Average is the mean of its inputs, element by element. The shapes of their
// samples broadcast.
type Average struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the mean of one input.
func (Average) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join adds the inputs and divides by their number.
func (Average) Join(s *Scope, xs []graph.Node) graph.Node {
	return fold(s, xs, graph.Node.Add).Scale(1 / float64(len(xs)))
}

// Maximum is the largest of its inputs, element by element. The shapes of their
// samples broadcast.
type Maximum struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the largest of one input.
func (Maximum) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join takes the larger, input by input.
func (Maximum) Join(s *Scope, xs []graph.Node) graph.Node { return fold(s, xs, graph.Node.Max) }

// Minimum is the smallest of its inputs, element by element. The shapes of their
// samples broadcast.
type Minimum struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply is x: the smallest of one input.
func (Minimum) Apply(_ *Scope, x graph.Node) graph.Node { return x.ToFloat() }

// Join takes the smaller, input by input.
func (Minimum) Join(s *Scope, xs []graph.Node) graph.Node { return fold(s, xs, graph.Node.Min) }

// fold joins inputs. Where samples have fewer axes than others, axes of length 1
// are put in front of theirs, behind the batch's.
func fold(s *Scope, xs []graph.Node, f func(a, b graph.Node) graph.Node) graph.Node {
	rank := 0
	for _, x := range xs {
		rank = max(rank, x.Rank())
	}
	var y graph.Node
	for i, x := range xs {
		x = even(x.ToFloat(), rank)
		if i == 0 {
			y = x
			continue
		}
		z := f(y, x)
		if !z.Valid() && y.Valid() {
			return standIn(s, y, y.Shape()[min(1, y.Rank()):])
		}
		y = z
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
func (Concatenate) Apply(_ *Scope, x graph.Node) graph.Node { return unpacked(x) }

// Join joins the inputs.
func (c Concatenate) Join(_ *Scope, xs []graph.Node) graph.Node {
	axis := c.Axis
	if axis == 0 {
		axis = -1
	}
	whole := !slices.ContainsFunc(xs, func(x graph.Node) bool { return x.Valid() && x.Type().Kind != graph.Int })
	fs := make([]graph.Node, len(xs))
	for i, x := range xs {
		if fs[i] = x; !whole {
			fs[i] = x.ToFloat()
		}
	}
	return graph.Concat(axis, fs...)
}
