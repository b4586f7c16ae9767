package nn

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("masking", Masking{}, spec.Doc("steps whose features all are one number are left out"))
}

// Masking leaves out the steps of x (N, …, steps, features) whose features all are Value, as
// sequences are padded with: y is x, and 0 at these. Layers behind it that go along steps leave
// them out, too, until one that does not keep steps as they are, such as a convolution, as in
// Keras.
type Masking struct {
	Value float64 `spec:"mask_value" default:"0" doc:"what all features of a step are that is left out"`
	Name  string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses what is no number.
func (l Masking) Validate() error {
	if math.IsNaN(l.Value) {
		return spec.Field("mask_value", "want a number, which NaN is not, nor equal to itself")
	}
	return nil
}

// Apply compares.
func (l Masking) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	if x = x.ToFloat(); x.Rank() < 3 {
		return s.B.Misfit("wants sequences, (N, steps, features), got %v", x.Type())
	}
	zero := s.B.Const(0)
	mask := x.Equal(s.B.Const(l.Value)).Select(zero, s.B.Const(1)).ReduceMax(-1) // (N, …, steps)
	return masked(s, x, mask)
}

// masked is x (N, …, steps, features), and 0 where mask (N, …, steps) is 0, with that mask.
func masked(s *Scope, x, mask graph.Node) graph.Node {
	y := mask.Reshape(append(mask.Shape().Clone(), 1)...).Select(x, s.B.Const(0))
	return s.SetMask(y, mask)
}
