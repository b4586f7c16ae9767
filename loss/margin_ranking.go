package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("margin_ranking", MarginRanking{}, spec.Alias("max_margin"), spec.Doc("max(0, margin − t·(first − second)), of two scores"))
}

// MarginRanking is max(0, margin − t·(x₁ − x₂)) for two scores and a target t:
// 1 where the first is to be higher by at least the margin, −1 where the second
// is. With t = 1 it is the max-margin loss of a good example against a corrupted
// one (Collobert and Weston, "A unified architecture for natural language
// processing", ICML 2008). A target of 0 counts as −1.
type MarginRanking struct {
	Margin float64 `spec:"margin" default:"1" doc:"by how much the better score is to be higher"`
}

// Validate refuses a margin that is not above 0.
func (m MarginRanking) Validate() error { return checkPositive("margin", spec.Or(m.Margin, 1)) }

// Apply adds the loss of predictions (N, 2): both scores side by side.
func (m MarginRanking) Apply(pred, target graph.Node) graph.Node {
	if pred.Valid() && (pred.Rank() != 2 || pred.Dim(1) != 2) {
		return pred.Builder().Fail("margin_ranking: wants predictions (N, 2), two scores an example, got %v", pred.Type())
	}
	return m.Of(pred.Slice(-1, 0, 1), pred.Slice(-1, 1, 2), target)
}

// Of is the loss of two scores of one shape.
func (m MarginRanking) Of(x1, x2, target graph.Node) graph.Node {
	d, t := pair("margin_ranking", x1.Sub(x2), target)
	if !t.Valid() {
		return t
	}
	t = t.Sub(t.Equal(t.Builder().Const(0)))
	return perExample(t.Mul(d).Neg().AddScalar(spec.Or(m.Margin, 1)).Relu())
}
