package cpu

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// gradedProduct is y = x·w and both gradients of the sum of y∘d, with what x, d and w are.
func gradedProduct(m, n, k int) (*graph.Builder, backend.Inputs, *tensor.Tensor) {
	g := graph.New()
	x, w, d := g.Input("x", graph.Float, m, k), g.Param("w", k, n), g.Input("d", graph.Float, m, n)
	y := x.MatMul(w)
	grads := graph.Grad(y.Mul(d).Sum(), []graph.Node{x, w})
	g.Output("y", y)
	g.Output("dx", grads[0])
	g.Output("dw", grads[1])
	random := func(name string, shape ...int) *tensor.Tensor {
		v := tensor.New(tensor.Float32, shape...)
		r := rng.New(rng.Key(1, name), 0)
		for i := range v.Len() {
			v.SetFlat(i, r.Norm())
		}
		return v
	}
	return g, backend.Inputs{Values: map[string]*tensor.Tensor{"x": random("x", m, k), "d": random("d", m, n)}}, random("w", k, n)
}

// TestHalfProducts tells that products and both their gradients have operands of
// bfloat16, have the same bytes on any number of threads, and take no memory.
func TestHalfProducts(t *testing.T) {
	t.Parallel()
	const m, n, k = 128, 520, 130
	g, in, weights := gradedProduct(m, n, k)
	xs, ds, ws := in.Values["x"].Float32s(), in.Values["d"].Float32s(), weights.Float32s()
	want := map[string][]float32{"y": make([]float32, m*n), "dx": make([]float32, m*k), "dw": make([]float32, k*n)}
	kernel.MatMulBF16(want["y"], n, xs, k, false, ws, n, false, m, n, k, 0, m, 0, n, false)
	kernel.MatMulBF16(want["dx"], k, ds, n, false, ws, n, true, m, k, n, 0, m, 0, k, false)
	kernel.MatMulBF16(want["dw"], n, xs, k, true, ds, n, false, k, n, m, 0, k, 0, n, false)
	ctx := context.Background()
	for _, threads := range []int{1, 5} {
		p, err := New().Compile(g, backend.Options{Products: tensor.BFloat16, Threads: threads, State: func(string) *tensor.Tensor { return weights }})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(ctx, in); err != nil {
			t.Fatal(err)
		}
		for name, x := range want {
			if !slices.Equal(p.Output(name).Float32s(), x) {
				t.Errorf("%d threads: %s is not the product of rounded operands", threads, name)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHalfProductsOfNothingElse(t *testing.T) {
	t.Parallel()
	g := graph.New()
	g.Output("y", g.Input("x", graph.Float, 2, 2))
	for _, c := range []struct {
		o    backend.Options
		want string
	}{
		{backend.Options{Products: tensor.BFloat16, Float: tensor.Float64}, "not in float64"},
		{backend.Options{Products: tensor.Float16}, "want bfloat16"},
	} {
		if _, err := New().Compile(g, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want an error with %q", c.o, err, c.want)
		}
	}
}

func TestHalfProductsTakeNoMemory(t *testing.T) {
	g := graph.New()
	g.Output("y", g.Input("x", graph.Float, 40, 50).MatMul(g.Input("w", graph.Float, 50, 60)))
	p, err := New().Compile(g, backend.Options{Products: tensor.BFloat16, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": tensor.New(tensor.Float32, 40, 50), "w": tensor.New(tensor.Float32, 50, 60)}}
	if n := testing.AllocsPerRun(10, func() {
		if err := p.Run(context.Background(), in); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("a run allocates %g times", n)
	}
}
