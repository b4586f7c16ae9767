package ref_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

func Example() {
	g := graph.New()
	x := g.Input("x", graph.Float, 2, 2)
	g.Output("y", x.MatMul(x).Sum(1))

	plan, err := ref.Backend{}.Compile(g, backend.Options{})
	if err != nil {
		panic(err)
	}
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}}
	if err := plan.Run(context.Background(), in); err != nil {
		panic(err)
	}
	fmt.Println(plan.Output("y").Float32s())
	// Output: [17 37]
}

// The interpreter judges every other backend, so its own numbers are checked
// against ones worked out by hand.
func TestByHand(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	x := tensor.Of([]float64{1, -2, 3, -4, 5, -6}, 2, 3)
	lab := tensor.Of([]int32{2, -1}, 2)
	for _, c := range []struct {
		name string
		f    func(g *graph.Builder, x, l graph.Node) graph.Node
		want []float64
	}{
		{"transpose", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Transpose() }, []float64{1, -4, -2, 5, 3, -6}},
		{"slice", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Slice(1, 1, 3) }, []float64{-2, 3, 5, -6}},
		{"pad", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Slice(1, 0, 1).Pad(1, 1, 0) }, []float64{0, 1, 0, -4}},
		{"concat", func(_ *graph.Builder, x, _ graph.Node) graph.Node {
			return graph.Concat(1, x.Slice(1, 0, 1), x.Slice(1, 2, 3))
		}, []float64{1, 3, -4, -6}},
		{"sum", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Sum(0) }, []float64{-3, 3, -3}},
		{"reduce_max", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.ReduceMax(1) }, []float64{3, 5}},
		{"broadcast", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Sum(1).Reshape(2, 1).BroadcastTo(2, 2) }, []float64{2, 2, -5, -5}},
		{"matmul", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.MatMulT(x) }, []float64{14, -32, -32, 77}},
		{"matmul transposed", func(b *graph.Builder, x, _ graph.Node) graph.Node {
			return b.Apply("matmul", graph.MatMulAttr{TransA: true}, x, x).Slice(0, 0, 1)
		}, []float64{17, -22, 27}},
		{"argmax", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.ArgMax().ToFloat() }, []float64{2, 1}},
		{"one_hot", func(_ *graph.Builder, _, l graph.Node) graph.Node { return l.OneHot(3) }, []float64{0, 0, 1, 0, 0, 0}},
		{"gather", func(_ *graph.Builder, x, l graph.Node) graph.Node { return x.Transpose().Gather(l) }, []float64{3, -6, 0, 0}},
		{"scatter_add", func(b *graph.Builder, x, l graph.Node) graph.Node { return b.Apply("scatter_add", 3, x, l) }, []float64{0, 0, 0, 0, 0, 0, 1, -2, 3}},
		{"cross_entropy", func(_ *graph.Builder, x, l graph.Node) graph.Node { return x.Scale(0).CrossEntropy(l) }, []float64{math.Log(3), nan}},
		{"select", func(b *graph.Builder, x, _ graph.Node) graph.Node {
			return x.Greater(b.Const(0)).Select(x.Log().Exp(), x.Relu())
		}, []float64{1, 0, 3, 0, 5, 0}},
		{"max", func(b *graph.Builder, x, _ graph.Node) graph.Node { return x.Log().Max(b.Const(1)) }, []float64{1, nan, math.Log(3), nan, math.Log(5), nan}},
		{"softplus", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Scale(1000).Softplus() }, []float64{1000, 0, 3000, 0, 5000, 0}},
		{"softmax", func(_ *graph.Builder, x, _ graph.Node) graph.Node { return x.Scale(1000).Softmax() }, []float64{0, 0, 1, 0, 1, 0}},
		{"div", func(b *graph.Builder, x, _ graph.Node) graph.Node { return x.Div(b.Const(0)) }, []float64{inf, -inf, inf, -inf, inf, -inf}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range []backend.Backend{ref.Backend{}, ref.Backend{Lower: true}} {
				g := graph.New()
				g.Output("y", c.f(g, g.Input("x", graph.Float, 2, 3), g.Input("l", graph.Int, 2)))
				p, err := b.Compile(g, backend.Options{Float: tensor.Float64})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Run(t.Context(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": x, "l": lab}}); err != nil {
					t.Fatal(err)
				}
				got := p.Output("y").Float64s()
				if len(got) != len(c.want) {
					t.Fatalf("%s: got %v, want %v", b.Name(), got, c.want)
				}
				for i, w := range c.want {
					if !(math.Abs(got[i]-w) < 1e-12 || got[i] == w || math.IsNaN(w) && math.IsNaN(got[i])) {
						t.Fatalf("%s: got %v, want %v", b.Name(), got, c.want)
					}
				}
			}
		})
	}
}

func TestFloat32RoundsEachResult(t *testing.T) {
	t.Parallel()
	g := graph.New()
	g.Output("y", g.Const(1).Div(g.Const(3)).Mul(g.Const(3)).AddScalar(-1))
	p, err := ref.Backend{}.Compile(g, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context(), backend.Inputs{}); err != nil {
		t.Fatal(err)
	}
	third := float32(1) / 3
	if got, want := p.Output("y").Float32s()[0], float32(float64(third)*3)-1; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func init() { graph.Register(graph.Op{Name: "test_unknown", Arity: 1, Elementwise: true}) }

func TestKernelMissing(t *testing.T) {
	t.Parallel()
	g := graph.New()
	g.Output("y", g.Apply("test_unknown", nil, g.Const(2)))
	_, err := ref.Backend{}.Compile(g, backend.Options{})
	if err == nil || err.Error() != "test_unknown: ref has no kernel for it and it has no lowering" {
		t.Errorf("got error %v", err)
	}
}
