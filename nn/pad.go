package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("pad", PadAxes{}, spec.Doc("zeros, or another number, around any axis of a sample"))
}

// PadAxes puts zeros before and after each axis of a sample, the channels' among
// them: sides 0, 0, (8, 8) give images (N, rows, columns, C) eight channels more
// on either side. Where a value is said, that stands in place of the zeros.
type PadAxes struct {
	Padding Sides   `spec:"padding,required" doc:"zeros for each axis of a sample, a number or a pair"`
	Value   float64 `spec:"value,plain" default:"0" doc:"what is put around in place of zeros"`
	Name    string  `spec:"name" doc:"name of the layer"`
}

// Apply adds the zeros.
func (l PadAxes) Apply(s *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	x = x.ToFloat()
	if len(l.Padding) != x.Rank()-1 {
		return s.B.Misfit("padding has %d entries for samples of %d axes, %v; want one for each", len(l.Padding), max(0, x.Rank()-1), x.Type())
	}
	sides, err := l.Padding.on("padding", len(l.Padding))
	if !check(s, err) {
		return graph.Node{}
	}
	inner := s.B.Full(1, append(tensor.Shape{1}, x.Shape()[1:]...)...) // (1, …) 1 where x is
	for i, p := range sides {
		x = x.Pad(i+1, p[0], p[1])
		inner = inner.Pad(i+1, p[0], p[1])
	}
	if l.Value == 0 || !x.Valid() {
		return x
	}
	return x.Add(inner.Neg().AddScalar(1).Scale(l.Value))
}
