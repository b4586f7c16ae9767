package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("soft_shrink", SoftShrink{}, spec.Doc("x moved towards 0 by λ"))
}

// SoftShrink moves x towards 0 by λ and is 0 for |x| ≤ λ: the step of l1
// regularization (Donoho, "De-noising by soft-thresholding", 1995).
type SoftShrink struct {
	Lambda float64 `spec:"lambda,alias=threshold" default:"0.5" doc:"λ"`
}

// Validate refuses a λ below 0.
func (h SoftShrink) Validate() error { return checkShrink(h.Lambda) }

func checkShrink(lambda float64) error {
	if l := spec.Or(lambda, 0.5); !(l >= 0) {
		return spec.Field("lambda", "want a number, 0 or more, got %g", l)
	}
	return nil
}

// Apply adds the ops.
func (h SoftShrink) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	b, l := x.Builder(), spec.Or(h.Lambda, 0.5)
	return x.Sub(x.Max(b.Const(-l)).Min(b.Const(l)))
}
