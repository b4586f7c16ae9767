package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("rprop", Rprop{}, spec.Doc("steps by sign alone, of a size that each element finds, for whole batches"))
}

// Rprop steps by the sign of the gradient alone; the size of each element's step
// grows while the sign stays and shrinks when it turns, and then no step is
// taken (Riedmiller and Braun, "A direct adaptive method for faster
// backpropagation learning: The RPROP algorithm", 1993; the variant without
// going back, as in PyTorch). It wants the gradient of the whole set, not of a
// batch. Sizes start at the learning rate.
//
// Slots: previous (gradient) and step_size.
type Rprop struct {
	LR     float64 `spec:"lr,alias=learning_rate" default:"0.01" doc:"first size of the steps"`
	Shrink float64 `spec:"eta_minus" default:"0.5" doc:"factor where the sign turned"`
	Grow   float64 `spec:"eta_plus" default:"1.2" doc:"factor where the sign stayed"`
	Min    float64 `spec:"step_size_min" default:"1e-6" doc:"smallest size"`
	Max    float64 `spec:"step_size_max" default:"50" doc:"largest size"`
}

// Validate refuses hyperparameters out of range.
func (r Rprop) Validate() error {
	lo, hi := spec.Or(r.Min, 1e-6), spec.Or(r.Max, 50)
	errs := []error{
		checkNotNegative("lr", r.Rate()),
		checkRange("eta_minus", spec.Or(r.Shrink, 0.5), 0, 1),
		checkNotNegative("step_size_min", lo),
	}
	if g := spec.Or(r.Grow, 1.2); !(g > 1 && g < maxFloat) {
		errs = append(errs, spec.Field("eta_plus", "want a number above 1, got %g", g))
	}
	if !(hi >= lo && hi < maxFloat) {
		errs = append(errs, spec.Field("step_size_max", "want a number of at least step_size_min = %g, got %g", lo, hi))
	}
	return errors.Join(errs...)
}

// Rate is the learning rate.
func (r Rprop) Rate() float64 { return spec.Or(r.LR, 0.01) }

// Update adds one step. A schedule has no effect: the sizes find themselves.
func (r Rprop) Update(s *Step) graph.Node {
	zero, one := s.Const(0), s.Const(1)
	turn := s.G.Sign().Mul(s.Slot("previous").Sign())
	factor := turn.Greater(zero).Select(s.Const(spec.Or(r.Grow, 1.2)),
		zero.Greater(turn).Select(s.Const(spec.Or(r.Shrink, 0.5)), one))
	size := s.SlotOf("step_size", r.Rate(), s.P.Shape()...).Mul(factor)
	size = size.Max(s.Const(spec.Or(r.Min, 1e-6))).Min(s.Const(spec.Or(r.Max, 50)))
	g := zero.Greater(turn).Select(zero, s.G)
	s.Save("step_size", size)
	s.Save("previous", g)
	return s.P.Sub(g.Sign().Mul(size))
}
