package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("kl_divergence", KLDivergence{}, spec.Alias("kld", "kullback_leibler_divergence"), spec.Doc("Σ t·ln(t/p)"))
}

// KLDivergence is Σₖ tₖ·ln(tₖ/pₖ) over the last axis, for probabilities p and t
// that are clipped to [1e-7, 1] as in Keras (Kullback and Leibler, "On
// Information and Sufficiency", 1951). Where Log is set p is log-probabilities,
// nothing is clipped, and a t of 0 adds 0.
type KLDivergence struct {
	Log bool `spec:"log" default:"false" doc:"predictions are log-probabilities"`
}

// Apply adds the loss.
func (k KLDivergence) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("kl_divergence", pred, target)
	if !t.Valid() {
		return t
	}
	b := t.Builder()
	zero, one, least := b.Const(0), b.Const(1), b.Const(epsilon)
	if k.Log {
		some := t.Greater(zero)
		return perExample(some.Select(t.Mul(some.Select(t, one).Log().Sub(p)), zero).Sum(-1))
	}
	p, t = p.Max(least).Min(one), t.Max(least).Min(one)
	return perExample(t.Mul(t.Div(p).Log()).Sum(-1))
}
