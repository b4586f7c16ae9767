package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("layer_normalization", LayerNorm{}, spec.Alias("layer_norm"), spec.Doc("zero mean and unit variance over the features of each row, then a learned scale and offset"))
}

// LayerNorm normalizes the features on the last axis of each row by themselves,
// then scales and shifts each feature (Ba, Kiros and Hinton, "Layer
// Normalization", 2016):
//
//	x̂ = (x − μ)/√(σ² + ε)    y = γ·x̂ + β
//
// μ and σ² are mean and biased variance over the last axis. Rows do not depend
// on each other: training and prediction are the same, and a batch may hold one
// row.
type LayerNorm struct {
	Epsilon   float64    `spec:"epsilon" default:"0.001" doc:"added to the variance"`
	NoCenter  bool       `spec:"center,not" doc:"learn an offset beta"`
	NoScale   bool       `spec:"scale,not" doc:"learn a scale gamma"`
	BetaInit  param.Init `spec:"beta_initializer" doc:"initializer of beta, zeros without"`
	GammaInit param.Init `spec:"gamma_initializer" doc:"initializer of gamma, ones without"`
	Name      string     `spec:"name" doc:"name of the layer"`
}

// Validate refuses a negative epsilon.
func (l LayerNorm) Validate() error {
	if e := spec.Or(l.Epsilon, 1e-3); !(e >= 0) {
		return spec.Field("epsilon", "want a number not below 0, got %g", e)
	}
	return nil
}

// Apply declares gamma and beta.
func (l LayerNorm) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = x.ToFloat()
	if x.Rank() < 2 {
		return s.B.Fail("wants samples with features, (N, …, features), got %v", x.Type())
	}
	n := x.Dim(-1)
	c := x.Sub(x.SumKeep(-1).Scale(1 / float64(n)))
	variance := c.Square().SumKeep(-1).Scale(1 / float64(n))
	y := c.Mul(variance.AddScalar(spec.Or(l.Epsilon, 1e-3)).Rsqrt())
	if !l.NoScale {
		init := l.GammaInit
		if init == nil {
			init = initial.Ones{}
		}
		y = y.Mul(s.Weight("gamma", init, n))
	}
	if !l.NoCenter {
		init := l.BetaInit
		if init == nil {
			init = initial.Zeros{}
		}
		y = y.Add(s.Weight("beta", init, n))
	}
	return s.KeepMask(y, x)
}
