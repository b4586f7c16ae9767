package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// TestThreads asks for the same bytes from any number of threads, of a net that
// is large enough to be cut into chunks.
func TestThreads(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{
		nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dropout{Rate: 0.1},
		nn.Dense{Units: 200, Act: act.ReLU{}}, nn.Dense{Units: classed},
	}
	src := labelled(t, 400)
	for _, cfg := range []Config{{}, {Accumulate: 2}} {
		want := ""
		for _, threads := range []int{1, 2, 3, 5, 8} {
			cfg.Data, cfg.Threads = src.Schema(), threads
			tr := trainer(t, m, cfg)
			fit(t, tr, Run{Train: src, Val: src, Batch: 150, Steps: 4})
			got := end(t, tr)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%d threads:\n%s\n1 thread:\n%s", threads, got, want)
			}
		}
	}
}

// TestAccumulate trains on four batches of 25 rows a step and on batches of
// 100, with a last step that is shorter.
func TestAccumulate(t *testing.T) {
	t.Parallel()
	src := labelled(t, 330)
	m := nn.Sequential{nn.Dense{Units: 16, Act: act.Tanh{}}, nn.Dense{Units: classed}}
	cfg := Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.1, Momentum: 0.9}}, ClassWeight: []float64{1, 2, 3}}
	whole := trainer(t, m, cfg)
	fit(t, whole, Run{Train: src, Batch: 100, Epochs: 3})
	cfg.Accumulate = 4
	parts := trainer(t, m, cfg)
	fit(t, parts, Run{Train: src, Batch: 25, Epochs: 3})
	if whole.Taken() != 12 || parts.Taken() != 12 {
		t.Fatalf("%d and %d steps, want 12", whole.Taken(), parts.Taken())
	}
	for p := range whole.Params.All() {
		q := parts.Params.Value(p.Name)
		for i := range q.Len() {
			if d := math.Abs(p.Value.Flat(i) - q.Flat(i)); d > 1e-5 {
				t.Fatalf("%s[%d] is %v, in one batch %v", p.Name, i, q.Flat(i), p.Value.Flat(i))
			}
		}
	}
	for i, e := range parts.History() {
		want, _ := whole.History()[i].Train.Get("loss")
		if got, _ := e.Train.Get("loss"); math.Abs(got-want) > 1e-5 {
			t.Errorf("epoch %d: loss %v, in one batch %v", e.Epoch, got, want)
		}
	}
}

