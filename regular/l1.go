package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Regularizers.Register("l1", L1{}, spec.Doc("l1·Σ|w|: drives weights to 0"))
}

// L1 is the penalty λ·Σ|w| (Tibshirani, "Regression Shrinkage and Selection via
// the Lasso", J. R. Stat. Soc. B, 1996). Its gradient is λ·sign(w), 0 at 0, so
// that weights that matter little become 0.
type L1 struct {
	Amount float64 `spec:"l1" default:"0.01" doc:"factor λ of the sum of absolute values"`
}

// Validate refuses a negative factor.
func (l L1) Validate() error { return checkAmount("l1", l.Amount) }

// Penalty is λ·Σ|w|.
func (l L1) Penalty(w graph.Node) graph.Node { return w.Abs().Sum().Scale(amount(l.Amount)) }
