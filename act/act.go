package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// An Activation maps a node of any shape (N, …) to one of, almost always, the
// same shape. Those that learn something declare it in the scope.
type Activation interface {
	Apply(s *param.Scope, x graph.Node) graph.Node
}

// Registry holds every activation by name.
var Registry = spec.NewRegistry[Activation]("activation")

// Wants is an activation that asks for another initializer of the kernel before
// it than glorot_uniform.
type Wants interface{ KernelInit() param.Init }

// DefaultInit is the initializer of a kernel in front of an activation, nil
// being linear: he_normal for the ReLU family, lecun_normal for SELU,
// glorot_uniform for all others.
func DefaultInit(a Activation) param.Init {
	if w, ok := a.(Wants); ok {
		return w.KernelInit()
	}
	return initial.GlorotUniform
}

// rectifier is embedded by the ReLU family.
type rectifier struct{}

// KernelInit is he_normal.
func (rectifier) KernelInit() param.Init { return initial.He }

// zero is 0 in the node's graph.
func zero(x graph.Node) graph.Node { return x.Builder().Const(0) }

// unary is an elementwise op of one input.
func unary(name string, lower func(x graph.Node, attr any) graph.Node, vjp func(x, y, dy graph.Node) graph.Node) graph.Op {
	return graph.Op{Name: name, Arity: 1, Elementwise: true,
		Lower: func(in []graph.Node, attr any) graph.Node { return lower(in[0], attr) },
		VJP: func(y graph.Node, in []graph.Node, dy graph.Node) []graph.Node {
			return []graph.Node{vjp(in[0], y, dy)}
		}}
}

// apply adds an op of one input, unless that is invalid.
func apply(name string, attr any, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	return x.Builder().Apply(name, attr, x)
}
