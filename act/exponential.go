package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("exponential", Exponential{}, spec.Doc("eˣ")) }

// Exponential is eˣ: positive rates, for a Poisson loss. It overflows above 88.7
// in float32.
type Exponential struct{}

// Apply adds the op.
func (Exponential) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Exp() }
