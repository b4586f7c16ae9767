package backendtest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/tensor"
)

// The graphs that backends are held to are good ones for any seed: without an
// error, finite and within the bounds that the comparison assumes.
func TestChainsAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g, in := chain(rapid.Uint64().Draw(t, "seed"), 6, 9)
		p, err := ref.Backend{}.Compile(g, backend.Options{Float: tensor.Float64})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		for _, o := range g.Outputs() {
			for i, v := range p.Output(o.Name).Float64s() {
				if !(v >= -4 && v <= 4) {
					t.Fatalf("element %d of output %s is %v", i, o.Name, v)
				}
			}
		}
	})
}
