package regular

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Regularizers.Register("l1_l2", L1L2{}, spec.Doc("l1·Σ|w| + l2·Σw²"))
}

// L1L2 is the penalty λ₁·Σ|w| + λ₂·Σw² (Zou and Hastie, "Regularization and
// Variable Selection via the Elastic Net", J. R. Stat. Soc. B, 2005).
type L1L2 struct {
	L1 float64 `spec:"l1" default:"0.01" doc:"factor λ₁ of the sum of absolute values"`
	L2 float64 `spec:"l2" default:"0.01" doc:"factor λ₂ of the sum of squares"`
}

// Validate refuses negative factors.
func (l L1L2) Validate() error {
	return errors.Join(checkAmount("l1", l.L1), checkAmount("l2", l.L2))
}

// Penalty is the sum of both.
func (l L1L2) Penalty(w graph.Node) graph.Node {
	return L1{l.L1}.Penalty(w).Add(L2{l.L2}.Penalty(w))
}
