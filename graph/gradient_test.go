package graph_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/backend/gradcheck"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// A gradcase is a function whose gradient is compared with differences.
type gradcase struct {
	f  func(b *graph.Builder, x []graph.Node) graph.Node
	xs []*tensor.Tensor
}

// spread is n numbers, shuffled, that lie evenly in [lo, hi] and so keep apart
// from one another: no two change places within a difference's step.
func spread(lo, hi float64, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float64, shape...)
	order := make([]int32, t.Len())
	rng.New(rng.Key(3, fmt.Sprint(lo, hi, shape)), 0).Perm(order)
	for i, p := range order {
		t.SetFlat(i, lo+(hi-lo)*(float64(p)+0.5)/float64(len(order)))
	}
	return t
}

func ints(v ...int32) *tensor.Tensor { return tensor.Of(v, len(v)) }

func of1(f func(graph.Node) graph.Node, xs ...*tensor.Tensor) []gradcase {
	var cs []gradcase
	for _, x := range xs {
		cs = append(cs, gradcase{func(_ *graph.Builder, x []graph.Node) graph.Node { return f(x[0]) }, []*tensor.Tensor{x}})
	}
	return cs
}

// of2 takes both operands over shapes that broadcast in every way, and one
// operand twice.
func of2(f func(a, b graph.Node) graph.Node, lo, hi float64) []gradcase {
	var cs []gradcase
	for _, s := range [][2][]int{
		{{}, {}}, {{4}, {4}}, {{3, 2}, {2}}, {{2}, {3, 2}}, {{3, 2}, {3, 1}}, {{3, 1}, {1, 2}}, {{}, {3}}, {{1}, {2, 2}}, {{2, 1, 3}, {2, 1}}, {{0, 2}, {2}},
	} {
		cs = append(cs, gradcase{
			func(_ *graph.Builder, x []graph.Node) graph.Node { return f(x[0], x[1]) },
			[]*tensor.Tensor{spread(lo, hi, s[0]...), spread(lo+0.03, hi+0.03, s[1]...)},
		})
	}
	return cs
}

// both gives a unary op positive and negative numbers on each side of a kink
// at 0.
func both(f func(graph.Node) graph.Node) []gradcase {
	return of1(f, spread(0.2, 2.5, 3), spread(-2.5, -0.2, 2, 2), spread(1, 2), spread(1, 2, 0, 3))
}

// recurrent takes ops with the input (steps·N, gates·units), the recurrent kernel, states
// and a bias over steps in both directions.
// With a mask, steps of the rows are left out.
func recurrent(n, gates, states int, f func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node) []gradcase {
	var cs []gradcase
	for i, a := range []graph.RecurrentAttr{{Steps: 3}, {Steps: 2, Backwards: true}, {Steps: 1}, {Steps: 3}, {Steps: 3, Backwards: true}} {
		const rows, units = 2, 3
		xs := []*tensor.Tensor{spread(-1, 1, a.Steps*rows, gates*units), spread(-1, 1.2, units, gates*units)}
		for i := range states {
			xs = append(xs, spread(-1, 0.8+float64(i)/9, rows, units))
		}
		bias := []int{4 * units}
		if gates == 3 {
			bias = []int{2, 3 * units}
		}
		xs = append(xs, spread(-0.5, 0.7, bias...))
		cs = append(cs, gradcase{func(b *graph.Builder, x []graph.Node) graph.Node {
			var mask graph.Node
			if i >= 3 {
				one, none := b.Full(1, 1, 1, 1), b.Full(0, 1, 1, 1)
				mask = graph.Concat(0, one, none, none, one, one, none).Reshape(a.Steps, rows, 1)
			}
			return f(x[:n], mask, a)
		}, xs})
	}
	return cs
}

func reduce(op string, axes uint8, keep bool) func(graph.Node) graph.Node {
	return func(x graph.Node) graph.Node {
		return x.Builder().Apply(op, graph.ReduceAttr{Axes: axes, Keep: keep}, x)
	}
}

func matmul(t graph.MatMulAttr, a, b *tensor.Tensor) gradcase { return product("matmul", t, a, b) }

func product(op string, t graph.MatMulAttr, a, b *tensor.Tensor) gradcase {
	return gradcase{func(g *graph.Builder, x []graph.Node) graph.Node { return g.Apply(op, t, x...) }, []*tensor.Tensor{a, b}}
}

