package nn

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("alpha_dropout", AlphaDropout{}, spec.Doc("in training, sets elements to SELU's lower limit at random; keeps mean and variance"))
}

// AlphaDropout sets each element to α′ with probability rate p in training and
// then scales and shifts all, so that inputs of mean 0 and variance 1 keep both:
// the dropout that goes with SELU (Klambauer et al., "Self-Normalizing Neural
// Networks", NIPS 2017). At prediction it changes nothing.
//
//	y = a·(x or α′) + b    α′ = −λα = −1.7581
//	a = ((1 − p)(1 + p·α′²))^−½    b = −a·p·α′
type AlphaDropout struct {
	Rate float64 `spec:"rate,required,scalar,plain" doc:"share of elements that are set, from 0 to below 1"`
	Name string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a rate outside [0, 1).
func (d AlphaDropout) Validate() error { return fraction("rate", d.Rate) }

// Apply adds the mask in training.
func (d AlphaDropout) Apply(s *Scope, x graph.Node) graph.Node {
	x = x.ToFloat()
	if !check(s, d.Validate()) || !x.Valid() || !s.Training() || d.Rate == 0 {
		return x
	}
	return s.KeepMask(d.masked(x, s.B.Uniform(x.Shape()...)), x)
}

// alphaPrime is the limit of SELU far below 0.
const alphaPrime = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717

// masked is y for uniform draws in [0, 1) of x's shape.
func (d AlphaDropout) masked(x, uniform graph.Node) graph.Node {
	p, b := d.Rate, x.Builder()
	scale := 1 / math.Sqrt((1-p)*(1+p*alphaPrime*alphaPrime))
	kept := uniform.GreaterEqual(b.Const(p)).Select(x, b.Const(alphaPrime))
	return kept.Scale(scale).AddScalar(-scale * p * alphaPrime)
}
