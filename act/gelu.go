package act

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("gelu", GELU{}, spec.Doc("x·Φ(x), Φ being the normal distribution"))
	Registry.Register("gelu_tanh", GELU{Approximate: true}, spec.Alias("gelu_new"), spec.Doc("gelu by its approximation with tanh"))
}

// GELU is x·Φ(x) = x/2·(1 + erf(x/√2)) for the standard normal distribution Φ
// (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016). Approximate takes
// their x/2·(1 + tanh(√(2/π)·(x + 0.044715x³))), which differs by at most 5e-4.
type GELU struct {
	rectifier
	Approximate bool `spec:"approximate" default:"false" doc:"use the formula with tanh"`
}

// Apply adds the ops.
func (g GELU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	// Φ(−8) is below 1e-15: further down, x would only magnify the last digit of
	// the error function.
	half := x.Max(x.Builder().Const(-8)).Scale(0.5)
	if g.Approximate {
		inner := x.Add(x.Mul(x.Square()).Scale(0.044715)).Scale(math.Sqrt(2 / math.Pi))
		return half.Mul(inner.Tanh().AddScalar(1))
	}
	return half.Mul(x.Scale(math.Sqrt2 / 2).Erf().AddScalar(1))
}
