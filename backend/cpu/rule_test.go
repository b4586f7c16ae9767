package cpu

import (
	"context"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// updates is a graph that moves parameters of these shapes by gradients that are
// inputs, and its state; kept slots are outputs too.
func updates(t interface{ Fatal(...any) }, o optim.Optimizer, float tensor.DType, shapes []tensor.Shape, norm bool) (*graph.Builder, *param.Set, backend.Inputs) {
	b, set := graph.New(), param.NewSet(float)
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
	r := rng.New(5, 6)
	var names []string
	var grads []graph.Node
	for i, s := range shapes {
		name := fmt.Sprint("w", i)
		p, err := set.Add(name, param.Weight, s)
		if err != nil {
			t.Fatal(err)
		}
		g := tensor.New(float, s...)
		for k := range g.Len() {
			p.Value.SetFlat(k, r.Norm())
			if k%5 > 0 { // some never move
				g.SetFlat(k, r.Norm()*math.Exp(3*r.Norm()))
			}
		}
		in.Values["g"+name] = g
		names, grads = append(names, name), append(grads, b.Input("g"+name, graph.Float, s...))
	}
	step := tensor.New(float)
	step.SetFlat(0, 3)
	in.Values["step"] = step
	if norm {
		n := optim.Norm(b, grads...)
		b.Output("norm", n)
		b.Guard(n)
	}
	o.Build(b, set, names, grads, b.Const(0.01), b.Input("step", graph.Float))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return b, set, in
}

// A rule in one pass gives the bits of its ops one by one, for every rule there is and
// what may stand around it, on any number of threads.
func TestRules(t *testing.T) {
	t.Parallel()
	all := map[string]optim.Optimizer{
		"adam, clipped":        {Rule: optim.Adam{}, GlobalClipNorm: 0.5},
		"adam, cut":            {Rule: optim.Adam{}, ClipValue: 0.5},
		"adam, decaying":       {Rule: optim.Adam{}, WeightDecay: 0.1},
		"adam, coupled":        {Rule: optim.Adam{}, CoupledDecay: 0.1},
		"adam, averaged":       {Rule: optim.Adam{}, EMA: true},
		"adam, plainly so":     {Rule: optim.Adam{}, SWA: true},
		"adam, torch":          {Rule: optim.Adam{Convention: optim.PyTorch}},
		"nadam, averaged":      {Rule: optim.Nadam{}, EMA: true},
		"nadam, dozat":         {Rule: optim.Nadam{Convention: optim.Dozat}},
		"momentum, torch":      {Rule: optim.SGD{Momentum: 0.9, Convention: optim.PyTorch}},
		"momentum, dampened":   {Rule: optim.SGD{Momentum: 0.9, Dampening: 0.2, Convention: optim.PyTorch}},
		"momentum, clipped":    {Rule: optim.SGD{Momentum: 0.9}, GlobalClipNorm: 0.5},
		"nesterov, torch":      {Rule: optim.SGD{Momentum: 0.9, Nesterov: true, Convention: optim.PyTorch}, GlobalClipNorm: 0.5},
		"nesterov, decaying":   {Rule: optim.SGD{Momentum: 0.9, Nesterov: true}, WeightDecay: 0.1},
		"rmsprop, torch":       {Rule: optim.RMSProp{Convention: optim.PyTorch}, ClipNorm: 1},
		"rmsprop, with more":   {Rule: optim.RMSProp{Centered: true, Momentum: 0.9}},
		"rmsprop, averaged":    {Rule: optim.RMSProp{}, EMA: true},
		"nadam, torch clipped": {Rule: optim.Nadam{Convention: optim.PyTorch}, ClipNorm: 1},
	}
	for _, name := range optim.Registry.Names() {
		r, err := optim.Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = optim.Optimizer{Rule: r}
	}
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near := [2]float64{}
			if name == "lamb" { // its norm is added up tile by tile
				near = [2]float64{1e-6, 1e-14}
			}
			t.Run("float32", func(t *testing.T) { testRule[float32](t, o, near[0]) })
			t.Run("float64", func(t *testing.T) { testRule[float64](t, o, near[1]) })
		})
	}
}

