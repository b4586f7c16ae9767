package backendtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// NoAllocs asks that a run takes no memory, whatever it is a run of. It must
// not be called from a parallel test.
func NoAllocs(t *testing.T, b backend.Backend) {
	type plan struct {
		name string
		g    *graph.Builder
		in   map[string]*tensor.Tensor
	}
	g, in := step(65, 70, 33)
	plans := []plan{{"training step", g, in}}
	for _, op := range graph.Ops() {
		g, in := caseGraph(cases[op.Name])
		plans = append(plans, plan{op.Name, g, in})
	}
	for _, p := range plans {
		for _, float := range precisions {
			for _, threads := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s/%v/%d", p.name, float, threads), func(t *testing.T) {
					s := store(float, p.in)
					s[paramName] = span(-1, 1, 3, 2).Convert(float)
					plan := compile(t, b, p.g, backend.Options{Float: float, State: s.get, Threads: threads})
					ctx, in := context.Background(), backend.Inputs{Values: s}
					var err error
					n := testing.AllocsPerRun(5, func() { err = plan.Run(ctx, in) })
					if err != nil {
						t.Fatal(err)
					}
					if n > 0 {
						t.Errorf("a run allocates %v times", n)
					}
				})
			}
		}
	}
}
