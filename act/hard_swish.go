package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("hard_swish", HardSwish{}, spec.Alias("hard_silu"), spec.Doc("x·hard_sigmoid(x)"))
}

// HardSwish is x·min(max(x/6 + ½, 0), 1), a cheap SiLU (Howard et al.,
// "Searching for MobileNetV3", ICCV 2019).
type HardSwish struct{ rectifier }

// Apply adds the ops.
func (HardSwish) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	// At 3 the derivative is 1, that of the line above it, at −3 it is −½, that
	// of the parabola.
	b := x.Builder()
	return x.Mul(b.Const(3).Min(x.Max(b.Const(-3))).Scale(1.0 / 6).AddScalar(0.5))
}
