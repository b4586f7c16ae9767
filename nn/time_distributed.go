package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("time_distributed", TimeDistributed{}, spec.Doc("a layer applied to each step of a sequence"))
}

// TimeDistributed applies a layer to each step of a sequence, with the same
// parameters: x (N, steps, …), y (N, steps, …′). The layer sees N·steps samples.
// Its parameters have the paths of the wrapper itself, as in Keras. A mask of steps stays; one
// of steps within steps, (N, steps, inner), is the layer's, and what is left of it behind the
// layer goes on: a step counts of which some inner one does.
type TimeDistributed struct {
	Layer Layer  `spec:"layer,required,scalar" doc:"the layer"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses a wrapper around nothing.
func (l TimeDistributed) Validate() error {
	if l.Layer == nil {
		return spec.Field("layer", "there is none")
	}
	return nil
}

// Apply applies the layer.
func (l TimeDistributed) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	if x.Rank() < 2 {
		return s.B.Misfit("wants sequences, (N, steps, …), got %v", x.Type())
	}
	n, steps := x.Dim(0), x.Dim(1)
	each := x.Reshape(append([]int{n * steps}, x.Shape()[2:]...)...)
	var mask graph.Node
	if s.IsMasked(x) && !s.MaskInDoubt(x) {
		if mask = s.Mask(x); mask.Rank() > 2 {
			s.SetMask(each, mask.Reshape(append([]int{n * steps}, mask.Shape()[2:]...)...))
		}
	}
	y := l.Layer.Apply(s, each) // (N·steps, …)
	if bare(l.Layer) {
		s.KeepMask(y, each)
	}
	if !y.Valid() {
		return y
	}
	if y.Rank() < 1 || y.Dim(0) != n*steps {
		return s.B.Fail("%s gives %v of %d samples; want an axis for them in front", KindOf(l.Layer), y.Type(), n*steps)
	}
	z := y.Reshape(append([]int{n, steps}, y.Shape()[1:]...)...)
	switch {
	case s.MaskInDoubt(x):
		return s.KeepMask(z, x)
	case s.MaskInDoubt(y):
		return s.KeepMask(z, y)
	case s.IsMasked(y):
		mask = s.Mask(y)
		mask = mask.Reshape(append([]int{n, steps}, mask.Shape()[1:]...)...)
	case mask.Valid():
		for mask.Rank() > 2 {
			mask = mask.ReduceMax(-1)
		}
	}
	return s.SetMask(z, mask)
}
