package backendtest

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testUpdates asks that every read of a parameter sees its value from before
// the run, and that updates come all together.
func testUpdates(t *testing.T, b backend.Backend) {
	for _, c := range []struct {
		name  string
		build func(g *graph.Builder, p, q graph.Node)
		p, q  []float64 // wanted after one run from p = 1 2 3 4 and q = 5 6 7 8
	}{
		{"swap", func(g *graph.Builder, p, q graph.Node) { g.Update(p, q); g.Update(q, p) },
			[]float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}},
		{"cross", func(g *graph.Builder, p, q graph.Node) { g.Update(p, p.Add(q)); g.Update(q, p.Sub(q)) },
			[]float64{6, 8, 10, 12}, []float64{-4, -4, -4, -4}},
		{"transposed", func(g *graph.Builder, p, _ graph.Node) { g.Update(p, p.Transpose()) },
			[]float64{1, 3, 2, 4}, []float64{5, 6, 7, 8}},
		{"product", func(g *graph.Builder, p, q graph.Node) { g.Update(p, p.MatMul(q)) },
			[]float64{19, 22, 43, 50}, []float64{5, 6, 7, 8}},
		{"rows that move", func(g *graph.Builder, p, q graph.Node) {
			g.Update(p, graph.Concat(0, p.Slice(0, 1, 2), p.Slice(0, 0, 1)))
		}, []float64{3, 4, 1, 2}, []float64{5, 6, 7, 8}},
		{"of the sum", func(g *graph.Builder, p, _ graph.Node) { g.Update(p, p.Sub(p.Sum(0))) },
			[]float64{-3, -4, -1, -2}, []float64{5, 6, 7, 8}},
		{"read after", func(g *graph.Builder, p, q graph.Node) { g.Update(p, p.Scale(2)); g.Update(q, p.Scale(10)) },
			[]float64{2, 4, 6, 8}, []float64{10, 20, 30, 40}},
		{"same value twice", func(g *graph.Builder, p, q graph.Node) { v := p.Mul(q); g.Update(p, v); g.Update(q, v) },
			[]float64{5, 12, 21, 32}, []float64{5, 12, 21, 32}},
		{"from an input", func(g *graph.Builder, p, q graph.Node) { g.Update(p, g.Input("x", graph.Float, 2, 2)) },
			[]float64{9, 9, 9, 9}, []float64{5, 6, 7, 8}},
		{"from a constant", func(g *graph.Builder, p, q graph.Node) { g.Update(p, g.Full(3, 2, 2)) },
			[]float64{3, 3, 3, 3}, []float64{5, 6, 7, 8}},
		{"to itself", func(g *graph.Builder, p, q graph.Node) { g.Update(p, p); g.Update(q, p) },
			[]float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}},
		{"chain with a mean", func(g *graph.Builder, p, q graph.Node) {
			m := p.Scale(0.5).Add(q.Scale(0.5))
			g.Update(p, m)
			g.Update(q, q.Sub(m.Square().Mean()))
		}, []float64{3, 4, 5, 6}, []float64{-16.5, -15.5, -14.5, -13.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, float := range precisions {
				g := graph.New()
				c.build(g, g.Param("p", 2, 2), g.Param("q", 2, 2))
				s := pq(float)
				run := compile(t, b, g, backend.Options{Float: float, State: s.get})
				if err := run.Run(context.Background(), backend.Inputs{Values: s}); err != nil {
					t.Fatal(err)
				}
				expect(t, "p", s["p"], c.p...)
				expect(t, "q", s["q"], c.q...)
			}
		})
	}
	t.Run("again", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		p := g.Param("p", 2, 2)
		g.Update(p, p.AddScalar(1))
		s := pq(tensor.Float32)
		plan := compile(t, b, g, backend.Options{State: s.get})
		for range 3 {
			if err := plan.Run(context.Background(), backend.Inputs{}); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, "p", s["p"], 4, 5, 6, 7)
		// What is written to the state from outside counts at the next run.
		s["p"].SetFlat(0, 100)
		if err := plan.Run(context.Background(), backend.Inputs{}); err != nil {
			t.Fatal(err)
		}
		expect(t, "p", s["p"], 101, 6, 7, 8)
	})
}

// pq is two parameters and an input, two by two each.
func pq(float tensor.DType) storage {
	return store(float, map[string]*tensor.Tensor{
		"p": grid(1, 2, 3, 4), "q": grid(5, 6, 7, 8), "x": grid(9, 9, 9, 9),
	})
}

func expect(t *testing.T, what string, got *tensor.Tensor, want ...float64) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: there is no result", what)
		return
	}
	same := got.Len() == len(want)
	for i := 0; same && i < len(want); i++ {
		same = got.Flat(i) == want[i]
	}
	if !same {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