// TestStepFields goes through what each step says of itself.
func TestStepFields(t *testing.T) {
	t.Parallel()
	src := labelled(t, 20)
	tr := trainer(t, small(), Config{
		Data: src.Schema(), Accumulate: 2,
		Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.1}}, Schedule: sched.Exponential{Rate: 0.5, Length: 1},
	})
	var got []string
	for s, err := range tr.Steps(context.Background(), Run{Train: src, Val: src, Batch: 4, Epochs: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if !(s.GradNorm > 0) || !(s.Loss > 0) || s.Trainer != tr {
			t.Errorf("step %+v", s)
		}
		text := fmt.Sprintf("%d: epoch %d/%d, %d of %d, rows %d, lr %g", s.Step, s.Epoch, s.Epochs, s.Index, s.Of, s.Rows, s.LR)
		if e := s.Done; e != nil {
			text += fmt.Sprintf(", done %d at %d with %d rows, lr %g", e.Epoch, e.Step, e.Samples, e.LR)
			if !reflect.DeepEqual(tr.History()[e.Epoch-1], *e) {
				t.Errorf("history has %+v", tr.History()[e.Epoch-1])
			}
			for _, name := range []string{"val/loss", "val/accuracy", "train/loss", "train/accuracy"} {
				if v, ok := e.Get(name); !ok || !finite(v) {
					t.Errorf("%s is %v, %t", name, v, ok)
				}
			}
		}
		got = append(got, text)
	}
	want := []string{
		"1: epoch 1/2, 1 of 3, rows 4, lr 0.1",
		"2: epoch 1/2, 2 of 3, rows 4, lr 0.05",
		"3: epoch 1/2, 3 of 3, rows 4, lr 0.025, done 1 at 3 with 20 rows, lr 0.025",
		"4: epoch 2/2, 1 of 3, rows 4, lr 0.0125",
		"5: epoch 2/2, 2 of 3, rows 4, lr 0.00625",
		"6: epoch 2/2, 3 of 3, rows 4, lr 0.003125, done 2 at 6 with 20 rows, lr 0.003125",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRunsThatCannotBe(t *testing.T) {
	t.Parallel()
	src := labelled(t, 20)
	empty, err := data.FromTensors(src.Schema(), []*tensor.Tensor{tensor.New(tensor.Float32, 0, features)}, []*tensor.Tensor{tensor.New(tensor.Int32, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		run  Run
		want string
	}{
		{Run{Train: src}, "want a batch above 0, and epochs or steps"},
		{Run{Train: src, Batch: -1, Epochs: 1}, "batch -1"},
		{Run{Train: src, Epochs: -1}, "-1 epochs"},
		{Run{Train: src, Steps: -1}, "-1 steps"},
		{Run{Train: empty, Epochs: 1}, "no rows to train on"},
		{Run{Train: src, Val: empty, Epochs: 1}, "no rows to evaluate on"},
		{Run{Train: src, Batch: 1, Epochs: 1}, "batch_normalization: a batch of one"},
	} {
		tr := trainer(t, small(), Config{Data: src.Schema()})
		err := Fit(tr.Steps(context.Background(), tc.run))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.run, err, tc.want)
		}
	}
	tr := trainer(t, small(), Config{Data: src.Schema()})
	if err := Fit(tr.Steps(context.Background(), Run{Train: src, Epochs: 9, MaxTime: 1})); !errors.Is(err, ErrTime) || tr.Taken() != 1 {
		t.Errorf("after no time at all: %v after %d steps", err, tr.Taken())
	}
}

// TestRowLeftOver trains a net with statistics on rows that leave one over.
func TestRowLeftOver(t *testing.T) {
	t.Parallel()
	src := labelled(t, 36)
	for _, tc := range []struct {
		m    nn.Sequential
		want int
		note bool
	}{
		{small(), 35, true},
		{nn.Sequential{nn.Dense{Units: classed}}, 36, false},
	} {
		tr := trainer(t, tc.m, Config{Data: src.Schema()})
		var notes []string
		fit(t, tr, Run{Train: src, Batch: 7, Epochs: 3, Note: func(s string) { notes = append(notes, s) }})
		for _, e := range tr.History() {
			if e.Samples != tc.want {
				t.Errorf("epoch %d has %d rows, want %d", e.Epoch, e.Samples, tc.want)
			}
		}
		if (len(notes) == 1 && strings.Contains(notes[0], "leaves one row out")) != tc.note || len(notes) > 1 {
			t.Errorf("notes %q", notes)
		}
	}
}

// failing is a source that ends the reading of a row.
type failing struct {
	data.Source
	row int32
	do  func() error
}

func (f failing) Read(dst *data.Batch, idx []int32) error {
	if slices.Contains(idx, f.row) {
		if err := f.do(); err != nil {
			return err
		}
	}
	return f.Source.Read(dst, idx)
}

// TestFailureMidway lets the data fail once within a step over several batches.
// The trainer is then as it was after the step before, and goes on from there
// as if nothing had happened.
func TestFailureMidway(t *testing.T) {
	t.Parallel()
	src := labelled(t, 40)
	cfg := Config{Data: src.Schema(), Accumulate: 4}
	want := trainer(t, small(), cfg)
	fit(t, want, Run{Train: src, Batch: 4, Epochs: 3})
	for row := int32(0); row < 40; row += 3 {
		left := 1
		broken := failing{src, row, func() error {
			if left--; left >= 0 {
				return errors.New("unplugged")
			}
			return nil
		}}
		tr := trainer(t, small(), cfg)
		run := Run{Train: broken, Batch: 4, Epochs: 3}
		at := ""
		err := Fit(tr.Steps(context.Background(), run), Lambda(func(*Step) error {
			at = end(t, tr)
			return nil
		}))
		if err == nil || err.Error() != "unplugged" {
			t.Fatalf("error %v", err)
		}
		if now := end(t, tr); at != "" && now != at {
			t.Fatalf("row %d: after the failure\n%s\nafter the last step\n%s", row, now, at)
		}
		fit(t, tr, run)
		if got := end(t, tr); got != end(t, want) {
			t.Fatalf("row %d:\n%s\nwant\n%s", row, got, end(t, want))
		}
		tr.Close()
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	src := labelled(t, 40)
	for _, accumulate := range []int{1, 3} {
		cfg := Config{Data: src.Schema(), Accumulate: accumulate}
		want := trainer(t, small(), cfg)
		run := Run{Train: src, Val: src, Batch: 4, Epochs: 2}
		fit(t, want, run)
		for stop := int64(1); stop < want.Taken(); stop++ {
			ctx, cancel := context.WithCancel(context.Background())
			tr := trainer(t, small(), cfg)
			err := Fit(tr.Steps(ctx, run), Lambda(func(s *Step) error {
				if s.Step == stop {
					cancel()
				}
				return nil
			}))
			cancel()
			if !errors.Is(err, context.Canceled) || tr.Taken() != stop {
				t.Fatalf("canceled after step %d: %v after %d", stop, err, tr.Taken())
			}
			fit(t, tr, run)
			if got := end(t, tr); got != end(t, want) {
				t.Fatalf("canceled after step %d:\n%s\nwant\n%s", stop, got, end(t, want))
			}
			tr.Close()
		}
	}
}

// TestDiverged gives a batch whose third row holds an infinity.
func TestDiverged(t *testing.T) {
	t.Parallel()
	src := labelled(t, 16)
	m := nn.Sequential{nn.Dense{Units: 4, Act: act.Tanh{}, Name: "low"}, nn.BatchNorm{}, nn.Dense{Units: classed}}
	for _, accumulate := range []int{1, 2} {
		tr := trainer(t, m, Config{Data: src.Schema(), Accumulate: accumulate})
		fit(t, tr, Run{Train: src, Batch: 4, Epochs: 1})
		before := end(t, tr)
		b := data.NewBatch(src.Schema(), 4)
		if err := src.Read(b, []int32{0, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		for range accumulate - 1 { // the batches before it are fine
			if done, err := tr.learn(context.Background(), b, sched.Point{}, false); done || err != nil {
				t.Fatal(done, err)
			}
		}
		b.X[0].SetFlat(2*features+1, math.Inf(1))
		_, err := tr.learn(context.Background(), b, sched.Point{}, true)
		tr.rewind()
		var d *Diverged
		if !errors.As(err, &d) {
			t.Fatalf("error %v", err)
		}
		want := Diverged{Step: tr.Taken() + 1, Op: "matmul", Path: "low", Index: 2 * 4, Value: d.Value, Loss: d.Loss}
		if *d != want || finite(d.Value) {
			t.Errorf("got %+v, want %+v", *d, want)
		}
		if text := err.Error(); !strings.Contains(text, "low: op matmul gave") || !strings.Contains(text, "lower optim.lr") {
			t.Errorf("error %q", text)
		}
		if after := end(t, tr); after != before {
			t.Errorf("after:\n%s\nbefore:\n%s", after, before)
		}
	}
}

// TestGradientsOverflow has a loss that is finite and gradients that are not.
func TestGradientsOverflow(t *testing.T) {
	t.Parallel()
	x, y := tensor.New(tensor.Float32, 4, 1), tensor.New(tensor.Float32, 4, 1)
	for i := range 4 {
		x.SetFlat(i, 1e20)
		y.SetFlat(i, 1e19)
	}
	src := source(t, data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{1}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}},
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	for _, accumulate := range []int{1, 2} {
		params := param.NewSet(tensor.Float32)
		if _, err := params.Add("dense/kernel", param.Weight, tensor.Shape{1, 1}); err != nil {
			t.Fatal(err)
		}
		tr, err := From(nn.Sequential{nn.Dense{Units: 1}}, params, Config{Data: src.Schema(), Accumulate: accumulate, Metrics: []Metric{}})
		if err != nil {
			t.Fatal(err)
		}
		before := end(t, tr)
		err = Fit(tr.Steps(context.Background(), Run{Train: src, Batch: 2, Epochs: 1}))
		var d *Diverged
		if !errors.As(err, &d) || !finite(d.Loss) || d.Op == "" {
			t.Errorf("error %v: %+v", err, d)
		}
		if after := end(t, tr); after != before {
			t.Errorf("after:\n%s\nbefore:\n%s", after, before)
		}
		tr.Close()
	}
}
