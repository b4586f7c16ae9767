package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Regularizers.Register("l2", L2{}, spec.Doc("l2·Σw²: keeps weights small"))
}

// L2 is the penalty λ·Σw² (Hoerl and Kennard, "Ridge Regression", Technometrics
// 1970; Krogh and Hertz, "A Simple Weight Decay Can Improve Generalization",
// NIPS 1991). Its gradient is 2λw: there is no factor ½, as in Keras. With a
// rule that rescales gradients it is not weight decay: see
// optim.Optimizer.WeightDecay.
type L2 struct {
	Amount float64 `spec:"l2" default:"0.01" doc:"factor λ of the sum of squares"`
}

// Validate refuses a negative factor.
func (l L2) Validate() error { return checkAmount("l2", l.Amount) }

// Penalty is λ·Σw².
func (l L2) Penalty(w graph.Node) graph.Node { return w.Square().Sum().Scale(amount(l.Amount)) }
