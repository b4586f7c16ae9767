package train

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// No goroutine may outlive the trainers and the walks over data.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// features and classes of the sets below.
const (
	features = 6
	classed  = 3
)

// labelled is a set of rows around one center a class, as floats.
func labelled(t testing.TB, rows int) data.Source {
	t.Helper()
	r := rng.New(rng.Key(7, "labelled"), 0)
	var centers [classed][features]float64
	for c := range centers {
		for j := range centers[c] {
			centers[c][j] = r.Norm()
		}
	}
	x, y := tensor.New(tensor.Float32, rows, features), tensor.New(tensor.Int32, rows)
	for i := range rows {
		c := r.IntN(classed)
		y.SetFlat(i, float64(c))
		for j := range features {
			x.SetFlat(i*features+j, centers[c][j]+0.7*r.Norm())
		}
	}
	return source(t, data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{features}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: []string{"a", "b", "c"},
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
}

// measured is a set of rows whose target is a linear function of the inputs.
func numbered(t testing.TB, rows int) data.Source {
	t.Helper()
	r := rng.New(rng.Key(7, "numbered"), 0)
	x, y := tensor.New(tensor.Float32, rows, features), tensor.New(tensor.Float32, rows, 1)
	for i := range rows {
		sum := 0.5
		for j := range features {
			v := r.Norm()
			x.SetFlat(i*features+j, v)
			sum += v * float64(j-2)
		}
		y.SetFlat(i, sum)
	}
	return source(t, data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{features}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}},
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
}

func source(t testing.TB, s data.Schema, x, y []*tensor.Tensor) data.Source {
	t.Helper()
	src, err := data.FromTensors(s, x, y)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// small is a net with statistics and random numbers.
func small() nn.Sequential {
	return nn.Sequential{
		nn.Dense{Units: 8, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dropout{Rate: 0.2}, nn.Dense{Units: classed},
	}
}

// trainer makes a trainer that is closed with the test.
func trainer(t testing.TB, m nn.Model, cfg Config) *Trainer {
	t.Helper()
	tr, err := New(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// fit runs to the end.
func fit(t testing.TB, tr *Trainer, r Run, hooks ...Hook) {
	t.Helper()
	if err := Fit(tr.Steps(context.Background(), r), hooks...); err != nil {
		t.Fatal(err)
	}
}

// run runs a plan once on a batch.
func run(t testing.TB, tr *Trainer, c *compiled, m mode, batch *data.Batch) {
	t.Helper()
	if err := tr.load(c, batch, m, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.plan.Run(context.Background(), backend.Inputs{Values: c.feed}); err != nil {
		t.Fatal(err)
	}
}

// read is the first input of all rows.
func read(t testing.TB, src data.Source) *tensor.Tensor {
	t.Helper()
	b := data.NewBatch(src.Schema(), src.Len())
	index := make([]int32, src.Len())
	for i := range index {
		index[i] = int32(i)
	}
	if err := src.Read(b, index); err != nil {
		t.Fatal(err)
	}
	return b.X[0]
}
