package main

import (
	"context"
	"math"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

var nan = math.NaN()

// signal draws how far outputs and gradients spread in nets of twenty layers of
// 100 units, by activation and initializer.
func signal(string) (*svg.Canvas, error) {
	const depth, width = 20, 100
	list := []struct {
		name string
		a    act.Activation
		init param.Init
	}{
		{"sigmoid, N(0, 1)", act.Sigmoid{}, initial.RandomNormal{Stddev: 1}},
		{"sigmoid, Glorot", act.Sigmoid{}, initial.Glorot},
		{"tanh, Glorot", act.Tanh{}, initial.Glorot},
		{"relu, N(0, 1)", act.ReLU{}, initial.RandomNormal{Stddev: 1}},
		{"relu, Glorot", act.ReLU{}, initial.Glorot},
		{"relu, He", act.ReLU{}, initial.He},
		{"elu, He", act.ELU{}, initial.He},
		{"selu, LeCun", act.SELU{}, initial.LeCun},
	}
	g := newGrid("signal and gradient through twenty layers", 2, 2, 480, 330)
	layers := linspace(1, depth, depth)
	forward := g.panel(0, "standard deviation of the outputs", svg.Linear(layers), svg.Logarithmic([]float64{1e-4, 1e4}))
	backward := g.panel(1, "standard deviation of the gradients", svg.Linear(layers), svg.Logarithmic([]float64{1e-12, 1e12}))
	for _, a := range []*svg.Axes{forward, backward} {
		a.XLabel, a.Whole, a.Note = "layer", true, "log axis"
		a.Frame()
	}
	var keys []svg.Key
	for i, c := range list {
		var m nn.Sequential
		for range depth {
			m = append(m, nn.Dense{Units: width, Act: c.a, Init: c.init, NoBias: true})
		}
		n, err := train.NewNet(m, nil, train.Config{Seed: 42, Data: data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{width}}}}})
		if err != nil {
			return nil, err
		}
		r, err := diag.Measure(context.Background(), n, diag.Options{Seed: 42, SkipJacobian: true})
		if err != nil {
			return nil, err
		}
		var std, grad []float64
		for _, l := range r.Layers {
			std, grad = append(std, l.Std), append(grad, l.GradStd)
		}
		pen := svg.Pen{Color: svg.Series(i), Width: 1.8}
		if i >= 6 {
			pen.Dash = "6 3"
		}
		forward.Line(layers, inside(std, forward.Y), pen)
		backward.Line(layers, inside(grad, backward.Y), pen)
		keys = append(keys, svg.Key{Pen: pen, Text: c.name})
	}
	half := len(keys) / 2
	g.canvas.Legend(svg.Point{X: 960 - right, Y: 24}, keys[:half]...)
	g.canvas.Legend(svg.Point{X: 960 - right, Y: 44}, keys[half:]...)
	return g.canvas, nil
}
