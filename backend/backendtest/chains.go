package backendtest

import (
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// testChains holds random graphs to the interpreter: long chains of ops whose
// values are read in many places are where fusion and the reuse of memory go
// wrong.
func testChains(t *testing.T, b backend.Backend) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g, in := chain(seed, 40, 700)
			if err := g.Err(); err != nil {
				t.Fatal(err)
			}
			o := backend.Options{Float: tensor.Float64}
			want, got := run(t, ref.Backend{}, g, o, in), run(t, b, g, o, in)
			for _, out := range g.Outputs() {
				// Values stay within [-4, 4], and a step at most triples an error.
				if err := differ(got.Output(out.Name), want.Output(out.Name), 1e4); err != nil {
					t.Errorf("output %s: %v", out.Name, err)
				}
			}
			if t.Failed() {
				var text dump
				_ = g.Dump(&text)
				t.Logf("graph:\n%s", text)
			}
		})
	}
}

type dump []byte

func (d *dump) Write(p []byte) (int, error) { *d = append(*d, p...); return len(p), nil }

// chain is a random graph of bounded values over a few shapes that broadcast
// together to at most rows by cols.
func chain(seed uint64, rows, cols int) (*graph.Builder, backend.Inputs) {
	s := rng.New(rng.Key(seed, "chain"), 0)
	g := graph.New()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
	m, n := 1+s.IntN(rows), 1+s.IntN(cols)
	var xs []graph.Node
	for i, shape := range [][]int{{m, n}, {n}, {m, 1}, {}, {m, n}} {
		name := fmt.Sprint("x", i)
		xs = append(xs, g.Input(name, graph.Float, shape...))
		in.Values[name] = span(-1, 1, shape...)
	}
	for range 5 + s.IntN(30) {
		x, y, z := xs[s.IntN(len(xs))], xs[s.IntN(len(xs))], xs[s.IntN(len(xs))]
		var r graph.Node
		switch s.IntN(16) {
		case 0:
			r = x.Add(y).Scale(0.5)
		case 1:
			r = x.Sub(y).Scale(0.5)
		case 2:
			r = x.Mul(y).Tanh()
		case 3:
			r = x.Div(y.Abs().AddScalar(1))
		case 4:
			r = x.Max(y)
		case 5:
			r = x.Min(y.Neg())
		case 6:
			r = x.Abs().Sqrt().Sin()
		case 7:
			r = x.Sigmoid()
		case 8:
			r = x.Relu().Sub(g.Const(0.25))
		case 9:
			r = x.Add(y).Add(z).Scale(0.25).Square()
		case 10:
			r = x.BroadcastTo(m, n).Mean(1).Reshape(m, 1)
		case 11:
			r = x.BroadcastTo(m, n).Mean(0)
		case 12:
			r = x.BroadcastTo(m, n).Softmax()
		case 13:
			r = x.BroadcastTo(m, n).MatMulT(y.BroadcastTo(m, n)).Scale(0.1/float64(n)).Sum(1).Reshape(m, 1).Cos()
		case 14:
			r = x.BroadcastTo(m, n).Transpose().Scale(0.5).Transpose()
		case 15:
			r = x.StopGradient().Exp().Log1p().Scale(0.5)
		}
		xs = append(xs, r)
		if s.IntN(6) == 0 {
			g.Output(fmt.Sprint("y", len(xs)), r)
		}
	}
	g.Output("last", xs[len(xs)-1])
	return g, in
}
