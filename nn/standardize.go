package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("standardize", Standardize{}, spec.Alias("normalization"), spec.Doc("(x − mean)/std of each feature, fitted to the training data"))
}

// A Fitted layer has statistics of its input that are computed from the
// training data before the first step. They are saved with the model.
type Fitted interface {
	Layer
	// Moments names the layer's statistics that hold the mean and the
	// population variance of each element of a sample.
	Moments() (mean, variance string)
}

// Standardize is (x − mean)/(√variance + 1e-10), element by element of a
// sample, with mean and population variance of the training data.
type Standardize struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Moments are mean and variance.
func (Standardize) Moments() (mean, variance string) { return "mean", "variance" }

// Apply declares the statistics and applies them.
func (l Standardize) Apply(s *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	if x.Rank() == 0 {
		return s.B.Fail("wants a batch of samples, got %v", x.Type())
	}
	shape := x.Shape()[1:]
	mean, variance := s.Stat("mean", initial.Zeros{}, shape...), s.Stat("variance", initial.Ones{}, shape...)
	return x.ToFloat().Sub(mean).Div(variance.Sqrt().AddScalar(1e-10))
}
