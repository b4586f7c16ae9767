package rewrite

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func anyProduct(graph.Node) bool { return true }

// guarded is a step of two layers, the first with a bias, with a guard on the loss and the
// norm of all gradients. change may add to it.
func guarded(t interface{ Fatal(...any) }, o optim.Optimizer, scale float64, change func(b *graph.Builder, norm graph.Node, grads []graph.Node)) (*graph.Builder, *param.Set, backend.Inputs) {
	b, set := graph.New(), param.NewSet(tensor.Float64)
	x, y := b.Input("x", graph.Float, 7, 4), b.Input("y", graph.Float, 7, 3)
	var names []string
	var params []graph.Node
	for i, shape := range []tensor.Shape{{4, 6}, {6}, {6, 3}} {
		name := string(rune('a' + i))
		p, err := set.Add(name, param.Weight, shape)
		if err != nil {
			t.Fatal(err)
		}
		for k := range p.Value.Len() {
			p.Value.SetFlat(k, math.Sin(float64(3*k*k+k+i)))
		}
		names, params = append(names, name), append(params, b.Param(name, shape...))
	}
	loss := x.MatMul(params[0]).Add(params[1]).Relu().MatMul(params[2]).Sub(y).Square().Mean()
	grads := graph.Grad(loss, params)
	norm := optim.Norm(b, grads...)
	b.Output("loss", loss)
	b.Output("norm", norm)
	b.Guard(loss)
	if change != nil {
		change(b, norm, grads)
	} else {
		b.Guard(norm)
	}
	o.Build(b, set, names, grads, b.Const(0.01), b.Const(1))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": tensor.New(tensor.Float64, 7, 4), "y": tensor.New(tensor.Float64, 7, 3)}}
	for name, v := range in.Values {
		for k := range v.Len() {
			v.SetFlat(k, scale*math.Cos(float64(5*k*k+k+len(name))))
		}
	}
	return b, set, in
}

// The bound is above the square of the norm, whatever the numbers, and is known before any
// of the products; nothing else changes.
func TestForeseen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		scale := math.Pow(10, rapid.Float64Range(-12, 12).Draw(r, "exponent"))
		b, set, in := guarded(r, optim.Optimizer{Rule: optim.Adam{}}, scale, nil)
		g := Foreseen(b, anyProduct)
		if len(g.Bounds()) != 2 || len(g.Guards()) != 2 {
			r.Fatalf("%d bounds of %d guards, want two", len(g.Bounds()), len(g.Guards()))
		}
		for i, early := range g.Needed(g.Bounds()...) {
			if early && isMatMul(g.Node(i), true, false) {
				r.Fatalf("a bound waits for the product %%%d", i)
			}
		}
		want := run(t, b, set, in)
		compare(t, "a bounded step", run(t, g, set, in), want)
		g.Output("bound", g.Bounds()[1])
		norm, bound := want["norm"][0], run(t, g, set, in)["bound"][0]
		if !(bound >= norm*norm) || math.IsInf(bound, 0) {
			r.Errorf("bound %g of a norm of %g", bound, norm)
		}
	})
}

// Where an update waits for the norm, or for that of one gradient, where something else
// reads a gradient, and where a guard is of another kind, the graph stays as it is.
func TestForeseenLeavesAlone(t *testing.T) {
	t.Parallel()
	guard := func(b *graph.Builder, norm graph.Node) { b.Guard(norm) }
	for name, c := range map[string]struct {
		o      optim.Optimizer
		late   func(graph.Node) bool
		change func(b *graph.Builder, norm graph.Node, grads []graph.Node)
	}{
		"clipped":    {o: optim.Optimizer{Rule: optim.SGD{}, GlobalClipNorm: 1}},
		"one by one": {o: optim.Optimizer{Rule: optim.SGD{}, ClipNorm: 1}},
		"trusted":    {o: optim.Optimizer{Rule: optim.LAMB{}}},
		"not worth":  {o: optim.Optimizer{Rule: optim.SGD{}}, late: func(graph.Node) bool { return false }},
		"outputs": {o: optim.Optimizer{Rule: optim.SGD{}}, change: func(b *graph.Builder, norm graph.Node, grads []graph.Node) {
			guard(b, norm)
			b.Output("first", grads[0])
			b.Output("last", grads[2])
		}},
		"read": {o: optim.Optimizer{Rule: optim.SGD{}}, change: func(b *graph.Builder, norm graph.Node, grads []graph.Node) {
			guard(b, norm)
			b.Output("product", grads[0].MatMul(grads[2]))
		}},
		"another guard": {o: optim.Optimizer{Rule: optim.SGD{}}, change: func(b *graph.Builder, norm graph.Node, _ []graph.Node) {
			b.Guard(norm.Neg())
		}},
		"two guards": {o: optim.Optimizer{Rule: optim.SGD{}}, change: func(b *graph.Builder, norm graph.Node, grads []graph.Node) {
			guard(b, norm)
			b.Guard(grads[0].Square().Mean())
		}},
		"none": {o: optim.Optimizer{Rule: optim.SGD{}}, change: func(*graph.Builder, graph.Node, []graph.Node) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.late == nil {
				c.late = anyProduct
			}
			b, _, _ := guarded(t, c.o, 1, c.change)
			if g := Foreseen(b, c.late); g != b {
				t.Errorf("there are %d bounds", len(g.Bounds()))
			}
		})
	}
}
