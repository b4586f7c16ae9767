package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("average_pooling1d", AveragePooling1D{}, spec.Alias("avg_pool1d"), spec.Doc("the mean of each window along sequences"))
	Layers.Register("average_pooling2d", AveragePooling2D{}, spec.Alias("avg_pool2d"), spec.Doc("the mean of each window over images"))
	Layers.Register("average_pooling3d", AveragePooling3D{}, spec.Alias("avg_pool3d"), spec.Doc("the mean of each window over volumes"))
}

// AveragePooling2D is the mean of each channel under a window that slides over x
// (N, rows, columns, C): y (N, rows′, columns′, C). Windows are those of
// [MaxPooling2D]. Padding is left out of the mean, as Keras does it, or counts as
// zeros, as PyTorch does it unless told otherwise; what ceil mode adds never
// counts.
type AveragePooling2D struct {
	Size     tensor.Shape `spec:"pool_size" default:"2" doc:"size of the window, such as 2x2; one number for all axes"`
	Strides  tensor.Shape `spec:"strides" default:"pool_size" doc:"places from one window to the next, an axis each or one for all"`
	Padding  Padding      `spec:"padding" default:"valid" doc:"valid, same, or how much on each side"`
	Dilation tensor.Shape `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Ceil     bool         `spec:"ceil_mode" default:"false" doc:"a last window that is cut off counts"`
	CountPad bool         `spec:"count_include_pad" default:"false" doc:"padding counts as zeros"`
	Name     string       `spec:"name" doc:"name of the layer"`
}

// AveragePooling1D is [AveragePooling2D] along sequences: x (N, steps, C).
type AveragePooling1D AveragePooling2D

// AveragePooling3D is [AveragePooling2D] over volumes: x (N, planes, rows,
// columns, C).
type AveragePooling3D AveragePooling2D

// Validate refuses sizes below 1.
func (l AveragePooling1D) Validate() error { return AveragePooling2D(l).validate(1) }

// Validate refuses sizes below 1.
func (l AveragePooling2D) Validate() error { return l.validate(2) }

// Validate refuses sizes below 1.
func (l AveragePooling3D) Validate() error { return AveragePooling2D(l).validate(3) }

// Apply adds the pool.
func (l AveragePooling1D) Apply(s *Scope, x graph.Node) graph.Node {
	return AveragePooling2D(l).apply(s, x, 1)
}

// Apply adds the pool.
func (l AveragePooling2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply adds the pool.
func (l AveragePooling3D) Apply(s *Scope, x graph.Node) graph.Node {
	return AveragePooling2D(l).apply(s, x, 3)
}

func (l AveragePooling2D) validate(axes int) error {
	_, err := pool(l.Size, l.Strides, l.Dilation, l.Padding, l.Ceil).spans(axes)
	return err
}

// apply takes a mean for what it is: a depthwise convolution with one number all
// over the kernel.
func (l AveragePooling2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	if !check(s, l.validate(axes)) {
		return graph.Node{}
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	in, channels := x.Shape()[1:axes+1], x.Dim(-1)
	w, extra, err := pool(l.Size, l.Strides, l.Dilation, l.Padding, l.Ceil).window(in)
	if !check(s, err) {
		return graph.Node{}
	}
	// What counts lies within the input, or the input and its padding.
	whole := true
	counted, inner := in.Clone(), append([]graph.Span{}, w.Spans()...)
	for i, p := range w.Spans() {
		whole = whole && (p.Before+p.After == 0 || l.CountPad && extra[i] == 0)
		if l.CountPad {
			counted[i] += p.Before + p.After - extra[i]
			inner[i].Before, inner[i].After = 0, extra[i]
		}
	}
	one := func(channels int) tensor.Shape { return append(taps(w), 1, channels) }
	if whole {
		return x.Conv(s.B.Full(1/float64(w.Taps()), one(channels)...), w, channels)
	}
	sum := x.Conv(s.B.Full(1, one(channels)...), w, channels)
	ones := s.B.Full(1, append(append(tensor.Shape{1}, counted...), 1)...)
	return sum.Div(ones.Conv(s.B.Full(1, one(1)...), graph.Slide(inner...), 1)) // (1, …, 1) places counted
}
