package nn

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("up_sampling1d", UpSampling1D{}, spec.Doc("each step of a sequence several times"))
	Layers.Register("up_sampling2d", UpSampling2D{}, spec.Doc("images made larger"))
	Layers.Register("up_sampling3d", UpSampling3D{}, spec.Doc("each place of a volume several times"))
}

// mostTimes bounds a factor: each of its parts is an op of its own.
const mostTimes = 256

// UpSampling2D makes images larger by whole factors: x (N, rows, columns, C), y
// (N, rows·f₁, columns·f₂, C). Each place is repeated (nearest), or lies between
// its neighbours (bilinear): the value at place o is that of the input at
// (o + ½)/f − ½, between the two places around that, or at the edge.
type UpSampling2D struct {
	Size          tensor.Shape `spec:"size" default:"2" doc:"factor, an axis each or one for all"`
	Interpolation string       `spec:"interpolation" default:"nearest" doc:"nearest or bilinear"`
	Name          string       `spec:"name" doc:"name of the layer"`
}

// UpSampling1D repeats each step of sequences: x (N, steps, C), y (N, steps·f, C).
type UpSampling1D struct {
	Size tensor.Shape `spec:"size" default:"2" doc:"factor"`
	Name string       `spec:"name" doc:"name of the layer"`
}

// UpSampling3D repeats each place of volumes: x (N, planes, rows, columns, C).
type UpSampling3D struct {
	Size tensor.Shape `spec:"size" default:"2" doc:"factor, an axis each or one for all"`
	Name string       `spec:"name" doc:"name of the layer"`
}

// Validate refuses factors below 1.
func (l UpSampling1D) Validate() error { return UpSampling2D{Size: l.Size}.validate(1) }

// Validate refuses factors below 1 and interpolations that are none.
func (l UpSampling2D) Validate() error { return l.validate(2) }

// Validate refuses factors below 1.
func (l UpSampling3D) Validate() error { return UpSampling2D{Size: l.Size}.validate(3) }

// Apply repeats.
func (l UpSampling1D) Apply(s *Scope, x graph.Node) graph.Node {
	return UpSampling2D{Size: l.Size}.apply(s, x, 1)
}

// Apply repeats or interpolates.
func (l UpSampling2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply repeats.
func (l UpSampling3D) Apply(s *Scope, x graph.Node) graph.Node {
	return UpSampling2D{Size: l.Size}.apply(s, x, 3)
}

func (l UpSampling2D) validate(axes int) error {
	switch l.Interpolation {
	case "", "nearest", "bilinear":
	default:
		return spec.Field("interpolation", "want nearest or bilinear, got %q", l.Interpolation)
	}
	size, err := each("size", l.Size, axes, 2)
	if err != nil {
		return err
	}
	if f := slices.Max(size); f > mostTimes {
		return spec.Field("size", "want factors of at most %d, got %d", mostTimes, f)
	}
	return nil
}

func (l UpSampling2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	if !check(s, l.validate(axes)) {
		return graph.Node{}
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	size, _ := each("size", l.Size, axes, 2) // was checked
	for i, f := range size {
		if f == 1 || !x.Valid() {
			continue
		}
		if l.Interpolation == "bilinear" {
			x = between(x, i+1, f)
		} else {
			x = interleave(i+1, f, func(int) graph.Node { return x }, x)
		}
	}
	return x
}

// interleave puts f tensors of the shape of like place by place along an axis.
func interleave(axis, f int, part func(i int) graph.Node, like graph.Node) graph.Node {
	apart := like.Shape().Clone()
	apart = append(apart[:axis+1:axis+1], append(tensor.Shape{1}, apart[axis+1:]...)...) // (…, n, 1, …)
	var parts []graph.Node
	for i := range f {
		parts = append(parts, part(i).Reshape(apart...))
	}
	shape := like.Shape().Clone()
	shape[axis] *= f
	return graph.Concat(axis+1, parts...).Reshape(shape...)
}

// between interpolates along an axis: the i-th of the f places that come from one
// lies at (i + ½)/f − ½ of it, on the side of one neighbour.
func between(x graph.Node, axis, f int) graph.Node {
	n := x.Dim(axis)
	before := graph.Concat(axis, x.Slice(axis, 0, 1), x.Slice(axis, 0, n-1))
	after := graph.Concat(axis, x.Slice(axis, 1, n), x.Slice(axis, n-1, n))
	return interleave(axis, f, func(i int) graph.Node {
		off := (float64(i)+0.5)/float64(f) - 0.5
		other := after
		if off < 0 {
			other = before
		}
		return x.Scale(1 - math.Abs(off)).Add(other.Scale(math.Abs(off)))
	}, x)
}
