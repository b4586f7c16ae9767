package act

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("clip", Clip{}, spec.Doc("x, cut to [min, max]")) }

// Clip is x cut to [min, max], derivative 0 where it is cut. A bound that is not said is
// none.
type Clip struct {
	Min float64 `spec:"min" default:"none" doc:"lower bound"`
	Max float64 `spec:"max" default:"none" doc:"upper bound"`
}

// Validate refuses bounds that are no numbers, and a lower one above the upper.
func (c Clip) Validate() error {
	lo, hi := spec.Or(c.Min, math.Inf(-1)), spec.Or(c.Max, math.Inf(1))
	if !(lo <= hi) {
		return spec.Field("min", "want a number not above max, got %g and %g", lo, hi)
	}
	return nil
}

// Apply adds the ops.
func (c Clip) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	b := x.Builder()
	if c.Min != 0 {
		x = b.Const(spec.Or(c.Min, 0)).Max(x)
	}
	if c.Max != 0 {
		x = b.Const(spec.Or(c.Max, 0)).Min(x)
	}
	return x
}
