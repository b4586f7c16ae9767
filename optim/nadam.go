package optim

import (
	"errors"
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("nadam", Nadam{}, spec.Doc("adam with Nesterov momentum"))
}

// Nadam is Adam with Nesterov momentum (Dozat, "Incorporating Nesterov Momentum
// into Adam", ICLR 2016 workshop). The momentum warms up, μₜ = β₁(1 − ½·0.96ᵗᵈ),
// and its bias is corrected by the product of all μ so far:
//
//	m ← β₁m + (1−β₁)g     v ← β₂v + (1−β₂)g²
//	m̂ = μₜ₊₁·m/(1 − μ₁…μₜ₊₁) + (1−μₜ)·g/(1 − μ₁…μₜ)
//	θ ← θ − η·m̂/(√(v/(1−β₂ᵗ)) + ε)
//
// Keras 3 has d = 1 and ε = 1e-7; the torch convention d = 0.004 and ε = 1e-8,
// keras2 d = 0.004 and ε = 1e-7. The dozat convention is the paper's simple form,
// whose momentum does not warm up, with ε = 1e-8:
//
//	m̂ = β₁m/(1−β₁ᵗ⁺¹) + (1−β₁)g/(1−β₁ᵗ)
//
// Slots: momentum, velocity and, but for dozat, the shared product of the μ,
// u_product.
type Nadam struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Beta1      float64    `spec:"beta_1" default:"0.9" doc:"decay of the mean, and the momentum's limit"`
	Beta2      float64    `spec:"beta_2" default:"0.999" doc:"decay of the mean square"`
	Epsilon    float64    `spec:"epsilon" default:"1e-7, torch and dozat 1e-8" doc:"keeps the divisor from 0"`
	Decay      float64    `spec:"momentum_decay" default:"1, torch and keras2 0.004" doc:"how fast the momentum warms up"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras, torch, keras2 or dozat"`
}

// Validate refuses hyperparameters out of range.
func (r Nadam) Validate() error {
	return errors.Join(
		checkAdam(r.Rate(), r.Beta1, r.Beta2, r.Epsilon),
		checkNotNegative("momentum_decay", spec.Or(r.Decay, 1)),
		r.Convention.check(PyTorch, Keras2, Dozat),
	)
}

// Rate is the learning rate.
func (r Nadam) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r Nadam) Update(s *Step) graph.Node {
	epsilon := 1e-7
	if r.Convention == PyTorch || r.Convention == Dozat {
		epsilon = 1e-8
	}
	b1, b2 := spec.Or(r.Beta1, 0.9), spec.Or(r.Beta2, 0.999)
	ahead, here := r.shares(s, b1)
	m, v := moments(s, b1, b2)
	step := m.Mul(ahead.Mul(s.LR)).Add(s.G.Mul(here.Mul(s.LR)))
	root := v.Div(oneMinusPower(b2, s.T)).Sqrt()
	return s.P.Sub(step.Div(root.AddScalar(spec.Or(r.Epsilon, epsilon))))
}

// shares is what m and g count for in m̂.
func (r Nadam) shares(s *Step, b1 float64) (ahead, here graph.Node) {
	one := s.Const(1)
	if r.Convention == Dozat {
		return s.Const(b1).Div(oneMinusPower(b1, s.T.AddScalar(1))), s.Const(1 - b1).Div(oneMinusPower(b1, s.T))
	}
	decay := r.decay()
	mu := func(t graph.Node) graph.Node { // β₁(1 − ½·0.96ᵗᵈ)
		return t.Scale(decay * math.Log(0.96)).Exp().Scale(-b1 / 2).AddScalar(b1)
	}
	now, next := mu(s.T), mu(s.T.AddScalar(1))
	product := s.Shared("u_product", 1).Mul(now)
	s.SaveShared("u_product", product)
	return next.Div(one.Sub(product.Mul(next))), one.Sub(now).Div(one.Sub(product))
}

// decay is d.
func (r Nadam) decay() float64 {
	if r.Convention == Keras {
		return spec.Or(r.Decay, 1)
	}
	return spec.Or(r.Decay, 0.004)
}

// Product is μ₁…μₜ after so many steps: what the slot u_product holds then.
func (r Nadam) Product(steps int64) float64 {
	b1, decay, product := spec.Or(r.Beta1, 0.9), r.decay(), 1.0
	for t := int64(1); t <= steps && product > 0; t++ {
		product *= b1 * (1 - math.Pow(0.96, float64(t)*decay)/2)
	}
	return product
}
