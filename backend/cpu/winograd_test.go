package cpu

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Convolutions that are made of transforms are those of the definition, for images and
// padding of any size, and so are the gradients that are convolutions with filters turned
// around, whatever lies in the memory that they take.
func TestWinograd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		span := func(axis string) (graph.Span, int) {
			s := graph.Span{Size: 3, Stride: 1, Dilation: 1, Before: rapid.IntRange(0, 4).Draw(t, axis), After: rapid.IntRange(0, 4).Draw(t, axis)}
			return s, max(1, 3-s.Before-s.After) + rapid.IntRange(0, 12).Draw(t, axis)
		}
		rows, h := span("rows")
		columns, v := span("columns")
		n, channels, filters := rapid.IntRange(1, 5).Draw(t, "samples"), rapid.IntRange(1, 20).Draw(t, "channels"), rapid.IntRange(1, 20).Draw(t, "filters")
		turned, rectify := rapid.Bool().Draw(t, "turned"), rapid.Bool().Draw(t, "rectify")
		a := graph.ConvAttr{Window: graph.Slide(rows, columns), Groups: 1, In: [graph.MaxSpatial]int{h, v}}
		g := geometryOf(a, n, channels, filters)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		draw := func(n int) *value[float32] {
			v := &value[float32]{f: make([]float32, n)}
			for i := range v.f {
				v.f[i] = float32(r.NormFloat64())
			}
			return v
		}
		x, w, b, y := draw(n*g.in*channels), draw(9*channels*filters), draw(filters), draw(n*g.out*filters)
		bias := b
		if rapid.Bool().Draw(t, "no bias") {
			bias = nil
		}
		c := &compiler[float32]{}
		chunks, run := convWinograd(c, graph.Node{}, x, w, bias, y, &g, turned, rectify)
		c.work.allocate(1)
		nan := float32(math.NaN())
		for i := range c.work.shared {
			c.work.shared[i] = nan
		}
		for i := range c.work.worker[0] {
			c.work.worker[0][i] = nan
		}
		for i := range c.before.chunks {
			c.before.run(0, i)
		}
		for i := range chunks {
			run(0, i)
		}
		for i, got := range y.f {
			row, f := i/filters, i%filters
			want, size := 0.0, 1.0
			g.eachTap(row, func(tap, place int) {
				for k := range channels {
					q := float64(x.f[place*channels+k])
					if turned {
						q *= float64(w.f[((8-tap)*filters+f)*channels+k])
					} else {
						q *= float64(w.f[(tap*channels+k)*filters+f])
					}
					want += q
					size += math.Abs(q)
				}
			})
			if bias != nil {
				want += float64(bias.f[f])
			}
			if rectify {
				want = max(want, 0)
			}
			if !(math.Abs(float64(got)-want) <= 1e-5*size) {
				t.Fatalf("row %d, filter %d is %g, want %g", row, f, got, want)
			}
		}
	})
}

// Their bytes are the same on any number of threads, with their gradients and those of
// convolutions of each channel by itself.
func TestWinogradThreads(t *testing.T) {
	t.Parallel()
	same3 := graph.Span{Size: 3, Before: 1, After: 1}
	b := graph.New()
	x, w := b.Input("x", graph.Float, 3, 17, 18, 52), b.Input("w", graph.Float, 3, 3, 52, 48)
	d := b.Input("d", graph.Float, 3, 3, 1, 48)
	y := x.Conv(w, graph.Slide(same3, same3), 1).Add(b.Input("b", graph.Float, 48)).Relu()
	y = y.Conv(d, graph.Slide(same3, same3), 48)
	b.Output("y", y)
	for i, g := range graph.Grad(y.Mul(y).Sum(), []graph.Node{x, w, d}) {
		b.Output([]string{"dx", "dw", "dd"}[i], g)
	}
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range b.Inputs() {
		v := tensor.New(tensor.Float32, n.Shape()...)
		for i := range v.Len() {
			v.SetFlat(i, r.NormFloat64())
		}
		in.Values[n.Name()] = v
	}
	own := New()
	want := map[string][]byte{}
	for _, threads := range []int{1, 2, 3, 5, 8} {
		p, err := own.Compile(b, backend.Options{Float: tensor.Float32, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		for _, o := range b.Outputs() {
			got := p.Output(o.Name).Bytes()
			if threads == 1 {
				want[o.Name] = bytes.Clone(got)
			}
			if !bytes.Equal(got, want[o.Name]) {
				t.Errorf("%s differs between 1 and %d threads", o.Name, threads)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
