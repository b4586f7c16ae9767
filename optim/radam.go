package optim

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("radam", RAdam{}, spec.Doc("adam that waits until its mean square can be trusted"))
}

// RAdam is Adam that steps by momentum alone until the mean square has seen
// enough gradients, and by a rectified Adam from then on (Liu, Jiang, He, Chen,
// Liu, Gao and Han, "On the Variance of the Adaptive Learning Rate and Beyond",
// ICLR 2020):
//
//	ρ∞ = 2/(1−β₂) − 1     ρ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ)     m̂ = m/(1−β₁ᵗ)
//	ρ > 5:  θ ← θ − ηm̂·√((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ))·√(1−β₂ᵗ)/(√v + ε)
//	else:   θ ← θ − ηm̂
//
// Slots: momentum and velocity.
type RAdam struct {
	LR      float64 `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Beta1   float64 `spec:"beta_1" default:"0.9" doc:"decay of the mean"`
	Beta2   float64 `spec:"beta_2" default:"0.999" doc:"decay of the mean square"`
	Epsilon float64 `spec:"epsilon" default:"1e-8" doc:"keeps the divisor from 0"`
}

// Validate refuses hyperparameters out of range.
func (r RAdam) Validate() error { return checkAdam(r.Rate(), r.Beta1, r.Beta2, r.Epsilon) }

// Rate is the learning rate.
func (r RAdam) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r RAdam) Update(s *Step) graph.Node {
	b1, b2 := spec.Or(r.Beta1, 0.9), spec.Or(r.Beta2, 0.999)
	m, v := moments(s, b1, b2)
	m = m.Mul(s.LR.Div(oneMinusPower(b1, s.T)))

	limit := 2/(1-b2) - 1
	rho := trusted(b2, s.T)
	trust := rho.Greater(s.Const(5))
	safe := trust.Select(rho, s.Const(5))
	rectified := safe.AddScalar(-4).Mul(safe.AddScalar(-2)).Div(safe).Scale(limit / ((limit - 4) * (limit - 2)))
	factor := rectified.Mul(oneMinusPower(b2, s.T)).Sqrt()
	return s.P.Sub(trust.Select(m.Mul(factor).Div(v.Sqrt().AddScalar(spec.Or(r.Epsilon, 1e-8))), m))
}
