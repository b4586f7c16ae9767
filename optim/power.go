package optim

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
)

// oneMinusPower is 1 − βᵗ for a float scalar t ≥ 1 and 0 ≤ β < 1. The logarithm
// is taken here, in float64, and nothing is lost where βᵗ is near 1, as a
// difference of float32 numbers would.
func oneMinusPower(beta float64, t graph.Node) graph.Node {
	if beta == 0 {
		return t.Scale(0).AddScalar(1)
	}
	return t.Scale(math.Log(beta)).Expm1().Neg()
}
