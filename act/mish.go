package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("mish", Mish{}, spec.Doc("x·tanh(softplus(x))")) }

// Mish is x·tanh(ln(1 + eˣ)) (Misra, "Mish: A Self Regularized Non-Monotonic
// Activation Function", BMVC 2020).
type Mish struct{ rectifier }

// Apply adds the ops.
func (Mish) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Mul(x.Softplus().Tanh()) }
