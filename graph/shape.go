package graph

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// dims holds a shape or a list of axes where an attribute must be comparable.
type dims struct {
	n int8
	v [tensor.MaxRank]int
}

func dimsOf(s []int) (d dims, ok bool) {
	if len(s) > tensor.MaxRank {
		return d, false
	}
	d.n = int8(len(s))
	copy(d.v[:], s)
	return d, true
}

func (d dims) slice() tensor.Shape { return slices.Clone(d.v[:d.n]) }

// SliceAttr says which part of one axis a slice takes.
type SliceAttr struct{ Axis, Lo, Hi int }

// PadAttr says how many zeros go before and after one axis.
type PadAttr struct{ Axis, Before, After int }

func init() {
	Register(Op{Name: "reshape", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			s := attr.(dims).slice()
			n, err := s.Elems()
			if err != nil {
				return Type{}, err
			}
			if n != in[0].Shape.Len() {
				return Type{}, fmt.Errorf("%v with %d elements cannot become %v with %d", in[0].Shape, in[0].Shape.Len(), s, n)
			}
			return Type{in[0].Kind, s}, nil
		},
		VJP: func(_ Node, in []Node, dy Node) []Node { return []Node{dy.Reshape(in[0].Shape()...)} }})
	Register(Op{Name: "broadcast", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			s := attr.(dims).slice()
			if got, ok := Broadcast(in[0].Shape, s); !ok || !got.Equal(s) {
				return Type{}, fmt.Errorf("%v does not stretch to %v", in[0].Shape, s)
			}
			if in[0].Kind != Float {
				return Type{}, fmt.Errorf("wants floats, got %v", in[0])
			}
			return Type{Float, s}, nil
		},
		VJP: func(_ Node, in []Node, dy Node) []Node { return []Node{dy.SumTo(in[0].Shape()...)} }})
	Register(Op{Name: "transpose", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			p := attr.(dims).slice()
			if len(p) != len(in[0].Shape) {
				return Type{}, fmt.Errorf("axes %v for shape %v", p, in[0].Shape)
			}
			s := make(tensor.Shape, len(p))
			seen := make([]bool, len(p))
			for i, a := range p {
				if a < 0 || a >= len(p) || seen[a] {
					return Type{}, fmt.Errorf("axes %v are no permutation", p)
				}
				seen[a] = true
				s[i] = in[0].Shape[a]
			}
			return Type{in[0].Kind, s}, nil
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			p := y.Axes()
			inv := make([]int, len(p))
			for i, a := range p {
				inv[a] = i
			}
			return []Node{dy.Transpose(inv...)}
		}})
	Register(Op{Name: "slice", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			a := attr.(SliceAttr)
			if a.Axis < 0 || a.Axis >= len(in[0].Shape) || a.Lo < 0 || a.Hi < a.Lo || a.Hi > in[0].Shape[a.Axis] {
				return Type{}, fmt.Errorf("%d to %d of axis %d lies outside shape %v", a.Lo, a.Hi, a.Axis, in[0].Shape)
			}
			s := in[0].Shape.Clone()
			s[a.Axis] = a.Hi - a.Lo
			return Type{in[0].Kind, s}, nil
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			a := y.Attr().(SliceAttr)
			return []Node{dy.Pad(a.Axis, a.Lo, in[0].Dim(a.Axis)-a.Hi)}
		}})
	Register(Op{Name: "pad", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			a := attr.(PadAttr)
			if a.Axis < 0 || a.Axis >= len(in[0].Shape) || a.Before < 0 || a.After < 0 {
				return Type{}, fmt.Errorf("%d and %d zeros around axis %d of shape %v", a.Before, a.After, a.Axis, in[0].Shape)
			}
			s := in[0].Shape.Clone()
			s[a.Axis] += a.Before + a.After
			return Type{in[0].Kind, s}, nil
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			a := y.Attr().(PadAttr)
			return []Node{dy.Slice(a.Axis, a.Before, a.Before+in[0].Dim(a.Axis))}
		}})
	Register(Op{Name: "concat", Arity: -1,
		Type: func(in []Type, attr any) (Type, error) {
			axis := attr.(int)
			s := in[0].Shape.Clone()
			if axis < 0 || axis >= len(s) {
				return Type{}, fmt.Errorf("axis %d of shape %v", axis, s)
			}
			for _, t := range in[1:] {
				ok := len(t.Shape) == len(s) && t.Kind == in[0].Kind
				for i := 0; ok && i < len(s); i++ {
					ok = i == axis || t.Shape[i] == s[i]
				}
				if !ok {
					return Type{}, fmt.Errorf("%v and %v do not join on axis %d", in[0], t, axis)
				}
				s[axis] += t.Shape[axis]
			}
			return Type{in[0].Kind, s}, nil
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			axis, at := y.Attr().(int), 0
			out := make([]Node, len(in))
			for i, x := range in {
				out[i] = dy.Slice(axis, at, at+x.Dim(axis))
				at += x.Dim(axis)
			}
			return out
		}})
}

