package backendtest

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testGuards asks that one number that is not finite under a guard keeps all
// updates of the run away, and nothing else.
func testGuards(t *testing.T, b backend.Backend) {
	for _, float := range precisions {
		t.Run(float.String(), func(t *testing.T) {
			t.Parallel()
			g := graph.New()
			p, q, x := g.Param("p", 2, 2), g.Param("q", 2, 2), g.Input("x", graph.Float, 600)
			g.Update(p, p.AddScalar(1))
			g.Update(q, q.Mul(x.Sum()))
			g.Guard(p.Sum())
			g.Guard(x.Neg())
			g.Output("sum", x.Sum())
			s := pq(float)
			plan := compile(t, b, g, backend.Options{Float: float, State: s.get})
			for i, bad := range []float64{nan, inf, -inf, 0} {
				v := span(0, 0, 600)
				v.SetFlat(599-i*150, bad)
				in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": as(v, float)}}
				if err := plan.Run(context.Background(), in); err != nil {
					t.Fatalf("a guarded %v is an error: %v", bad, err)
				}
				if bad == 0 {
					expect(t, "p after a good run", s["p"], 2, 3, 4, 5)
					expect(t, "q after a good run", s["q"], 0, 0, 0, 0)
					continue
				}
				expect(t, "p after a bad run", s["p"], 1, 2, 3, 4)
				expect(t, "q after a bad run", s["q"], 5, 6, 7, 8)
				if err := differ(plan.Output("sum"), as(tensor.Of([]float64{bad}), float), 0); err != nil {
					t.Errorf("output of a bad run: %v", err)
				}
			}
		})
	}
}
