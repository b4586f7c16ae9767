package loss

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

// A Loss compares predictions (N, …) with targets and gives one value an
// example, shape (N). What does not fit is recorded in the graph as an error,
// and the result is invalid.
type Loss interface {
	Apply(pred, target graph.Node) graph.Node
}

// Registry holds every loss by name.
var Registry = spec.NewRegistry[Loss]("loss")

// A Predictor is a loss whose model's output is not yet what it predicts:
// Predict turns logits into probabilities, and leaves alone what was made by a
// softmax or sigmoid already.
type Predictor interface {
	Predict(pred graph.Node) graph.Node
}

// Predict is what a model that was trained with l predicts.
func Predict(l Loss, pred graph.Node) graph.Node {
	if p, ok := l.(Predictor); ok {
		return p.Predict(pred)
	}
	return pred
}

// made is the input of pred where that is the output of the op, and whether it
// is, also where other axes than the last were put another way behind the op, as a
// time-distributed layer does.
func made(by string, pred graph.Node) (in graph.Node, ok bool) {
	if !pred.Valid() {
		return pred, false
	}
	x := pred
	for x.Op().Name == "reshape" && x.Rank() > 0 && x.In(0).Rank() > 0 && x.Dim(-1) == x.In(0).Dim(-1) {
		x = x.In(0)
	}
	if x.Op().Name != by {
		return pred, false
	}
	if in = x.In(0); !in.Shape().Equal(pred.Shape()) {
		in = in.Reshape(pred.Shape()...)
	}
	return in, true
}

// perExample averages over all axes but the batch's.
func perExample(x graph.Node) graph.Node {
	if x.Rank() < 2 {
		return x
	}
	axes := make([]int, x.Rank()-1)
	for i := range axes {
		axes[i] = i + 1
	}
	return x.Mean(axes...)
}

// pair makes target a float of pred's shape: ints become floats, and a missing
// last axis of length 1 is added on either side.
func pair(loss string, pred, target graph.Node) (p, t graph.Node) {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}, graph.Node{}
	}
	ps, ts := pred.Shape(), target.Shape()
	switch {
	case pred.Type().Kind != graph.Float || len(ps) == 0:
		return pred.Builder().Fail("%s: wants a float prediction with a batch axis, got %v", loss, pred.Type()), graph.Node{}
	case ps.Equal(ts):
	case len(ts) > 0 && ps.Equal(append(ts.Clone(), 1)), slices.Equal(append(ps.Clone(), 1), ts):
		target = target.Reshape(ps...)
	default:
		return pred.Builder().Fail("%s: the prediction has shape %v, but the target %v; they must be equal", loss, ps, ts), graph.Node{}
	}
	return pred, target.ToFloat()
}

// classes is pair for targets that may be int labels: they become rows of zeros
// with a one.
func classes(loss string, pred, target graph.Node) (p, t graph.Node) {
	if pred.Valid() && pred.Rank() < 2 {
		return pred.Builder().Fail("%s: wants predictions (N, classes), got %v", loss, pred.Type()), graph.Node{}
	}
	if target.Valid() && target.Type().Kind == graph.Int {
		target = flatLabels(pred, target).OneHot(pred.Dim(-1))
	}
	return pair(loss, pred, target)
}

// flatLabels drops a last axis of length 1 from labels for pred.
func flatLabels(pred, labels graph.Node) graph.Node {
	if labels.Rank() == pred.Rank() && labels.Dim(-1) == 1 {
		return labels.Reshape(labels.Shape()[:labels.Rank()-1]...)
	}
	return labels
}

// epsilon keeps logarithms and divisors finite, as Keras' does.
const epsilon = 1e-7

// checkPositive holds a field to (0, ∞).
func checkPositive(key string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return spec.Field(key, "want a number above 0, got %g", v)
	}
	return nil
}
