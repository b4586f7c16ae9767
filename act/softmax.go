package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("softmax", Softmax{}, spec.Doc("eˣ over its sum along the last axis"))
}

// Softmax is eˣ over its sum along the last axis: probabilities of classes. A
// logit of −Inf has probability and gradient 0. A cross-entropy after it takes
// its input as logits, so that nothing underflows.
type Softmax struct{}

// Apply adds the op.
func (Softmax) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Softmax() }
