package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("softplus", Softplus{}, spec.Doc("ln(1 + eˣ)")) }

// Softplus is ln(1 + eˣ), a smooth ReLU (Dugas, Bengio, Bélisle, Nadeau and
// Garcia, "Incorporating Second-Order Functional Knowledge for Better Option
// Pricing", NIPS 2000). Its derivative is the sigmoid.
type Softplus struct{}

// Apply adds the op.
func (Softplus) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Softplus() }
