package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("ftrl", FTRL{}, spec.Doc("follow the regularized leader: l1 that makes exact zeros"))
}

// FTRL follows the regularized leader: of all gradients so far it takes the
// minimum of their linear model with l1 and l2, so that l1 makes exact zeros
// (McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013):
//
//	n' = n + g²     z ← z + g + 2λₛθ − (n'^−p − n^−p)/η·θ     n ← n'
//	θ ← (clip(z, −λ₁, λ₁) − z)/(n^−p/η + 2(λ₂ + β/2η))
//
// where p is the learning-rate power, and λₛ, the shrinkage, is an l2 that
// leaves n alone. n starts at 0.1.
//
// Slots: accumulator (n) and linear (z).
type FTRL struct {
	LR        float64 `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Power     float64 `spec:"learning_rate_power" default:"-0.5" doc:"p, at most 0"`
	Initial   float64 `spec:"initial_accumulator_value" default:"0.1" doc:"what n starts with"`
	L1        float64 `spec:"l1_regularization_strength" default:"0" doc:"λ₁"`
	L2        float64 `spec:"l2_regularization_strength" default:"0" doc:"λ₂"`
	Shrinkage float64 `spec:"l2_shrinkage_regularization_strength" default:"0" doc:"λₛ"`
	Beta      float64 `spec:"beta" default:"0" doc:"β of the paper"`
}

// Validate refuses hyperparameters out of range.
func (r FTRL) Validate() error {
	errs := []error{
		checkPositive("lr", r.Rate()),
		checkNotNegative("initial_accumulator_value", spec.Or(r.Initial, 0.1)),
		checkNotNegative("l1_regularization_strength", spec.Or(r.L1, 0)),
		checkNotNegative("l2_regularization_strength", spec.Or(r.L2, 0)),
		checkNotNegative("l2_shrinkage_regularization_strength", spec.Or(r.Shrinkage, 0)),
		checkNotNegative("beta", spec.Or(r.Beta, 0)),
	}
	if p := spec.Or(r.Power, -0.5); !(p <= 0 && p > -maxFloat) {
		errs = append(errs, spec.Field("learning_rate_power", "want a number, 0 or less, got %g", p))
	}
	return errors.Join(errs...)
}

// Rate is the learning rate.
func (r FTRL) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r FTRL) Update(s *Step) graph.Node {
	l1, power := spec.Or(r.L1, 0), -spec.Or(r.Power, -0.5)
	raise := func(n graph.Node) graph.Node {
		if power == 0.5 {
			return n.Sqrt()
		}
		return n.Pow(s.Const(power))
	}
	n := s.SlotOf("accumulator", spec.Or(r.Initial, 0.1), s.P.Shape()...)
	next := n.Add(s.G.Square())
	s.Save("accumulator", next)

	g := s.G.Add(s.P.Scale(2 * spec.Or(r.Shrinkage, 0)))
	z := s.Slot("linear").Add(g).Sub(raise(next).Sub(raise(n)).Div(s.LR).Mul(s.P))
	s.Save("linear", z)

	l2 := s.Const(spec.Or(r.Beta, 0)).Div(s.LR).AddScalar(2 * spec.Or(r.L2, 0))
	return z.Max(s.Const(-l1)).Min(s.Const(l1)).Sub(z).Div(raise(next).Div(s.LR).Add(l2))
}
