package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("zero_padding1d", ZeroPadding1D{}, spec.Doc("zeros around a sequence"))
	Layers.Register("zero_padding2d", ZeroPadding2D{}, spec.Doc("zeros around an image"))
	Layers.Register("zero_padding3d", ZeroPadding3D{}, spec.Doc("zeros around a volume"))
	Layers.Register("cropping1d", Cropping1D{}, spec.Doc("cuts off the ends of a sequence"))
	Layers.Register("cropping2d", Cropping2D{}, spec.Doc("cuts off the edges of an image"))
	Layers.Register("cropping3d", Cropping3D{}, spec.Doc("cuts off the faces of a volume"))
}

// ZeroPadding2D puts zeros around images: x (N, rows, columns, C) gets as many
// more rows and columns as the padding says, one on each side unless said.
type ZeroPadding2D struct {
	Padding Sides  `spec:"padding" default:"1" doc:"zeros on all sides, or for each axis one number or a pair"`
	Name    string `spec:"name" doc:"name of the layer"`
}

// ZeroPadding1D is [ZeroPadding2D] of sequences (N, steps, C).
type ZeroPadding1D ZeroPadding2D

// ZeroPadding3D is [ZeroPadding2D] of volumes (N, planes, rows, columns, C).
type ZeroPadding3D ZeroPadding2D

// Cropping2D cuts rows and columns off images (N, rows, columns, C).
type Cropping2D struct {
	Cropping Sides  `spec:"cropping,required" doc:"what is cut off on all sides, or for each axis one number or a pair"`
	Name     string `spec:"name" doc:"name of the layer"`
}

// Cropping1D is [Cropping2D] of sequences (N, steps, C).
type Cropping1D Cropping2D

// Cropping3D is [Cropping2D] of volumes (N, planes, rows, columns, C).
type Cropping3D Cropping2D

// Apply adds the zeros.
func (l ZeroPadding1D) Apply(s *Scope, x graph.Node) graph.Node {
	return ZeroPadding2D(l).apply(s, x, 1)
}

// Apply adds the zeros.
func (l ZeroPadding2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply adds the zeros.
func (l ZeroPadding3D) Apply(s *Scope, x graph.Node) graph.Node {
	return ZeroPadding2D(l).apply(s, x, 3)
}

func (l ZeroPadding2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	sides := l.Padding
	if sides == nil {
		sides = Even(1)
	}
	sides, err := sides.on("padding", axes)
	if !check(s, err) {
		return graph.Node{}
	}
	x, _ = space(s, x, axes)
	for i, p := range sides {
		if x.Valid() {
			x = x.Pad(i+1, p[0], p[1])
		}
	}
	return x
}

// Apply cuts.
func (l Cropping1D) Apply(s *Scope, x graph.Node) graph.Node { return Cropping2D(l).apply(s, x, 1) }

// Apply cuts.
func (l Cropping2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply cuts.
func (l Cropping3D) Apply(s *Scope, x graph.Node) graph.Node { return Cropping2D(l).apply(s, x, 3) }

func (l Cropping2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	sides, err := l.Cropping.on("cropping", axes)
	if !check(s, err) {
		return graph.Node{}
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	for i, p := range sides {
		n := x.Dim(i + 1)
		if p[0] >= n || p[1] >= n-p[0] {
			return s.B.Misfit("cropping cuts %d and %d places off the %d of axis %d; none would be left", p[0], p[1], n, i+1)
		}
		x = x.Slice(i+1, p[0], n-p[1])
	}
	return x
}
