package main

import (
	"context"
	"math"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// steep is the curvature across the valley f(x, y) = ½(x² + steep·y²); along it
// the curvature is 1.
const steep = 30

// valley draws the paths of optimizers down a long valley.
func valley(string) (*svg.Canvas, error) {
	const steps = 60
	rules := []struct {
		name string
		rule optim.Rule
	}{
		{"sgd, lr 0.05", optim.SGD{LR: 0.05}},
		{"momentum 0.9, lr 0.01", optim.SGD{LR: 0.01, Momentum: 0.9}},
		{"nesterov 0.9, lr 0.01", optim.SGD{LR: 0.01, Momentum: 0.9, Nesterov: true}},
		{"adagrad, lr 1", optim.AdaGrad{LR: 1}},
		{"rmsprop, lr 0.1", optim.RMSProp{LR: 0.1}},
		{"adam, lr 0.3", optim.Adam{LR: 0.3}},
	}
	g := newGrid("sixty steps down a valley: ½(x² + 30y²)", len(rules), 3, 320, 230)
	for i, r := range rules {
		xs, ys, err := path(r.rule, -4, 0.9, steps)
		if err != nil {
			return nil, err
		}
		a := g.panel(i, r.name, svg.Linear([]float64{-4.4, 1.6}), svg.Linear([]float64{-1.2, 1.2}))
		a.Frame()
		for _, level := range []float64{0.1, 0.5, 1.5, 4, 8, 14} {
			contour(a, level)
		}
		points := make([]svg.Point, len(xs))
		for k := range xs {
			points[k] = a.At(xs[k], ys[k])
		}
		g.canvas.Polyline(points, svg.Pen{Color: svg.Vermilion, Width: 1.4})
		for _, p := range points {
			g.canvas.Circle(p, 2, svg.Vermilion)
		}
		g.canvas.Circle(a.At(0, 0), 3.5, svg.Ink)
	}
	return g.canvas, nil
}

// contour draws the points of one height that the panel has room for.
func contour(a *svg.Axes, level float64) {
	var points []svg.Point
	flush := func() {
		if len(points) > 1 {
			a.Canvas.Polyline(points, svg.Pen{Color: svg.Sky, Width: 1})
		}
		points = nil
	}
	for _, t := range linspace(0, 2*math.Pi, 121) {
		x, y := math.Sqrt(2*level)*math.Cos(t), math.Sqrt(2*level/steep)*math.Sin(t)
		if x < a.X.Lo || x > a.X.Hi || y < a.Y.Lo || y > a.Y.Hi {
			flush()
			continue
		}
		points = append(points, a.At(x, y))
	}
	flush()
}

// path is where a rule goes from (x, y).
func path(rule optim.Rule, x, y float64, steps int) (xs, ys []float64, err error) {
	set := param.NewSet(tensor.Float64)
	p, err := set.Add("p", param.Weight, tensor.Shape{2})
	if err != nil {
		return nil, nil, err
	}
	at := p.Value.Float64s()
	at[0], at[1] = x, y
	b := graph.New()
	w := b.Param("p", 2)
	curvature := graph.Concat(0, b.Full(1, 1), b.Full(steep, 1))
	loss := w.Mul(w).Mul(curvature).Sum().Scale(0.5)
	o := optim.Optimizer{Rule: rule}
	o.Build(b, set, []string{"p"}, graph.Grad(loss, []graph.Node{w}), b.Const(o.Rate()), b.Input("t", graph.Float))
	plan, err := ref.Backend{}.Compile(b, backend.Options{Float: tensor.Float64, State: set.Value})
	if err != nil {
		return nil, nil, err
	}
	t := tensor.New(tensor.Float64)
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"t": t}}
	xs, ys = []float64{x}, []float64{y}
	for k := range steps {
		t.SetFlat(0, float64(k+1))
		if err := plan.Run(context.Background(), in); err != nil {
			return nil, nil, err
		}
		xs, ys = append(xs, at[0]), append(ys, at[1])
	}
	return xs, ys, plan.Close()
}
