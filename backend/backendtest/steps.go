package backendtest

import (
	"bytes"
	"context"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testSteps asks that a run one op at a time is a run, and that it shows where
// numbers cease to be finite.
func testSteps(t *testing.T, b backend.Backend) {
	t.Run("first that is not finite", func(t *testing.T) {
		t.Parallel()
		for _, float := range precisions {
			g := graph.New()
			p := g.Param("p", 2, 2)
			g.SetPath("hidden")
			h := p.Scale(2).AddScalar(-5)
			g.SetPath("hidden/activation")
			h = h.Log()
			g.SetPath("head")
			g.Output("y", h.Sum().Exp())
			g.Update(p, h)
			s := pq(float)
			plan := compile(t, b, g, backend.Options{Float: float, State: s.get})
			found := false
			for e, err := range plan.Steps(context.Background(), backend.Inputs{}) {
				if err != nil {
					t.Fatal(err)
				}
				if i := firstBad(e.Value); i >= 0 {
					found = true
					if e.Op != "log" || e.Path != "hidden/activation" || i != 0 {
						t.Errorf("the first number that is not finite is element %d of %s of %q, want 0 of log of hidden/activation", i, e.Op, e.Path)
					}
					break
				}
			}
			if !found {
				t.Error("no step showed the number that is not finite")
			}
			expect(t, "p after leaving the loop", s["p"], 1, 2, 3, 4)
		}
	})
	t.Run("a whole run", func(t *testing.T) {
		t.Parallel()
		g, v := step(20, 30, 10)
		one, two := store(tensor.Float64, v), store(tensor.Float64, v)
		o := backend.Options{Float: tensor.Float64}
		o.State = one.get
		p := compile(t, b, g, o)
		if err := p.Run(context.Background(), backend.Inputs{Values: one, Seed: 1}); err != nil {
			t.Fatal(err)
		}
		o.State = two.get
		q := compile(t, b, g, o)
		for e, err := range q.Steps(context.Background(), backend.Inputs{Values: two, Seed: 1}) {
			switch {
			case err != nil:
				t.Fatal(err)
			case graph.Lookup(e.Op) == nil:
				t.Errorf("a step's op %q is not in the table", e.Op)
			case e.Value == nil:
				t.Errorf("step %s of %q has no value", e.Op, e.Path)
			}
		}
		for name := range v {
			if !bytes.Equal(one[name].Bytes(), two[name].Bytes()) {
				t.Errorf("%s differs between a run and its steps", name)
			}
		}
		for _, out := range g.Outputs() {
			if err := differ(q.Output(out.Name), p.Output(out.Name), 0); err != nil {
				t.Errorf("output %s of a run and its steps: %v", out.Name, err)
			}
		}
	})
	t.Run("dump", func(t *testing.T) {
		t.Parallel()
		var texts [2]bytes.Buffer
		for i := range texts {
			g, v := step(20, 30, 10)
			s := store(tensor.Float32, v)
			if err := compile(t, b, g, backend.Options{State: s.get, Threads: 1}).Dump(&texts[i]); err != nil {
				t.Fatal(err)
			}
		}
		if texts[0].Len() == 0 || texts[0].String() != texts[1].String() {
			t.Errorf("two plans of one graph are written as\n%s\nand\n%s", &texts[0], &texts[1])
		}
	})
}

func firstBad(t *tensor.Tensor) int {
	for i := range t.Len() {
		if v := t.Flat(i); math.IsNaN(v) || math.IsInf(v, 0) {
			return i
		}
	}
	return -1
}
