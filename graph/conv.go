package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

// ConvAttr is the attribute of the three convolution ops. In is the spatial shape
// of the input x, as many entries as the window has axes.
//
// With x (N, …, C), a kernel w (…, C/groups, F) and y (N, …, F),
//
//	y[n, o, f] = Σ x[n, o·stride + t·dilation − before, c]·w[t, c, f]
//
// over the taps t and the channels c of f's group. This is linear in x and in w.
// "conv" is y of x and w; "conv_input" is what belongs to x, of dy and w;
// "conv_kernel" is what belongs to w, of x and dy. The gradients of each are the
// other two, so the family is closed.
type ConvAttr struct {
	Window Window
	Groups int
	In     [MaxSpatial]int
}

// Space is the spatial shape of x.
func (a ConvAttr) Space() tensor.Shape { return a.In[:min(a.Window.Rank(), MaxSpatial)] }

func convAttr(w Window, groups int, in tensor.Shape) ConvAttr {
	a := ConvAttr{Window: w, Groups: groups}
	copy(a.In[:], in)
	return a
}

// types checks three types that stand for x, w and y, one of them to be found:
// it has no shape.
func (a ConvAttr) types(x, w, y Type) (Type, error) {
	if err := a.Window.check(); err != nil {
		return Type{}, err
	}
	for _, t := range []Type{x, w, y} {
		if t.Shape != nil && (t.Kind != Float || len(t.Shape) != a.Window.Rank()+2) {
			return Type{}, fmt.Errorf("wants floats with %d spatial axes, got %v", a.Window.Rank(), t)
		}
	}
	out, err := a.Window.slide(a.Space())
	if err != nil {
		return Type{}, err
	}
	var taps tensor.Shape
	for _, s := range a.Window.Spans() {
		taps = append(taps, s.Size)
	}
	if a.Groups < 1 {
		return Type{}, fmt.Errorf("%d groups; want 1 or more", a.Groups)
	}
	if x.Shape != nil && !spatial(x.Shape).Equal(a.Space()) {
		return Type{}, fmt.Errorf("the input is %v; want spatial axes %v", x, a.Space())
	}
	if w.Shape != nil && !w.Shape[:len(taps)].Equal(taps) {
		return Type{}, fmt.Errorf("the kernel is %v; want taps %v", w, taps)
	}
	if y.Shape != nil && !spatial(y.Shape).Equal(out) {
		return Type{}, fmt.Errorf("the result is %v; want spatial axes %v", y, out)
	}
	last := func(t Type, back int) int { return t.Shape[len(t.Shape)-back] }
	var c, f int // channels of x and of y
	switch {
	case x.Shape == nil:
		c, f = last(w, 2)*a.Groups, last(y, 1)
	case w.Shape == nil:
		c, f = last(x, 1), last(y, 1)
	default:
		c, f = last(x, 1), last(w, 1)
	}
	if c%a.Groups != 0 || f%a.Groups != 0 {
		return Type{}, fmt.Errorf("%d groups do not divide %d channels and %d filters", a.Groups, c, f)
	}
	if w.Shape != nil && (last(w, 2) != c/a.Groups || last(w, 1) != f) {
		return Type{}, fmt.Errorf("the kernel is %v; want %d channels, of %d in %d groups, and %d filters", w, c/a.Groups, c, a.Groups, f)
	}
	switch {
	case x.Shape == nil:
		return windowed(Type{Float, tensor.Shape{y.Shape[0], c}}, a.Space()), nil
	case w.Shape == nil:
		if x.Shape[0] != y.Shape[0] {
			return Type{}, fmt.Errorf("%d samples and %d results", x.Shape[0], y.Shape[0])
		}
		return Type{Float, append(taps, c/a.Groups, f)}, nil
	}
	return windowed(Type{Float, tensor.Shape{x.Shape[0], f}}, out), nil
}

func init() {
	apply := func(op string, y Node, in ...Node) Node { return y.b.Apply(op, y.Attr(), in...) }
	Register(Op{Name: "conv", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) { return attr.(ConvAttr).types(in[0], in[1], Type{}) },
		VJP: func(y Node, in []Node, dy Node) []Node {
			return []Node{apply("conv_input", y, dy, in[1]), apply("conv_kernel", y, in[0], dy)}
		}})
	Register(Op{Name: "conv_input", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) { return attr.(ConvAttr).types(Type{}, in[1], in[0]) },
		VJP: func(y Node, in []Node, dx Node) []Node {
			return []Node{apply("conv", y, dx, in[1]), apply("conv_kernel", y, dx, in[0])}
		}})
	Register(Op{Name: "conv_kernel", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) { return attr.(ConvAttr).types(in[0], Type{}, in[1]) },
		VJP: func(y Node, in []Node, dw Node) []Node {
			return []Node{apply("conv_input", y, in[1], dw), apply("conv", y, in[0], dw)}
		}})
}

// Conv is the convolution of x (N, …, C), as neural networks have it: the kernel
// (…, C/groups, F) is not turned around. The result is (N, …, F), and filter f
// sees the channels of its group, f·groups/F. A depthwise convolution has as many
// groups as channels.
func (x Node) Conv(kernel Node, w Window, groups int) Node {
	if !x.Valid() || !kernel.Valid() {
		return Node{}
	}
	return x.apply("conv", convAttr(w, groups, spatial(x.Shape())), kernel)
}

// ConvTranspose is the gradient of [Node.Conv] with respect to its input, as a
// function of y (N, …, F) and the kernel (…, C/groups, F): a transposed
// convolution. The result is (N, space…, C), where the window gives y's spatial
// shape of space; several do where a stride is above 1.
func (x Node) ConvTranspose(kernel Node, w Window, groups int, space ...int) Node {
	if !x.Valid() || !kernel.Valid() {
		return Node{}
	}
	if len(space) != w.Rank() {
		return x.b.Fail("conv_input: %d spatial axes for a window of %d", len(space), w.Rank())
	}
	return x.apply("conv_input", convAttr(w, groups, space), kernel)
}
