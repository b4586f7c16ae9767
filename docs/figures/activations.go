package main

import (
	"context"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// activations draws the activations of the chapter and their derivatives.
func activations(string) (*svg.Canvas, error) {
	list := []struct {
		name string
		a    act.Activation
	}{
		{"sigmoid", act.Sigmoid{}}, {"tanh", act.Tanh{}}, {"relu", act.ReLU{}},
		{"leaky_relu, slope 0.2", act.LeakyReLU{Slope: 0.2}}, {"elu, α = 1", act.ELU{}}, {"selu", act.SELU{}},
		{"softplus", act.Softplus{}}, {"softsign", act.Softsign{}}, {"gelu", act.GELU{}},
		{"silu", act.SiLU{}}, {"mish", act.Mish{}}, {"hard_swish", act.HardSwish{}},
	}
	g := newGrid("activations and their derivatives", len(list), 3, 300, 230)
	value := svg.Pen{Color: svg.Blue, Width: 1.8}
	slope := svg.Pen{Color: svg.Vermilion, Width: 1.6, Dash: "6 3"}
	g.legend(svg.Key{Pen: value, Text: "f(z)"}, svg.Key{Pen: slope, Text: "f′(z)"})
	z := linspace(-5, 5, 201)
	for i, f := range list {
		y, dy, err := curve(f.a, z)
		if err != nil {
			return nil, err
		}
		a := g.panel(i, f.name, svg.Linear([]float64{-4.6, 4.6}), svg.Linear([]float64{-1.9, 2.9}))
		a.Frame()
		a.Line(z, inside(y, a.Y), value)
		a.Line(z, inside(dy, a.Y), slope)
	}
	return g.canvas, nil
}

// inside leaves out what a panel has no room for.
func inside(ys []float64, s svg.Scale) []float64 {
	out := make([]float64, len(ys))
	for i, y := range ys {
		if y < s.Lo || y > s.Hi {
			y = nan
		}
		out[i] = y
	}
	return out
}

// curve is an activation and its derivative at each z, as the graph has them.
func curve(a act.Activation, z []float64) (y, dy []float64, err error) {
	b := graph.New()
	set := param.NewSet(tensor.Float64)
	x := b.Input("z", graph.Float, len(z))
	f := a.Apply(param.NewScope(b, set, param.Options{}), x)
	b.Output("y", f)
	b.Output("dy", graph.Grad(f.Sum(), []graph.Node{x})[0])
	plan, err := ref.Backend{}.Compile(b, backend.Options{Float: tensor.Float64, State: set.Value})
	if err != nil {
		return nil, nil, err
	}
	in := tensor.New(tensor.Float64, len(z))
	copy(in.Float64s(), z)
	if err := plan.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"z": in}}); err != nil {
		return nil, nil, err
	}
	return plan.Output("y").Float64s(), plan.Output("dy").Float64s(), plan.Close()
}
