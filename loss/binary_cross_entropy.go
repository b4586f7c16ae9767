package loss

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("binary_cross_entropy", BinaryCrossEntropy{},
		spec.Alias("binary_crossentropy", "bce", "sigmoid_cross_entropy"),
		spec.Doc("−t·log σ(x) − (1−t)·log(1−σ(x)), for yes or no"))
}

// BinaryCrossEntropy is −t·log σ(x) − (1−t)·log(1−σ(x)) for logits x (N, …) and
// targets t of 0, 1 or between, computed as max(x, 0) − x·t + log(1 + e^−|x|)
// and averaged over all axes but the batch's: the loss for yes or no, or for
// several labels that exclude nothing. The target has x's shape, as float or
// int; (N) fits (N, 1).
type BinaryCrossEntropy struct {
	// Smoothing s replaces t by t·(1−s) + s/2.
	Smoothing float64 `spec:"label_smoothing" default:"0" doc:"moves targets towards one half"`
	// PosWeight multiplies the term of t = 1: above 1 it counts misses of the
	// rarer yes for more.
	PosWeight float64 `spec:"pos_weight" default:"1" doc:"weight of the positive class"`
	// Probabilities says that predictions are probabilities however they were
	// made: they are clipped to [1e-7, 1 − 1e-7], as Keras does. The output of a
	// sigmoid needs no such care.
	Probabilities bool `spec:"from_logits,not" default:"true" doc:"predictions are logits, or a sigmoid of them"`
}

// Validate refuses a smoothing outside [0, 1) and a weight that is not above 0.
func (c BinaryCrossEntropy) Validate() error {
	return errors.Join(checkPositive("pos_weight", spec.Or(c.PosWeight, 1)), checkSmoothing(c.Smoothing))
}

// Predict is the sigmoid of pred.
func (c BinaryCrossEntropy) Predict(pred graph.Node) graph.Node {
	if _, ok := made("sigmoid", pred); ok || c.Probabilities {
		return pred
	}
	return pred.Sigmoid()
}

// Apply adds the loss.
func (c BinaryCrossEntropy) Apply(pred, target graph.Node) graph.Node {
	pred, t := pair("binary_cross_entropy", pred, target)
	if !t.Valid() {
		return t
	}
	if s := spec.Or(c.Smoothing, 0); s > 0 {
		t = t.Scale(1 - s).AddScalar(s / 2)
	}
	w := spec.Or(c.PosWeight, 1)
	x, ok := made("sigmoid", pred)
	one := pred.Builder().Const(1)
	switch {
	case c.Probabilities && !ok:
		p := clipProbability(pred)
		return perExample(t.Mul(p.Log()).Scale(w).Add(one.Sub(t).Mul(one.Sub(p).Log())).Neg())
	case w != 1:
		// −log σ(x) = softplus(−x) and −log(1−σ(x)) = softplus(x).
		return perExample(t.Mul(x.Neg().Softplus()).Scale(w).Add(one.Sub(t).Mul(x.Softplus())))
	}
	return perExample(x.Softplus().Sub(x.Mul(t)))
}
