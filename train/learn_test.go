package train

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
)

// Learn takes the steps that Steps takes, on batches of one's own.
func TestLearn(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 10}}
	rows, _ := digits.New(3, 32, 1)
	ctx := context.Background()
	make := func(accumulate int) *Trainer {
		tr, err := New(m, Config{Data: rows.Schema(), Seed: 7, Threads: 1, Accumulate: accumulate})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tr.Close() })
		return tr
	}
	a, b := make(0), make(0)
	var want []float64
	for s, err := range a.Steps(ctx, Run{Train: rows, Batch: 8, Epochs: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, s.Loss)
	}
	i := 0
	for batch, err := range data.Batches(rows, 8, data.Order{Seed: 7, Shuffle: true}) {
		if err != nil {
			t.Fatal(err)
		}
		loss, err := b.Learn(ctx, batch)
		if err != nil {
			t.Fatal(err)
		}
		if loss != want[i] {
			t.Errorf("step %d: loss %v, want %v", i, loss, want[i])
		}
		i++
	}
	if b.Taken() != int64(len(want)) {
		t.Errorf("%d steps were counted, want %d", b.Taken(), len(want))
	}
	if p, err := b.Plan(8); err != nil || p.Output("loss") == nil {
		t.Errorf("plan %v, %v", p, err)
	}
	if _, err := make(2).Learn(ctx, data.NewBatch(rows.Schema(), 8)); err == nil {
		t.Error("a step over several batches was taken with one")
	}
}
