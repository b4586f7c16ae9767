package nn

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("power", Power{}, spec.Doc("each number to a fixed power"))
}

// Power raises each number to a fixed power. A number below 0 has one only where the
// exponent is whole; else the result is NaN.
type Power struct {
	Exponent float64 `spec:"exponent,required,scalar" doc:"the power, such as 2 or -0.5"`
	Name     string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses an exponent that is no number.
func (l Power) Validate() error {
	if e := spec.Or(l.Exponent, 1); math.IsNaN(e) || math.IsInf(e, 0) {
		return spec.Field("exponent", "want a number, got %g", e)
	}
	return nil
}

// Apply adds the op.
func (l Power) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	return x.ToFloat().Pow(s.B.Const(spec.Or(l.Exponent, 1)))
}
