package main

import (
	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/optim/sched"
)

// schedules draws the learning rate over a run of twenty epochs.
func schedules(string) (*svg.Canvas, error) {
	const perEpoch, epochs, rate = 50, 20, 0.1
	list := []struct {
		name string
		s    sched.Schedule
	}{
		{"power", sched.Power{Length: 5, Per: sched.PerEpoch}},
		{"exponential", sched.Exponential{Rate: 0.1, Length: 10, Per: sched.PerEpoch}},
		{"exponential, staircase", sched.Exponential{Rate: 0.5, Length: 4, Staircase: true, Per: sched.PerEpoch}},
		{"piecewise", sched.Piecewise{Boundaries: []float64{5, 15}, Values: []float64{0.1, 0.05, 0.01}, Per: sched.PerEpoch}},
		{"cosine", sched.Cosine{}},
		{"cosine_restarts", sched.CosineRestarts{First: 3, Per: sched.PerEpoch}},
		{"warmup, then cosine", sched.Warmup{Length: 3, Per: sched.PerEpoch, Then: sched.Cosine{}}},
		{"1cycle", sched.OneCycle{}},
		{"cyclic", sched.Cyclic{Up: 2, Per: sched.PerEpoch}},
	}
	g := newGrid("the learning rate over twenty epochs, from 0.1", len(list), 3, 300, 200)
	for i, c := range list {
		xs, ys := make([]float64, 0, perEpoch*epochs), make([]float64, 0, perEpoch*epochs)
		for step := range perEpoch * epochs {
			xs = append(xs, float64(step)/perEpoch)
			ys = append(ys, c.s.At(sched.Point{Step: step, StepsPerEpoch: perEpoch, Epochs: epochs, LR: rate}))
		}
		a := g.panel(i, c.name, svg.Linear([]float64{0, epochs}), svg.Linear([]float64{0, rate}))
		a.Frame()
		a.Line(xs, ys, svg.Pen{Color: svg.Blue, Width: 1.8})
	}
	return g.canvas, nil
}
