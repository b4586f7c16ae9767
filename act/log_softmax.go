package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("log_softmax", LogSoftmax{}, spec.Doc("the logarithm of softmax"))
}

// LogSoftmax is the logarithm of softmax along the last axis, without
// underflow.
type LogSoftmax struct{}

// Apply adds the op.
func (LogSoftmax) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.LogSoftmax() }
