package graph

import (
	"fmt"
	"math/bits"

	"github.com/nadir-ml/nadir/tensor"
)

// ReduceAttr names the axes that a reduction takes away, a bit an axis, and
// whether they stay with length 1.
type ReduceAttr struct {
	Axes uint8
	Keep bool
}

// Has reports whether an axis is reduced.
func (a ReduceAttr) Has(axis int) bool { return a.Axes>>axis&1 == 1 }

func init() {
	shape := func(in []Type, attr any) (Type, error) {
		a := attr.(ReduceAttr)
		if in[0].Kind != Float {
			return Type{}, fmt.Errorf("wants floats, got %v", in[0])
		}
		if bits.Len8(a.Axes) > len(in[0].Shape) {
			return Type{}, fmt.Errorf("shape %v has no axis %d", in[0].Shape, bits.Len8(a.Axes)-1)
		}
		s := tensor.Shape{}
		for i, d := range in[0].Shape {
			if !a.Has(i) {
				s = append(s, d)
			} else if a.Keep {
				s = append(s, 1)
			}
		}
		return Type{Float, s}, nil
	}
	Register(Op{Name: "sum", Arity: 1, Type: shape,
		VJP: func(y Node, in []Node, dy Node) []Node {
			return []Node{dy.keepAxes(y, in[0]).BroadcastTo(in[0].Shape()...)}
		}})
	Register(Op{Name: "reduce_max", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			t, err := shape(in, attr)
			for i, d := range in[0].Shape {
				if err == nil && d == 0 && attr.(ReduceAttr).Has(i) {
					err = fmt.Errorf("axis %d of shape %v is empty: no element is its largest", i, in[0].Shape)
				}
			}
			return t, err
		},
		// Elements that share the maximum share its gradient evenly.
		VJP: func(y Node, in []Node, dy Node) []Node {
			x, a := in[0], y.Attr().(ReduceAttr)
			hit := x.Equal(y.keepAxes(y, x))
			share := dy.keepAxes(y, x).Div(hit.apply("sum", ReduceAttr{a.Axes, true}))
			return []Node{hit.Mul(share)}
		}})
}

// keepAxes reshapes x, which has the shape of the reduction y of in, so that
// the reduced axes have length 1.
func (x Node) keepAxes(y, in Node) Node {
	a := y.Attr().(ReduceAttr)
	s := in.Shape().Clone()
	for i := range s {
		if a.Has(i) {
			s[i] = 1
		}
	}
	return x.Reshape(s...)
}

func (x Node) reduce(op string, keep bool, axes []int) Node {
	if !x.Valid() {
		return x
	}
	a := ReduceAttr{Keep: keep}
	if len(axes) == 0 {
		a.Axes = uint8(1<<x.Rank() - 1)
	}
	for _, i := range axes {
		if i < 0 {
			i += x.Rank()
		}
		if i < 0 || i >= x.Rank() {
			return x.b.Fail("%s: shape %v has no axis %d", op, x.Shape(), i)
		}
		a.Axes |= 1 << i
	}
	if a.Axes == 0 {
		return x
	}
	return x.apply(op, a)
}

// Sum adds over the axes, over all without any. The axes go away.
func (x Node) Sum(axes ...int) Node { return x.reduce("sum", false, axes) }

// SumKeep is Sum whose axes stay with length 1.
func (x Node) SumKeep(axes ...int) Node { return x.reduce("sum", true, axes) }

// Mean averages over the axes, over all without any. The axes go away.
func (x Node) Mean(axes ...int) Node {
	y := x.Sum(axes...)
	if !y.Valid() || y.Shape().Len() == 0 || x.Shape().Len() == 0 {
		return y
	}
	return y.Scale(float64(y.Shape().Len()) / float64(x.Shape().Len()))
}

// ReduceMax is the largest element over the axes, over all without any. The
// axes go away.
func (x Node) ReduceMax(axes ...int) Node { return x.reduce("reduce_max", false, axes) }

// SumTo adds up what a broadcast to x's shape would have repeated, so that the
// result has the given shape: the gradient of broadcasting.
func (x Node) SumTo(shape ...int) Node {
	if !x.Valid() || x.Shape().Equal(shape) {
		return x
	}
	// A gradient may be smaller than the operand it belongs to where it is
	// itself a constant that was never stretched.
	if full, ok := Broadcast(x.Shape(), shape); ok && full.Equal(shape) {
		return x.BroadcastTo(shape...)
	}
	off := x.Rank() - len(shape)
	var axes []int
	for i := range x.Shape() {
		if i < off || shape[i-off] == 1 && x.Shape()[i] != 1 {
			axes = append(axes, i)
		}
	}
	return x.Sum(axes...).Reshape(shape...)
}
