package backendtest

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// A testcase is one use of an op.
type testcase struct {
	in []*tensor.Tensor // float inputs in float64
	f  func(b *graph.Builder, x []graph.Node) graph.Node
	// scale is the magnitude that rounding errors are relative to where the
	// result may be smaller: the sum of what was added up, or of what cancelled.
	scale float64
}

var (
	nan = math.NaN()
	inf = math.Inf(1)
	// special are the numbers at which kernels go wrong.
	special = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -2, 3, 1e-30, -1e-30, 1000, -1000, inf, -inf, nan}
	// shapes are a scalar, empty ones, ones around the lengths of vectors and
	// tiles, and ones of high rank.
	shapes = [][]int{{}, {1}, {0}, {3, 0, 2}, {7}, {511}, {513}, {1000, 3}, {2, 3, 1, 2, 3}, {4099}}
	// pairs are operands that broadcast in every way.
	pairs = [][2][]int{
		{{}, {}}, {{5}, {}}, {{}, {5}}, {{513}, {513}}, {{4, 5}, {5}}, {{5}, {4, 5}}, {{4, 5}, {4, 1}}, {{4, 1}, {4, 5}},
		{{3, 1}, {1, 4}}, {{2, 1, 3}, {4, 1}}, {{511, 1}, {1, 3}}, {{1, 513}, {3, 1}}, {{1000, 3}, {3}}, {{1000, 3}, {1000, 1}},
		{{2, 1, 3, 1, 2}, {1, 4, 1, 5, 1}}, {{2, 3, 1, 2, 3}, {3, 1, 2, 3}}, {{1, 1}, {7}}, {{0, 3}, {3}}, {{0, 3}, {1, 1}}, {{2, 0}, {2, 1}},
		{{2, 5, 3}, {2, 1, 1}}, {{2, 5, 3}, {1, 5, 1}}, {{64, 100}, {100}}, {{64, 100}, {64, 1}},
	}
)

