package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("flip", Flip{}, spec.Doc("an axis of each sample from its end to its beginning"))
}

// mostFlipped is the longest axis that is turned around: each of its places is an op.
const mostFlipped = mostSteps

// Flip turns an axis of samples around: place i of n becomes place n − 1 − i, of
// sequences (N, steps, …) the last step the first.
type Flip struct {
	Axis int    `spec:"axis" default:"1" doc:"axis, the batch's being 0; counted from the end where negative"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply puts the places side by side, the last one first.
func (l Flip) Apply(s *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	x = x.ToFloat()
	axis := l.Axis
	if axis == 0 {
		axis = 1
	}
	if axis < 0 {
		axis += x.Rank()
	}
	if axis < 1 || axis >= x.Rank() {
		return s.B.Misfit("axis %d is none of a sample's in %v", l.Axis, x.Type())
	}
	if n := x.Dim(axis); n > mostFlipped {
		return s.B.Fail("axis %d has %d places; at most %d are turned around", axis, n, mostFlipped)
	}
	return turnedAlong(x, axis)
}

// turnedAlong is x with an axis from its end to its beginning.
func turnedAlong(x graph.Node, axis int) graph.Node {
	var places []graph.Node
	for i := x.Dim(axis); i > 0; i-- {
		places = append(places, x.Slice(axis, i-1, i))
	}
	return graph.Concat(axis, places...)
}
