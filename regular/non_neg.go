package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Constraints.Register("non_neg", NonNeg{}, spec.Alias("nonneg"), spec.Doc("weights below 0 become 0"))
}

// NonNeg sets negative weights to 0 (Lee and Seung, "Learning the Parts of
// Objects by Non-negative Matrix Factorization", Nature 1999).
type NonNeg struct{}

// Project is max(w, 0).
func (NonNeg) Project(w graph.Node) graph.Node { return w.Relu() }
