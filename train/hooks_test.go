package train

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
)

func TestHookOrder(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, small(), Config{Data: src.Schema()})
	var seen []string
	hook := func(name string) Hook {
		return func(next Steps) Steps {
			return func(yield func(*Step, error) bool) {
				for s, err := range next {
					seen = append(seen, fmt.Sprint(name, s.Step))
					if !yield(s, err) {
						seen = append(seen, name+" ends")
						return
					}
				}
			}
		}
	}
	stop := errors.New("enough")
	err := Fit(tr.Steps(context.Background(), Run{Train: src, Batch: 4, Epochs: 2}), hook("a"), hook("b"),
		OnEpoch(func(e *Epoch) error {
			seen = append(seen, fmt.Sprint("epoch ", e.Epoch))
			return stop
		}), Lambda(func(s *Step) error {
			seen = append(seen, fmt.Sprint("last", s.Step))
			return nil
		}))
	want := []string{"a1", "b1", "last1", "a2", "b2", "epoch 1", "b ends", "a ends"}
	if err != stop || !slices.Equal(seen, want) {
		t.Errorf("%v: got %q, want %q", err, seen, want)
	}
}

func TestCSVLog(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, small(), Config{Data: src.Schema()})
	var out bytes.Buffer
	run := Run{Train: src, Val: src, Batch: 4, Epochs: 1}
	fit(t, tr, run, CSVLog(&out, true))
	run.Epochs = 2
	fit(t, tr, run, CSVLog(&out, false))
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	if got := strings.Join(rows[0], ","); got != "epoch,step,lr,loss,accuracy,val_loss,val_accuracy" {
		t.Errorf("header %s", got)
	}
	for i, e := range tr.History() {
		want := []string{fmt.Sprint(e.Epoch), fmt.Sprint(e.Step), fmt.Sprint(e.LR)}
		for _, v := range append(e.Train, e.Val...) {
			want = append(want, fmt.Sprint(v.Value))
		}
		if !slices.Equal(rows[i+1], want) {
			t.Errorf("row %q, want %q", rows[i+1], want)
		}
	}
}

// TestEarlyStopping lets a rate that is far too high spoil a net.
func TestEarlyStopping(t *testing.T) {
	t.Parallel()
	src, val := labelled(t, 60), labelled(t, 90)
	for _, monitor := range []string{"", "val/accuracy"} {
		tr := trainer(t, small(), Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.SGD{LR: 3}}})
		e := EarlyStopping{Monitor: monitor, Patience: 3, RestoreBest: true}
		var best Best
		weights := map[int]string{}
		fit(t, tr, Run{Train: src, Val: val, Batch: 10, Epochs: 100}, e.Hook(tr, &best), OnEpoch(func(e *Epoch) error {
			weights[e.Epoch] = parameters(tr)
			return nil
		}))
		h := tr.History()
		if len(h) == 100 || best.Epoch != len(h)-3 || best.Wait != 3 {
			t.Fatalf("%q: best %+v of %d epochs", monitor, best, len(h))
		}
		name := monitor
		if name == "" {
			name = "val/loss"
		}
		for _, e := range h {
			v, _ := e.Get(name)
			worse := v >= best.Value
			if name == "val/accuracy" {
				worse = v <= best.Value
			}
			if !worse || (e.Epoch == best.Epoch) != (v == best.Value) && e.Epoch < best.Epoch {
				t.Errorf("%s: epoch %d has %v, best %+v", name, e.Epoch, v, best)
			}
		}
		if parameters(tr) == weights[best.Epoch] || !tr.RestoreBest() || parameters(tr) != weights[best.Epoch] {
			t.Errorf("%s: the best parameters were not restored", name)
		}
	}
}

// parameters are the bytes of the weights and statistics.
func parameters(tr *Trainer) string {
	var out strings.Builder
	for p := range tr.weights().All() {
		out.WriteString(p.Name)
		out.Write(p.Value.Bytes())
	}
	return out.String()
}

func TestEarlyStoppingEdges(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, small(), Config{Data: src.Schema()})
	err := Fit(tr.Steps(context.Background(), Run{Train: src, Epochs: 1}), EarlyStopping{}.Hook(tr, nil))
	if err == nil || !strings.Contains(err.Error(), `"val/loss" is not measured; there are train/loss train/accuracy`) {
		t.Errorf("error %v", err)
	}
	if tr.RestoreBest() {
		t.Error("there is something to restore")
	}

	// Nothing that is not a number is ever the best, and it can be saved.
	tr = trainer(t, small(), Config{Data: src.Schema()})
	var best Best
	fit(t, tr, Run{Train: src, Val: huge(t), Epochs: 5}, EarlyStopping{Patience: 2, RestoreBest: true}.Hook(tr, &best))
	if len(tr.History()) != 2 || best != (Best{Wait: 2}) || tr.RestoreBest() {
		t.Errorf("best %+v after %d epochs", best, len(tr.History()))
	}
	if _, err := tr.Snapshot(); err != nil {
		t.Error(err)
	}
}

