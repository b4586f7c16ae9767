package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("hard_shrink", HardShrink{}, spec.Doc("x where |x| > λ, else 0"))
}

// HardShrink is x where |x| > λ, else 0: hard thresholding (Donoho and
// Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994).
type HardShrink struct {
	Lambda float64 `spec:"lambda,alias=threshold" default:"0.5" doc:"λ"`
}

// Validate refuses a λ below 0.
func (h HardShrink) Validate() error { return checkShrink(h.Lambda) }

// Apply adds the ops.
func (h HardShrink) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	return x.Builder().Const(spec.Or(h.Lambda, 0.5)).GreaterEqual(x.Abs()).Select(zero(x), x)
}
