package backendtest

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/graph/rewrite"
	"github.com/nadir-ml/nadir/tensor"
)

// A window over some input: kernels of every kind that a loop may treat apart.
type sliding struct {
	in      []int // (N, …, C)
	filters int
	groups  int
	spans   []graph.Span
}

var slidings = []sliding{
	{[]int{2, 5, 4, 3}, 4, 1, []graph.Span{{Size: 3}, {Size: 3}}},
	{[]int{2, 5, 4, 3}, 4, 1, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Before: 1, After: 1}}},
	{[]int{3, 6, 7, 1}, 5, 1, []graph.Span{{Size: 2, Stride: 2}, {Size: 3, Stride: 3, After: 2}}},
	{[]int{2, 8, 9, 2}, 3, 1, []graph.Span{{Size: 3, Dilation: 2, Before: 2, After: 1}, {Size: 2, Stride: 2, Dilation: 3, Before: 1, After: 4}}},
	{[]int{2, 5, 5, 6}, 9, 3, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 2, Dilation: 2}}},
	{[]int{2, 5, 5, 4}, 4, 4, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Stride: 2, Before: 1, After: 1}}},
	{[]int{2, 4, 5, 3}, 6, 3, []graph.Span{{Size: 2, Dilation: 2}, {Size: 3}}},
	{[]int{1, 7, 6, 32}, 32, 32, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Before: 1, After: 1}}},
	{[]int{3, 4, 4, 5}, 7, 1, []graph.Span{{Size: 1}, {Size: 1}}},
	{[]int{3, 4, 4, 6}, 8, 2, []graph.Span{{Size: 1}, {Size: 1}}},
	{[]int{3, 5, 4, 6}, 8, 1, []graph.Span{{Size: 1, Stride: 2}, {Size: 1, Stride: 2}}},
	{[]int{2, 11, 3}, 4, 1, []graph.Span{{Size: 5, Stride: 2, Before: 4}}},
	{[]int{2, 11, 4}, 4, 2, []graph.Span{{Size: 3, Dilation: 4}}},
	{[]int{2, 3, 4, 5, 2}, 3, 1, []graph.Span{{Size: 2}, {Size: 3, Before: 1, After: 1}, {Size: 2, Stride: 2}}},
	{[]int{1, 2, 2, 3}, 2, 1, []graph.Span{{Size: 4, Before: 3, After: 3}, {Size: 3, Before: 2, After: 2}}},
	{[]int{0, 5, 4, 3}, 4, 1, []graph.Span{{Size: 3}, {Size: 3}}},
	// Large enough to be cut into several chunks: rows, bands and partial sums.
	{[]int{3, 20, 19, 8}, 16, 1, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Before: 1, After: 1}}},
	{[]int{1, 24, 23, 16}, 28, 1, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Before: 1, After: 1}}},
	{[]int{1, 6, 6, 100}, 64, 1, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Before: 1, After: 1}}},
	{[]int{2, 30, 31, 33}, 33, 33, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Stride: 2, Before: 1, After: 1}}},
	{[]int{40, 9, 9, 20}, 24, 1, []graph.Span{{Size: 1}, {Size: 1}}},
	{[]int{2, 13, 9, 50}, 49, 1, []graph.Span{{Size: 3, Before: 1, After: 1}, {Size: 3, Before: 2, After: 1}}},
}

func (s sliding) window() graph.Window { return graph.Slide(s.spans...) }

// shapes are those of x, the kernel and the result.
func (s sliding) shapes() (x, w, y []int) {
	last := len(s.in) - 1
	y = append(y, s.in[0])
	for i, p := range s.window().Spans() {
		w = append(w, p.Size)
		y = append(y, p.Out(s.in[1+i]))
	}
	return s.in, append(w, s.in[last]/s.groups, s.filters), append(y, s.filters)
}

func (s sliding) attr() graph.ConvAttr {
	a := graph.ConvAttr{Window: s.window(), Groups: s.groups}
	copy(a.In[:], s.in[1:len(s.in)-1])
	return a
}

// convolutions uses one of the three ops; operands picks the shapes of its two
// inputs, and terms says how many products an element is the sum of.
func convolutions(op string, operands func(x, w, y []int) (a, b []int), terms func(s sliding, w, y []int) int) []testcase {
	var cs []testcase
	for _, s := range slidings {
		x, w, y := s.shapes()
		a, b := operands(x, w, y)
		cs = append(cs, testcase{
			in:    []*tensor.Tensor{span(-1, 1, a...), span(-1, 1, b...)},
			f:     func(g *graph.Builder, n []graph.Node) graph.Node { return g.Apply(op, s.attr(), n...) },
			scale: float64(terms(s, w, y)),
		})
	}
	return cs
}

