package backendtest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testThreads runs one step of a net that is large enough to be cut into
// pieces: its results are the same bytes for any number of threads and at every
// run.
func testThreads(t *testing.T, b backend.Backend) {
	for _, float := range precisions {
		t.Run(float.String(), func(t *testing.T) {
			t.Parallel()
			var want map[string][]byte
			for _, threads := range []int{1, 2, 3, 5, 8} {
				g, values := step(140, 170, 65)
				s := store(float, values)
				p := compile(t, b, g, backend.Options{Float: float, State: s.get, Threads: threads})
				got := map[string][]byte{}
				for i := range 2 {
					in := backend.Inputs{Values: s, Seed: 3, Step: uint64(i)}
					if err := p.Run(t.Context(), in); err != nil {
						t.Fatal(err)
					}
				}
				for _, o := range g.Outputs() {
					got["output "+o.Name] = bytes.Clone(p.Output(o.Name).Bytes())
				}
				for _, x := range g.Params() {
					got["parameter "+x.Name()] = s[x.Name()].Bytes()
				}
				if want == nil {
					want = got
				}
				for name := range want {
					if !bytes.Equal(got[name], want[name]) {
						t.Errorf("%s differs between 1 and %d threads", name, threads)
					}
				}
			}
		})
	}
}

// step is a training step that has a loop of every kind: products, chains,
// reductions over rows, columns and all, random numbers, rows by index,
// convolutions, updates. in is a multiple of 10, and 30 at least.
func step(rows, in, out int) (*graph.Builder, map[string]*tensor.Tensor) {
	g := graph.New()
	values := map[string]*tensor.Tensor{
		"x": pixels(rows, in), "label": labels(out, rows),
		"w": span(-0.1, 0.1, in, out), "b": span(-0.1, 0.1, out), "table": span(-1, 1, out, out),
		"k": span(-0.3, 0.3, 3, 3, 1, 4), "depth": span(-0.3, 0.3, 2, 2, 1, 4),
	}
	x, l := g.Input("x", graph.Byte, rows, in), g.Input("label", graph.Int, rows)
	w, b, table := g.Param("w", in, out), g.Param("b", out), g.Param("table", out, out)
	keep := g.Uniform(rows, in).Greater(g.Const(0.5))
	h := x.ToFloat().Scale(1. / 255).Add(g.Normal(rows, in).Scale(0.1)).Mul(keep)
	h = h.MatMul(w).Add(b)
	mean := h.Mean(0)
	h = h.Sub(mean).Mul(h.Sub(mean).Square().Mean(0).AddScalar(1e-3).Rsqrt())
	h = h.Sigmoid().Add(table.Gather(l))
	// A convolution, one by channel, and a pool, of rows taken as images.
	k, depth := g.Param("k", 3, 3, 1, 4), g.Param("depth", 2, 2, 1, 4)
	around := graph.Span{Size: 3, Before: 1, After: 1}
	image := x.ToFloat().Scale(1./255).Reshape(rows, in/10, 10, 1).Conv(k, graph.Slide(around, around), 1)
	image = image.Relu().Conv(depth, graph.Slide(graph.Span{Size: 2}, graph.Span{Size: 2, Stride: 2}), 4)
	image = image.MaxPool(graph.Slide(graph.Span{Size: 2}, graph.Span{Size: 2}))
	h = h.Mul(image.Mean(1, 2).Sum(1).AddScalar(1).Reshape(rows, 1))
	loss := h.CrossEntropy(l).Mean()
	g.Output("loss", loss)
	g.Output("top", h.ReduceMax(1))
	g.Output("hits", h.ArgMax().Equal(l).Sum())
	params := []graph.Node{w, b, table, k, depth}
	for i, d := range graph.Grad(loss, params) {
		g.Guard(d.Square().Sum())
		g.Update(params[i], params[i].Sub(d.Scale(0.1)))
	}
	if err := g.Err(); err != nil {
		panic(fmt.Sprint("backendtest: ", err))
	}
	return g, values
}

// storage is a run's inputs and parameters by name.
type storage map[string]*tensor.Tensor

func store(float tensor.DType, values map[string]*tensor.Tensor) storage {
	s := storage{}
	for name, v := range values {
		s[name] = as(v.Clone(), float)
	}
	return s
}

func (s storage) get(name string) *tensor.Tensor { return s[name] }