// cases has what is tried of each op.
var cases = map[string][]testcase{
	"input": {
		one(span(-1, 1, 3, 4), same), one(labels(9, 5), same), one(pixels(5), same),
		{in: []*tensor.Tensor{span(-1, 1, 3), span(-1, 1, 4)}, f: func(_ *graph.Builder, x []graph.Node) graph.Node { return x[1] }},
	},
	// A parameter's value is part of the contract's tests too; here it is one
	// that nothing updates.
	"param": {{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Param(paramName, 3, 2).AddScalar(1) }}},
	"const": {
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Const(0.1) }},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Const(inf).Neg() }},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Const(nan) }},
	},

	"neg": unary(-3, 3, 0, graph.Node.Neg), "abs": unary(-3, 3, 0, graph.Node.Abs),
	"sign": unary(-3, 3, 0, graph.Node.Sign), "floor": unary(-9, 9, 0, graph.Node.Floor),
	"exp": unary(-20, 20, 0, graph.Node.Exp), "expm1": unary(-2, 2, 0, graph.Node.Expm1),
	"log": unary(1e-3, 50, 0.01, graph.Node.Log), "log1p": unary(-0.9, 5, 0, graph.Node.Log1p),
	"sqrt": unary(0, 50, 0, graph.Node.Sqrt), "rsqrt": unary(1e-3, 50, 0, graph.Node.Rsqrt),
	"square": unary(-5, 5, 0, graph.Node.Square),
	"sin":    unary(-20, 20, 1, graph.Node.Sin), "cos": unary(-20, 20, 1, graph.Node.Cos),
	"erf": unary(-4, 4, 0, graph.Node.Erf), "tanh": unary(-9, 9, 0, graph.Node.Tanh),
	"relu": unary(-3, 3, 0, graph.Node.Relu), "sigmoid": unary(-20, 20, 1, graph.Node.Sigmoid),
	"softplus": unary(-20, 20, 0, graph.Node.Softplus), "stop_gradient": unary(-3, 3, 0, graph.Node.StopGradient),
	"to_float": {
		one(labels(1<<24, 513), graph.Node.ToFloat), one(pixels(1000, 3), graph.Node.ToFloat),
		one(pixels(), graph.Node.ToFloat), one(labels(9, 0), graph.Node.ToFloat),
		one(pixels(3, 5, 2), func(x graph.Node) graph.Node { return x.Transpose().ToFloat().Scale(1. / 255) }),
		one(pixels(700, 3), func(x graph.Node) graph.Node { return x.ToFloat().Sum(1) }),
	},

	"add": binary(-3, 3, 6, graph.Node.Add), "sub": binary(-3, 3, 6, graph.Node.Sub),
	"mul": binary(-3, 3, 0, graph.Node.Mul), "div": binary(0.5, 3, 0, graph.Node.Div),
	"max": binary(-3, 3, 0, graph.Node.Max), "min": binary(-3, 3, 0, graph.Node.Min),
	"pow":     binary(0.1, 4, 0, graph.Node.Pow),
	"greater": binary(-2, 2, 0, onGrid(graph.Node.Greater)), "greater_equal": binary(-2, 2, 0, onGrid(graph.Node.GreaterEqual)),
	"equal": append(binary(-2, 2, 0, onGrid(graph.Node.Equal)),
		testcase{in: []*tensor.Tensor{labels(3, 40, 1), labels(3, 30)}, f: two(graph.Node.Equal)},
		testcase{in: []*tensor.Tensor{labels(3, 700), labels(3, 700)}, f: two(graph.Node.Equal)}),
	"select": {
		pick3([]int{513}, []int{513}, []int{513}), pick3([]int{}, []int{5}, []int{4, 5}), pick3([]int{4, 1}, []int{5}, []int{}),
		pick3([]int{1, 5}, []int{4, 1}, []int{1, 1}), pick3([]int{1000, 3}, []int{3}, []int{1000, 1}), pick3([]int{0, 3}, []int{3}, []int{}),
		// What is not taken leaves no trace, and NaN is not 0.
		{in: []*tensor.Tensor{values(0, 1, nan, inf), values(nan, 2, 3, 4), values(5, nan, inf, nan)}, f: select3},
	},

	"sum": append(reductions("sum"),
		one(span(-1, 1, 3, 0), func(x graph.Node) graph.Node { return x.Sum(1) }),
		one(span(-1, 1, 0, 3), func(x graph.Node) graph.Node { return x.Sum() }),
		one(values(1, inf, 2), func(x graph.Node) graph.Node { return x.Sum() }),
		one(values(1, inf, -inf), func(x graph.Node) graph.Node { return x.Sum() })),
	"mul_add":         onRows("mul_add", 3),
	"mul_sub":         onRows("mul_sub", 3),
	"sub_mul":         onRows("sub_mul", 3),
	"sub_product":     onRows("sub_product", 3),
	"elu_of_one":      onRows("elu_of_one", 1),
	"add_elu":         onRows("add_elu", 2),
	"elu_gradient":    onRows("elu_gradient", 2),
	"gate":            onRows("gate", 2),
	"weighted":        onNumbers("weighted", 2, 2),
	"weighted_square": onNumbers("weighted_square", 2, 2),
	"clamp":           onNumbers("clamp", 1, 2),
	"over_root":       onNumbers("over_root", 3, 1),

	"column_dot":    onColumns("column_dot", false),
	"column_spread": onColumns("column_spread", true),
	"affine_gradients": {
		affineCase(1, 1), affineCase(3, 4), affineCase(5, 300), affineCase(300, 17),
		{in: affineCase(6, 40).in, scale: 40, f: func(b *graph.Builder, x []graph.Node) graph.Node {
			// The product has no other reader: it is made in place.
			g := x[0].MatMulT(x[1])
			return b.Apply("affine_gradients", nil, g.MatMul(x[1]), x[1], x[2], x[3], x[4]).Slice(0, 2, 250).Tanh()
		}},
	},
	"square_sum": {
		one(span(-1, 1, 0), func(x graph.Node) graph.Node { return x.Builder().Apply("square_sum", nil, x) }),
		one(span(-1, 2, 7), func(x graph.Node) graph.Node { return x.Builder().Apply("square_sum", nil, x) }),
		one(span(-1, 2, 300, 333), func(x graph.Node) graph.Node { // whole numbers: any order is exact
			b := x.Builder()
			return b.Apply("square_sum", nil, x.Greater(b.Const(0)).Scale(3))
		}),
		one(values(1, nan, 2), func(x graph.Node) graph.Node { return x.Builder().Apply("square_sum", nil, x) }),
	},
	"reduce_max": append(reductions("reduce_max"),
		one(span(-1, 1, 0, 3), func(x graph.Node) graph.Node { return x.ReduceMax(1) }),
		one(values(-inf, -inf), func(x graph.Node) graph.Node { return x.ReduceMax() }),
		one(grid(nan, 1, 2, 3, nan, 4), func(x graph.Node) graph.Node { return x.ReduceMax(1) }),
		one(grid(nan, 1, 2, 3, nan, 4), func(x graph.Node) graph.Node { return x.ReduceMax(0) })),

	"reshape": {
		one(span(-1, 1, 6, 4), func(x graph.Node) graph.Node { return x.Reshape(2, -1) }),
		one(span(-1, 1, 1), func(x graph.Node) graph.Node { return x.Reshape() }),
		one(span(-1, 1, 0, 4), func(x graph.Node) graph.Node { return x.Reshape(2, 0) }),
		one(labels(9, 6), func(x graph.Node) graph.Node { return x.Reshape(2, 3) }),
		one(pixels(6), func(x graph.Node) graph.Node { return x.Reshape(3, 2) }),
		one(span(-1, 1, 6, 4), func(x graph.Node) graph.Node { return x.Exp().Reshape(8, 3).Neg() }),
	},
	"broadcast": {
		one(span(-1, 1), func(x graph.Node) graph.Node { return x.BroadcastTo(513) }),
		one(span(-1, 1, 3), func(x graph.Node) graph.Node { return x.BroadcastTo(1000, 3) }),
		one(span(-1, 1, 4, 1), func(x graph.Node) graph.Node { return x.BroadcastTo(4, 511) }),
		one(span(-1, 1, 2, 1, 3, 1), func(x graph.Node) graph.Node { return x.BroadcastTo(5, 2, 4, 3, 2) }),
		one(span(-1, 1, 1, 3), func(x graph.Node) graph.Node { return x.BroadcastTo(0, 3) }),
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Full(2, 3, 4) }},
	},
	"transpose": {
		one(span(-1, 1), func(x graph.Node) graph.Node { return x.Transpose() }),
		one(span(-1, 1, 5), func(x graph.Node) graph.Node { return x.Transpose() }),
		one(span(-1, 1, 67, 35), func(x graph.Node) graph.Node { return x.Transpose() }),
		one(span(-1, 1, 3, 4, 5), func(x graph.Node) graph.Node { return x.Transpose(2, 0, 1) }),
		one(span(-1, 1, 3, 4, 5), func(x graph.Node) graph.Node { return x.Transpose(0, 2, 1) }),
		one(span(-1, 1, 2, 3, 4, 5, 2), func(x graph.Node) graph.Node { return x.Transpose(3, 1, 4, 0, 2) }),
		one(span(-1, 1, 0, 3), func(x graph.Node) graph.Node { return x.Transpose() }),
		one(labels(9, 4, 3), func(x graph.Node) graph.Node { return x.Transpose() }),
		one(pixels(4, 3), func(x graph.Node) graph.Node { return x.Transpose() }),
	},
	"slice": {
		one(span(-1, 1, 9), func(x graph.Node) graph.Node { return x.Slice(0, 2, 7) }),
		one(span(-1, 1, 9, 4), func(x graph.Node) graph.Node { return x.Slice(0, 2, 7) }),
		one(span(-1, 1, 9, 4), func(x graph.Node) graph.Node { return x.Slice(-1, 1, 3) }),
		one(span(-1, 1, 3, 5, 2, 4), func(x graph.Node) graph.Node { return x.Slice(1, 1, 4).Slice(3, 0, 3) }),
		one(span(-1, 1, 3, 5), func(x graph.Node) graph.Node { return x.Slice(1, 2, 2) }),
		one(labels(9, 5, 2), func(x graph.Node) graph.Node { return x.Slice(0, 1, 4) }),
		one(pixels(5, 3), func(x graph.Node) graph.Node { return x.Slice(1, 1, 3) }),
	},
	"pad": {
		one(span(-1, 1, 9), func(x graph.Node) graph.Node { return x.Pad(0, 2, 3) }),
		one(span(-1, 1, 9, 4), func(x graph.Node) graph.Node { return x.Pad(1, 1, 0) }),
		one(span(-1, 1, 3, 5, 2), func(x graph.Node) graph.Node { return x.Pad(1, 0, 2).Pad(0, 1, 1) }),
		one(span(-1, 1, 0, 2), func(x graph.Node) graph.Node { return x.Pad(0, 1, 2) }),
		one(values(nan, inf), func(x graph.Node) graph.Node { return x.Pad(0, 1, 1) }),
		one(labels(9, 5), func(x graph.Node) graph.Node { return x.Pad(0, 1, 1) }),
		one(pixels(5, 3), func(x graph.Node) graph.Node { return x.Pad(1, 1, 1) }),
	},
	"concat": {
		join(0, span(-1, 1, 3), span(-1, 1, 4)), join(0, span(-1, 1, 3, 2), span(-1, 1, 1, 2), span(-1, 1, 4, 2)),
		join(1, span(-1, 1, 3, 2), span(-1, 1, 3, 5)), join(1, span(-1, 1, 2, 3, 4), span(-1, 1, 2, 1, 4)),
		join(0, span(-1, 1, 0, 2), span(-1, 1, 3, 2)), join(0, labels(9, 3), labels(9, 2)), join(1, pixels(3, 2), pixels(3, 1)),
		one(span(-1, 1, 3, 2), func(x graph.Node) graph.Node { return graph.Concat(1, x, x.Neg(), x) }),
	},

	"matmul":        products(),
	"batch_matmul":  stacks(),
	"softmax":       rowwise(graph.Node.Softmax),
	"log_softmax":   rowwise(graph.Node.LogSoftmax),
	"cross_entropy": crossEntropies(two(graph.Node.CrossEntropy)),
	"cross_entropy_gradient": crossEntropies(func(b *graph.Builder, x []graph.Node) graph.Node {
		return b.Apply("cross_entropy_gradient", nil, x...)
	}),

	"lstm": recurrent(0, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h, c := graph.LSTM(x[0], x[1], x[2], x[3], x[4], mask, a)
		return graph.Concat(0, h, c)
	}),
	"lstm_gradient": append(recurrent(0, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h, _ := graph.LSTM(x[0], x[1], x[2], x[3], x[4], mask, a)
		return flat(graph.VJP(h, h, x[:5]))
	}), recurrent(0, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h, c := graph.LSTM(x[0], x[1], x[2], x[3], x[4], mask, a)
		y := h.Add(c.Square())
		return flat(graph.VJP(y, y, x[:5]))
	})...),
	"gru": recurrent(1, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		return graph.GRU(x[0], x[1], x[2], x[3], mask, a)
	}),
	"gru_gradient": recurrent(1, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h := graph.GRU(x[0], x[1], x[2], x[3], mask, a)
		return flat(graph.VJP(h, h, x[:4]))
	}),

	"argmax": {
		one(span(-1, 1, 513, 10), graph.Node.ArgMax), one(span(-1, 1, 7), graph.Node.ArgMax), one(span(-1, 1, 3, 4, 5), graph.Node.ArgMax),
		one(span(-1, 1, 0, 5), graph.Node.ArgMax), one(grid(1, 1, 0, -inf, -inf, -inf), graph.Node.ArgMax), one(grid(0, 2, 2, 3, 1, 3), graph.Node.ArgMax),
	},
	"one_hot": {
		one(labels(10, 513), depth(10)), one(labels(3), depth(3)), one(labels(4, 3, 2), depth(4)), one(labels(4, 0), depth(4)),
		one(tensor.Of([]int32{-1, 0, 2, 3, math.MaxInt32, math.MinInt32}, 6), depth(3)),
	},
	"gather": {
		{in: []*tensor.Tensor{span(-1, 1, 20, 7), labels(20, 513)}, f: two(graph.Node.Gather)},
		{in: []*tensor.Tensor{span(-1, 1, 20), labels(20, 3, 4)}, f: two(graph.Node.Gather)},
		{in: []*tensor.Tensor{span(-1, 1, 20, 2, 3), labels(20)}, f: two(graph.Node.Gather)},
		{in: []*tensor.Tensor{span(-1, 1, 3, 2), tensor.Of([]int32{-1, 0, 2, 3, math.MaxInt32, math.MinInt32}, 6)}, f: two(graph.Node.Gather)},
		{in: []*tensor.Tensor{span(-1, 1, 3, 2), labels(3, 0)}, f: two(graph.Node.Gather)},
	},
	"scatter_add": {
		scatter(20, span(-1, 1, 513, 7), labels(20, 513)), scatter(5, span(-1, 1, 3, 4), labels(5, 3, 4)), scatter(4, span(-1, 1, 2, 3), labels(4)),
		scatter(3, span(-1, 1, 6, 2), tensor.Of([]int32{-1, 0, 2, 3, math.MaxInt32, math.MinInt32}, 6)), scatter(3, span(-1, 1, 0, 2), labels(3, 0)),
	},

	"conv": forward(), "conv_input": backward(), "conv_kernel": ofKernel(),
	"conv_bias": biased(), "max_pool_gradient": pools(largest),
	"max_pool": pools(maxPool), "max_pool_index": pools(index), "plane_take": taken(), "plane_put": put(),
	"to_int": {
		one(values(special...), graph.Node.ToInt), one(span(-5, 5, 1000, 3), graph.Node.ToInt), one(pixels(513), graph.Node.ToInt), one(pixels(), graph.Node.ToInt),
		one(values(0x1p31, 0x1p31-1, -0x1p31, -0x1p31-1, 1e300, 2.999, -2.999), graph.Node.ToInt), one(span(-5, 5, 0), graph.Node.ToInt),
	},

	"random_uniform": {
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Uniform(1000, 3) }},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Uniform() }},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Uniform(0, 3) }},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Uniform(513).Greater(b.Const(0.25)) }},
	},
	"random_normal": {
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Normal(1000, 3) }, scale: 1},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Normal() }, scale: 1},
		{f: func(b *graph.Builder, _ []graph.Node) graph.Node { return b.Normal(5, 0) }},
	},
}

