package cpu

import (
	"context"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// TestUpdateReadLater: a parameter's next value that cannot be made where the parameter
// lies, since that is read after it, comes there at the end, also where it is itself
// written over another value.
func TestUpdateReadLater(t *testing.T) {
	t.Parallel()
	run := func(on backend.Backend) []float64 {
		b := graph.New()
		x, p := b.Input("x", graph.Float, 6, 6), b.Param("p", 6, 6)
		y := x.MatMul(x).Tanh()
		b.Update(p, y)
		b.Output("out", y.MatMul(p))
		value, in := tensor.New(tensor.Float64, 6, 6), tensor.New(tensor.Float64, 6, 6)
		scatter(value)
		scatter(in)
		plan, err := on.Compile(b, backend.Options{Float: tensor.Float64, Threads: 1, State: func(string) *tensor.Tensor { return value }})
		if err != nil {
			t.Fatal(err)
		}
		defer plan.Close()
		if err := plan.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": in}}); err != nil {
			t.Fatal(err)
		}
		return append(value.Clone().Float64s(), plan.Output("out").Clone().Float64s()...)
	}
	got, want := run(New()), run(ref.Backend{})
	for i, v := range want {
		if math.Abs(got[i]-v) > 1e-12 {
			t.Fatalf("number %d of p and out is %v, want %v", i, got[i], v)
		}
	}
}
