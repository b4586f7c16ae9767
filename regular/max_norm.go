package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Constraints.Register("max_norm", MaxNorm{}, spec.Doc("weights into a unit have at most this norm"))
}

// MaxNorm scales the weights that come into each unit down to norm c where
// theirs is larger (Srebro, Rennie and Jaakkola, "Maximum-Margin Matrix
// Factorization", NIPS 2004; with dropout: Srivastava et al., JMLR 2014):
//
//	w ← w·min(‖w‖, c)/(‖w‖ + 1e-7)
type MaxNorm struct {
	Max float64 `spec:"max_value,alias=max" default:"2" doc:"largest norm c"`
}

// Validate refuses a negative norm.
func (m MaxNorm) Validate() error { return checkNorm("max_value", spec.Or(m.Max, 2)) }

// Project scales down.
func (m MaxNorm) Project(w graph.Node) graph.Node {
	n := incoming(w)
	return resize(w, n, clip(n, 0, spec.Or(m.Max, 2)))
}
