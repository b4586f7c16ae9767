package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("cross_entropy", CrossEntropy{},
		spec.Alias("sparse_categorical_crossentropy", "categorical_crossentropy", "sparse_cross_entropy", "categorical_cross_entropy", "softmax_cross_entropy"),
		spec.Doc("−log softmax(logits)[label], for one of several classes"))
}

// CrossEntropy is −Σₖ tₖ·log softmax(x)ₖ for logits x (N, …, classes): the loss
// for one of several classes. The target is an int label (N, …), standing for
// t = 1 at the label and 0 elsewhere, or the probabilities t (N, …, classes)
// themselves. Axes between the batch and the classes are averaged over.
//
// Labels outside 0 … K−1 have to be refused where data is read: here they
// would count as no class at all.
type CrossEntropy struct {
	// Smoothing s replaces t by (1−s)·t + s/K for K classes (Szegedy et al.,
	// "Rethinking the Inception Architecture", CVPR 2016).
	Smoothing float64 `spec:"label_smoothing" default:"0" doc:"share of the target spread evenly over the classes"`
	// Probabilities says that predictions are probabilities however they were
	// made: they are divided by their sum and clipped to [1e-7, 1 − 1e-7], as
	// Keras does. The output of a softmax needs no such care.
	Probabilities bool `spec:"from_logits,not" default:"true" doc:"predictions are logits, or a softmax of them"`
}

// Validate refuses a smoothing outside [0, 1).
func (c CrossEntropy) Validate() error { return checkSmoothing(c.Smoothing) }

func checkSmoothing(s float64) error {
	if s = spec.Or(s, 0); !(s >= 0 && s < 1) {
		return spec.Field("label_smoothing", "want a number from 0 to below 1, got %g", s)
	}
	return nil
}

// Predict is the softmax of pred.
func (c CrossEntropy) Predict(pred graph.Node) graph.Node {
	if _, ok := made("softmax", pred); ok || c.Probabilities {
		return pred
	}
	return pred.Softmax()
}

// Apply adds the loss.
func (c CrossEntropy) Apply(pred, target graph.Node) graph.Node {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}
	}
	k := pred.Dim(-1)
	if pred.Rank() < 2 || k < 1 {
		return pred.Builder().Fail("cross_entropy: wants predictions (N, classes), got %v", pred.Type())
	}
	logits, ok := made("softmax", pred)
	s := spec.Or(c.Smoothing, 0)
	labels := target.Type().Kind == graph.Int
	if labels {
		target = flatLabels(pred, target)
	}
	if labels && !c.Probabilities || labels && ok {
		loss := logits.CrossEntropy(target)
		if s > 0 {
			loss = loss.Scale(1 - s).Sub(logits.LogSoftmax().Mean(-1).Scale(s))
		}
		return perExample(loss)
	}
	if labels {
		target = target.OneHot(k)
	}
	if _, target = pair("cross_entropy", pred, target); !target.Valid() {
		return target
	}
	if s > 0 {
		target = target.Scale(1 - s).AddScalar(s / float64(k))
	}
	var logp graph.Node
	if c.Probabilities && !ok {
		logp = clipProbability(pred.Div(pred.SumKeep(-1))).Log()
	} else {
		logp = logits.LogSoftmax()
	}
	return perExample(target.Mul(logp).Sum(-1).Neg())
}

// clipProbability keeps p within [1e-7, 1 − 1e-7], Keras' epsilon.
func clipProbability(p graph.Node) graph.Node {
	if !p.Valid() {
		return p
	}
	b := p.Builder()
	return p.Max(b.Const(epsilon)).Min(b.Const(1 - epsilon))
}
