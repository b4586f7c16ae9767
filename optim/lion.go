package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("lion", Lion{}, spec.Doc("steps of one size, by the sign of a mean gradient"))
}

// Lion steps by the sign of a mean of the gradient, so that every element moves
// by η (Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS
// 2023):
//
//	θ ← θ − η·sign(β₁m + (1−β₁)g)     m ← β₂m + (1−β₂)g
//
// It wants a rate 3 to 10 times below Adam's.
//
// Slot: momentum.
type Lion struct {
	LR    float64 `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Beta1 float64 `spec:"beta_1" default:"0.9" doc:"weight of the memory in the step"`
	Beta2 float64 `spec:"beta_2" default:"0.99" doc:"decay of the memory"`
}

// Validate refuses hyperparameters out of range.
func (r Lion) Validate() error {
	return errors.Join(
		checkNotNegative("lr", r.Rate()),
		checkRange("beta_1", spec.Or(r.Beta1, 0.9), 0, 1),
		checkRange("beta_2", spec.Or(r.Beta2, 0.99), 0, 1),
	)
}

// Rate is the learning rate.
func (r Lion) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r Lion) Update(s *Step) graph.Node {
	b1 := spec.Or(r.Beta1, 0.9)
	way := s.Slot("momentum").Scale(b1).Add(s.G.Scale(1 - b1)).Sign()
	s.average("momentum", spec.Or(r.Beta2, 0.99), s.G)
	return s.P.Sub(way.Mul(s.LR))
}
