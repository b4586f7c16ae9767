package cpu

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// Products by a parameter that are cut by ranges of k have the bytes of those that are
// not, on any number of threads and each time.
func TestRanged(t *testing.T) {
	t.Parallel()
	for _, s := range [][3]int{{32, 300, 784}, {100, 33, 2000}, {128, 310, 700}, {128, 64, 1290}} {
		m, n, k := s[0], s[1], s[2]
		rows, weights := tensor.New(tensor.Float32, m, k), tensor.New(tensor.Float32, k, n)
		for i := range rows.Len() {
			rows.SetFlat(i, math.Sin(float64(i)))
		}
		for i := range weights.Len() {
			weights.SetFlat(i, math.Cos(float64(i)))
		}
		want := make([]float32, m*n)
		inParts := kernel.Splits[float32](m, n, k, false, false) // which are not cut by k
		if inParts {
			kernel.MatMulSplit(want, n, rows.Float32s(), k, false, weights.Float32s(), n, false, m, n, k, 0, m, 0, n)
		} else {
			kernel.MatMul(want, n, rows.Float32s(), k, false, weights.Float32s(), n, false, m, n, k, 0, m, 0, n, false)
		}
		for _, threads := range []int{1, 2, 3, 5, 8} {
			g := graph.New()
			g.Output("y", g.Input("x", graph.Float, m, k).MatMul(g.Param("w", k, n)))
			p, err := New().Compile(g, backend.Options{Threads: threads, State: func(string) *tensor.Tensor { return weights }})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			apart := 0
			if threads > 1 && !inParts {
				apart = (kernel.Passes[float32](k) - 1) * m * n
			}
			if got := p.(*plan[float32]).work.all; got != apart {
				t.Errorf("%v on %d threads: %d sums lie apart, want %d", s, threads, got, apart)
			}
			for range 5 {
				if err := p.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": rows}}); err != nil {
					t.Fatal(err)
				}
				if got := p.Output("y").Float32s(); !slices.Equal(got, want) {
					t.Fatalf("%v on %d threads: not the product that is not cut", s, threads)
				}
			}
		}
	}
}
