package loss

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("log_cosh", LogCosh{}, spec.Alias("logcosh"), spec.Doc("ln cosh(p − t): like huber, and smooth"))
}

// LogCosh is ln cosh(p − t), averaged over all axes but the batch's and computed
// as e + softplus(−2e) − ln 2 for e = p − t, without overflow: e²/2 for small
// errors, |e| − ln 2 for large ones.
type LogCosh struct{}

// Apply adds the loss.
func (LogCosh) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("log_cosh", pred, target)
	e := p.Sub(t)
	return perExample(e.Add(e.Scale(-2).Softplus()).AddScalar(-math.Ln2))
}
