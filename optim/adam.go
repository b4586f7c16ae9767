package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("adam", Adam{}, spec.Doc("momentum divided by the gradient's own size"))
	Registry.Register("amsgrad", Adam{AMSGrad: true}, spec.Doc("adam that divides by the largest mean square so far"))
}

// Adam divides a running mean of the gradient by the root of a running mean of
// its square, both corrected for their start at 0 (Kingma and Ba, "Adam: A
// Method for Stochastic Optimization", ICLR 2015):
//
//	m ← β₁m + (1−β₁)g     v ← β₂v + (1−β₂)g²
//	θ ← θ − η·(√(1−β₂ᵗ)/(1−β₁ᵗ))·m/(√v + ε)
//
// That is the paper's "ε-hat" form, which Keras has, with ε = 1e-7. The torch
// convention adds ε after the correction, θ ← θ − η·m̂/(√v̂ + ε), with ε = 1e-8.
// AMSGrad divides by the largest v so far (Reddi, Kale and Kumar, "On the
// Convergence of Adam and Beyond", ICLR 2018).
//
// Slots: momentum, velocity and, for AMSGrad, velocity_hat.
type Adam struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Beta1      float64    `spec:"beta_1" default:"0.9" doc:"decay of the mean"`
	Beta2      float64    `spec:"beta_2" default:"0.999" doc:"decay of the mean square"`
	Epsilon    float64    `spec:"epsilon" default:"1e-7, torch 1e-8" doc:"keeps the divisor from 0"`
	AMSGrad    bool       `spec:"amsgrad" default:"false" doc:"divide by the largest mean square so far"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras or torch"`
}

// Validate refuses hyperparameters out of range.
func (r Adam) Validate() error {
	return errors.Join(
		checkAdam(r.Rate(), r.Beta1, r.Beta2, r.Epsilon),
		r.Convention.check(PyTorch),
	)
}

// checkAdam holds what Adam and its relatives have in common to its range.
func checkAdam(lr, beta1, beta2, epsilon float64) error {
	return errors.Join(
		checkNotNegative("lr", lr),
		checkRange("beta_1", spec.Or(beta1, 0.9), 0, 1),
		checkRange("beta_2", spec.Or(beta2, 0.999), 0, 1),
		checkNotNegative("epsilon", spec.Or(epsilon, 1e-7)),
	)
}

// Rate is the learning rate.
func (r Adam) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Cycles is true: β₁ can be moved.
func (r Adam) Cycles() bool { return true }

// Update adds one step.
func (r Adam) Update(s *Step) graph.Node {
	b1, b2 := spec.Or(r.Beta1, 0.9), spec.Or(r.Beta2, 0.999)
	m, v := moments(s, b1, b2)
	c1 := oneMinusPower(b1, s.T)
	if s.Momentum.Valid() {
		c1 = s.T.Mul(s.Momentum.Log()).Expm1().Neg()
	}
	if r.AMSGrad {
		v = s.Slot("velocity_hat").Max(v)
		s.Save("velocity_hat", v)
	}
	root2 := oneMinusPower(b2, s.T).Sqrt()
	if r.Convention == PyTorch {
		return s.P.Sub(m.Mul(s.LR.Div(c1)).Div(v.Sqrt().Div(root2).AddScalar(spec.Or(r.Epsilon, 1e-8))))
	}
	return s.P.Sub(m.Mul(s.LR.Mul(root2).Div(c1)).Div(v.Sqrt().AddScalar(spec.Or(r.Epsilon, 1e-7))))
}

// moments updates the running means of the gradient and of its square.
func moments(s *Step, b1, b2 float64) (m, v graph.Node) {
	if s.Momentum.Valid() {
		m = s.Slot("momentum").Mul(s.Momentum).Add(s.G.Mul(s.Const(1).Sub(s.Momentum)))
		s.Save("momentum", m)
	} else {
		m = s.average("momentum", b1, s.G)
	}
	v = s.average("velocity", b2, s.G.Square())
	return m, v
}

// average updates a slot that is a running mean: a ← βa + (1−β)x.
func (s *Step) average(slot string, beta float64, x graph.Node) graph.Node {
	a := s.Slot(slot).Scale(beta).Add(x.Scale(1 - beta))
	s.Save(slot, a)
	return a
}