// gradcases has what is tried of every op that a gradient flows through.
var gradcases = map[string][]gradcase{
	"neg": both(graph.Node.Neg), "abs": both(graph.Node.Abs), "exp": both(graph.Node.Exp), "expm1": both(graph.Node.Expm1),
	"log": of1(graph.Node.Log, spread(0.1, 3, 5)), "log1p": of1(graph.Node.Log1p, spread(-0.8, 3, 5)),
	"sqrt": of1(graph.Node.Sqrt, spread(0.1, 3, 5)), "rsqrt": of1(graph.Node.Rsqrt, spread(0.1, 3, 5)),
	"sin": both(graph.Node.Sin), "cos": both(graph.Node.Cos), "erf": both(graph.Node.Erf), "tanh": both(graph.Node.Tanh),
	"square": both(graph.Node.Square), "relu": both(graph.Node.Relu), "sigmoid": both(graph.Node.Sigmoid), "softplus": both(graph.Node.Softplus),

	"add": of2(graph.Node.Add, -2, 2), "sub": of2(graph.Node.Sub, -2, 2), "mul": of2(graph.Node.Mul, -2, 2), "div": of2(graph.Node.Div, 0.5, 2),
	"max": of2(graph.Node.Max, -2, 2), "min": of2(graph.Node.Min, -2, 2),
	"pow": append(of2(graph.Node.Pow, 0.3, 2),
		of1(func(x graph.Node) graph.Node { return x.Pow(x.Builder().Const(3)) }, spread(-2, 2, 5))...),
	"select": {
		{func(b *graph.Builder, x []graph.Node) graph.Node { return x[0].Greater(b.Const(0)).Select(x[1], x[2]) },
			[]*tensor.Tensor{spread(-1, 1, 3, 2), spread(1, 2, 2), spread(2, 3, 3, 1)}},
		// The branch not taken is Inf, and so is its slope.
		{func(b *graph.Builder, x []graph.Node) graph.Node {
			return x[0].Greater(b.Const(0)).Select(x[0], x[0].Relu().Log())
		}, []*tensor.Tensor{spread(0.5, 1, 3)}},
	},

	"sum": append(append(append(of1(reduce("sum", 0b001, false), spread(-1, 1, 2, 3, 2)), of1(reduce("sum", 0b110, true), spread(-1, 1, 2, 3, 2))...),
		of1(reduce("sum", 0b111, false), spread(-1, 1, 2, 3, 2))...), of1(reduce("sum", 1, false), spread(-1, 1, 0, 2))...),
	"reduce_max": append(append(of1(reduce("reduce_max", 0b001, false), spread(-1, 1, 2, 3, 2)), of1(reduce("reduce_max", 0b110, true), spread(-1, 1, 2, 3, 2))...),
		of1(reduce("reduce_max", 0b111, false), spread(-1, 1, 2, 3, 2))...),

	"reshape":   of1(func(x graph.Node) graph.Node { return x.Reshape(3, -1) }, spread(-1, 1, 2, 3), spread(-1, 1, 3)),
	"broadcast": of1(func(x graph.Node) graph.Node { return x.BroadcastTo(2, 3, 2) }, spread(-1, 1), spread(-1, 1, 3, 1), spread(-1, 1, 2, 1, 2)),
	"transpose": append(of1(func(x graph.Node) graph.Node { return x.Transpose() }, spread(-1, 1, 2, 3), spread(-1, 1, 2)),
		of1(func(x graph.Node) graph.Node { return x.Transpose(2, 0, 1) }, spread(-1, 1, 2, 3, 2))...),
	"slice": append(append(of1(func(x graph.Node) graph.Node { return x.Slice(0, 1, 3) }, spread(-1, 1, 4), spread(-1, 1, 3, 2)),
		of1(func(x graph.Node) graph.Node { return x.Slice(-1, 0, 1) }, spread(-1, 1, 2, 3))...),
		// Side by side, with gaps, overlapping, on another axis, and x itself.
		of1(func(x graph.Node) graph.Node {
			n := x.Dim(0)
			return graph.Concat(0, x.Slice(0, 1, 2), x.Slice(0, 3, 5).Square(), x.Slice(0, 2, 4), x.Slice(0, 0, n-1), x.Slice(0, 4, n), x).Sum(0).Add(x.Slice(1, 0, 2).Sum())
		}, spread(-1, 1, 6, 2), spread(-1, 1, 5, 3))...),
	"pad": append(of1(func(x graph.Node) graph.Node { return x.Pad(0, 1, 2) }, spread(-1, 1, 2), spread(-1, 1, 2, 2)),
		of1(func(x graph.Node) graph.Node { return x.Pad(-1, 0, 1) }, spread(-1, 1, 2, 2))...),
	"concat": {
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return graph.Concat(0, x...) }, []*tensor.Tensor{spread(-1, 1, 1, 2), spread(-1, 1, 3, 2)}},
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return graph.Concat(-1, x[0], x[1], x[0].Square()) }, []*tensor.Tensor{spread(-1, 1, 2, 1), spread(-1, 1, 2, 2)}},
	},

	"matmul": {
		matmul(graph.MatMulAttr{}, spread(-1, 1, 2, 3), spread(-1, 1, 3, 4)),
		matmul(graph.MatMulAttr{TransA: true}, spread(-1, 1, 3, 2), spread(-1, 1, 3, 4)),
		matmul(graph.MatMulAttr{TransB: true}, spread(-1, 1, 2, 3), spread(-1, 1, 4, 3)),
		matmul(graph.MatMulAttr{TransA: true, TransB: true}, spread(-1, 1, 3, 2), spread(-1, 1, 4, 3)),
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].MatMulT(x[0]) }, []*tensor.Tensor{spread(-1, 1, 2, 3)}},
	},
	"batch_matmul": {
		product("batch_matmul", graph.MatMulAttr{}, spread(-1, 1, 2, 2, 3), spread(-1, 1, 2, 3, 4)),
		product("batch_matmul", graph.MatMulAttr{TransA: true}, spread(-1, 1, 2, 3, 2), spread(-1, 1, 2, 3, 4)),
		product("batch_matmul", graph.MatMulAttr{TransB: true}, spread(-1, 1, 2, 1, 2, 3), spread(-1, 1, 2, 1, 4, 3)),
		product("batch_matmul", graph.MatMulAttr{TransA: true, TransB: true}, spread(-1, 1, 1, 3, 2), spread(-1, 1, 1, 4, 3)),
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].BatchMatMul(x[1]) }, []*tensor.Tensor{spread(-1, 1, 2, 2, 3), spread(-1, 1, 3, 2)}},
	},
	"lstm": recurrent(5, 4, 2, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h, c := graph.LSTM(x[0], x[1], x[2], x[3], x[4], mask, a)
		return graph.Concat(0, h, c.Square())
	}),
	"lstm_gradient": append(recurrent(5, 4, 2, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		_, c := graph.LSTM(x[0], x[1], x[2], x[3], x[4], mask, a)
		return graph.VJP(c, c.Square(), x)[1]
	}), recurrent(5, 4, 2, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h, _ := graph.LSTM(x[0], x[1], x[2], x[3], x[4], mask, a)
		return graph.VJP(h, h.Square(), x)[2]
	})...),
	"gru": recurrent(4, 3, 1, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		return graph.GRU(x[0], x[1], x[2], x[3], mask, a)
	}),
	"gru_gradient": recurrent(4, 3, 1, func(x []graph.Node, mask graph.Node, a graph.RecurrentAttr) graph.Node {
		h := graph.GRU(x[0], x[1], x[2], x[3], mask, a)
		return graph.VJP(h, h.Square(), x)[1]
	}),
	"conv":        convolution("conv", 0, 1),
	"conv_input":  convolution("conv_input", 2, 1),
	"conv_kernel": convolution("conv_kernel", 0, 2),
	"max_pool":    pools(graph.Node.MaxPool),
	"plane_take": {
		{func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply("plane_take", nil, x...) },
			[]*tensor.Tensor{spread(-1, 1, 2, 2, 3, 2), tensor.Of([]int32{0, 5, 5, -1, 2, 6, 3, 3}, 2, 2, 2)}},
	},
	"plane_put": pools(func(x graph.Node, w graph.Window) graph.Node {
		y := x.MaxPool(w)
		return graph.VJP(y, y.Square(), []graph.Node{x})[0]
	}),
	"softmax":     of1(graph.Node.Softmax, spread(-2, 2, 5), spread(-2, 2, 2, 3), spread(-2, 2, 1), spread(-2, 2, 2, 2, 2)),
	"log_softmax": of1(graph.Node.LogSoftmax, spread(-2, 2, 5), spread(-2, 2, 2, 3), spread(-2, 2, 1), spread(-2, 2, 2, 2, 2)),
	"cross_entropy": {
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].CrossEntropy(x[1]) }, []*tensor.Tensor{spread(-2, 2, 3, 4), ints(0, 3, 1)}},
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].CrossEntropy(x[1].Reshape()) }, []*tensor.Tensor{spread(-2, 2, 4), ints(2)}},
	},
	"gather": {
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].Gather(x[1]) }, []*tensor.Tensor{spread(-1, 1, 3, 2), ints(2, 0, 2, -1, 3)}},
		{func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].Gather(x[1].Reshape(2, 2)) }, []*tensor.Tensor{spread(-1, 1, 3), ints(2, 0, 2, 1)}},
	},
	"scatter_add": {
		{func(b *graph.Builder, x []graph.Node) graph.Node { return b.Apply("scatter_add", 3, x...) }, []*tensor.Tensor{spread(-1, 1, 4, 2), ints(1, 1, -1, 2)}},
	},
}

