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
			return graph.Span{Size: rapid.IntRange(1, 5).Draw(t, axis), Stride: rapid.IntRange(1, 4).Draw(t, "stride"),
				Dilation: rapid.IntRange(1, 2).Draw(t, "dilation"), Before: rapid.IntRange(0, 4).Draw(t, "before"), After: rapid.IntRange(0, 4).Draw(t, "after")}
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
		same(t, b, rapid.Bool().Draw(t, "coarse"))
	})
}

// same runs a graph of inputs that are drawn, in float32 on one thread and on three and
// in float64 by the plain interpreter. Coarse ones are whole: many are equal, and sums of
// products exact, so that the largest of them is the same in both.
func same(t *rapid.T, b *graph.Builder, coarse bool) {
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	single, double := backend.Inputs{Values: map[string]*tensor.Tensor{}}, backend.Inputs{Values: map[string]*tensor.Tensor{}}
	for _, in := range b.Inputs() {
		v, w := tensor.New(tensor.Float32, in.Shape()...), tensor.New(tensor.Float64, in.Shape()...)
		for i := range v.Len() {
			x := r.NormFloat64()
			if coarse {
				x = math.Round(x)
			}
			v.SetFlat(i, x)
			w.SetFlat(i, v.Flat(i))
		}
		single.Values[in.Name()], double.Values[in.Name()] = v, w
	}
	run := func(be backend.Backend, o backend.Options, in backend.Inputs) backend.Plan {
		p, err := be.Compile(b, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // what an earlier run leaves behind must not count
			if err := p.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	want := run(ref.Backend{}, backend.Options{Float: tensor.Float64}, double)
	own := New()
	one := run(own, backend.Options{Float: tensor.Float32, Threads: 1}, single)
	three := run(own, backend.Options{Float: tensor.Float32, Threads: 3}, single)
	defer one.Close()
	defer three.Close()
	for _, o := range b.Outputs() {
		name := o.Name
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
}

// So do pools of any shape, behind a relu and without, and what is in front of them.
func TestPools(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := tensor.Shape{rapid.IntRange(1, 4).Draw(t, "samples")}
		var spans []graph.Span
		for range rapid.IntRange(1, 3).Draw(t, "axes") {
			s := graph.Span{Size: rapid.IntRange(1, 3).Draw(t, "size"), Stride: rapid.IntRange(1, 4).Draw(t, "stride"), Dilation: rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "dilation")}
			if s.Dilation == 1 && rapid.Bool().Draw(t, "padded") {
				s.Before, s.After = rapid.IntRange(0, s.Size-1).Draw(t, "before"), rapid.IntRange(0, s.Size-1).Draw(t, "after")
			}
			spans = append(spans, s)
			shape = append(shape, s.Extent()+rapid.IntRange(0, 9).Draw(t, "places"))
		}
		channels := rapid.IntRange(1, 20).Draw(t, "channels")
		shape = append(shape, channels)
		b := graph.New()
		x := b.Input("x", graph.Float, shape...)
		z := x
		if rapid.Bool().Draw(t, "convolution") {
			one := make([]graph.Span, len(spans))
			taps := tensor.Shape{}
			for i := range one {
				one[i] = graph.Span{Size: 3, Before: 1, After: 1}
				taps = append(taps, 3)
			}
			z = z.Conv(b.Input("w", graph.Float, append(taps, channels, channels)...), graph.Slide(one...), 1)
			z = z.Add(b.Input("b", graph.Float, channels))
		}
		exact := z == x
		if rapid.Bool().Draw(t, "relu") {
			z = z.Relu()
		}
		if rapid.IntRange(0, 4).Draw(t, "seen") == 0 {
			b.Output("z", z)
		}
		y := z.MaxPool(graph.Slide(spans...))
		b.Output("y", y)
		b.Output("dx", graph.Grad(y.Mul(y).Sum(), []graph.Node{x})[0])
		same(t, b, !exact || rapid.Bool().Draw(t, "coarse"))
	})
}
