package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("triplet", Triplet{}, spec.Alias("triplet_margin"), spec.Doc("max(0, d(anchor, positive) − d(anchor, negative) + margin)"))
}

// Triplet is max(0, d(a, p) − d(a, n) + margin): an anchor's embedding is to lie
// nearer to a positive's than to a negative's by the margin. d is the Euclidean
// distance, or its square, as in Schroff, Kalenichenko and Philbin, "FaceNet"
// (CVPR 2015). PyTorch adds ε = 1e-6 to every component of the difference.
type Triplet struct {
	Margin  float64 `spec:"margin" default:"1" doc:"by how much the positive is to be nearer"`
	Squared bool    `spec:"squared" default:"false" doc:"take squared distances"`
	Epsilon float64 `spec:"epsilon" default:"0" doc:"added to every component of the difference"`
}

// Validate refuses a margin that is not above 0.
func (l Triplet) Validate() error { return checkPositive("margin", spec.Or(l.Margin, 1)) }

// Apply adds the loss of predictions (N, 3, d): anchor, positive and negative.
// It takes no target.
func (l Triplet) Apply(pred, _ graph.Node) graph.Node {
	if pred.Valid() && (pred.Rank() != 3 || pred.Dim(1) != 3) {
		return pred.Builder().Fail("triplet: wants predictions (N, 3, d), three embeddings an example, got %v", pred.Type())
	}
	return l.Of(part(pred, 0), part(pred, 1), part(pred, 2))
}

// Of is the loss of three embeddings (N, d).
func (l Triplet) Of(anchor, positive, negative graph.Node) graph.Node {
	d := func(x graph.Node) graph.Node {
		s := anchor.Sub(x).AddScalar(spec.Or(l.Epsilon, 0)).Square().Sum(-1)
		if l.Squared {
			return s
		}
		return root(s)
	}
	return perExample(d(positive).Sub(d(negative)).AddScalar(spec.Or(l.Margin, 1)).Relu())
}