func TestGradientOfEveryOp(t *testing.T) {
	t.Parallel()
	for _, op := range graph.Ops() {
		if op.VJP == nil {
			continue
		}
		t.Run(op.Name, func(t *testing.T) {
			t.Parallel()
			if len(gradcases[op.Name]) == 0 {
				t.Fatalf("no case: add some to gradcases")
			}
			for _, c := range gradcases[op.Name] {
				gradcheck.Check(t, c.f, c.xs...)
			}
		})
	}
}

// The gradient is a graph like any other: the gradient of a gradient must hold
// for every op too.
func TestSecondGradientOfEveryOp(t *testing.T) {
	t.Parallel()
	for name, cs := range gradcases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range cs {
				gradcheck.Check(t, func(b *graph.Builder, x []graph.Node) graph.Node {
					// The square makes the gradient of a linear op depend on its input.
					grads := graph.Grad(c.f(b, x).Square().Sum(), x)
					return grads[slices.IndexFunc(grads, graph.Node.Valid)]
				}, c.xs...)
			}
		})
	}
}

// Where an op has a kink its gradient is a known choice.
func TestGradientAtKinks(t *testing.T) {
	t.Parallel()
	zero := tensor.New(tensor.Float64)
	for _, c := range []struct {
		name string
		f    func(x graph.Node) graph.Node
		want float64
	}{
		{"abs", graph.Node.Abs, 0},
		{"relu", graph.Node.Relu, 0},
		{"max goes to the first", func(x graph.Node) graph.Node { return x.Max(x.Scale(3)) }, 1},
		{"min goes to the first", func(x graph.Node) graph.Node { return x.Min(x.Scale(3)) }, 1},
		{"pow to the 0", func(x graph.Node) graph.Node { return x.Pow(x.Builder().Const(0)) }, 0},
		{"pow to a 0 that is computed", func(x graph.Node) graph.Node { return x.Pow(x.StopGradient()) }, 0},
		{"pow of 0 by its exponent", func(x graph.Node) graph.Node { return x.StopGradient().Pow(x.AddScalar(2)) }, 0},
		{"stop", func(x graph.Node) graph.Node { return x.StopGradient().Mul(x.AddScalar(2)) }, 0},
		{"select over an Inf", func(x graph.Node) graph.Node { return x.Select(x.Builder().Const(math.Inf(1)), x.Scale(5)) }, 5},
	} {
		b := graph.New()
		x := b.Input("x", graph.Float)
		d := graph.Grad(c.f(x), []graph.Node{x})[0]
		b.Output("d", d)
		if got := eval(t, b, map[string]*tensor.Tensor{"x": zero}, "d")[0]; got != c.want {
			t.Errorf("%s: gradient at 0 is %v, want %v", c.name, got, c.want)
		}
	}
}

// Elements that share a maximum share its gradient.
func TestGradientOfTies(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x := b.Input("x", graph.Float, 4)
	b.Output("d", graph.Grad(x.ReduceMax(), []graph.Node{x})[0])
	got := eval(t, b, map[string]*tensor.Tensor{"x": tensor.Of([]float64{2, 1, 2, 0}, 4)}, "d")
	if fmt.Sprint(got) != "[0.5 0 0.5 0]" {
		t.Errorf("got %v", got)
	}
}
