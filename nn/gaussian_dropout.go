package nn

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("gaussian_dropout", GaussianDropout{}, spec.Doc("in training, multiplies elements by normal noise around 1"))
}

// GaussianDropout multiplies each element by a draw from N(1, p/(1 − p)) in
// training: the mean and variance of the factors of dropout at rate p
// (Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
// Overfitting", JMLR 2014, section 10). At prediction it changes nothing.
type GaussianDropout struct {
	Rate float64 `spec:"rate,required,scalar,plain" doc:"rate of the dropout whose variance the noise has, from 0 to below 1"`
	Name string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a rate outside [0, 1).
func (d GaussianDropout) Validate() error { return fraction("rate", d.Rate) }

// Deviation is the standard deviation of the factors, √(p/(1 − p)).
func (d GaussianDropout) Deviation() float64 { return math.Sqrt(d.Rate / (1 - d.Rate)) }

// Apply multiplies in training.
func (d GaussianDropout) Apply(s *Scope, x graph.Node) graph.Node {
	x = x.ToFloat()
	if !check(s, d.Validate()) || !x.Valid() || !s.Training() || d.Rate == 0 {
		return x
	}
	return s.KeepMask(x.Mul(s.B.Normal(x.Shape()...).Scale(d.Deviation()).AddScalar(1)), x)
}