func one(x *tensor.Tensor, f func(graph.Node) graph.Node) testcase {
	return testcase{in: []*tensor.Tensor{x}, f: func(_ *graph.Builder, x []graph.Node) graph.Node { return f(x[0]) }}
}

func two(f func(a, b graph.Node) graph.Node) func(*graph.Builder, []graph.Node) graph.Node {
	return func(_ *graph.Builder, x []graph.Node) graph.Node { return f(x[0], x[1]) }
}

func same(x graph.Node) graph.Node { return x }

func unary(lo, hi, scale float64, f func(graph.Node) graph.Node) []testcase {
	cs := []testcase{one(values(special...), f)}
	for _, s := range shapes {
		c := one(span(lo, hi, s...), f)
		c.scale = scale
		cs = append(cs, c)
	}
	return cs
}

func binary(lo, hi, scale float64, f func(a, b graph.Node) graph.Node) []testcase {
	column := tensor.Of(special, len(special), 1)
	cs := []testcase{
		{in: []*tensor.Tensor{column, values(special...)}, f: two(f)},
		one(span(lo, hi, 513), func(x graph.Node) graph.Node { return f(x, x) }),
	}
	// An operand that is a constant has kernels of its own.
	for _, v := range []float64{0, 1, 0.5, 2, -1, inf, nan} {
		cs = append(cs,
			one(values(special...), func(x graph.Node) graph.Node { return f(x, x.Builder().Const(v)) }),
			one(values(special...), func(x graph.Node) graph.Node { return f(x.Builder().Const(v), x) }))
	}
	for _, p := range pairs {
		cs = append(cs, testcase{in: []*tensor.Tensor{span(lo, hi, p[0]...), span(lo, hi, p[1]...)}, f: two(f), scale: scale})
	}
	return cs
}

