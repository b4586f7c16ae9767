package diag_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"go.uber.org/goleak"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/train"
)

func trainer(t testing.TB) (*train.Trainer, train.Run) {
	t.Helper()
	src, _ := digits.New(1, 200, 1)
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 20, Act: act.ELU{}}, nn.Dropout{Rate: 0.2}, nn.Dense{Units: 10}}
	tr, err := train.New(m, train.Config{Data: src.Schema(), Seed: 1, Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.1}}})
	if err != nil {
		t.Fatal(err)
	}
	return tr, train.Run{Train: src, Batch: 20, Epochs: 2}
}

// A run that is watched ends in the same bytes as one that is not, and what is
// told of the step just taken is what it did.
func TestWatch(t *testing.T) {
	defer goleak.VerifyNone(t)
	alone, run := trainer(t)
	defer alone.Close()
	if err := train.Fit(alone.Steps(context.Background(), run)); err != nil {
		t.Fatal(err)
	}
	watched, run := trainer(t)
	defer watched.Close()
	batch, err := diag.Sampled(run.Train, run.Batch, 1)
	if err != nil {
		t.Fatal(err)
	}
	var kernels [][]float32 // after each step
	var samples []*diag.Sample
	keep := train.Lambda(func(*train.Step) error {
		kernels = append(kernels, append([]float32(nil), watched.Params.Value("dense/kernel").Float32s()...))
		return nil
	})
	w := diag.Watch{Every: 4, Batch: batch, Tell: func(s *diag.Sample) error {
		samples = append(samples, s)
		return nil
	}}
	if err := train.Fit(watched.Steps(context.Background(), run), keep, w.Hook(watched)); err != nil {
		t.Fatal(err)
	}
	for p := range alone.Params.All() {
		if !bytes.Equal(p.Value.Bytes(), watched.Params.Value(p.Name).Bytes()) {
			t.Errorf("%s differs from that of a run that was not watched", p.Name)
		}
	}
	if len(samples) != 5 {
		t.Fatalf("%d samples of 20 steps, want 5", len(samples))
	}
	for i, s := range samples {
		if s.Step != int64(4*(i+1)) || s.Epoch != 1+int(s.Step-1)/10 {
			t.Errorf("sample %d is of epoch %d, step %d", i, s.Epoch, s.Step)
		}
		var d, n float64
		was, is := kernels[s.Step-2], kernels[s.Step-1]
		for k := range was {
			d += math.Pow(float64(is[k])-float64(was[k]), 2)
			n += math.Pow(float64(was[k]), 2)
		}
		l := s.Layers[1]
		if l.Name != "dense" {
			t.Fatalf("layer %q", l.Name)
		}
		near(t, "update", l.Update, math.Sqrt(d/n), 1e-9)
		if !(l.Std > 0) || !(l.GradStd > 0) || l.Jacobian != nil {
			t.Errorf("%+v", l)
		}
	}
	text, err := json.Marshal(samples[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"epoch":1,"step":4,"layers":[{"name":"batch_normalization"`; !bytes.HasPrefix(text, []byte(want)) {
		t.Errorf("written as %.100s, want %s", text, want)
	}
}

func TestWatchErrors(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	tr, run := trainer(t)
	defer tr.Close()
	batch, err := diag.Sampled(run.Train, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	w := diag.Watch{Every: 3, Batch: batch, Tell: func(*diag.Sample) error { return full }}
	if err := train.Fit(tr.Steps(context.Background(), run), w.Hook(tr)); !errors.Is(err, full) || tr.Taken() != 3 {
		t.Errorf("after %d steps: %v", tr.Taken(), err)
	}
	w.Every = 0
	if err := train.Fit(tr.Steps(context.Background(), run), w.Hook(tr)); err == nil {
		t.Error("every 0 steps: no error")
	}
}

// BenchmarkWatch is a step of training, without and with a measurement every
// hundredth.
func BenchmarkWatch(b *testing.B) {
	for _, every := range []int{0, 100} {
		name := "alone"
		if every > 0 {
			name = "watched"
		}
		b.Run(name, func(b *testing.B) {
			src, _ := digits.New(1, 3200, 1)
			m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10}}
			tr, err := train.New(m, train.Config{Data: src.Schema(), Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			var hooks []train.Hook
			if every > 0 {
				batch, err := diag.Sampled(src, 32, 1)
				if err != nil {
					b.Fatal(err)
				}
				hooks = append(hooks, diag.Watch{Every: every, Batch: batch, Tell: func(*diag.Sample) error { return nil }}.Hook(tr))
			}
			b.ResetTimer()
			if err := train.Fit(tr.Steps(context.Background(), train.Run{Train: src, Batch: 32, Steps: int64(b.N)}), hooks...); err != nil {
				b.Fatal(err)
			}
		})
	}
}
