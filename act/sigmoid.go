package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("sigmoid", Sigmoid{}, spec.Alias("logistic"), spec.Doc("1/(1 + e⁻ˣ), saturates at 0 and 1"))
}

// Sigmoid is 1/(1 + e⁻ˣ), the logistic function. Its derivative y(1 − y) is at
// most ¼ and below 0.01 for |x| > 4.6: it saturates.
type Sigmoid struct{}

// Apply adds the op.
func (Sigmoid) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Sigmoid() }
