package rewrite

import (
	"context"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// models are what the rules meet, and what they must leave alone.
func models() map[string]nn.Sequential {
	dense := func(units int) nn.Dense { return nn.Dense{Units: units, Act: act.ELU{}} }
	return map[string]nn.Sequential{
		"chapter":         {nn.BatchNorm{}, dense(6), nn.BatchNorm{}, dense(5), nn.BatchNorm{}, nn.Dense{Units: 3}},
		"plain":           {dense(6), dense(5), nn.Dense{Units: 3}},
		"no scale":        {nn.BatchNorm{NoScale: true}, dense(6), nn.Dense{Units: 3}},
		"no offset":       {nn.BatchNorm{NoCenter: true}, dense(6), nn.Dense{Units: 3}},
		"neither":         {nn.BatchNorm{NoCenter: true, NoScale: true}, dense(6), nn.Dense{Units: 3}},
		"no bias":         {nn.BatchNorm{}, nn.Dense{Units: 6, NoBias: true}, nn.Dense{Units: 3}},
		"activation":      {nn.BatchNorm{}, nn.Activation{Act: act.Tanh{}}, dense(6), nn.Dense{Units: 3}},
		"twice":           {nn.BatchNorm{}, nn.BatchNorm{}, dense(6), nn.Dense{Units: 3}},
		"layer norm":      {nn.LayerNorm{}, dense(6), nn.LayerNorm{}, nn.Dense{Units: 3}},
		"relu":            {nn.BatchNorm{}, nn.Dense{Units: 6, Act: act.ReLU{}}, nn.Dense{Units: 3}},
		"alone":           {nn.BatchNorm{}, nn.Dense{Units: 3}},
		"frozen in front": {dense(4), nn.BatchNorm{}, dense(6), nn.Dense{Units: 3}},
	}
}

// step is a training step of a model: loss, gradients and updates.
func step(t *testing.T, m nn.Sequential, freeze ...string) (*graph.Builder, *param.Set, backend.Inputs) {
	t.Helper()
	const rows, in = 7, 4
	set := param.NewSet(tensor.Float64)
	build := func() *graph.Builder {
		b := graph.New()
		s := param.NewScope(b, set, param.Options{Training: true, Seed: 3})
		x, label := b.Input("x", graph.Float, rows, in), b.Input("label", graph.Int, rows)
		loss := m.Apply(s, x).CrossEntropy(label).Mean()
		b.Output("loss", loss)
		b.Guard(loss)
		var names []string
		var nodes []graph.Node
		for _, p := range b.Params() {
			if set.Get(p.Name()).Trainable() {
				names, nodes = append(names, p.Name()), append(nodes, p)
			}
		}
		grads := graph.Grad(loss, nodes)
		for i, g := range grads {
			b.Output("gradient of "+names[i], g)
		}
		norm := optim.Norm(b, grads...)
		b.Output("norm", norm)
		optim.Optimizer{Rule: optim.Adam{}}.Build(b, set, names, grads, b.Const(0.01), b.Const(1))
		return b
	}
	b := build()
	if len(freeze) > 0 {
		if _, err := set.Freeze(freeze...); err != nil {
			t.Fatal(err)
		}
		b = build()
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	// Scales and offsets that are not 1 and 0.
	n := 0
	for p := range set.Of(param.Weight) {
		for i := range p.Value.Len() {
			n++
			p.Value.SetFlat(i, p.Value.Flat(i)+0.3*math.Sin(float64(n)))
		}
	}
	for p := range set.Of(param.Stat) {
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, math.Abs(p.Value.Flat(i)))
		}
	}
	x, label := tensor.New(tensor.Float64, rows, in), tensor.New(tensor.Int32, rows)
	for i := range x.Len() {
		x.SetFlat(i, 3*math.Sin(float64(7*i*i+i)))
	}
	for i := range rows {
		label.Int32s()[i] = int32(i % 3)
	}
	return b, set, backend.Inputs{Values: map[string]*tensor.Tensor{"x": x, "label": label}}
}

// run gives all outputs and, behind them, all parameters after the step.
func run(t *testing.T, b *graph.Builder, set *param.Set, in backend.Inputs) map[string][]float64 {
	t.Helper()
	set = set.Clone()
	p, err := ref.Backend{}.Compile(b, backend.Options{Float: tensor.Float64, State: set.Value})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	put := func(name string, v *tensor.Tensor) {
		for i := range v.Len() {
			out[name] = append(out[name], v.Flat(i))
		}
	}
	for _, o := range b.Outputs() {
		put(o.Name, p.Output(o.Name))
	}
	for p := range set.All() {
		put(p.Name, p.Value)
	}
	return out
}

func products(g *graph.Builder) (n int) {
	live := g.Live()
	for x := range g.Nodes() {
		if live[x.ID()] && x.Op().Name == "matmul" {
			n++
		}
	}
	return n
}

func compare(t *testing.T, what string, got, want map[string][]float64) {
	t.Helper()
	for name, w := range want {
		g := got[name]
		if len(g) != len(w) {
			t.Fatalf("%s: %s has %d elements, want %d", what, name, len(g), len(w))
		}
		for i := range w {
			if d := math.Abs(g[i] - w[i]); !(d <= 1e-10*(1+math.Abs(w[i]))) {
				t.Errorf("%s: element %d of %s is %g, want %g", what, i, name, g[i], w[i])
			}
		}
	}
}

