package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("triplet_hard", TripletHard{}, spec.Alias("batch_hard_triplet"), spec.Doc("triplet loss of labeled embeddings, of the hardest pairs in the batch"))
}

// TripletHard is the triplet loss of a batch of embeddings with labels: each is
// an anchor whose positive is the furthest of its own label in the batch, and
// whose negative is the nearest of another,
//
//	max(0, max_{y_p = y_a} d(a, p) − min_{y_n ≠ y_a} d(a, n) + margin)
//
// (Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person
// Re-Identification", 2017, its batch-hard loss, after the hard triplets of
// Schroff, Kalenichenko and Philbin, "FaceNet", CVPR 2015). An anchor that is
// alone with its label, or with no other beside it, counts 0. The batch has to
// hold several rows of a label.
type TripletHard struct {
	Margin  float64 `spec:"margin" default:"1" doc:"by how much the positive is to be nearer"`
	Squared bool    `spec:"squared" default:"false" doc:"take squared distances"`
}

// Validate refuses a margin that is not above 0.
func (l TripletHard) Validate() error { return checkPositive("margin", spec.Or(l.Margin, 1)) }

// Apply adds the loss of embeddings (N, d) with labels (N).
func (l TripletHard) Apply(pred, labels graph.Node) graph.Node {
	if !pred.Valid() || !labels.Valid() {
		return graph.Node{}
	}
	b := pred.Builder()
	n := pred.Dim(0)
	if pred.Rank() != 2 || pred.Type().Kind != graph.Float {
		return b.Fail("triplet_hard: wants embeddings (N, d), got %v", pred.Type())
	}
	if labels.Type().Kind != graph.Int || labels.Shape().Len() != n {
		return b.Fail("triplet_hard: wants a class number for each of %d embeddings, got %v", n, labels.Type())
	}
	same := labels.Reshape(n, 1).Equal(labels.Reshape(1, n))
	// ‖x − y‖² = ‖x‖² + ‖y‖² − 2x·y, which rounding may put below 0.
	sq := pred.Square().SumKeep(1)
	d := sq.Add(sq.Transpose()).Sub(pred.MatMulT(pred).Scale(2)).Relu()
	if !l.Squared {
		d = root(d)
	}
	const far = 1e30
	positive := d.Mul(same).ReduceMax(1)
	negative := same.Select(b.Const(-far), d.Neg()).ReduceMax(1).Neg()
	each := positive.Sub(negative).AddScalar(spec.Or(l.Margin, 1)).Relu()
	return same.Sum(1).Greater(b.Const(1)).Mul(each)
}
