package nn

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("gaussian_noise", GaussianNoise{}, spec.Doc("in training, adds normal noise"))
}

// GaussianNoise adds a draw from N(0, σ²) to each element in training (Bishop,
// "Training with Noise is Equivalent to Tikhonov Regularization", Neural
// Computation 1995). At prediction it changes nothing.
type GaussianNoise struct {
	Stddev float64 `spec:"stddev,required,scalar,plain" doc:"standard deviation σ of the noise"`
	Name   string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a negative deviation.
func (g GaussianNoise) Validate() error {
	if !(g.Stddev >= 0) || math.IsInf(g.Stddev, 0) {
		return spec.Field("stddev", "want a number not below 0, got %g", g.Stddev)
	}
	return nil
}

// Apply adds the noise in training.
func (g GaussianNoise) Apply(s *Scope, x graph.Node) graph.Node {
	x = x.ToFloat()
	if !check(s, g.Validate()) || !x.Valid() || !s.Training() || g.Stddev == 0 {
		return x
	}
	return s.KeepMask(x.Add(s.B.Normal(x.Shape()...).Scale(g.Stddev)), x)
}
