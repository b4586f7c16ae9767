package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("contrastive", Contrastive{}, spec.Doc("t·d² + (1−t)·max(0, margin − d)², of two embeddings"))
}

// Contrastive is t·d² + (1−t)·max(0, margin − d)² for the distance d of two
// embeddings and a target t of 1 for a similar pair, 0 for another: similar ones
// are drawn together, others pushed apart up to the margin (Hadsell, Chopra and
// LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR
// 2006, without its ½).
type Contrastive struct {
	Margin float64 `spec:"margin" default:"1" doc:"how far apart is far enough"`
}

// Validate refuses a margin that is not above 0.
func (c Contrastive) Validate() error { return checkPositive("margin", spec.Or(c.Margin, 1)) }

// Apply adds the loss of predictions (N, 2, d): both embeddings.
func (c Contrastive) Apply(pred, target graph.Node) graph.Node {
	if pred.Valid() && (pred.Rank() != 3 || pred.Dim(1) != 2) {
		return pred.Builder().Fail("contrastive: wants predictions (N, 2, d), two embeddings an example, got %v", pred.Type())
	}
	return c.Of(part(pred, 0), part(pred, 1), target)
}

// Of is the loss of two embeddings (N, d).
func (c Contrastive) Of(x1, x2, target graph.Node) graph.Node {
	s, t := pair("contrastive", x1.Sub(x2).Square().Sum(-1), target)
	if !t.Valid() {
		return t
	}
	apart := root(s).Neg().AddScalar(spec.Or(c.Margin, 1)).Relu().Square()
	return perExample(t.Mul(s).Add(t.Neg().AddScalar(1).Mul(apart)))
}

// part is one of the embeddings side by side along axis 1.
func part(x graph.Node, i int) graph.Node {
	return x.Slice(1, i, i+1).Reshape(x.Dim(0), x.Dim(-1))
}

// root is the square root with gradient 0 at 0, where two embeddings meet.
func root(x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	b := x.Builder()
	some := x.Greater(b.Const(0))
	return some.Select(some.Select(x, b.Const(1)).Sqrt(), b.Const(0))
}