// lowered is the graph with every op that has a definition replaced by it.
func lowered(g *graph.Builder) *graph.Builder {
	for {
		changed := false
		g = graph.Rewrite(g, func(_ *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
			if x.Op().Lower == nil {
				return graph.Node{}
			}
			changed = true
			return x.Op().Lower(in, x.Attr())
		})
		if !changed {
			return g
		}
	}
}

// Every rule computes what the graph computed: loss, gradients, norm, updates.
func TestRulesKeepTheGraph(t *testing.T) {
	t.Parallel()
	for name, m := range models() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var freeze []string
			if name == "frozen in front" {
				freeze = []string{"dense/*"}
			}
			b, set, in := step(t, m, freeze...)
			want := run(t, b, set, in)
			compare(t, "all rules", run(t, Apply(b), set, in), want)
			compare(t, "lowered", run(t, lowered(b), set, in), want)
			compare(t, "sums of columns", run(t, ColumnSums(lowered(b)), set, in), want)
			compare(t, "joined", run(t, Joined(ColumnSums(lowered(b))), set, in), want)
			compare(t, "all, lowered", run(t, lowered(ColumnSums(lowered(Apply(b)))), set, in), want)
			if softmax := func(g *graph.Builder) (n int) {
				for x := range g.Nodes() {
					if g.Live()[x.ID()] && x.Op().Name == "softmax" {
						n++
					}
				}
				return n
			}; softmax(b) != 1 || softmax(Apply(b)) != 0 {
				t.Errorf("%d softmaxes became %d, want 1 and 0", softmax(b), softmax(Apply(b)))
			}
			saved := products(b) - products(Apply(b))
			want1 := map[string]int{"chapter": 1, "no scale": 1, "no offset": 1, "no bias": 1, "twice": 0, "relu": 1, "alone": 1, "layer norm": 1, "frozen in front": 1}[name]
			if saved != want1 {
				t.Errorf("%d products are saved, want %d", saved, want1)
			}
		})
	}
}

// What somebody reads is not taken away.
func TestRuleLeavesWhatIsRead(t *testing.T) {
	t.Parallel()
	build := func(see bool) *graph.Builder {
		b := graph.New()
		h, w, dz := b.Input("h", graph.Float, 5, 3), b.Input("w", graph.Float, 3, 4), b.Input("dz", graph.Float, 5, 4)
		gamma, beta := b.Input("gamma", graph.Float, 3), b.Input("beta", graph.Float, 3)
		y := h.Mul(gamma).Add(beta)
		dy := dz.MatMulT(w)
		b.Output("dw", b.Apply("matmul", graph.MatMulAttr{TransA: true}, y, dz))
		b.Output("dgamma", dy.Mul(h).Sum(0))
		b.Output("dbeta", dy.Sum(0))
		if see {
			b.Output("dy", dy)
		}
		return b
	}
	if n := products(Apply(build(false))); n != 1 {
		t.Errorf("%d products, want 1", n)
	}
	if n := products(Apply(build(true))); n != 2 {
		t.Errorf("%d products where the gradient of the input is an output, want 2", n)
	}
}

// drawn are inputs of a graph that fit one another, of at most so many rows and columns.
func drawn(rt *rapid.T, b *graph.Builder, most int) ([]graph.Node, backend.Inputs) {
	n, c := rapid.IntRange(1, most).Draw(rt, "rows"), rapid.IntRange(1, most).Draw(rt, "columns")
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
	var xs []graph.Node
	for i, shape := range [][]int{{n, c}, {n, c}, {c}, {}, {n, 1}} {
		name := fmt.Sprint("x", i)
		v := tensor.New(tensor.Float64, shape...)
		for k := range v.Len() {
			v.SetFlat(k, math.Cos(float64(3*k*k+i)))
		}
		xs, in.Values[name] = append(xs, b.Input(name, graph.Float, shape...)), v
	}
	return xs, in
}

// Sums over rows of products of all kinds, drawn at random.
func TestColumnSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := graph.New()
		xs, in := drawn(rt, b, 6)
		for i := range rapid.IntRange(1, 12).Draw(rt, "ops") {
			x, y := rapid.SampledFrom(xs).Draw(rt, "x"), rapid.SampledFrom(xs).Draw(rt, "y")
			var r graph.Node
			switch rapid.IntRange(0, 3).Draw(rt, "op") {
			case 0:
				r = x.Mul(y)
			case 1:
				r = x.Sub(y)
			case 2:
				r = x.Square()
			case 3:
				if r = x; x.Rank() == 2 {
					r = x.Sum(0)
				}
				b.Output(fmt.Sprint("y", i), r.AddScalar(1))
			}
			xs = append(xs, r)
		}
		b.Output("last", xs[len(xs)-1].AddScalar(1))
		if err := b.Err(); err != nil {
			rt.Fatal(err)
		}
		set := param.NewSet(tensor.Float64)
		want, got := run(t, b, set, in), run(t, ColumnSums(b), set, in)
		for name, w := range want {
			for i := range w {
				if d := math.Abs(got[name][i] - w[i]); !(d <= 1e-9*(1+math.Abs(w[i]))) {
					rt.Fatalf("element %d of %s is %g, want %g", i, name, got[name][i], w[i])
				}
			}
		}
	})
}
