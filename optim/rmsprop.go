package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("rmsprop", RMSProp{}, spec.Doc("divides by the root of a running mean of the squared gradient"))
}

// RMSProp divides by the root of a running mean of the squared gradient, which
// unlike AdaGrad's sum forgets (Tieleman and Hinton, Coursera lecture 6e, 2012):
//
//	v ← ρv + (1−ρ)g²     θ ← θ − ηg/√(v + ε)
//
// Centered takes the running mean of the gradient off, v − ḡ² in place of v.
// With momentum the steps are collected, m ← μm + ηg/√(v + ε) and θ ← θ − m.
//
// Keras has ρ = 0.9 and ε = 1e-7. The keras2 convention divides by √v + ε; torch
// does so too, has ρ = 0.99 and ε = 1e-8, and collects without the rate,
// θ ← θ − ηm; tf1 is Keras' formula with v starting at 1 and ε = 1e-10.
//
// Slots: velocity, momentum if there is any, average_gradient if centered.
type RMSProp struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Rho        float64    `spec:"rho,alias=alpha" default:"0.9, torch 0.99" doc:"decay of the mean square"`
	Momentum   float64    `spec:"momentum" default:"0" doc:"share of the last step that goes on"`
	Epsilon    float64    `spec:"epsilon" default:"1e-7, torch 1e-8, tf1 1e-10" doc:"keeps the divisor from 0"`
	Centered   bool       `spec:"centered" default:"false" doc:"divide by the deviation instead of the root mean square"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras, torch, keras2 or tf1"`
}

func (r RMSProp) settings() (rho, epsilon float64) {
	rho, epsilon = 0.9, 1e-7
	switch r.Convention {
	case PyTorch:
		rho, epsilon = 0.99, 1e-8
	case TF1:
		epsilon = 1e-10
	}
	return spec.Or(r.Rho, rho), spec.Or(r.Epsilon, epsilon)
}

// Validate refuses hyperparameters out of range.
func (r RMSProp) Validate() error {
	rho, epsilon := r.settings()
	return errors.Join(
		checkNotNegative("lr", r.Rate()),
		checkRange("rho", rho, 0, 1),
		checkRange("momentum", spec.Or(r.Momentum, 0), 0, 1),
		checkNotNegative("epsilon", epsilon),
		r.Convention.check(PyTorch, Keras2, TF1),
	)
}

// Rate is the learning rate.
func (r RMSProp) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r RMSProp) Update(s *Step) graph.Node {
	rho, epsilon := r.settings()
	first := 0.0
	if r.Convention == TF1 {
		first = 1
	}
	v := s.SlotOf("velocity", first, s.P.Shape()...).Scale(rho).Add(s.G.Square().Scale(1 - rho))
	s.Save("velocity", v)
	if r.Centered {
		// The variance is never negative, but its rounded difference may be.
		mean := s.average("average_gradient", rho, s.G)
		v = v.Sub(mean.Square()).Max(s.Const(0))
	}
	inside := r.Convention == Keras || r.Convention == TF1
	root := v.Sqrt().AddScalar(epsilon)
	if inside {
		root = v.AddScalar(epsilon).Sqrt()
	}
	step, mu := s.G.Div(root), spec.Or(r.Momentum, 0)
	if mu == 0 {
		return s.P.Sub(step.Mul(s.LR))
	}
	if inside {
		step = step.Mul(s.LR)
	}
	m := s.Slot("momentum").Scale(mu).Add(step)
	s.Save("momentum", m)
	if !inside {
		m = m.Mul(s.LR)
	}
	return s.P.Sub(m)
}