// onGrid rounds operands down to whole numbers, so that some are equal.
func onGrid(f func(a, b graph.Node) graph.Node) func(a, b graph.Node) graph.Node {
	return func(a, b graph.Node) graph.Node { return f(a.Floor(), b.Floor()) }
}

func select3(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].Select(x[1], x[2]) }

func pick3(c, a, b []int) testcase {
	return testcase{
		in: []*tensor.Tensor{span(-1, 1, c...), span(-1, 1, a...), span(2, 3, b...)},
		f: func(b *graph.Builder, x []graph.Node) graph.Node {
			return x[0].Greater(b.Const(0)).Select(x[1], x[2])
		},
	}
}

// reductions are over every set of axes that a loop may treat apart: all, the
// first, the last, inner ones, several, of short and of long axes.
func reductions(op string) []testcase {
	var cs []testcase
	for _, c := range []struct {
		shape []int
		axes  uint8
	}{
		{[]int{1}, 1}, {[]int{7}, 1}, {[]int{511}, 1}, {[]int{513}, 1}, {[]int{5000}, 1}, {[]int{1000, 3}, 1}, {[]int{1000, 3}, 2}, {[]int{1000, 3}, 3},
		{[]int{3, 1000}, 1}, {[]int{3, 1000}, 2}, {[]int{5, 6, 7}, 1}, {[]int{5, 6, 7}, 2}, {[]int{5, 6, 7}, 4}, {[]int{5, 6, 7}, 3}, {[]int{5, 6, 7}, 5},
		{[]int{5, 6, 7}, 6}, {[]int{5, 6, 7}, 7}, {[]int{2, 3, 4, 5, 6}, 0b10101}, {[]int{2, 3, 4, 5, 6}, 0b01010}, {[]int{4, 1, 5}, 2}, {[]int{0, 4}, 2},
	} {
		for _, keep := range []bool{false, true} {
			k := one(span(-1, 1, c.shape...), func(x graph.Node) graph.Node {
				return x.Builder().Apply(op, graph.ReduceAttr{Axes: c.axes, Keep: keep}, x)
			})
			if op == "sum" {
				k.scale = float64(tensor.Shape(c.shape).Len())
			}
			cs = append(cs, k)
		}
	}
	return cs
}

