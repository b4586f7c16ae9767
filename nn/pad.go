package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("pad", PadAxes{}, spec.Doc("zeros around any axis of a sample"))
}

// PadAxes puts zeros before and after each axis of a sample, the channels' among
// them: sides 0, 0, (8, 8) give images (N, rows, columns, C) eight channels more
// on either side.
type PadAxes struct {
	Padding Sides  `spec:"padding,required" doc:"zeros for each axis of a sample, a number or a pair"`
	Name    string `spec:"name" doc:"name of the layer"`
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
	for i, p := range sides {
		x = x.Pad(i+1, p[0], p[1])
	}
	return x
}
