package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("adamw", AdamW{}, spec.Doc("adam with decoupled weight decay"))
}

// AdamW is Adam with decoupled weight decay λ (Loshchilov and Hutter, "Decoupled
// Weight Decay Regularization", ICLR 2019): θ ← θ − ηλθ before Adam's step,
// whatever the size of the gradient. Added to the gradient instead, λθ would be
// divided by the gradient's size.
//
// Biases, normalizations and learned slopes do not decay, or what the
// optimizer's no_decay says. Keras has λ = 0.004, the torch convention 0.01.
//
// Slots: those of [Adam].
type AdamW struct {
	Adam  `spec:",inline"`
	Decay float64 `spec:"weight_decay" default:"0.004, torch 0.01" doc:"λ"`
}

func (r AdamW) decay() float64 {
	if r.Convention == PyTorch {
		return spec.Or(r.Decay, 0.01)
	}
	return spec.Or(r.Decay, 0.004)
}

// Validate refuses hyperparameters out of range.
func (r AdamW) Validate() error {
	return errors.Join(r.Adam.Validate(), checkNotNegative("weight_decay", r.decay()))
}

// Update adds one step.
func (r AdamW) Update(s *Step) graph.Node {
	if s.Decays {
		s.decay(r.decay())
	}
	return r.Adam.Update(s)
}
