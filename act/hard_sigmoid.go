package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("hard_sigmoid", HardSigmoid{}, spec.Doc("x/6 + ½, cut to [0, 1]"))
	Registry.Register("hard_sigmoid_keras2", HardSigmoid{Slope: 0.2}, spec.Doc("0.2x + ½, cut to [0, 1]"))
}

// HardSigmoid is slope·x + ½ cut to [0, 1], derivative 0 where it is cut
// (Courbariaux, Bengio and David, "BinaryConnect", NIPS 2015, with slope ½). The
// slope is 1/6 in Keras 3 and PyTorch, 0.2 in Keras 1 and 2.
type HardSigmoid struct {
	Slope float64 `spec:"slope" default:"1/6" doc:"slope between the cuts"`
}

// Validate refuses a slope that is not above 0.
func (h HardSigmoid) Validate() error { return checkPositive("slope", spec.Or(h.Slope, 1.0/6)) }

// Apply adds the ops.
func (h HardSigmoid) Apply(_ *param.Scope, x graph.Node) graph.Node {
	slope := spec.Or(h.Slope, 1.0/6)
	return clip(x, -0.5/slope, 0.5/slope).Scale(slope).AddScalar(0.5)
}

// clip cuts x to [lo, hi]; the derivative at both is 0.
func clip(x graph.Node, lo, hi float64) graph.Node {
	if !x.Valid() {
		return x
	}
	b := x.Builder()
	return b.Const(hi).Min(b.Const(lo).Max(x))
}
