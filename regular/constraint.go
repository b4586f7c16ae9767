package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// A Constraint maps a weight, after each step, to one that is allowed.
type Constraint = param.Constraint

// Constraints holds every constraint by name.
var Constraints = spec.NewRegistry[Constraint]("constraint")

// epsilon keeps a unit without weights from dividing by 0, as in Keras.
const epsilon = 1e-7

// incoming is the norm of the weights that come into each unit: over all axes
// but the last, so that it fits kernels of dense layers (in, units) and of
// convolutions (height, width, in, units); of a vector it is one norm.
func incoming(w graph.Node) graph.Node {
	axes := make([]int, max(0, w.Rank()-1))
	for i := range axes {
		axes[i] = i
	}
	return w.Square().Sum(axes...).Sqrt()
}

// resize gives the weights that come into each unit, whose norm is n, the norm
// to. Where it stays it still shrinks by n/(n + 1e-7), as in Keras.
func resize(w, n, to graph.Node) graph.Node { return w.Mul(to.Div(n.AddScalar(epsilon))) }

// clip is x cut to [lo, hi].
func clip(x graph.Node, lo, hi float64) graph.Node {
	if !x.Valid() {
		return x
	}
	b := x.Builder()
	return x.Max(b.Const(lo)).Min(b.Const(hi))
}

// checkNorm refuses what is no norm.
func checkNorm(key string, v float64) error {
	if !(v >= 0 && v <= maxAmount) {
		return spec.Field(key, "want a number from 0 to 1e30, got %g", v)
	}
	return nil
}
