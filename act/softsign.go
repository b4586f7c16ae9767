package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("softsign", Softsign{}, spec.Doc("x/(1 + |x|)")) }

// Softsign is x/(1 + |x|): like tanh, but it approaches ±1 as 1/x, so that it
// saturates more gently (Bergstra, Desjardins, Lamblin and Bengio, "Quadratic
// Polynomials Learn Better Image Features", 2009). Its derivative is
// 1/(1 + |x|)².
type Softsign struct{}

// Apply adds the ops.
func (Softsign) Apply(_ *param.Scope, x graph.Node) graph.Node {
	return x.Div(x.Abs().AddScalar(1))
}
