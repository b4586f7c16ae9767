package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("huber", Huber{}, spec.Doc("squared error that turns linear beyond δ"))
}

// Huber is e²/2 for an error e = p − t of at most δ and δ(|e| − δ/2) beyond,
// averaged over all axes but the batch's: smooth at 0 as the squared error is,
// and bounded in slope as the absolute one (Huber, "Robust Estimation of a
// Location Parameter", 1964).
type Huber struct {
	Delta float64 `spec:"delta" default:"1" doc:"where it turns linear"`
}

// Validate refuses a δ that is not above 0.
func (h Huber) Validate() error { return checkPositive("delta", spec.Or(h.Delta, 1)) }

// Apply adds the loss.
func (h Huber) Apply(pred, target graph.Node) graph.Node {
	return huber("huber", pred, target, spec.Or(h.Delta, 1))
}

func huber(name string, pred, target graph.Node, delta float64) graph.Node {
	p, t := pair(name, pred, target)
	if !t.Valid() {
		return t
	}
	e := p.Sub(t).Abs()
	near := t.Builder().Const(delta).GreaterEqual(e)
	return perExample(near.Select(e.Square().Scale(0.5), e.AddScalar(-delta/2).Scale(delta)))
}
