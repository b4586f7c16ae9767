package optim

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
)

// power is βᵗ for a float scalar t ≥ 1 and 0 ≤ β < 1. The logarithm is taken
// here, in float64: a float32 graph rounds only the product.
func power(beta float64, t graph.Node) graph.Node {
	if beta == 0 {
		return t.Scale(0)
	}
	return t.Scale(math.Log(beta)).Exp()
}

// oneMinusPower is 1 − βᵗ. It is exact where βᵗ is near 1, which a difference
// of float32 numbers would not be.
func oneMinusPower(beta float64, t graph.Node) graph.Node {
	if beta == 0 {
		return t.Scale(0).AddScalar(1)
	}
	return t.Scale(math.Log(beta)).Expm1().Neg()
}
