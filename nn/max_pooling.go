package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("max_pooling1d", MaxPooling1D{}, spec.Alias("max_pool1d"), spec.Doc("the largest of each window along sequences"))
	Layers.Register("max_pooling2d", MaxPooling2D{}, spec.Alias("max_pool2d"), spec.Doc("the largest of each window over images"))
	Layers.Register("max_pooling3d", MaxPooling3D{}, spec.Alias("max_pool3d"), spec.Doc("the largest of each window over volumes"))
}

// MaxPooling2D is the largest number of each channel under a window that slides
// over x (N, rows, columns, C): y (N, rows′, columns′, C). Windows are those of
// [Conv2D], 2 places along each axis and beside one another unless said. Padding
// counts for nothing. In ceil mode a last window that reaches beyond the input and
// its padding counts, too, as long as it begins within. Of equal numbers the first
// has the gradient.
type MaxPooling2D struct {
	Size     tensor.Shape `spec:"pool_size" default:"2" doc:"size of the window, such as 2x2; one number for all axes"`
	Strides  tensor.Shape `spec:"strides" default:"pool_size" doc:"places from one window to the next, an axis each or one for all"`
	Padding  Padding      `spec:"padding" default:"valid" doc:"valid, same, or how much on each side"`
	Dilation tensor.Shape `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Ceil     bool         `spec:"ceil_mode" default:"false" doc:"a last window that is cut off counts"`
	Name     string       `spec:"name" doc:"name of the layer"`
}

// MaxPooling1D is [MaxPooling2D] along sequences: x (N, steps, C).
type MaxPooling1D MaxPooling2D

// MaxPooling3D is [MaxPooling2D] over volumes: x (N, planes, rows, columns, C).
type MaxPooling3D MaxPooling2D

// Validate refuses sizes below 1.
func (l MaxPooling1D) Validate() error { return MaxPooling2D(l).validate(1) }

// Validate refuses sizes below 1.
func (l MaxPooling2D) Validate() error { return l.validate(2) }

// Validate refuses sizes below 1.
func (l MaxPooling3D) Validate() error { return MaxPooling2D(l).validate(3) }

// Apply adds the pool.
func (l MaxPooling1D) Apply(s *Scope, x graph.Node) graph.Node { return MaxPooling2D(l).apply(s, x, 1) }

// Apply adds the pool.
func (l MaxPooling2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply adds the pool.
func (l MaxPooling3D) Apply(s *Scope, x graph.Node) graph.Node { return MaxPooling2D(l).apply(s, x, 3) }

func (l MaxPooling2D) sliding() sliding {
	return pool(l.Size, l.Strides, l.Dilation, l.Padding, l.Ceil)
}

// pool is a window with the defaults of pools.
func pool(size, strides, dilation tensor.Shape, p Padding, ceil bool) sliding {
	if len(size) == 0 {
		size = tensor.Shape{2}
	}
	if len(strides) == 0 {
		strides = size
	}
	return sliding{"pool_size", size, strides, dilation, p, ceil}
}

func (l MaxPooling2D) validate(axes int) error {
	_, err := l.sliding().spans(axes)
	return err
}

func (l MaxPooling2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	x, w, ok := l.under(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	return x.MaxPool(w)
}

// under is the window, and what it slides over.
func (l MaxPooling2D) under(s *Scope, x graph.Node, axes int) (graph.Node, graph.Window, bool) {
	if !check(s, l.validate(axes)) {
		return graph.Node{}, graph.Window{}, false
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}, graph.Window{}, false
	}
	w, _, err := l.sliding().window(x.Shape()[1 : axes+1])
	return x, w, check(s, err)
}
