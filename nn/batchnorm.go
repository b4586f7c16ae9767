package nn

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("batch_normalization", BatchNorm{}, spec.Alias("batch_norm", "batchnorm"), spec.Doc("zero mean and unit variance over the batch, then a learned scale and offset"))
	graph.Register(graph.Op{Name: "batch_norm", Arity: 1,
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			if in[0].Kind != graph.Float || len(in[0].Shape) < 2 {
				return graph.Type{}, errors.New("wants floats (N, …, features)")
			}
			return in[0], nil
		},
		Lower: func(in []graph.Node, attr any) graph.Node {
			_, _, _, xhat := moments(in[0], attr.(float64))
			return xhat
		},
		// dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂)) / √(σ² + ε)
		VJP: func(y graph.Node, in []graph.Node, dy graph.Node) []graph.Node {
			axes := allButLast(y)
			_, _, inv, _ := moments(in[0], y.Attr().(float64))
			d := dy.Sub(dy.Mean(axes...)).Sub(y.Mul(dy.Mul(y).Mean(axes...)))
			return []graph.Node{d.Mul(inv)}
		}})
}

// moments adds the statistics of a batch, one a feature of the last axis: mean,
// biased variance, 1/√(variance + ε), and the normalized batch.
func moments(x graph.Node, eps float64) (mean, variance, inv, xhat graph.Node) {
	axes := allButLast(x)
	mean = x.Mean(axes...)
	c := x.Sub(mean)
	variance = c.Square().Mean(axes...)
	inv = variance.AddScalar(eps).Rsqrt()
	return mean, variance, inv, c.Mul(inv)
}

// BatchNorm normalizes each feature of the last axis over the batch and all
// other axes, then scales and shifts it (Ioffe and Szegedy, "Batch
// Normalization: Accelerating Deep Network Training by Reducing Internal
// Covariate Shift", ICML 2015):
//
//	x̂ = (x − μ)/√(σ² + ε)    y = γ·x̂ + β
//
// In training μ and σ² are the mean and the biased variance of the batch, and
// the moving statistics follow them, v̂ ← v̂·momentum + v·(1 − momentum). At
// prediction, and where the layer is frozen, μ and σ² are the moving
// statistics, and nothing is updated. In training more than one value a feature
// is needed. Steps that a mask leaves out count as all others do, as in Keras before 3.
type BatchNorm struct {
	Momentum  float64    `spec:"momentum" default:"0.99" doc:"share of the old moving statistics that stays at each step"`
	Epsilon   float64    `spec:"epsilon" default:"0.001" doc:"added to the variance"`
	NoCenter  bool       `spec:"center,not" doc:"learn an offset beta"`
	NoScale   bool       `spec:"scale,not" doc:"learn a scale gamma"`
	BetaInit  param.Init `spec:"beta_initializer" doc:"initializer of beta, zeros without"`
	GammaInit param.Init `spec:"gamma_initializer" doc:"initializer of gamma, ones without"`
	Name      string     `spec:"name" doc:"name of the layer"`
}

// Validate refuses a momentum outside [0, 1] and a negative epsilon.
func (l BatchNorm) Validate() error {
	if m := spec.Or(l.Momentum, 0.99); !(m >= 0 && m <= 1) {
		return spec.Field("momentum", "want a number from 0 to 1, got %g", m)
	}
	if e := spec.Or(l.Epsilon, 1e-3); !(e >= 0) {
		return spec.Field("epsilon", "want a number not below 0, got %g", e)
	}
	return nil
}

// Apply declares gamma, beta and the moving statistics.
func (l BatchNorm) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) {
		return graph.Node{}
	}
	x, ok := features(s, x)
	if !ok {
		return graph.Node{}
	}
	n, eps, m := x.Dim(-1), spec.Or(l.Epsilon, 1e-3), spec.Or(l.Momentum, 0.99)
	or := func(i, def param.Init) param.Init {
		if i != nil {
			return i
		}
		return def
	}
	var gamma, beta graph.Node
	if !l.NoScale {
		gamma = s.Weight("gamma", or(l.GammaInit, initial.Ones{}), n)
	}
	if !l.NoCenter {
		beta = s.Weight("beta", or(l.BetaInit, initial.Zeros{}), n)
	}
	movingMean := s.Stat("moving_mean", initial.Zeros{}, n)
	movingVar := s.Stat("moving_variance", initial.Ones{}, n)

	var y graph.Node
	if s.Training() && !s.Frozen("moving_mean") {
		if x.Shape().Len() == n {
			return s.B.Fail("a batch of one: in training the batch must hold at least two values a feature to have a variance; use a larger batch, or freeze the layer")
		}
		mean, variance, _, _ := moments(x, eps)
		s.B.Update(movingMean, movingMean.Scale(m).Add(mean.Scale(1-m)))
		s.B.Update(movingVar, movingVar.Scale(m).Add(variance.Scale(1-m)))
		y = s.B.Apply("batch_norm", eps, x)
	} else {
		return s.KeepMask(BatchNormalization(x, movingMean, movingVar, beta, gamma, eps), x)
	}
	return s.KeepMask(affine(y, beta, gamma), x)
}

// affine is y scaled and offset by what is valid of both.
func affine(y, offset, scale graph.Node) graph.Node {
	if scale.Valid() {
		y = y.Mul(scale)
	}
	if offset.Valid() {
		y = y.Add(offset)
	}
	return y
}

// BatchMoments are the mean and the biased variance of each feature of the last
// axis over all others: what [BatchNormalization] takes in training.
func BatchMoments(x graph.Node) (mean, variance graph.Node) {
	if !x.Valid() {
		return x, x
	}
	mean, variance, _, _ = moments(x, 0)
	return mean, variance
}

// BatchNormalization is scale·(x − mean)/√(variance + ε) + offset for given
// statistics, as tf.nn.batch_normalization: the function that [BatchNorm] is the
// layer of. An invalid offset or scale is left out. Gradients flow to all of them.
func BatchNormalization(x, mean, variance, offset, scale graph.Node, epsilon float64) graph.Node {
	return affine(x.Sub(mean).Mul(variance.AddScalar(epsilon).Rsqrt()), offset, scale)
}