func join(axis int, xs ...*tensor.Tensor) testcase {
	return testcase{in: xs, f: func(_ *graph.Builder, x []graph.Node) graph.Node { return graph.Concat(axis, x...) }}
}

func products() []testcase {
	var cs []testcase
	for _, d := range [][3]int{{1, 1, 1}, {1, 7, 1}, {5, 1, 3}, {3, 4, 5}, {17, 33, 9}, {64, 65, 63}, {1, 513, 31}, {130, 3, 1}, {0, 3, 2}, {3, 0, 2}, {3, 2, 0}} {
		for _, t := range []graph.MatMulAttr{{}, {TransA: true}, {TransB: true}, {TransA: true, TransB: true}} {
			a, b := []int{d[0], d[1]}, []int{d[1], d[2]}
			if t.TransA {
				a[0], a[1] = a[1], a[0]
			}
			if t.TransB {
				b[0], b[1] = b[1], b[0]
			}
			cs = append(cs, testcase{
				in:    []*tensor.Tensor{span(-1, 1, a...), span(-1, 1, b...)},
				f:     func(g *graph.Builder, x []graph.Node) graph.Node { return g.Apply("matmul", t, x...) },
				scale: float64(d[1]),
			})
		}
	}
	return append(cs,
		// A zero does not silence what is not a number.
		testcase{in: []*tensor.Tensor{grid(0, 1, 0, 0, 0, 0), tensor.Of([]float64{nan, 1, 2, 3, 4, inf}, 3, 2)}, f: two(graph.Node.MatMul)},
		testcase{in: []*tensor.Tensor{span(-1, 1, 20, 20)}, f: func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].MatMul(x[0]) }, scale: 20})
}