// huge is a row whose loss is no number.
func huge(t testing.TB) data.Source {
	src := labelled(t, 2)
	x, y := tensor.New(tensor.Float32, 1, features), tensor.New(tensor.Int32, 1)
	for i := range features {
		x.SetFlat(i, math.Inf(1-2*(i%2)))
	}
	return source(t, src.Schema(), []*tensor.Tensor{x}, []*tensor.Tensor{y})
}

func TestTerminateOnNaN(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, nn.Sequential{nn.Dense{Units: classed}}, Config{Data: src.Schema()})
	err := Fit(tr.Steps(context.Background(), Run{Train: src, Val: huge(t), Epochs: 2}), TerminateOnNaN())
	var d *Diverged
	if !errors.As(err, &d) || d.Step != 1 || finite(d.Loss) {
		t.Errorf("error %v", err)
	}
}

func TestCheckpointsHook(t *testing.T) {
	t.Parallel()
	src := labelled(t, 20)
	tr := trainer(t, small(), Config{Data: src.Schema()})
	store := ckpt.Store{Dir: t.TempDir(), Keep: -1, FS: unsynced{}}
	var told []int64
	fit(t, tr, Run{Train: src, Batch: 4, Epochs: 2}, Checkpoints(store, Every{Steps: 3}, func(c *ckpt.Checkpoint) { told = append(told, c.Step) }))
	steps, err := store.Steps()
	if want := []int64{3, 5, 6, 9, 10}; err != nil || !slices.Equal(told, want) || !slices.Equal(steps, want) {
		t.Errorf("told %v, saved %v, %v, want %v", told, steps, err, want)
	}
}

// TestPatience shows early stopping losses of epochs: by how much they have to
// fall, and for how long it waits.
func TestPatience(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for _, tc := range []struct {
		stop   EarlyStopping
		losses []float64
		epochs int // that are seen
		best   int
	}{
		{EarlyStopping{}, []float64{3, 2, 2, 1}, 3, 2}, // equal is no improvement
		{EarlyStopping{Patience: 1}, []float64{3, 2, 2, 1}, 3, 2},
		{EarlyStopping{Patience: 2}, []float64{3, 2, 2.5, 1, 4, 5, 0}, 6, 4},
		{EarlyStopping{Patience: 2, MinDelta: 0.5}, []float64{3, 2.6, 2.5, 1}, 3, 1},
		{EarlyStopping{Patience: 2, MinDelta: 0.4}, []float64{3, 2.5, 2.2, 2}, 4, 4},
		{EarlyStopping{Patience: 2}, []float64{inf, math.NaN(), 1}, 2, 0},
		{EarlyStopping{Patience: 3}, []float64{inf, math.NaN(), 1, math.NaN(), 0.5}, 5, 5},
		{EarlyStopping{Patience: 1, Monitor: "val/accuracy"}, []float64{0.1, 0.2, 0.2, 0.3}, 3, 2},
		{EarlyStopping{Patience: 1, Monitor: "val/r2", MinDelta: 0.1}, []float64{-5, 0.1, 0.15, 0.3}, 3, 2},
	} {
		src := labelled(t, 8)
		tr := trainer(t, small(), Config{Data: src.Schema()})
		var best Best
		name := strings.TrimPrefix(tc.stop.Monitor, "val/")
		if name == "" {
			name = "loss"
		}
		epochs := func(yield func(*Step, error) bool) {
			for i, v := range tc.losses {
				if !yield(&Step{Trainer: tr, Done: &Epoch{Epoch: i + 1, Val: Values{{name, v}}}}, nil) {
					return
				}
			}
		}
		seen := 0
		for _, err := range tc.stop.Hook(tr, &best)(epochs) {
			if err != nil {
				t.Fatal(err)
			}
			seen++
		}
		if seen != tc.epochs || best.Epoch != tc.best {
			t.Errorf("%+v of %v: %d epochs, best %d, want %d and %d", tc.stop, tc.losses, seen, best.Epoch, tc.epochs, tc.best)
		}
	}
}
