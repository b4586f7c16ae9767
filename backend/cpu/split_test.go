package cpu

import (
	"context"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// TestSplitProducts tells that a large product and both its gradients are multiplied in
// parts where that is asked for, have the same bytes on any number of threads, alone and
// in lanes, laid out or not, and take no memory.
func TestSplitProducts(t *testing.T) {
	was := kernel.Family()
	if err := kernel.Use("amx"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := kernel.Use(was); err != nil {
			t.Error(err)
		}
	})
	const m, n, k = 200, 300, 330
	if !kernel.Splits[float32](m, n, k, false, false) || !kernel.Splits[float32](m, k, n, false, true) || !kernel.Splits[float32](k, n, m, true, false) {
		t.Fatal("these are not multiplied in parts")
	}
	frozen, x := newFrozenNet(tensor.Float32, m, k)
	frozen.same(t, x.MatMul(frozen.param(k, n)).Relu().MatMul(frozen.param(k, n).Transpose(1, 0)), tensor.Invalid)
	g, in, weights := gradedProduct(m, n, k)
	xs, ds, ws := in.Values["x"].Float32s(), in.Values["d"].Float32s(), weights.Float32s()
	want := map[string][]float32{"y": make([]float32, m*n), "dx": make([]float32, m*k), "dw": make([]float32, k*n)}
	kernel.MatMulSplit(want["y"], n, xs, k, false, ws, n, false, m, n, k, 0, m, 0, n)
	kernel.MatMulSplit(want["dx"], k, ds, n, false, ws, n, true, m, k, n, 0, m, 0, k)
	kernel.MatMulSplit(want["dw"], n, xs, k, true, ds, n, false, k, n, m, 0, k, 0, n)
	for _, threads := range []int{1, 2, 3, 5, 8} {
		p, err := New().Compile(g, backend.Options{Threads: threads, State: func(string) *tensor.Tensor { return weights }})
		if err != nil {
			t.Fatal(err)
		}
		run := func() {
			if err := p.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			run()
			for name, x := range want {
				if !slices.Equal(p.Output(name).Float32s(), x) {
					t.Errorf("%d threads: %s is not the product in parts", threads, name)
				}
			}
		}
		if n := testing.AllocsPerRun(10, run); n > 0 {
			t.Errorf("%d threads: a run allocates %g times", threads, n)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
