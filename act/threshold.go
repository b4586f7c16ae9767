package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("threshold", Threshold{}, spec.Doc("x where x > threshold, else a fixed value"))
}

// Threshold is x where x > θ, else a fixed value.
type Threshold struct {
	Threshold float64 `spec:"threshold,alias=theta,plain" default:"0" doc:"θ"`
	Value     float64 `spec:"value,alias=default_value,plain" default:"0" doc:"the output for x ≤ θ"`
}

// Apply adds the ops.
func (h Threshold) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	b := x.Builder()
	return b.Const(h.Threshold).GreaterEqual(x).Select(b.Const(h.Value), x)
}
