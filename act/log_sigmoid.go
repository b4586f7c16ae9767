package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("log_sigmoid", LogSigmoid{}, spec.Doc("ln sigmoid(x)")) }

// LogSigmoid is ln σ(x) = −ln(1 + e⁻ˣ), without underflow.
type LogSigmoid struct{}

// Apply adds the ops.
func (LogSigmoid) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Neg().Softplus().Neg() }
