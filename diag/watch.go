package diag

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Watch measures the signal as training goes on.
type Watch struct {
	// Every is the number of steps between two measurements.
	Every int
	// Batch is the examples that each measurement is made on. One the size of a
	// training batch costs less than two steps.
	Batch *data.Batch
	// Tell is given each measurement. An error ends the run.
	Tell func(*Sample) error
	// Threads and Backend are those of Options.
	Threads int
	Backend backend.Backend
}

// A Sample is a measurement during training: a Report without singular values,
// symmetry and cure, whose updates are those of the step just taken.
type Sample struct {
	Epoch int
	Step  int64
	*Report
}

// MarshalJSON writes the report with the epoch and the step before it.
func (s *Sample) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Epoch int   `json:"epoch"`
		Step  int64 `json:"step"`
		reportText
	}{s.Epoch, s.Step, s.text()})
}

// Hook is the hook for a trainer. It changes nothing of the run: neither
// parameters and statistics nor what is drawn at random.
func (w Watch) Hook(t *train.Trainer) train.Hook {
	return func(next train.Steps) train.Steps {
		return func(yield func(*train.Step, error) bool) {
			run, err := w.begin(t)
			if err != nil {
				yield(nil, err)
				return
			}
			defer run.plan.Close()
			for s, err := range next {
				if err == nil {
					err = run.after(s)
				}
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}

// A watching is a Watch of one run.
type watching struct {
	Watch
	*measurement
	plan  backend.Plan
	in    backend.Inputs
	set   *param.Set
	was   []*tensor.Tensor // kernels before the step that is measured
	saved int64            // the step that was is from
}

func (w Watch) begin(t *train.Trainer) (*watching, error) {
	if w.Every < 1 {
		return nil, fmt.Errorf("signal.every: want a whole number above 0, got %d", w.Every)
	}
	o := Options{Batch: w.Batch, Threads: w.Threads, Backend: w.Backend}
	rows, err := o.rows()
	if err != nil {
		return nil, err
	}
	run := &watching{Watch: w, set: t.Params, saved: -1}
	run.measurement = trace(t.Net, t.Params, rows, w.Batch != nil, 0)
	run.figures()
	if run.plan, err = o.backend().Compile(run.b, backend.Options{Float: t.Params.Float(), State: shielded(t.Params), Threads: w.Threads}); err != nil {
		return nil, err
	}
	run.in = backend.Inputs{Values: map[string]*tensor.Tensor{}, Seed: rng.Key(0, "diag/watch")}
	if err := feed(run.in.Values, t.Net, w.Batch, t.Params.Float()); err != nil {
		return nil, err
	}
	for _, p := range run.probes {
		var v *tensor.Tensor
		if q := t.Params.Get(p.kernel); q != nil && q.Trainable() {
			v = tensor.New(q.Value.DType(), q.Value.Shape()...)
		}
		run.was = append(run.was, v)
	}
	return run, nil
}

// shielded finds weights as they are and copies of statistics, which a run for
// training would change.
func shielded(s *param.Set) func(string) *tensor.Tensor {
	copies := map[string]*tensor.Tensor{}
	for p := range s.Of(param.Stat) {
		copies[p.Name] = p.Value.Clone()
	}
	return func(name string) *tensor.Tensor {
		if c := copies[name]; c != nil {
			return c
		}
		return s.Value(name)
	}
}

// after measures where the step is one to be measured, and keeps the kernels
// where the next is.
func (w *watching) after(s *train.Step) error {
	if s.Step%int64(w.Every) == 0 {
		if err := w.plan.Run(context.Background(), w.in); err != nil {
			return err
		}
		r := &Report{Rows: w.rows, Layers: w.read(w.plan, w.set), probes: w.probes}
		for i, was := range w.was {
			if was != nil && w.saved == s.Step-1 {
				r.Layers[i].Update = moved(was, w.set.Value(w.probes[i].kernel))
			}
		}
		r.judge()
		if err := w.Tell(&Sample{s.Epoch, s.Step, r}); err != nil {
			return err
		}
	}
	if (s.Step+1)%int64(w.Every) == 0 {
		w.saved = s.Step
		for i, was := range w.was {
			if was != nil {
				copy(was.Bytes(), w.set.Value(w.probes[i].kernel).Bytes())
			}
		}
	}
	return nil
}

// moved is change for tensors of one float type.
func moved(was, now *tensor.Tensor) float64 {
	if was.DType() == tensor.Float64 {
		return change(was.Float64s(), now.Float64s())
	}
	return change(was.Float32s(), now.Float32s())
}

// Sampled draws n rows of a source at random, all where there are fewer: a
// batch to measure on.
func Sampled(src data.Source, n int, seed uint64) (*data.Batch, error) {
	rows := make([]int32, src.Len())
	rng.New(rng.Key(seed, "diag/rows"), 0).Perm(rows)
	rows = rows[:min(n, len(rows))]
	b := data.NewBatch(src.Schema(), len(rows))
	return b, src.Read(b, rows)
}
