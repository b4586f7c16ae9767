package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
)

// A slowTanh is tanh under a name that no op knows: cells with it are unrolled.
type slowTanh struct{ act.Tanh }

// Layers that one op computes are those that are unrolled step by step, with all their
// gradients.
func TestRecurrentAsOne(t *testing.T) {
	t.Parallel()
	const n, steps, in, units = 19, 4, 3, 5
	type layer interface {
		Join(s *Scope, xs []graph.Node) graph.Node
	}
	run := func(on backend.Backend, l layer, states int) (map[string][]float64, int) {
		b := graph.New()
		s := param.NewScope(b, param.NewSet(graphtest.DType(64)), param.Options{Training: true, Seed: 3})
		xs := []graph.Node{b.Input("x", graph.Float, n, steps, in)}
		for i := range states {
			xs = append(xs, b.Input(fmt.Sprint("state", i), graph.Float, n, units))
		}
		y := l.Join(s, xs)
		if !y.Valid() {
			t.Fatal(b.Err())
		}
		b.Output("y", y)
		for i, d := range graph.Grad(y.Mul(y).Mul(y).Sum(), append(xs, b.Params()...)) {
			b.Output(fmt.Sprint("gradient ", i), d)
		}
		r, err := graphtest.CompileOn(on, b, s.Params())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, x := range b.Inputs() {
			v := make([]float64, x.Shape().Len())
			for i := range v {
				v[i] = math.Sin(float64(i*i + len(x.Name())))
			}
			r.Set(x.Name(), v...)
		}
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		out := map[string][]float64{}
		for _, o := range b.Outputs() {
			out[o.Name] = r.Output(o.Name)
		}
		return out, b.Len()
	}
	for _, backwards := range []bool{false, true} {
		for _, sequences := range []bool{false, true} {
			for _, all := range []bool{false, true} { // states are given, and the cell too
				lstm := LSTM{Units: units, Sequences: sequences, Backwards: backwards, ReturnCell: all, NoBias: !all}
				gru := GRU{Units: units, Sequences: sequences, Backwards: backwards, NoBias: !all}
				slow, slower := lstm, gru
				slow.Act, slower.Act = slowTanh{}, slowTanh{}
				for _, c := range []struct {
					fast, slow layer
					states     int
				}{{lstm, slow, 2}, {gru, slower, 1}} {
					if !all {
						c.states = 0
					}
					want, nodes := run(ref.Backend{}, c.slow, c.states)
					got, fewer := run(cpu.New(), c.fast, c.states)
					if fewer >= nodes {
						t.Errorf("%T: %d nodes, and %d unrolled", c.fast, fewer, nodes)
					}
					for name, w := range want {
						for i := range w {
							if d := math.Abs(got[name][i] - w[i]); !(d <= 1e-12*(1+math.Abs(w[i]))) {
								t.Fatalf("%+v: number %d of %s is %g, want %g", c.fast, i, name, got[name][i], w[i])
							}
						}
					}
				}
			}
		}
	}
}
