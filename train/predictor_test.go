package train

import (
	"context"
	"sync"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// A predictor gives what Predict gives, whoever else calls it.
func TestPredictor(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 20, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10}}
	rows, _ := digits.New(3, 64, 1)
	tr, err := New(m, Config{Data: rows.Schema(), Seed: 7, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	ctx := context.Background()
	for _, err := range tr.Steps(ctx, Run{Train: rows, Batch: 16, Epochs: 2}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	const n = 4
	batch := data.NewBatch(rows.Schema(), n)
	if err := rows.Read(batch, []int32{5, 1, 60, 7}); err != nil {
		t.Fatal(err)
	}
	want, err := tr.Predict(ctx, batch.X[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := tr.Predictor(n)
	if err != nil {
		t.Fatal(err)
	}
	laid := p.Laid()
	if weights := 4 * (784*20 + 20*10); laid != 0 && (laid < weights || laid > 2*weights) {
		t.Errorf("weights of %d bytes take %d as they are laid out", weights, laid)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			out := p.Outputs()
			for range 20 {
				if err := p.Predict(ctx, out, batch.X); err != nil {
					t.Error(err)
					return
				}
				for i := range out[0].Len() {
					if d := out[0].Flat(i) - want[0].Flat(i); d > 1e-5 || d < -1e-5 {
						t.Errorf("probability %d is %g, want %g", i, out[0].Flat(i), want[0].Flat(i))
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if p.Laid() != laid {
		t.Errorf("plans that run together take %d bytes more for weights", p.Laid()-laid)
	}
	out := p.Outputs()
	if err := p.Predict(ctx, out, []*tensor.Tensor{tensor.New(tensor.Uint8, 3, 28, 28)}); err == nil {
		t.Error("a batch of another size was taken")
	}
	if err := p.Predict(ctx, nil, batch.X); err == nil {
		t.Error("a call without room for its result was taken")
	}
	if _, err := tr.Predictor(0); err == nil {
		t.Error("a predictor for no rows was made")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestPredictorTakesNoMemory(t *testing.T) {
	m := nn.Sequential{nn.BatchNorm{}, nn.Dense{Units: 20, Act: act.ELU{}}, nn.Dense{Units: 3}}
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{8}}}, Targets: []data.Field{{Name: "y", DType: tensor.Int32}}, Classes: []string{"a", "b", "c"}}
	n, err := NewNet(m, nil, Config{Data: s, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := n.Predictor(1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, x, out := context.Background(), []*tensor.Tensor{tensor.New(tensor.Float32, 1, 8)}, p.Outputs()
	if a := testing.AllocsPerRun(20, func() {
		if err := p.Predict(ctx, out, x); err != nil {
			t.Error(err)
		}
	}); a != 0 {
		t.Errorf("a prediction takes memory %v times", a)
	}
}
