package graph_test

import (
	"context"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// fataler is a test or a property test.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

// eval is an output's elements, computed in float64.
func eval(t fataler, b *graph.Builder, in map[string]*tensor.Tensor, output string) []float64 {
	t.Helper()
	return evalOn(t, ref.Backend{}, b, in, output)
}

func evalOn(t fataler, on backend.Backend, b *graph.Builder, in map[string]*tensor.Tensor, output string) []float64 {
	t.Helper()
	p, err := on.Compile(b, backend.Options{Float: tensor.Float64})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), backend.Inputs{Values: in}); err != nil {
		t.Fatal(err)
	}
	return p.Output(output).Float64s()
}
