package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

// PoolAttr is the attribute of the pooling ops. In is the spatial shape of x, as
// in [ConvAttr].
type PoolAttr struct {
	Window Window
	In     [MaxSpatial]int
}

// Space is the spatial shape of x.
func (a PoolAttr) Space() tensor.Shape { return a.In[:min(a.Window.Rank(), MaxSpatial)] }

// slide is the type (N, …, C) that the window gives of x.
func (a PoolAttr) slide(x Type) (Type, error) {
	if err := a.Window.check(); err != nil {
		return Type{}, err
	}
	if x.Kind != Float || len(x.Shape) != a.Window.Rank()+2 {
		return Type{}, fmt.Errorf("wants floats with %d spatial axes, got %v", a.Window.Rank(), x)
	}
	if !spatial(x.Shape).Equal(a.Space()) {
		return Type{}, fmt.Errorf("the input is %v; want spatial axes %v", x, a.Space())
	}
	out, err := a.Window.slide(a.Space())
	if err != nil {
		return Type{}, err
	}
	for i, s := range a.Window.Spans() {
		if !s.covers(a.In[i], out[i]) {
			return Type{}, fmt.Errorf("window %v over axis %d of %v: some window would see padding alone", a.Window, i+1, x)
		}
	}
	return windowed(x, out), nil
}

// covers reports whether each of the out windows has a tap on one of the n places
// of the input. Those that lie within have.
func (s Span) covers(n, out int) bool {
	hits := func(o int) (within, hit bool) {
		at := o*s.Stride - s.Before
		first := max(0, -at+s.Dilation-1) / s.Dilation // tap that does not lie before the input
		return at >= 0 && at+s.Extent() <= n, first < s.Size && at+first*s.Dilation < n
	}
	for _, step := range []int{1, -1} {
		for i := range out {
			o := i
			if step < 0 {
				o = out - 1 - i
			}
			within, hit := hits(o)
			if !hit {
				return false
			}
			if within {
				break
			}
		}
	}
	return true
}

func init() {
	Register(Op{Name: "max_pool", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) { return attr.(PoolAttr).slide(in[0]) },
		Lower: func(in []Node, attr any) Node {
			a := attr.(PoolAttr)
			return in[0].apply("plane_take", nil, in[0].apply("max_pool_index", a))
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			return []Node{PoolGradient(in[0], dy, y.Attr().(PoolAttr))}
		}})
	// max_pool_index is where in its plane, the places of one sample and channel
	// in their order, the largest element lies.
	Register(Op{Name: "max_pool_index", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			t, err := attr.(PoolAttr).slide(in[0])
			t.Kind = Int
			return t, err
		}})
	// plane_take and plane_put are each other's gradient.
	Register(Op{Name: "plane_take", Arity: 2,
		Type: func(in []Type, _ any) (Type, error) {
			return planes(in, in[0])
		},
		VJP: func(y Node, in []Node, dy Node) []Node { return []Node{dy.planePut(in[1], in[0]), {}} }})
	Register(Op{Name: "plane_put", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) {
			t, err := planes(in, in[0])
			if err == nil && !in[0].Shape.Equal(in[1].Shape) {
				return Type{}, fmt.Errorf("wants a place for each number, got %v and %v", in[0], in[1])
			}
			if err != nil {
				return Type{}, err
			}
			return windowed(t, attr.(dims).slice()), nil
		},
		VJP: func(_ Node, in []Node, dx Node) []Node { return []Node{dx.apply("plane_take", nil, in[1]), {}} }})
}

// planes is the type of numbers at places (N, …, C) of the planes of x.
func planes(in []Type, x Type) (Type, error) {
	i := in[1]
	n := len(i.Shape)
	if x.Kind != Float || i.Kind != Int || len(x.Shape) < 2 || n < 2 || x.Shape[0] != i.Shape[0] || x.Shape[len(x.Shape)-1] != i.Shape[n-1] {
		return Type{}, fmt.Errorf("wants floats (N, …, C) and places (N, …, C), got %v and %v", x, i)
	}
	return Type{Float, i.Shape}, nil
}

// PoolGradient is the gradient of a pool of x by a, given that of its result.
func PoolGradient(x, dy Node, a PoolAttr) Node {
	if !x.Valid() || !dy.Valid() {
		return Node{}
	}
	return dy.planePut(x.apply("max_pool_index", a), x)
}

// planePut adds each number of x to the place of an otherwise empty tensor of the
// spatial shape of like that index says.
func (x Node) planePut(index, like Node) Node {
	if !x.Valid() {
		return x
	}
	d, _ := dimsOf(spatial(like.Shape()))
	return x.apply("plane_put", d, index)
}

// MaxPool is the largest element under the window as it slides along x (N, …, C),
// each channel by itself. Padding counts for nothing. Of equal elements the first
// has the gradient.
func (x Node) MaxPool(w Window) Node { return x.pooled("max_pool", w) }

// MaxPoolIndex is where the elements lie that [Node.MaxPool] takes of x (N, …, C): ints that
// count the places of a sample and channel in their order, from 0. Of equal elements it is
// the first. No gradient flows through.
func (x Node) MaxPoolIndex(w Window) Node { return x.pooled("max_pool_index", w) }

func (x Node) pooled(op string, w Window) Node {
	if !x.Valid() {
		return x
	}
	a := PoolAttr{Window: w}
	copy(a.In[:], spatial(x.Shape()))
	return x.apply(op, a)
}
