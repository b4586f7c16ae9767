package diag_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// The percentiles are of the first unit, before its activation.
func TestUnit(t *testing.T) {
	t.Parallel()
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{1}}}, Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{2}}}}
	b := data.NewBatch(s, 101)
	idx := make([]int32, 101)
	if err := b.Start(idx); err != nil {
		t.Fatal(err)
	}
	for i := range 101 {
		b.X[0].SetFlat(i, float64((i*37)%101)) // 0 to 100 in disorder
	}
	for _, a := range []act.Activation{nil, act.ReLU{}, act.Sigmoid{}} {
		n, err := train.NewNet(nn.Sequential{nn.Dense{Units: 2, Act: a, Init: initial.Ones{}}}, nil, train.Config{Data: s})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		r := measure(t, n, diag.Options{Batch: b, SkipJacobian: true})
		if u := r.Layers[0].Unit; u == nil || *u != (diag.Percentiles{P15: 15, P50: 50, P85: 85}) {
			t.Errorf("%T: %+v", a, u)
		}
	}
}

// As a net of logistic units learns, what a unit is given moves; with batch
// normalization it stays where it was (Ioffe and Szegedy, ICML 2015, figure 1).
func TestCovariateShift(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 1000, 1)
	drift := func(normalized bool) float64 {
		m := nn.Sequential{nn.Flatten{}}
		for i := range 3 {
			m = append(m, nn.Dense{Units: 50, Name: fmt.Sprint("h", i)})
			if normalized {
				m = append(m, nn.BatchNorm{})
			}
			m = append(m, act.Sigmoid{})
		}
		tr, err := train.New(append(m, nn.Dense{Units: 10}), train.Config{Data: src.Schema(), Seed: 3, Optim: optim.Optimizer{Rule: optim.SGD{LR: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		batch, err := diag.Sampled(src, 60, 1)
		if err != nil {
			t.Fatal(err)
		}
		last := "h2"
		if normalized {
			last = "batch_normalization_2"
		}
		var medians []float64
		w := diag.Watch{Every: 20, Batch: batch, Tell: func(s *diag.Sample) error {
			for _, l := range s.Layers {
				if l.Name == last {
					medians = append(medians, l.Unit.P50)
				}
			}
			return nil
		}}
		if err := train.Fit(tr.Steps(context.Background(), train.Run{Train: src, Batch: 60, Epochs: 12}), w.Hook(tr)); err != nil {
			t.Fatal(err)
		}
		if len(medians) < 8 {
			t.Fatalf("%d measurements", len(medians))
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range medians {
			lo, hi = min(lo, v), max(hi, v)
		}
		return hi - lo
	}
	without, with := drift(false), drift(true)
	t.Logf("the median moves by %.3g without, %.3g with batch normalization", without, with)
	if !(with < without) {
		t.Errorf("the median moves by %.3g without, %.3g with batch normalization", without, with)
	}
}
