package regular

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Constraints.Register("min_max_norm", MinMaxNorm{}, spec.Doc("weights into a unit have a norm between two"))
}

// MinMaxNorm moves the norm of the weights that come into each unit towards
// [a, b] by a share r of what is missing:
//
//	w ← w·(r·clip(‖w‖, a, b) + (1 − r)·‖w‖)/(‖w‖ + 1e-7)
type MinMaxNorm struct {
	Min  float64 `spec:"min_value,plain" default:"0" doc:"smallest norm a"`
	Max  float64 `spec:"max_value" default:"1" doc:"largest norm b"`
	Rate float64 `spec:"rate" default:"1" doc:"share r of the way that is gone in each step"`
}

// Validate refuses negative norms, a smallest above the largest, and a rate
// outside [0, 1].
func (m MinMaxNorm) Validate() error {
	errs := []error{checkNorm("min_value", m.Min), checkNorm("max_value", spec.Or(m.Max, 1))}
	if m.Min > spec.Or(m.Max, 1) {
		errs = append(errs, spec.Field("min_value", "%g is above max_value, %g", m.Min, spec.Or(m.Max, 1)))
	}
	if r := spec.Or(m.Rate, 1); !(r >= 0 && r <= 1) {
		errs = append(errs, spec.Field("rate", "want a number from 0 to 1, got %g", r))
	}
	return errors.Join(errs...)
}

// Project scales.
func (m MinMaxNorm) Project(w graph.Node) graph.Node {
	n, r := incoming(w), spec.Or(m.Rate, 1)
	to := clip(n, m.Min, spec.Or(m.Max, 1)).Scale(r).Add(n.Scale(1 - r))
	return resize(w, n, to)
}
