package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Constraints.Register("unit_norm", UnitNorm{}, spec.Doc("weights into a unit have norm 1"))
}

// UnitNorm scales the weights that come into each unit to norm 1:
//
//	w ← w/(‖w‖ + 1e-7)
type UnitNorm struct{}

// Project scales.
func (UnitNorm) Project(w graph.Node) graph.Node {
	return w.Div(incoming(w).AddScalar(epsilon))
}
