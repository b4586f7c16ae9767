package backendtest

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testOutputs asks that every output has its own value, wherever it comes from.
func testOutputs(t *testing.T, b backend.Backend) {
	t.Run("aliases", func(t *testing.T) {
		t.Parallel()
		for _, float := range precisions {
			g := graph.New()
			p, q, x := g.Param("p", 2, 2), g.Param("q", 2, 2), g.Input("x", graph.Float, 2, 2)
			y := p.Add(x)
			g.Output("p", p)
			g.Output("p as a vector", p.Reshape(4))
			g.Output("a row of p", p.Slice(0, 1, 2))
			g.Output("q", q)
			g.Output("x", x)
			g.Output("x as a vector", x.Reshape(4))
			g.Output("x stopped", x.StopGradient())
			g.Output("y", y)
			g.Output("y again", y)
			g.Output("y as a vector", y.Reshape(4))
			g.Output("y squared", y.Square())
			g.Output("const", g.Const(2))
			g.Update(p, y)
			g.Update(q, p)
			s := pq(float)
			plan := compile(t, b, g, backend.Options{Float: float, State: s.get})
			if err := plan.Run(context.Background(), backend.Inputs{Values: s}); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				name  string
				shape tensor.Shape
				want  []float64
			}{
				{"p", tensor.Shape{2, 2}, []float64{1, 2, 3, 4}}, {"p as a vector", tensor.Shape{4}, []float64{1, 2, 3, 4}},
				{"a row of p", tensor.Shape{1, 2}, []float64{3, 4}}, {"q", tensor.Shape{2, 2}, []float64{5, 6, 7, 8}},
				{"x", tensor.Shape{2, 2}, []float64{9, 9, 9, 9}}, {"x as a vector", tensor.Shape{4}, []float64{9, 9, 9, 9}},
				{"x stopped", tensor.Shape{2, 2}, []float64{9, 9, 9, 9}},
				{"y", tensor.Shape{2, 2}, []float64{10, 11, 12, 13}}, {"y again", tensor.Shape{2, 2}, []float64{10, 11, 12, 13}},
				{"y as a vector", tensor.Shape{4}, []float64{10, 11, 12, 13}}, {"y squared", tensor.Shape{2, 2}, []float64{100, 121, 144, 169}},
				{"const", tensor.Shape{}, []float64{2}},
			} {
				got := plan.Output(c.name)
				expect(t, "output "+c.name, got, c.want...)
				if got != nil && (!got.Shape().Equal(c.shape) || got.DType() != float) {
					t.Errorf("output %s is %v%v, want %v%v", c.name, got.DType(), got.Shape(), float, c.shape)
				}
			}
			expect(t, "p after the run", s["p"], 10, 11, 12, 13)
			expect(t, "q after the run", s["q"], 1, 2, 3, 4)
			expect(t, "x after the run", s["x"], 9, 9, 9, 9)
		}
	})
	t.Run("overwritten by the next run", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		x := g.Input("x", graph.Float, 2)
		g.Output("x", x)
		g.Output("double", x.Scale(2))
		plan := compile(t, b, g, backend.Options{Float: tensor.Float64})
		for _, v := range []float64{1, 5} {
			in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": values(v, v+1)}}
			if err := plan.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
			expect(t, "x", plan.Output("x"), v, v+1)
			expect(t, "double", plan.Output("double"), 2*v, 2*v+2)
		}
		if plan.Output("triple") != nil {
			t.Error("an output of a name that the graph does not have is not nil")
		}
	})
	t.Run("kinds", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		g.Output("int", g.Input("i", graph.Int, 3).Slice(0, 1, 3))
		g.Output("byte", g.Input("b", graph.Byte, 3).Slice(0, 0, 2))
		g.Output("best", g.Input("x", graph.Float, 2, 3).ArgMax())
		plan := run(t, b, g, backend.Options{Float: tensor.Float64}, backend.Inputs{Values: map[string]*tensor.Tensor{
			"i": tensor.Of([]int32{4, -5, 6}, 3), "b": tensor.Of([]uint8{7, 200, 9}, 3), "x": grid(1, 2, 0, 5, 4, 3),
		}})
		for _, c := range []struct {
			name string
			dt   tensor.DType
			want []float64
		}{{"int", tensor.Int32, []float64{-5, 6}}, {"byte", tensor.Uint8, []float64{7, 200}}, {"best", tensor.Int32, []float64{1, 0}}} {
			got := plan.Output(c.name)
			expect(t, c.name, got, c.want...)
			if got != nil && got.DType() != c.dt {
				t.Errorf("%s is %v, want %v", c.name, got.DType(), c.dt)
			}
		}
	})
	t.Run("no ops", func(t *testing.T) {
		t.Parallel()
		plan := compile(t, b, graph.New(), backend.Options{})
		if err := plan.Run(context.Background(), backend.Inputs{}); err != nil {
			t.Errorf("an empty graph: %v", err)
		}
	})
}
