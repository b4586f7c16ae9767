package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("mae", MAE{}, spec.Alias("mean_absolute_error", "l1"), spec.Doc("|p − t|, for numbers with outliers"))
}

// MAE is the mean over all axes but the batch's of |p − t|: outliers count no
// more than their distance. Its gradient at p = t is 0.
type MAE struct{}

// Apply adds the loss.
func (MAE) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("mae", pred, target)
	return perExample(p.Sub(t).Abs())
}
