package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("msle", MSLE{}, spec.Alias("mean_squared_logarithmic_error"), spec.Doc("(ln(p+1) − ln(t+1))²"))
}

// MSLE is the mean over all axes but the batch's of
// (ln(1 + max(p, 1e-7)) − ln(1 + max(t, 1e-7)))²: ratios count, for targets that
// are never negative.
type MSLE struct{}

// Apply adds the loss.
func (MSLE) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("msle", pred, target)
	if !t.Valid() {
		return t
	}
	least := t.Builder().Const(epsilon)
	return perExample(p.Max(least).Log1p().Sub(t.Max(least).Log1p()).Square())
}