// Axes is the shape or the axes that a reshape, broadcast or transpose was
// given.
func (x Node) Axes() []int {
	d, _ := x.Attr().(dims)
	return d.slice()
}

func (x Node) dimsOp(op string, s []int) Node {
	if !x.Valid() {
		return x
	}
	d, ok := dimsOf(s)
	if !ok {
		return x.b.Fail("%s: %v has more than %d axes", op, s, tensor.MaxRank)
	}
	return x.apply(op, d)
}

// Reshape gives the elements in their order another shape. One axis may be −1:
// it takes what is left.
func (x Node) Reshape(shape ...int) Node {
	if !x.Valid() {
		return x
	}
	s := tensor.Shape(shape).Clone()
	if i := slices.Index(s, -1); i >= 0 {
		rest := 1
		for j, d := range s {
			if j != i {
				rest *= d
			}
		}
		if n := x.Shape().Len(); rest > 0 && n%rest == 0 {
			s[i] = n / rest
		} else {
			return x.b.Fail("reshape: %v does not divide into %v", x.Shape(), s)
		}
	}
	if x.Shape().Equal(s) {
		return x
	}
	return x.dimsOp("reshape", s)
}

// BroadcastTo repeats the elements along axes that are missing or of length 1.
func (x Node) BroadcastTo(shape ...int) Node {
	if x.Valid() && x.Shape().Equal(shape) {
		return x
	}
	return x.dimsOp("broadcast", shape)
}

// Transpose reorders the axes: result axis i is axis axes[i] of x. Without
// axes it reverses them.
func (x Node) Transpose(axes ...int) Node {
	if len(axes) == 0 {
		for i := x.Rank() - 1; i >= 0; i-- {
			axes = append(axes, i)
		}
	}
	return x.dimsOp("transpose", axes)
}

// Slice takes elements lo to hi of an axis, counted from the end where the
// axis is negative.
func (x Node) Slice(axis, lo, hi int) Node {
	if axis < 0 {
		axis += x.Rank()
	}
	if x.Valid() && lo == 0 && hi == x.Dim(axis) && axis >= 0 && axis < x.Rank() {
		return x
	}
	return x.apply("slice", SliceAttr{axis, lo, hi})
}

// Pad puts zeros before and after an axis.
func (x Node) Pad(axis, before, after int) Node {
	if axis < 0 {
		axis += x.Rank()
	}
	if before == 0 && after == 0 {
		return x
	}
	return x.apply("pad", PadAttr{axis, before, after})
}

// Concat joins nodes along an axis, counted from the end where negative.
func Concat(axis int, xs ...Node) Node {
	if len(xs) == 0 || !xs[0].Valid() {
		return Node{}
	}
	if axis < 0 {
		axis += xs[0].Rank()
	}
	if len(xs) == 1 {
		return xs[0]
	}
	return xs[0].apply("concat", axis, xs[1:]...)
}
