package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("hinge", Hinge{}, spec.Doc("max(0, 1 − t·p), t being −1 or 1"))
	Registry.Register("squared_hinge", Hinge{Squared: true}, spec.Doc("max(0, 1 − t·p)²"))
}

// Hinge is max(0, 1 − t·p) for targets t of −1 and 1, averaged over all axes but
// the batch's: the loss of support vector machines, 0 beyond a margin of 1. A
// target of 0 counts as −1.
type Hinge struct {
	Squared bool `spec:"squared" default:"false" doc:"take the square"`
}

// Apply adds the loss.
func (h Hinge) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("hinge", pred, target)
	if !t.Valid() {
		return t
	}
	t = t.Sub(t.Equal(t.Builder().Const(0)))
	miss := t.Mul(p).Neg().AddScalar(1).Relu()
	if h.Squared {
		miss = miss.Square()
	}
	return perExample(miss)
}
