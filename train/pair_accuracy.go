package train

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Metrics.Register("pair_accuracy", PairAccuracy{}, spec.Doc("share of pairs or triplets that are in order"))
}

// PairAccuracy is the share of rows whose order is right, for losses of several
// scores or embeddings a row:
//
//   - two scores (N, 2): the one that the target says is the higher, the first
//     for 1 and the second for −1 or 0. Equal scores are wrong.
//   - two embeddings (N, 2, d): they lie within Threshold of each other where the
//     target is 1, and further apart where it is −1 or 0.
//   - three embeddings (N, 3, d): the first lies nearer to the second than to the
//     third.
type PairAccuracy struct {
	Threshold float64 `spec:"threshold" default:"0.5" doc:"distance within which two embeddings are alike"`
}

// Validate refuses a threshold that is not above 0.
func (p PairAccuracy) Validate() error {
	if t := spec.Or(p.Threshold, 0.5); p.Threshold != 0 && !(t > 0) {
		return spec.Field("threshold", "want a number above 0, got %g", t)
	}
	return nil
}

func (PairAccuracy) about() subject { return ordered }

// Name is pair_accuracy.
func (PairAccuracy) Name() string { return "pair_accuracy" }

// Sums counts the rows in order.
func (p PairAccuracy) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	b := pred.Builder()
	part := func(i int) graph.Node { return pred.Slice(1, i, i+1).Reshape(pred.Dim(0), -1) }
	apart := func(i, j int) graph.Node { return part(i).Sub(part(j)).Square().Sum(1) }
	var right graph.Node
	switch {
	case pred.Rank() == 3 && pred.Dim(1) == 3:
		right = apart(0, 2).Greater(apart(0, 1))
	case pred.Dim(1) == 2 && (pred.Rank() == 2 || pred.Rank() == 3):
		if target.Shape().Len() != pred.Dim(0) {
			return []graph.Node{b.Fail("pair_accuracy: wants one target a pair, got %v", target.Type())}
		}
		yes := target.ToFloat().Reshape(pred.Dim(0)).Greater(b.Const(0))
		first, second := part(0).Sum(1), part(1).Sum(1)
		if pred.Rank() == 2 {
			right = yes.Select(first.Greater(second), second.Greater(first))
		} else {
			t := spec.Or(p.Threshold, 0.5)
			right = yes.Equal(b.Const(t * t).GreaterEqual(apart(0, 1)))
		}
	default:
		return []graph.Node{b.Fail("pair_accuracy: wants two scores, or two or three embeddings a row, got %v", pred.Type())}
	}
	return []graph.Node{right.Sum()}
}

// Value is the rows in order by all.
func (PairAccuracy) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }
