package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("mse", MSE{}, spec.Alias("mean_squared_error"), spec.Doc("(p − t)², for numbers"))
}

// MSE is the mean over all axes but the batch's of (p − t)²: the loss for
// numbers whose errors are normal. The target has the prediction's shape; (N)
// fits (N, 1).
type MSE struct{}

// Apply adds the loss.
func (MSE) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("mse", pred, target)
	return perExample(p.Sub(t).Square())
}