func stacks() []testcase {
	var cs []testcase
	for _, d := range [][4]int{{1, 1, 1, 1}, {3, 4, 5, 2}, {2, 65, 33, 70}, {300, 9, 8, 7}, {40, 33, 16, 40}, {0, 2, 3, 2}, {2, 3, 0, 2}, {2, 0, 3, 2}} {
		for _, t := range []graph.MatMulAttr{{}, {TransA: true}, {TransB: true}, {TransA: true, TransB: true}} {
			a, b := []int{d[0], d[1], d[2]}, []int{d[0], d[2], d[3]}
			if t.TransA {
				a[1], a[2] = a[2], a[1]
			}
			if t.TransB {
				b[1], b[2] = b[2], b[1]
			}
			cs = append(cs, testcase{
				in:    []*tensor.Tensor{span(-1, 1, a...), span(-1, 1, b...)},
				f:     func(g *graph.Builder, x []graph.Node) graph.Node { return g.Apply("batch_matmul", t, x...) },
				scale: float64(d[2]),
			})
		}
	}
	return append(cs, testcase{in: []*tensor.Tensor{span(-1, 1, 2, 3, 4, 5), span(-1, 1, 3, 5, 2)}, f: two(graph.Node.BatchMatMul), scale: 5})
}

func rowwise(f func(graph.Node) graph.Node) []testcase {
	var cs []testcase
	for _, s := range [][]int{{1}, {10}, {513}, {4, 1}, {64, 10}, {3, 700}, {2, 3, 5}, {0, 3}} {
		c := one(span(-9, 9, s...), f)
		c.scale = 20
		cs = append(cs, c)
	}
	big := one(grid(1000, 999, -1000, 800, 1000, 1000), f)
	big.scale = 2000
	return append(cs, big,
		one(grid(0, -inf, 0, nan, 1, 2), f), one(grid(inf, 1, 2, -inf, -inf, -inf), f))
}

