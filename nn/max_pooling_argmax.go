package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("max_pooling_argmax1d", MaxPoolingArgmax1D{}, spec.Doc("where in the batch what max_pooling1d takes lies"))
	Layers.Register("max_pooling_argmax2d", MaxPoolingArgmax2D{}, spec.Doc("where in the batch what max_pooling2d takes lies"))
	Layers.Register("max_pooling_argmax3d", MaxPoolingArgmax3D{}, spec.Doc("where in the batch what max_pooling3d takes lies"))
}

// MaxPoolingArgmax2D is where the numbers lie that [MaxPooling2D] takes of x (N, rows,
// columns, C): y (N, rows′, columns′, C), whole numbers as floats. They count all places of the
// batch with its channels first, (N, C, rows, columns), from 0; in column-major order those
// of a channel are counted as (columns, rows). Of equal numbers the first is taken, row by row.
//
// Float32 holds whole numbers up to 2²⁴: a batch of more places is refused.
type MaxPoolingArgmax2D struct {
	Size     tensor.Shape `spec:"pool_size" default:"2" doc:"size of the window, such as 2x2; one number for all axes"`
	Strides  tensor.Shape `spec:"strides" default:"pool_size" doc:"places from one window to the next, an axis each or one for all"`
	Padding  Padding      `spec:"padding" default:"valid" doc:"valid, same, or how much on each side"`
	Dilation tensor.Shape `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Ceil     bool         `spec:"ceil_mode" default:"false" doc:"a last window that is cut off counts"`
	Columns  bool         `spec:"column_major" default:"false" doc:"the first axis of a channel goes fastest, not the last"`
	Name     string       `spec:"name" doc:"name of the layer"`
}

// MaxPoolingArgmax1D is [MaxPoolingArgmax2D] along sequences: x (N, steps, C).
type MaxPoolingArgmax1D MaxPoolingArgmax2D

// MaxPoolingArgmax3D is [MaxPoolingArgmax2D] over volumes: x (N, planes, rows, columns, C).
type MaxPoolingArgmax3D MaxPoolingArgmax2D

// Validate refuses sizes below 1.
func (l MaxPoolingArgmax1D) Validate() error { return MaxPoolingArgmax2D(l).pool().validate(1) }

// Validate refuses sizes below 1.
func (l MaxPoolingArgmax2D) Validate() error { return l.pool().validate(2) }

// Validate refuses sizes below 1.
func (l MaxPoolingArgmax3D) Validate() error { return MaxPoolingArgmax2D(l).pool().validate(3) }

// OfBatch marks the layer: places are those of the batch.
func (MaxPoolingArgmax1D) OfBatch() {}

// OfBatch marks the layer: places are those of the batch.
func (MaxPoolingArgmax2D) OfBatch() {}

// OfBatch marks the layer: places are those of the batch.
func (MaxPoolingArgmax3D) OfBatch() {}

// Apply finds the places.
func (l MaxPoolingArgmax1D) Apply(s *Scope, x graph.Node) graph.Node {
	return MaxPoolingArgmax2D(l).apply(s, x, 1)
}

// Apply finds the places.
func (l MaxPoolingArgmax2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply finds the places.
func (l MaxPoolingArgmax3D) Apply(s *Scope, x graph.Node) graph.Node {
	return MaxPoolingArgmax2D(l).apply(s, x, 3)
}

// pool is the layer whose places these are.
func (l MaxPoolingArgmax2D) pool() MaxPooling2D {
	return MaxPooling2D{Size: l.Size, Strides: l.Strides, Padding: l.Padding, Dilation: l.Dilation, Ceil: l.Ceil}
}

func (l MaxPoolingArgmax2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	x, w, ok := l.pool().under(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	const most = 1 << 24
	if n := x.Shape().Len(); n > most {
		return s.B.Fail("a batch of %v has %d places, more than the %d whose numbers a float32 holds exactly; take smaller batches", x.Shape(), n, most)
	}
	plane := x.Shape()[1 : axes+1]
	y := x.MaxPoolIndex(w).ToFloat() // (N, …, C), within a channel
	if l.Columns {
		// A place is taken apart into its axes, the last first, and put together the other way.
		place, size := s.B.Const(0), float64(plane.Len())
		for _, d := range slices.Backward(plane) {
			over := y.Div(s.B.Const(float64(d))).Floor()
			size /= float64(d)
			place, y = place.Add(y.Sub(over.Scale(float64(d))).Scale(size)), over
		}
		y = place
	}
	// Channel c of sample n begins at (n·C + c) times the places of a channel.
	n, c := x.Dim(0), x.Dim(-1)
	from := slices.Repeat([]int{1}, axes+2)
	from[0], from[axes+1] = n, c
	return y.Add(counted(s.B, n*c).Scale(float64(plane.Len())).Reshape(from...))
}

// counted are the numbers from 0 to below n, (n).
func counted(b *graph.Builder, n int) graph.Node {
	x := b.Const(0).Reshape(1)
	for x.Dim(0) < n {
		x = graph.Concat(0, x, x.AddScalar(float64(x.Dim(0))))
	}
	return x.Slice(0, 0, n)
}
