package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("nll", NLL{}, spec.Alias("negative_log_likelihood"), spec.Doc("−p[label], p being log-probabilities"))
}

// NLL is −Σₖ tₖ·pₖ for log-probabilities p (N, …, classes), such as a log_softmax
// makes, and int labels or probabilities t.
type NLL struct{}

// Predict is the exponential of pred: probabilities.
func (NLL) Predict(pred graph.Node) graph.Node { return pred.Exp() }

// Apply adds the loss.
func (NLL) Apply(pred, target graph.Node) graph.Node {
	p, t := classes("nll", pred, target)
	return perExample(t.Mul(p).Sum(-1).Neg())
}
