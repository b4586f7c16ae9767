package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("adadelta", AdaDelta{}, spec.Doc("steps as large as the last ones were, by running means"))
}

// AdaDelta scales the gradient by the ratio of two running root mean squares:
// of the steps taken and of the gradients (Zeiler, "ADADELTA: An Adaptive
// Learning Rate Method", 2012):
//
//	a ← ρa + (1−ρ)g²     d = √(x + ε)/√(a + ε)·g
//	x ← ρx + (1−ρ)d²     θ ← θ − ηd
//
// Keras has η = 0.001, ρ = 0.95 and ε = 1e-7; the torch convention has η = 1,
// ρ = 0.9 and ε = 1e-6. The paper has no η.
//
// Slots: accumulated_grad and accumulated_delta_var.
type AdaDelta struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.001, torch 1" doc:"learning rate"`
	Rho        float64    `spec:"rho" default:"0.95, torch 0.9" doc:"decay of both means"`
	Epsilon    float64    `spec:"epsilon" default:"1e-7, torch 1e-6" doc:"starts the steps off"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras or torch"`
}

func (r AdaDelta) settings() (lr, rho, epsilon float64) {
	lr, rho, epsilon = 0.001, 0.95, 1e-7
	if r.Convention == PyTorch {
		lr, rho, epsilon = 1, 0.9, 1e-6
	}
	return spec.Or(r.LR, lr), spec.Or(r.Rho, rho), spec.Or(r.Epsilon, epsilon)
}

// Validate refuses hyperparameters out of range.
func (r AdaDelta) Validate() error {
	lr, rho, epsilon := r.settings()
	return errors.Join(
		checkNotNegative("lr", lr),
		checkRange("rho", rho, 0, 1),
		checkPositive("epsilon", epsilon),
		r.Convention.check(PyTorch),
	)
}

// Rate is the learning rate.
func (r AdaDelta) Rate() float64 {
	lr, _, _ := r.settings()
	return lr
}

// Update adds one step.
func (r AdaDelta) Update(s *Step) graph.Node {
	_, rho, epsilon := r.settings()
	grads := s.average("accumulated_grad", rho, s.G.Square())
	steps := s.Slot("accumulated_delta_var")
	d := steps.AddScalar(epsilon).Sqrt().Div(grads.AddScalar(epsilon).Sqrt()).Mul(s.G)
	s.average("accumulated_delta_var", rho, d.Square())
	return s.P.Sub(d.Mul(s.LR))
}