func crossEntropies(ce func(*graph.Builder, []graph.Node) graph.Node) []testcase {
	return []testcase{
		{in: []*tensor.Tensor{span(-9, 9, 64, 10), labels(10, 64)}, f: ce, scale: 20},
		{in: []*tensor.Tensor{span(-9, 9, 3, 700), labels(700, 3)}, f: ce, scale: 20},
		{in: []*tensor.Tensor{span(-9, 9, 2, 3, 5), labels(5, 2, 3)}, f: ce, scale: 20},
		{in: []*tensor.Tensor{span(-9, 9, 5), labels(5)}, f: ce, scale: 20},
		{in: []*tensor.Tensor{span(-9, 9, 0, 5), labels(5, 0)}, f: ce, scale: 20},
		{in: []*tensor.Tensor{grid(1000, 999, -1000, 800, 1000, 1000), tensor.Of([]int32{2, 0}, 2)}, f: ce, scale: 2000},
		// A class that is ruled out costs nothing but as the label.
		{in: []*tensor.Tensor{grid(0, -inf, 0, 0, -inf, 0), tensor.Of([]int32{0, 1}, 2)}, f: ce},
		{in: []*tensor.Tensor{span(-9, 9, 4, 3), tensor.Of([]int32{-1, 3, math.MaxInt32, 1}, 4)}, f: ce, scale: 20},
	}
}

func depth(n int) func(graph.Node) graph.Node {
	return func(x graph.Node) graph.Node { return x.OneHot(n) }
}

func scatter(rows int, dy, index *tensor.Tensor) testcase {
	return testcase{in: []*tensor.Tensor{dy, index}, scale: float64(index.Len()),
		f: func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply("scatter_add", rows, x...) }}
}