func forward() []testcase {
	return convolutions("conv", func(x, w, _ []int) (_, _ []int) { return x, w },
		func(_ sliding, w, _ []int) int { return tensor.Shape(w[:len(w)-1]).Len() })
}

// biased are convolutions with a bias, every other one rectified.
func biased() []testcase {
	cs := forward()
	for i := range cs {
		a := rewrite.ConvBias{ConvAttr: slidings[i].attr(), Rectify: i%2 == 0}
		cs[i].in = append(cs[i].in, span(-1, 1, slidings[i].filters))
		cs[i].f = func(g *graph.Builder, n []graph.Node) graph.Node { return g.Apply("conv_bias", a, n...) }
	}
	return cs
}

func backward() []testcase {
	return convolutions("conv_input", func(_, w, y []int) (_, _ []int) { return y, w },
		func(s sliding, w, _ []int) int { return tensor.Shape(w).Len() / w[len(w)-2] / s.groups })
}

func ofKernel() []testcase {
	return convolutions("conv_kernel", func(x, _, y []int) (_, _ []int) { return x, y },
		func(_ sliding, _, y []int) int { return tensor.Shape(y[:len(y)-1]).Len() })
}

// pools slide a window of every kind over x, with equal elements among them.
func pools(f func(x graph.Node, w graph.Window) graph.Node) []testcase {
	var cs []testcase
	for _, s := range []sliding{
		{in: []int{2, 6, 4, 3}, spans: []graph.Span{{Size: 2, Stride: 2}, {Size: 2, Stride: 2}}},
		{in: []int{2, 7, 5, 9}, spans: []graph.Span{{Size: 3, Stride: 2, Before: 1, After: 1}, {Size: 2}}},
		{in: []int{2, 7, 6, 3}, spans: []graph.Span{{Size: 3, Stride: 2, After: 2}, {Size: 2, Stride: 3, Dilation: 2, After: 1}}},
		{in: []int{3, 9, 2}, spans: []graph.Span{{Size: 4, Before: 3, After: 3}}},
		{in: []int{2, 3, 4, 5, 2}, spans: []graph.Span{{Size: 2}, {Size: 2, Stride: 2}, {Size: 3, Before: 1, After: 1}}},
		{in: []int{0, 4, 4, 3}, spans: []graph.Span{{Size: 2}, {Size: 2}}},
		{in: []int{30, 14, 14, 20}, spans: []graph.Span{{Size: 3, Stride: 2, After: 1}, {Size: 3, Stride: 2, After: 1}}},
	} {
		cs = append(cs, one(span(-1, 1, s.in...), func(x graph.Node) graph.Node { return f(x, s.window()) }),
			one(span(-1, 1, s.in...), func(x graph.Node) graph.Node { return f(x.Scale(2).Floor(), s.window()) }))
	}
	odd := tensor.Of([]float64{1, nan, 2, inf, -inf, -inf, -inf, -inf, nan, nan, 3, 3}, 1, 12, 1)
	return append(cs, one(odd, func(x graph.Node) graph.Node { return f(x, graph.Slide(graph.Span{Size: 2, Stride: 2})) }))
}

func maxPool(x graph.Node, w graph.Window) graph.Node { return x.MaxPool(w) }

func index(x graph.Node, w graph.Window) graph.Node {
	a := graph.PoolAttr{Window: w}
	copy(a.In[:], x.Shape()[1:x.Rank()-1])
	return x.Builder().Apply("max_pool_index", a, x)
}

// largest is the gradient of a pool, of numbers that tell its places apart.
func largest(x graph.Node, w graph.Window) graph.Node {
	y := x.MaxPool(w)
	return x.Builder().Apply("max_pool_gradient", y.Attr(), x, y, y.Cos())
}

// taken gathers and put scatters, at what pools find and at places that are none.
func taken() []testcase {
	cs := pools(func(x graph.Node, w graph.Window) graph.Node {
		return x.Builder().Apply("plane_take", nil, x.Cos(), index(x, w))
	})
	return append(cs, testcase{
		in: []*tensor.Tensor{span(-1, 1, 1, 2, 3, 1), tensor.Of([]int32{-1, 0, 5, 6, math.MaxInt32, 5}, 1, 6, 1)},
		f:  func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply("plane_take", nil, x...) },
	})
}

func put() []testcase {
	cs := pools(func(x graph.Node, w graph.Window) graph.Node {
		y := x.MaxPool(w)
		return graph.VJP(y, y.Cos(), []graph.Node{x})[0]
	})
	for i := range cs {
		cs[i].scale = 9
	}
	return cs
}
