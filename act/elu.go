package act

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("elu", ELU{}, spec.Doc("x where x > 0, else α(eˣ − 1)"))
	// The derivative comes from the output: the exponential of a large x is
	// never taken, and x need not be kept.
	graph.Register(unary("elu",
		func(x graph.Node, attr any) graph.Node {
			a := attr.(ELUAttr)
			return x.Greater(zero(x)).Select(x, x.Min(zero(x)).Expm1().Scale(a.Alpha)).Scale(a.Scale)
		},
		func(_, y, dy graph.Node) graph.Node {
			a := y.Attr().(ELUAttr)
			return y.Greater(zero(y)).Select(dy.Scale(a.Scale), dy.Mul(y.AddScalar(a.Scale*a.Alpha)))
		}))
}

// ELUAttr is the attribute of the op elu: scale·x where x > 0, else
// scale·α(eˣ − 1).
type ELUAttr struct{ Alpha, Scale float64 }

// ELU is x where x > 0, else α(eˣ − 1), derivative α at 0 (Clevert, Unterthiner
// and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
// Linear Units", ICLR 2016). The mean of its output is near 0, its gradient is
// nowhere 0, and with α = 1 it is smooth; with another α the slope jumps by
// |1 − α| at 0.
type ELU struct {
	rectifier
	Alpha float64 `spec:"alpha" default:"1" doc:"limit −α for x → −∞"`
}

// Validate refuses an α that is not above 0.
func (e ELU) Validate() error { return checkPositive("alpha", spec.Or(e.Alpha, 1)) }

func checkPositive(key string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return spec.Field(key, "want a number above 0, got %g", v)
	}
	return nil
}

// Apply adds the op.
func (e ELU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	return apply("elu", ELUAttr{spec.Or(e.Alpha, 1), 1}, x)
}
