package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("poisson", Poisson{}, spec.Doc("p − t·ln p, for counts"))
}

// Poisson is p − t·ln(p + ε) for rates p and counts t, averaged over all axes
// but the batch's: the negative log-likelihood of a Poisson distribution but
// for what does not depend on p. Where Log is set, p is the logarithm of the
// rate, and the loss eᵖ − t·p.
type Poisson struct {
	Log     bool    `spec:"log" default:"false" doc:"predictions are logarithms of rates"`
	Epsilon float64 `spec:"epsilon" default:"1e-7" doc:"keeps the logarithm finite; PyTorch has 1e-8"`
}

// Validate refuses an ε below 0.
func (l Poisson) Validate() error {
	if e := spec.Or(l.Epsilon, epsilon); !(e >= 0) {
		return spec.Field("epsilon", "want a number, 0 or more, got %g", e)
	}
	return nil
}

// Predict is the rate.
func (l Poisson) Predict(pred graph.Node) graph.Node {
	if l.Log {
		return pred.Exp()
	}
	return pred
}

// Apply adds the loss.
func (l Poisson) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("poisson", pred, target)
	if l.Log {
		return perExample(p.Exp().Sub(t.Mul(p)))
	}
	return perExample(p.Sub(t.Mul(p.AddScalar(spec.Or(l.Epsilon, epsilon)).Log())))
}
