package optim

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
)

// trusted is RAdam's length of memory ρ = 2/(1−β) − 1 − 2tβᵗ/(1−βᵗ) after t
// steps, without the difference of two large numbers that float32 would lose
// half its digits in. With q = −t·ln β and δ = −ln β it is
//
//	(2/(1−β) − 1 − 2/δ) + (2/δ)·(1 − q/(e^q − 1))
//
// whose last term is a series for small q.
func trusted(beta float64, t graph.Node) graph.Node {
	if beta == 0 {
		return t.Scale(0).AddScalar(1)
	}
	b := t.Builder()
	delta := -math.Log(beta)
	q := t.Scale(delta)
	s := q.Square()
	// q/2 − q²/12 + q⁴/720 − q⁶/30240 + q⁸/1209600
	series := q.Scale(0.5).Sub(s.Mul(b.Const(1.0 / 12).Sub(s.Mul(b.Const(1.0 / 720).Sub(s.Mul(b.Const(1.0 / 30240).Sub(s.Scale(1.0 / 1209600))))))))
	direct := b.Const(1).Sub(q.Div(q.Expm1()))
	grown := q.Greater(b.Const(1)).Select(direct, series)
	return grown.Scale(2 / delta).AddScalar(2/(1-beta) - 1 - 2/delta)
}
