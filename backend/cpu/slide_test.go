package cpu

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Convolutions of any shape in float32 and their gradients are, to rounding, those of
// the plain interpreter in float64, and have the same bytes on any number of threads.
func TestConvolutions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		span := func(axis string) graph.Span {
			return graph.Span{Size: rapid.IntRange(1, 5).Draw(t, axis), Stride: rapid.IntRange(1, 2).Draw(t, "stride"),
				Dilation: rapid.IntRange(1, 2).Draw(t, "dilation"), Before: rapid.IntRange(0, 3).Draw(t, "before"), After: rapid.IntRange(0, 3).Draw(t, "after")}
		}
		h, v := span("rows of the window"), span("columns of the window")
		if rapid.Bool().Draw(t, "dense") {
			v.Dilation = 1
		}
		x := tensor.Shape{rapid.IntRange(1, 5).Draw(t, "samples"), max(1, h.Extent()-h.Before-h.After) + rapid.IntRange(0, 20).Draw(t, "rows"),
			max(1, v.Extent()-v.Before-v.After) + rapid.IntRange(0, 20).Draw(t, "columns"), rapid.IntRange(1, 7).Draw(t, "channels")}
		filters := rapid.IntRange(1, 20).Draw(t, "filters")
		b := graph.New()
		w := b.Input("w", graph.Float, h.Size, v.Size, x[3], filters)
		in := b.Input("x", graph.Float, x...)
		y := in.Conv(w, graph.Slide(h, v), 1)
		loss := y.Mul(y).Sum()
		for i, g := range append(graph.Grad(loss, []graph.Node{in, w}), y) {
			b.Output([]string{"dx", "dw", "y"}[i], g)
		}
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		inputs := func(f tensor.DType) backend.Inputs {
			return backend.Inputs{Values: map[string]*tensor.Tensor{"x": tensor.New(f, x...), "w": tensor.New(f, w.Shape()...)}}
		}
		single, double := inputs(tensor.Float32), inputs(tensor.Float64)
		for name, v := range single.Values {
			for i := range v.Len() {
				v.SetFlat(i, float64(float32(r.NormFloat64())))
				double.Values[name].SetFlat(i, v.Flat(i))
			}
		}
		run := func(be backend.Backend, o backend.Options, in backend.Inputs) backend.Plan {
			p, err := be.Compile(b, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
			return p
		}
		want := run(ref.Backend{}, backend.Options{Float: tensor.Float64}, double)
		own := New()
		one := run(own, backend.Options{Float: tensor.Float32, Threads: 1}, single)
		three := run(own, backend.Options{Float: tensor.Float32, Threads: 3}, single)
		defer one.Close()
		defer three.Close()
		for _, name := range []string{"dx", "dw", "y"} {
			size := 0.0
			for i := range want.Output(name).Len() {
				size = max(size, math.Abs(want.Output(name).Flat(i)))
			}
			for i := range want.Output(name).Len() {
				got := one.Output(name).Flat(i)
				if got != three.Output(name).Flat(i) {
					t.Fatalf("%s: number %d is %g on one thread, %g on three", name, i, got, three.Output(name).Flat(i))
				}
				if d := math.Abs(got - want.Output(name).Flat(i)); !(d <= 1e-5*(1+size)) {
					t.Fatalf("%s: number %d is %g, want %g", name, i, got, want.Output(name).Flat(i))
				}
			}
		}
	})
}
