package graph_test

import (
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Broadcasting is NumPy's rule, said again as plainly as it can be: pad the
// shorter shape with ones at the front; then axes are equal or one of them is 1.
func TestBroadcastIsNumPysRule(t *testing.T) {
	t.Parallel()
	shape := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := tensor.Shape(shape.Draw(t, "a")), tensor.Shape(shape.Draw(t, "b"))
		p, q := a.Clone(), b.Clone()
		for len(p) < len(q) {
			p = append(tensor.Shape{1}, p...)
		}
		for len(q) < len(p) {
			q = append(tensor.Shape{1}, q...)
		}
		want, fits := make(tensor.Shape, len(p)), true
		for i := range p {
			switch {
			case p[i] == 1:
				want[i] = q[i]
			case q[i] == 1 || p[i] == q[i]:
				want[i] = p[i]
			default:
				fits = false
			}
		}
		got, ok := graph.Broadcast(a, b)
		if ok != fits || ok && !got.Equal(want) {
			t.Fatalf("%v and %v: got %v, %v, want %v, %v", a, b, got, ok, want, fits)
		}
		if !fits || len(want) == 0 {
			return
		}
		// Element by element: an index is clamped to 0 on an axis of length 1.
		g := graph.New()
		x, y := number(a), number(b)
		g.Output("z", g.Input("x", graph.Float, a...).Scale(100).Add(g.Input("y", graph.Float, b...)))
		z := eval(t, g, map[string]*tensor.Tensor{"x": x, "y": y}, "z")
		for i := range z {
			index, rest := make([]int, len(want)), i
			for k := len(want) - 1; k >= 0; k-- {
				index[k], rest = rest%want[k], rest/want[k]
			}
			if w := 100*x.At(clamp(index, a)...) + y.At(clamp(index, b)...); z[i] != w {
				t.Fatalf("%v + %v: element %v is %v, want %v", a, b, index, z[i], w)
			}
		}
	})
}

// number is 0, 1, 2 … in a shape.
func number(s tensor.Shape) *tensor.Tensor {
	t := tensor.New(tensor.Float64, s...)
	for i := range t.Len() {
		t.SetFlat(i, float64(i))
	}
	return t
}

func clamp(index []int, s tensor.Shape) []int {
	out := make([]int, len(s))
	for i := range out {
		if s[i] > 1 {
			out[i] = index[len(index)-len(s)+i]
		}
	}
	return out
}

// A graph of any ops is equal to the graph of their definitions, and so is its
// gradient.
func TestLoweredIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := graph.New()
		m, n := rapid.IntRange(1, 4).Draw(t, "m"), rapid.IntRange(1, 4).Draw(t, "n")
		in := map[string]*tensor.Tensor{}
		var xs []graph.Node
		for _, s := range []struct {
			name  string
			shape []int
		}{{"matrix", []int{m, n}}, {"row", []int{n}}, {"column", []int{m, 1}}, {"scalar", nil}} {
			v := tensor.New(tensor.Float64, s.shape...)
			for i := range v.Len() {
				v.SetFlat(i, rapid.Float64Range(-2, 2).Draw(t, s.name))
			}
			in[s.name] = v
			xs = append(xs, g.Input(s.name, graph.Float, s.shape...))
		}
		labels := tensor.New(tensor.Int32, m)
		for i := range m {
			labels.SetFlat(i, float64(rapid.IntRange(0, n-1).Draw(t, "label")))
		}
		in["labels"] = labels
		l := g.Input("labels", graph.Int, m)
		ops := map[string]func(x, y graph.Node) graph.Node{
			"add":      graph.Node.Add,
			"mul":      func(x, y graph.Node) graph.Node { return x.Mul(y).Tanh() },
			"max":      graph.Node.Max,
			"relu":     func(x, _ graph.Node) graph.Node { return x.Relu() },
			"square":   func(x, _ graph.Node) graph.Node { return x.Square().Scale(0.1) },
			"rsqrt":    func(x, _ graph.Node) graph.Node { return x.Square().AddScalar(1).Rsqrt() },
			"sigmoid":  func(x, _ graph.Node) graph.Node { return x.Sigmoid() },
			"softplus": func(x, _ graph.Node) graph.Node { return x.Softplus() },
			"select":   func(x, y graph.Node) graph.Node { return x.Greater(y).Select(x.Exp().Log1p(), y) },
			"stop":     func(x, y graph.Node) graph.Node { return x.StopGradient().Sub(y) },
			"softmax":  func(x, _ graph.Node) graph.Node { return x.BroadcastTo(m, n).Softmax() },
			"log_softmax": func(x, _ graph.Node) graph.Node {
				return x.BroadcastTo(m, n).LogSoftmax().Sigmoid()
			},
			"cross_entropy": func(x, _ graph.Node) graph.Node {
				return x.BroadcastTo(m, n).CrossEntropy(l).Reshape(m, 1).Tanh()
			},
		}
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(ops)))
		for range rapid.IntRange(1, 12).Draw(t, "ops") {
			x := xs[rapid.IntRange(0, len(xs)-1).Draw(t, "x")]
			y := xs[rapid.IntRange(0, len(xs)-1).Draw(t, "y")]
			xs = append(xs, ops[name.Draw(t, "op")](x, y))
		}
		loss := xs[len(xs)-1].Sum()
		all := []graph.Node{loss.Reshape(1)}
		for _, d := range graph.Grad(loss, xs[:4]) {
			if d.Valid() {
				all = append(all, d.Reshape(-1))
			}
		}
		g.Output("all", graph.Concat(0, all...))
		want := evalOn(t, ref.Backend{}, g, in, "all")
		got := evalOn(t, ref.Backend{Lower: true}, g, in, "all")
		for i := range want {
			if !(math.Abs(got[i]-want[i]) <= 1e-9*(1+math.Abs(want[i]))) {
				t.Fatalf("element %d: lowered %v, direct %v", i, got[i], want[i])
			}
		}
	})
}
