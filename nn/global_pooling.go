package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("global_max_pooling1d", GlobalMaxPooling1D{}, spec.Doc("the largest of each channel of a sequence"))
	Layers.Register("global_max_pooling2d", GlobalMaxPooling2D{}, spec.Doc("the largest of each channel of an image"))
	Layers.Register("global_max_pooling3d", GlobalMaxPooling3D{}, spec.Doc("the largest of each channel of a volume"))
	Layers.Register("global_average_pooling1d", GlobalAveragePooling1D{}, spec.Doc("the mean of each channel of a sequence"))
	Layers.Register("global_average_pooling2d", GlobalAveragePooling2D{}, spec.Doc("the mean of each channel of an image"))
	Layers.Register("global_average_pooling3d", GlobalAveragePooling3D{}, spec.Doc("the mean of each channel of a volume"))
}

// GlobalAveragePooling2D is the mean of each channel of x (N, rows, columns, C):
// y (N, C), or (N, 1, 1, C) where axes are kept (Lin, Chen and Yan, "Network in
// Network", ICLR 2014).
type GlobalAveragePooling2D struct {
	Keep bool   `spec:"keepdims" default:"false" doc:"axes stay, with length 1"`
	Name string `spec:"name" doc:"name of the layer"`
}

// GlobalAveragePooling1D is the mean of each channel of x (N, steps, C): y (N, C). Steps that a
// mask leaves out do not count; where none is left it is 0.
type GlobalAveragePooling1D GlobalAveragePooling2D

// GlobalAveragePooling3D is the mean of each channel of x (N, planes, rows,
// columns, C): y (N, C).
type GlobalAveragePooling3D GlobalAveragePooling2D

// GlobalMaxPooling2D is the largest number of each channel of x (N, rows, columns,
// C): y (N, C), or (N, 1, 1, C) where axes are kept. Equal numbers share the
// gradient.
type GlobalMaxPooling2D struct {
	Keep bool   `spec:"keepdims" default:"false" doc:"axes stay, with length 1"`
	Name string `spec:"name" doc:"name of the layer"`
}

// GlobalMaxPooling1D is the largest number of each channel of x (N, steps, C):
// y (N, C).
type GlobalMaxPooling1D GlobalMaxPooling2D

// GlobalMaxPooling3D is the largest number of each channel of x (N, planes, rows,
// columns, C): y (N, C).
type GlobalMaxPooling3D GlobalMaxPooling2D

// Apply takes the mean.
func (l GlobalAveragePooling1D) Apply(s *Scope, x graph.Node) graph.Node {
	if !s.IsMasked(x) {
		return global(s, x, 1, l.Keep, graph.Node.Mean)
	}
	mask := s.Mask(x)
	if !mask.Valid() {
		return mask
	}
	return global(s, x, 1, l.Keep, func(x graph.Node, axes ...int) graph.Node {
		if !mask.Shape().Equal(x.Shape()[:2]) {
			return s.B.Misfit("wants a mask (N, steps) that says which steps count, got %v", mask.Type())
		}
		sum := mask.Reshape(x.Dim(0), x.Dim(1), 1).Select(x, s.B.Const(0)).Sum(axes...) // (N, C)
		return sum.Div(mask.SumKeep(1).Max(s.B.Const(1)))
	})
}

// Apply takes the mean.
func (l GlobalAveragePooling2D) Apply(s *Scope, x graph.Node) graph.Node {
	return global(s, x, 2, l.Keep, graph.Node.Mean)
}

// Apply takes the mean.
func (l GlobalAveragePooling3D) Apply(s *Scope, x graph.Node) graph.Node {
	return global(s, x, 3, l.Keep, graph.Node.Mean)
}

// Apply takes the largest.
func (l GlobalMaxPooling1D) Apply(s *Scope, x graph.Node) graph.Node {
	return global(s, x, 1, l.Keep, graph.Node.ReduceMax)
}

// Apply takes the largest.
func (l GlobalMaxPooling2D) Apply(s *Scope, x graph.Node) graph.Node {
	return global(s, x, 2, l.Keep, graph.Node.ReduceMax)
}

// Apply takes the largest.
func (l GlobalMaxPooling3D) Apply(s *Scope, x graph.Node) graph.Node {
	return global(s, x, 3, l.Keep, graph.Node.ReduceMax)
}

// global reduces the axes between batch and channels.
func global(s *Scope, x graph.Node, axes int, keep bool, reduce func(x graph.Node, axes ...int) graph.Node) graph.Node {
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	inner, shape := make([]int, axes), tensor.Shape{x.Dim(0)}
	for i := range inner {
		inner[i] = i + 1
		if keep {
			shape = append(shape, 1)
		}
	}
	return reduce(x, inner...).Reshape(append(shape, x.Dim(-1))...) // (N, …, C)
}
