package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("tanh", Tanh{}, spec.Doc("the hyperbolic tangent, saturates at ±1")) }

// Tanh is the hyperbolic tangent: a logistic function with mean 0 and slope 1.
type Tanh struct{}

// Apply adds the op.
func (Tanh) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Tanh() }
