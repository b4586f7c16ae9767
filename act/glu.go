package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("glu", GLU{}, spec.Doc("half of the last axis, gated by the sigmoid of the other"))
}

// GLU is a·σ(b), where a and b are the halves of the last axis: (N, …, 2d)
// becomes (N, …, d) (Dauphin, Fan, Auli and Grangier, "Language Modeling with
// Gated Convolutional Networks", ICML 2017).
type GLU struct{}

// Apply adds the ops.
func (GLU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	n := x.Dim(-1)
	if x.Rank() < 2 || n%2 != 0 {
		return x.Builder().Fail("glu: wants a last axis of even length, got %v", x.Type())
	}
	return x.Slice(-1, 0, n/2).Mul(x.Slice(-1, n/2, n).Sigmoid())
}
