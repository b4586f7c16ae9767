package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("adagrad", AdaGrad{}, spec.Doc("divides by the root of the sum of all squared gradients"))
}

// AdaGrad divides by the root of the sum of all squared gradients so far, so
// that steep directions slow down sooner (Duchi, Hazan and Singer, "Adaptive
// Subgradient Methods for Online Learning and Stochastic Optimization", JMLR
// 2011):
//
//	s ← s + g²     θ ← θ − ηg/√(s + ε)
//
// Keras starts s at 0.1 and has ε = 1e-7. The keras2 convention divides by
// √s + ε; torch does so too, starts s at 0, has ε = 1e-10, and with LRDecay d
// lowers the rate to η/(1 + (t−1)d).
//
// Slot: accumulator.
type AdaGrad struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Initial    float64    `spec:"initial_accumulator_value" default:"0.1, torch 0" doc:"what the sum starts with"`
	Epsilon    float64    `spec:"epsilon" default:"1e-7, torch 1e-10" doc:"keeps the divisor from 0"`
	LRDecay    float64    `spec:"lr_decay" default:"0" doc:"how fast the rate falls with the steps"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras, torch or keras2"`
}

func (r AdaGrad) settings() (initial, epsilon float64) {
	initial, epsilon = 0.1, 1e-7
	if r.Convention == PyTorch {
		initial, epsilon = 0, 1e-10
	}
	return spec.Or(r.Initial, initial), spec.Or(r.Epsilon, epsilon)
}

// Validate refuses hyperparameters out of range.
func (r AdaGrad) Validate() error {
	initial, epsilon := r.settings()
	return errors.Join(
		checkNotNegative("lr", r.Rate()),
		checkNotNegative("initial_accumulator_value", initial),
		checkNotNegative("epsilon", epsilon),
		checkNotNegative("lr_decay", spec.Or(r.LRDecay, 0)),
		r.Convention.check(PyTorch, Keras2),
	)
}

// Rate is the learning rate.
func (r AdaGrad) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r AdaGrad) Update(s *Step) graph.Node {
	initial, epsilon := r.settings()
	sum := s.SlotOf("accumulator", initial, s.P.Shape()...).Add(s.G.Square())
	s.Save("accumulator", sum)
	lr := s.LR
	if d := spec.Or(r.LRDecay, 0); d > 0 {
		lr = lr.Div(s.T.AddScalar(-1).Scale(d).AddScalar(1))
	}
	if r.Convention == Keras {
		return s.P.Sub(s.G.Mul(lr).Div(sum.AddScalar(epsilon).Sqrt()))
	}
	return s.P.Sub(s.G.Mul(lr).Div(sum.Sqrt().AddScalar(epsilon)))
}
