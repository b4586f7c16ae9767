package bench

import (
	"context"
	"slices"
	"time"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// Calls are the times of single calls, ascending.
type Calls []time.Duration

// Quantile is the time that the share q of the calls stays within.
func (c Calls) Quantile(q float64) time.Duration {
	return c[min(len(c)-1, int(q*float64(len(c))))]
}

// most calls that are timed one by one.
const mostCalls = 1 << 20

// calls times f call by call until the time is up.
func calls(ctx context.Context, span time.Duration, f func() error) (Calls, error) {
	for range 10 {
		if err := f(); err != nil {
			return nil, err
		}
	}
	var c Calls
	for start := time.Now(); len(c) < 10 || len(c) < mostCalls && time.Since(start) < span; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		from := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		c = append(c, time.Since(from))
	}
	slices.Sort(c)
	return c, nil
}

// random fills t with numbers from a normal distribution.
func random(t *tensor.Tensor) {
	r := rng.New(rng.Key(1, "bench"), 0)
	for i := range t.Len() {
		t.SetFlat(i, r.Norm())
	}
}

// Infer times predictions on a batch of that size, batch normalization folded
// into the dense layers.
func (n Net) Infer(ctx context.Context, batch, threads int, span time.Duration) (Calls, error) {
	tr, err := n.Trainer("sgd", threads)
	if err != nil {
		return nil, err
	}
	defer tr.Close()
	p, err := tr.Predictor(batch)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	x := tensor.New(tensor.Float32, batch, pixels)
	random(x)
	in, out := []*tensor.Tensor{x}, p.Outputs()
	return calls(ctx, span, func() error { return p.Predict(ctx, out, in) })
}

// Layouts are how the operands of a product are stored: as they are multiplied (n), or
// transposed (t), A first.
var Layouts = []string{"nn", "nt", "tn"}

// Product times C (m×n) = A (m×k)·B (k×n) on matrices in memory, stored as one of
// [Layouts] says, of operands that are rounded to products, as [backend.Options] has it.
func Product(ctx context.Context, m, n, k int, layout string, threads int, products tensor.DType, span time.Duration) (Windows, error) {
	b := graph.New()
	rows, cols := tensor.Shape{m, k}, tensor.Shape{k, n}
	as := graph.MatMulAttr{TransA: layout[0] == 't', TransB: layout[1] == 't'}
	if as.TransA {
		rows = tensor.Shape{k, m}
	}
	if as.TransB {
		cols = tensor.Shape{n, k}
	}
	b.Output("c", b.Apply("matmul", as, b.Input("a", graph.Float, rows...), b.Input("b", graph.Float, cols...)))
	plan, err := train.DefaultBackend().Compile(b, backend.Options{Threads: threads, Products: products})
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"a": tensor.New(tensor.Float32, rows...), "b": tensor.New(tensor.Float32, cols...)}}
	for _, t := range in.Values {
		random(t)
	}
	return Time(ctx, span, func() error { return plan.Run(ctx, in) })
}
