package backendtest

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testInputs asks that what a graph does not need does no harm.
func testInputs(t *testing.T, b backend.Backend) {
	t.Run("unused", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		x := g.Input("x", graph.Float, 2)
		g.Input("unused", graph.Float, 3).Exp().Sum()
		g.Output("y", x.Neg())
		plan := run(t, b, g, backend.Options{Float: tensor.Float64}, backend.Inputs{Values: map[string]*tensor.Tensor{
			"x": values(1, 2), "unused": values(1, 2, 3), "unknown": values(1),
		}})
		expect(t, "y", plan.Output("y"), -1, -2)
	})
	t.Run("shared storage", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		x, y := g.Input("x", graph.Float, 2), g.Input("y", graph.Float, 2)
		g.Output("sum", x.Add(y))
		v := values(1, 2)
		plan := run(t, b, g, backend.Options{Float: tensor.Float64}, backend.Inputs{Values: map[string]*tensor.Tensor{"x": v, "y": v}})
		expect(t, "sum", plan.Output("sum"), 2, 4)
	})
	t.Run("an output of another plan", func(t *testing.T) {
		t.Parallel()
		first, second := graph.New(), graph.New()
		first.Output("y", first.Input("x", graph.Float, 2).Scale(3))
		second.Output("z", second.Input("y", graph.Float, 2).AddScalar(1))
		o := backend.Options{Float: tensor.Float64}
		p := run(t, b, first, o, backend.Inputs{Values: map[string]*tensor.Tensor{"x": values(1, 2)}})
		q := run(t, b, second, o, backend.Inputs{Values: map[string]*tensor.Tensor{"y": p.Output("y")}})
		expect(t, "z", q.Output("z"), 4, 7)
	})
	t.Run("rows of a larger tensor", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		g.Output("y", g.Input("x", graph.Byte, 2, 3).ToFloat().Sum(1))
		all := tensor.Of([]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3)
		plan := compile(t, b, g, backend.Options{Float: tensor.Float64})
		for lo, want := range [][]float64{{6, 15}, {15, 24}} {
			in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": all.Rows(lo, lo+2)}}
			if err := plan.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
			expect(t, "y", plan.Output("y"), want...)
		}
	})
}
