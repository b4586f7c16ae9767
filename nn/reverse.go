package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("reverse", Reverse{}, spec.Doc("the order along an axis reversed: red, green, blue to blue, green, red"))
}

// Reverse reverses the order along one axis of each sample. Along the last it makes
// pictures of red, green and blue ones of blue, green and red, as Caffe's nets take them.
type Reverse struct {
	Axis int    `spec:"axis,scalar" default:"-1" doc:"axis, the batch's being 0; counted from the end where negative"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply takes the places one after the other, from the last to the first.
func (l Reverse) Apply(s *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	x = unpacked(x)
	axis, ok := axisOf(s, l.Axis, x)
	if !ok {
		return graph.Node{}
	}
	n := x.Dim(axis)
	if n < 1 || n > mostSteps {
		return s.B.Misfit("axis %d has %d places: want 1 to %d", axis, n, mostSteps)
	}
	parts := make([]graph.Node, n)
	for i := range parts {
		parts[i] = x.Slice(axis, n-1-i, n-i)
	}
	if n == 1 {
		return x
	}
	return graph.Concat(axis, parts...)
}
