package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("mape", MAPE{}, spec.Alias("mean_absolute_percentage_error"), spec.Doc("100·|t − p|/|t|"))
}

// MAPE is the mean over all axes but the batch's of 100·|t − p|/max(|t|, 1e-7):
// the error in percent.
type MAPE struct{}

// Apply adds the loss.
func (MAPE) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("mape", pred, target)
	if !t.Valid() {
		return t
	}
	return perExample(t.Sub(p).Abs().Div(t.Abs().Max(t.Builder().Const(epsilon)))).Scale(100)
}
