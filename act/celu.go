package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("celu", CELU{}, spec.Doc("α·ELU(x/α): smooth for every α")) }

// CELU is x where x > 0, else α(eˣᐟᵅ − 1): an ELU that is smooth at 0 for every
// α (Barron, "Continuously Differentiable Exponential Linear Units", 2017).
type CELU struct {
	rectifier
	Alpha float64 `spec:"alpha" default:"1" doc:"limit −α for x → −∞"`
}

// Validate refuses an α that is not above 0.
func (c CELU) Validate() error { return checkPositive("alpha", spec.Or(c.Alpha, 1)) }

// Apply adds the ops.
func (c CELU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	alpha := spec.Or(c.Alpha, 1)
	return apply("elu", ELUAttr{1, 1}, x.Scale(1/alpha)).Scale(alpha)
}
