package cpu

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
)

// A profile lists what runs, with the products' arithmetic, and changes no result.
func TestProfile(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{1, 2} {
		g, state := perceptron()
		p, err := New().Compile(g, backend.Options{State: state, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		plain, other := perceptron()
		q, err := New().Compile(plain, backend.Options{State: other, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		profiled := p.(backend.Profiled)
		if profiled.Arena() <= 0 {
			t.Error("the arena is empty")
		}
		profiled.Profile(true)
		for range 2 {
			for _, plan := range []backend.Plan{p, q} {
				if err := plan.Run(context.Background(), batch()); err != nil {
					t.Fatal(err)
				}
			}
		}
		costs, flops := profiled.Costs(), 0.0
		for _, c := range costs {
			flops += c.Flops
			if c.Best <= 0 || c.Total < c.Best || c.Op == "" {
				t.Errorf("%+v", c)
			}
		}
		// Three products with 6·5 and three with 5·3 multiply-adds a row, but for
		// the gradient of the input.
		if want := 2 * 4 * float64(2*6*5+3*5*3); flops != want {
			t.Errorf("products of %v FLOP, want %v", flops, want)
		}
		if a, b := p.Output("loss").Flat(0), q.Output("loss").Flat(0); a != b {
			t.Errorf("loss %v while timed, else %v", a, b)
		}
		profiled.Profile(false)
		if len(profiled.Costs()) != 0 {
			t.Error("a profile that is over still has costs")
		}
	}
}