func testRule[T float](t *testing.T, o optim.Optimizer, near float64) {
	shapes := []tensor.Shape{{70, 40}, {1030}, {2}, {1}, {}}
	b, set, in := updates(t, o, tensor.TypeOf[T](), shapes, true)
	be := New()
	run := func(threads int, plain bool) *param.Set {
		s := set.Clone()
		p, err := be.Compile(b, backend.Options{Float: tensor.TypeOf[T](), State: s.Value, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for range 3 {
			if !plain {
				if err := p.Run(context.Background(), in); err != nil {
					t.Fatal(err)
				}
				continue
			}
			for _, err := range p.Steps(context.Background(), in) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		return s
	}
	want := run(1, true)
	for _, threads := range []int{1, 2, 5} {
		got := run(threads, false)
		for p := range want.All() {
			for i := range p.Value.Len() {
				if g, w := got.Value(p.Name).Flat(i), p.Value.Flat(i); g != w && !(math.Abs(g-w) <= near*max(1, math.Abs(w))) && (g == g || w == w) {
					t.Fatalf("%d threads: element %d of %s is %g, op by op %g", threads, i, p.Name, g, w)
				}
			}
		}
	}
}

// rulesOf counts the updates that run in one pass.
func rulesOf(t interface{ Fatal(...any) }, b *graph.Builder, set *param.Set) (n int) {
	c, err := compile[float32](b, backend.Options{Float: tensor.Float32, State: set.Value}, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, in := range c.instrs {
		if in.group == nil {
			continue
		}
		p := c.program(i, in.group, 0)
		for k := range p.steps {
			if p.steps[k].rule != nil {
				n++
			}
		}
	}
	return n
}

// The rules that there is a loop for are found, with and without what stands around.
func TestRulesFound(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]optim.Optimizer{
		"adam": {Rule: optim.Adam{}}, "nadam": {}, "adamw": {Rule: optim.AdamW{}}, "clipped": {GlobalClipNorm: 1}, "cut": {ClipValue: 1},
		"momentum": {Rule: optim.SGD{Momentum: 0.9}}, "nesterov": {Rule: optim.SGD{Momentum: 0.9, Nesterov: true}, GlobalClipNorm: 1},
		"momentum, torch": {Rule: optim.SGD{Momentum: 0.9, Convention: optim.PyTorch}, GlobalClipNorm: 1},
		"nesterov, torch": {Rule: optim.SGD{Momentum: 0.9, Nesterov: true, Convention: optim.PyTorch}, WeightDecay: 0.1},
		"rmsprop":         {Rule: optim.RMSProp{}, ClipValue: 1}, "rmsprop, torch": {Rule: optim.RMSProp{Convention: optim.PyTorch}, EMA: true},
		"decaying": {WeightDecay: 0.1}, "averaged": {Rule: optim.Adam{}, EMA: true},
	} {
		for _, norm := range []bool{false, true} {
			b, set, _ := updates(t, o, tensor.Float32, []tensor.Shape{{20, 30}, {30}, {30}}, norm)
			if n := rulesOf(t, b, set); n != 3 {
				t.Errorf("%s, norm %v: %d updates run in one pass, want 3", name, norm, n)
			}
		}
	}
}

// What somebody else reads of a rule's inside, before it is written or after, is what
// the ops give one by one.
func TestRulesWatched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b, set, in := updates(rt, optim.Optimizer{Rule: rapid.SampledFrom([]optim.Rule{
			optim.Adam{}, optim.Nadam{}, optim.SGD{}, optim.SGD{Momentum: 0.9}, optim.SGD{Momentum: 0.9, Nesterov: true}, optim.RMSProp{},
			optim.SGD{Momentum: 0.9, Convention: optim.PyTorch}, optim.SGD{Momentum: 0.9, Nesterov: true, Convention: optim.PyTorch}, optim.RMSProp{Convention: optim.PyTorch}}).Draw(rt, "rule"),
			ClipValue: rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "limit")},
			tensor.Float32, []tensor.Shape{{9, 31}}, rapid.Bool().Draw(rt, "norm"))
		var inside []graph.Node
		for x := range b.Nodes() {
			if x.Shape().Equal(tensor.Shape{9, 31}) {
				inside = append(inside, x)
			}
		}
		for i := range rapid.IntRange(0, 4).Draw(rt, "watchers") {
			x := rapid.SampledFrom(inside).Draw(rt, "node")
			var y graph.Node
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				y = x.Square().Sum()
			case 1:
				y = x.Square().Sum(1)
			case 2:
				y = x.Abs().Greater(b.Const(0.1)).Sum()
			default:
				y = x.Mul(rapid.SampledFrom(inside).Draw(rt, "other"))
			}
			if rapid.Bool().Draw(rt, "kept") {
				name := fmt.Sprint("kept", i)
				if _, err := set.Add(name, param.Slot, y.Shape()); err != nil {
					rt.Fatal(err)
				}
				b.Update(b.Param(name, y.Shape()...), y)
			} else {
				b.Output(fmt.Sprint("y", i), y)
			}
			if y.Rank() == 2 {
				inside = append(inside, y)
			}
		}
		be := New()
		results := func(plain bool) map[string][]float64 {
			s := set.Clone()
			p, err := be.Compile(b, backend.Options{State: s.Value, Threads: 1})
			if err != nil {
				rt.Fatal(err)
			}
			defer p.Close()
			if plain {
				for _, err := range p.Steps(context.Background(), in) {
					if err != nil {
						rt.Fatal(err)
					}
				}
			} else if err := p.Run(context.Background(), in); err != nil {
				rt.Fatal(err)
			}
			out := map[string][]float64{}
			put := func(name string, v *tensor.Tensor) {
				for i := range v.Len() {
					out[name] = append(out[name], v.Flat(i))
				}
			}
			for q := range s.All() {
				put(q.Name, q.Value)
			}
			for _, o := range b.Outputs() {
				put(o.Name, p.Output(o.Name))
			}
			return out
		}
		want, got := results(true), results(false)
		for name, w := range want {
			for i := range w {
				if g := got[name][i]; g != w[i] && (g == g || w[i] == w[i]) {
					rt.Fatalf("element %d of %s is %g, op by op %g", i, name, g, w[i])
				}
			}
		}
	})
}
