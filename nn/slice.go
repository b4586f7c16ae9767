package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("slice", Slice{}, spec.Doc("a part of each sample, along an axis"))
}

// Slice takes places Begin to End of an axis, End excluded; an End of 0 is the axis'
// own. Axis −1 takes some channels of (N, …, channels). With a Step above 1 it takes the
// first of them, and each that lies so many further.
type Slice struct {
	Axis  int    `spec:"axis" default:"-1" doc:"axis, the batch's being 0; counted from the end where negative"`
	Begin int    `spec:"begin" default:"0" doc:"first place, from 0"`
	End   int    `spec:"end" default:"all" doc:"behind the last place"`
	Step  int    `spec:"step" default:"1" doc:"how far apart places lie that are taken"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses places below 0.
func (l Slice) Validate() error {
	if l.Begin < 0 || l.End < 0 || l.End > 0 && l.End <= l.Begin {
		return spec.Field("begin", "want 0 ≤ begin < end, got %d to %d", l.Begin, l.End)
	}
	if l.Step < 0 {
		return spec.Field("step", "want a number above 0, got %d; a reverse before it goes the other way", l.Step)
	}
	return nil
}

// Apply slices.
func (l Slice) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = unpacked(x)
	axis, ok := axisOf(s, l.Axis, x)
	if !ok {
		return graph.Node{}
	}
	end := l.End
	if end == 0 {
		end = x.Dim(axis)
	}
	if l.Begin >= end || end > x.Dim(axis) {
		return s.B.Misfit("places %d to %d are none of axis %d of %v", l.Begin, end, axis, x.Type())
	}
	step := max(l.Step, 1)
	n := (end - l.Begin + step - 1) / step
	if step == 1 || n == 1 {
		return x.Slice(axis, l.Begin, l.Begin+n)
	}
	// Runs of step places, of which the first is taken; the last run may be shorter.
	if over := l.Begin + n*step - x.Dim(axis); over > 0 {
		x = x.Pad(axis, 0, over)
	}
	x = x.Slice(axis, l.Begin, l.Begin+n*step)
	shape := slices.Clone(x.Shape())
	runs := slices.Insert(slices.Clone(shape), axis+1, step)
	runs[axis], shape[axis] = n, n
	return x.Reshape(runs...).Slice(axis+1, 0, 1).Reshape(shape...)
}

// axisOf is an axis of samples, counted from the end where it is negative; 0 is the last.
func axisOf(s *Scope, axis int, x graph.Node) (int, bool) {
	at := axis
	if at == 0 {
		at = -1
	}
	if at < 0 {
		at += x.Rank()
	}
	if at < 1 || at >= x.Rank() {
		s.B.Misfit("axis %d is none of a sample's in %v", axis, x.Type())
		return 0, false
	}
	return at, true
}
