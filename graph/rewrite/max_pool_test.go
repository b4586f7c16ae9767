package rewrite

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A convolution, its bias, a relu and a pool, and their gradients, keep every bit when
// the pool goes before the relu and the bias into the convolution, and somebody else
// who reads the relu keeps it where it is. The gradient of the bias is added up in another
// order.
func TestMaxPools(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{false, true} {
		b := graph.New()
		x := b.Input("x", graph.Float, 3, 7, 6, 2)
		w, bias := b.Input("w", graph.Float, 3, 3, 2, 4), b.Input("b", graph.Float, 4)
		three, two := graph.Span{Size: 3, Before: 1, After: 1}, graph.Span{Size: 2, Stride: 2}
		z := x.Conv(w, graph.Slide(three, three), 1).Add(bias).Relu()
		if seen {
			b.Output("z", z)
		}
		y := z.MaxPool(graph.Slide(two, two))
		b.Output("y", y)
		again := y.Conv(b.Input("v", graph.Float, 1, 1, 4, 3), graph.Slide(graph.Span{Size: 1}, graph.Span{Size: 1}), 1)
		last := again.Add(b.Input("c", graph.Float, 3)).Relu()
		b.Output("last", last)
		for i, g := range graph.Grad(last.Square().Sum(), []graph.Node{x, w, bias}) {
			b.Output([]string{"dx", "dw", "db"}[i], g)
		}
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
		for k, p := range b.Inputs() {
			v := tensor.New(tensor.Float64, p.Shape()...)
			for i := range v.Len() {
				v.SetFlat(i, math.Sin(float64(i*i+7*i+k)))
			}
			in.Values[p.Name()] = v
		}
		set := param.NewSet(tensor.Float64)
		want := run(t, b, set, in)
		g := MaxPools(Joined(b))
		if has(g, "plane_put", "max_pool_index") || !has(g, "max_pool_gradient") {
			t.Errorf("the pool's gradient notes places (the relu is read: %v)", seen)
		}
		for _, can := range []bool{false, true} {
			h := Biased(g, func(graph.Node) bool { return can })
			if has(h, "conv_bias") != can {
				t.Errorf("a bias that can be joined (%v) is not, or one that cannot is", can)
			}
			live, gates := h.Live(), 0
			for x := range h.Nodes() {
				if live[x.ID()] && x.Op().Name == "gate" && x.Shape().Equal(z.Shape()) {
					gates++
				}
			}
			// With the relu read, the gradient passes its gate as a whole.
			if wantGates := map[bool]int{true: 1}[seen]; gates != wantGates {
				t.Errorf("%d gates as large as the convolution, want %d", gates, wantGates)
			}
			got := run(t, h, set, in)
			for name, w := range want {
				for i := range w {
					if got[name][i] != w[i] && !(name == "db" && math.Abs(got[name][i]-w[i]) <= 1e-13*math.Abs(w[i])) {
						t.Fatalf("element %d of %s is %g, want %g", i, name, got[name][i], w[i])
					}
				}
			}
		}
	}
}

// The sums of a pool's gradient by channel are those of what came to it, for windows of any
// size, stride and padding, equal numbers and NaN in them.
func TestMaxPoolSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var spans []graph.Span
		for range 2 {
			size := rapid.IntRange(1, 3).Draw(r, "size")
			spans = append(spans, graph.Span{Size: size, Stride: rapid.IntRange(1, 3).Draw(r, "stride"),
				Before: rapid.IntRange(0, size-1).Draw(r, "before"), After: rapid.IntRange(0, size-1).Draw(r, "after")})
		}
		b := graph.New()
		x := b.Input("x", graph.Float, 2, rapid.IntRange(3, 7).Draw(r, "lines"), rapid.IntRange(3, 7).Draw(r, "places"), 3)
		y := x.MaxPool(graph.Slide(spans...))
		dx := graph.Grad(y.Mul(b.Input("s", graph.Float, y.Shape()...)).Sum(), []graph.Node{x})[0]
		b.Output("by channel", dx.Sum(0, 1, 2))
		b.Output("by sample", dx.Sum(1, 2))
		if err := b.Err(); err != nil {
			r.Fatal(err)
		}
		in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
		for _, p := range b.Inputs() {
			v := tensor.New(tensor.Float64, p.Shape()...)
			for i := range v.Len() {
				v.SetFlat(i, float64(rapid.IntRange(-3, 3).Draw(r, "value"))) // sums are exact
			}
			in.Values[p.Name()] = v
		}
		if rapid.Bool().Draw(r, "NaN") {
			in.Values["x"].SetFlat(rapid.IntRange(0, in.Values["x"].Len()-1).Draw(r, "at"), math.NaN())
		}
		set := param.NewSet(tensor.Float64)
		g := MaxPools(Joined(b))
		for _, o := range g.Outputs() {
			if of := o.Node.In(0).Op().Name; (of == "max_pool_gradient") != (o.Name == "by sample") {
				r.Errorf("the sum %s is of %s", o.Name, of)
			}
		}
		compare(t, "pools", run(t, g, set, in), run(t, b, set, in))
	})
}
