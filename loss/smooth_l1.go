package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("smooth_l1", SmoothL1{}, spec.Doc("huber divided by its δ"))
}

// SmoothL1 is Huber's loss with δ = β, divided by β, so that it approaches the
// absolute error as β falls (Girshick, "Fast R-CNN", ICCV 2015).
type SmoothL1 struct {
	Beta float64 `spec:"beta" default:"1" doc:"where it turns linear"`
}

// Validate refuses a β that is not above 0.
func (h SmoothL1) Validate() error { return checkPositive("beta", spec.Or(h.Beta, 1)) }

// Apply adds the loss.
func (h SmoothL1) Apply(pred, target graph.Node) graph.Node {
	beta := spec.Or(h.Beta, 1)
	return huber("smooth_l1", pred, target, beta).Scale(1 / beta)
}
