package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("adamax", AdaMax{}, spec.Doc("adam with the largest gradient in place of the mean square"))
}

// AdaMax is Adam with a decaying maximum of |g| in place of the root mean
// square (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR
// 2015):
//
//	m ← β₁m + (1−β₁)g     u ← max(β₂u, |g|)
//	θ ← θ − η/(1−β₁ᵗ)·m/(u + ε)
//
// The torch convention has u ← max(β₂u, |g| + ε) and divides by u, with
// ε = 1e-8 where Keras has 1e-7.
//
// Slots: momentum and norm.
type AdaMax struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Beta1      float64    `spec:"beta_1" default:"0.9" doc:"decay of the mean"`
	Beta2      float64    `spec:"beta_2" default:"0.999" doc:"decay of the maximum"`
	Epsilon    float64    `spec:"epsilon" default:"1e-7, torch 1e-8" doc:"keeps the divisor from 0"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras or torch"`
}

// Validate refuses hyperparameters out of range.
func (r AdaMax) Validate() error {
	return errors.Join(
		checkAdam(r.Rate(), r.Beta1, r.Beta2, r.Epsilon),
		r.Convention.check(PyTorch),
	)
}

// Rate is the learning rate.
func (r AdaMax) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r AdaMax) Update(s *Step) graph.Node {
	b1, b2 := spec.Or(r.Beta1, 0.9), spec.Or(r.Beta2, 0.999)
	m, size, epsilon := s.average("momentum", b1, s.G), s.G.Abs(), 0.0
	if r.Convention == PyTorch {
		size = size.AddScalar(spec.Or(r.Epsilon, 1e-8))
	} else {
		epsilon = spec.Or(r.Epsilon, 1e-7)
	}
	u := s.Slot("norm").Scale(b2).Max(size)
	s.Save("norm", u)
	return s.P.Sub(m.Mul(s.LR.Div(oneMinusPower(b1, s.T))).Div(u.AddScalar(epsilon)))
}