// onColumns are sums over the rows of a matrix and another, or a row.
func onColumns(op string, row bool) (cs []testcase) {
	for _, shape := range [][]int{{1, 1}, {3, 4}, {300, 17}, {5, 513}, {700, 3}} {
		second := shape
		if row {
			second = shape[1:]
		}
		cs = append(cs, testcase{in: []*tensor.Tensor{span(-1, 1, shape...), span(-2, 1, second...)}, scale: float64(4 * shape[0]),
			f: func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply(op, nil, x...) }})
	}
	return cs
}

// onRows is an elementwise op of matrices, and of one and rows.
func onRows(op string, arity int) (cases []testcase) {
	f := func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply(op, nil, x...) }
	for _, s := range []tensor.Shape{{}, {1}, {700}, {3, 5}, {1, 40}, {50, 1}, {40, 300}, {2, 3000}, {0, 4}, {2, 3, 4}} {
		c := testcase{f: f}
		for k := range arity {
			c.in = append(c.in, span(float64(-1-k), 2, s...))
		}
		cases = append(cases, c)
		for k := range arity {
			if arity > 1 && len(s) == 2 && s[1] > 1 {
				c.in = slices.Clone(c.in)
				c.in[k] = span(-1, 1, s[1])
				if k+1 < arity {
					cases = append(cases, c)
				}
			}
		}
	}
	return cases
}

// onNumbers is an elementwise op of arrays and, behind them, numbers.
func onNumbers(op string, arrays, numbers int) (cases []testcase) {
	for _, s := range []tensor.Shape{{}, {1}, {700}, {3, 5}, {2, 3000}, {0, 4}, {2, 3, 4}} {
		c := testcase{f: func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply(op, nil, x...) }, scale: 6}
		for k := range arrays {
			c.in = append(c.in, span(0.1, float64(2+k), s...))
		}
		for k := range numbers {
			c.in = append(c.in, span(float64(1+k)/2, 3))
		}
		cases = append(cases, c)
	}
	return cases
}

func affineCase(c, k int) testcase {
	return testcase{in: []*tensor.Tensor{span(-1, 1, c, k), span(-2, 1, c, k), span(0, 1, k), span(-1, 2, c), span(-1, 1, c)}, scale: float64(4 * k),
		f: func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply("affine_gradients", nil, x...) }}
}

// flat lays results one behind the other.
func flat(xs []graph.Node) graph.Node {
	for i, x := range xs {
		xs[i] = x.Reshape(-1)
	}
	return graph.Concat(0, xs...)
}

// recurrent are sizes of recurrent ops, in both directions: of lstm, whose inputs are xw, r,
// h, c and bias, or, of kind 1, of gru, whose are xw, r, h and bias; and in the later ones
// with a mask that leaves steps of rows out.
func recurrent(kind int, f func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node) []testcase {
	var cs []testcase
	for i, s := range [][3]int{{1, 1, 1}, {3, 2, 5}, {2, 70, 9}, {2, 18, 33}, {2, 0, 3}, {4, 3, 5}, {3, 70, 9}, {3, 18, 2}} { // steps, rows, units
		steps, rows, units := s[0], s[1], s[2]
		gates, bias := 4, []int{4 * units}
		if kind == 1 {
			gates, bias = 3, []int{2, 3 * units}
		}
		xs := []*tensor.Tensor{span(-2, 2, steps*rows, gates*units), span(-0.5, 0.5, units, gates*units), span(-1, 1, rows, units)}
		if kind == 0 {
			xs = append(xs, span(-1.5, 1.5, rows, units))
		}
		xs = append(xs, span(-1, 1, bias...))
		masked := i >= 5
		if masked {
			kept := make([]float64, steps*rows)
			for k := range kept {
				kept[k] = float64(k * k % 3 % 2)
			}
			xs = append(xs, tensor.Of(kept, steps, rows, 1))
		}
		cs = append(cs, testcase{in: xs, scale: 1 + float64(rows*steps*units)/8, f: func(_ *graph.Builder, x []graph.Node) graph.Node {
			var mask graph.Node
			if masked {
				mask, x = x[len(x)-1], x[:len(x)-1]
			}
			return f(x, mask, graph.RecurrentAttr{Steps: steps, Backwards: i%2 == 1})
		}})
	}
	return cs
}
