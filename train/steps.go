package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/optim/sched"
)

// A Step is one step of the optimizer, just taken. It is valid until the next.
type Step struct {
	Trainer *Trainer
	Epoch   int     // from 1
	Epochs  int     // planned; 0 where only steps are
	Index   int     // steps taken in this epoch
	Of      int     // steps an epoch has
	Step    int64   // steps taken in all
	Rows    int     // rows of the last batch
	Loss    float64 // of the last batch
	Train   Values  // the epoch's measurements so far; valid until the next step
	LR      float64 // rate of this step
	// GradNorm is the norm of all gradients together, before clipping.
	GradNorm float64
	// Clipped reports whether the gradients were clipped.
	Clipped bool
	// Done is set at the last step of an epoch, after validation.
	Done *Epoch

	val data.Source // that validation was on
}

// An Epoch is what one pass over the training rows measured.
type Epoch struct {
	Epoch   int     `json:"epoch"`
	Step    int64   `json:"step"`
	Seconds float64 `json:"seconds"`
	Samples int     `json:"samples"`
	LR      float64 `json:"lr"`
	Train   Values  `json:"train"`
	Val     Values  `json:"val"` // nil without validation rows
}

// SamplesPerSecond is training rows by seconds, validation included in the
// time.
func (e *Epoch) SamplesPerSecond() float64 { return float64(e.Samples) / max(e.Seconds, 1e-9) }

// Get is the number called train/NAME or val/NAME, and whether there is one.
func (e *Epoch) Get(name string) (float64, bool) {
	if n, ok := cutPrefix(name, "val/"); ok {
		return e.Val.Get(n)
	}
	if n, ok := cutPrefix(name, "train/"); ok {
		return e.Train.Get(n)
	}
	return 0, false
}

// Steps are a training run as it goes: each yields a step of the optimizer, or
// the error that ended the run.
type Steps = iter.Seq2[*Step, error]

// A Hook wraps a run: it sees every step before what comes after it and may
// end the run. Order is that of the arguments of [Fit].
type Hook func(Steps) Steps

// Fit runs the steps to their end, through the hooks, the first of which sees
// each step first.
func Fit(s Steps, hooks ...Hook) error {
	for _, h := range hooks {
		s = h(s)
	}
	for _, err := range s {
		if err != nil {
			return err
		}
	}
	return nil
}

// A Run says what is trained on and for how long.
type Run struct {
	Train data.Source
	Val   data.Source // nil: no validation
	Batch int         // rows a batch; 32 by default
	// Epochs is the number of passes in all, those before a resumption
	// included.
	Epochs int
	// Steps, where not 0, ends the run after that many steps in all.
	Steps int64
	// MaxTime, where not 0, ends the run after the step in which it has gone by.
	MaxTime time.Duration
	// Cache, where it is not nil, keeps what the frozen layers at the model's
	// beginning make of the rows, see [Net.Prefix], so that they are run once and
	// not every epoch. It changes no bit of the result.
	Cache Cache
	// Note is told what a person should know; nil drops it.
	Note func(string)
}

// ErrTime ends a run whose time is up.
var ErrTime = errors.New("the time for training is up")

// Steps trains from where the trainer's state is to the end of the run. The
// loop may be left at any step; ranging over it again goes on from there.
func (t *Trainer) Steps(ctx context.Context, run Run) Steps {
	return func(yield func(*Step, error) bool) {
		if err := t.train(ctx, run, yield); err != nil {
			t.rewind()
			yield(nil, err)
		}
	}
}

func (t *Trainer) train(ctx context.Context, run Run, yield func(*Step, error) bool) error {
	if run.Batch == 0 {
		run.Batch = 32
	}
	if run.Batch < 0 || run.Epochs < 0 || run.Steps < 0 || run.Epochs == 0 && run.Steps == 0 {
		return fmt.Errorf("batch %d, %d epochs, %d steps: want a batch above 0, and epochs or steps", run.Batch, run.Epochs, run.Steps)
	}
	n := run.Train.Len()
	if n == 0 {
		return &data.Error{Msg: "there are no rows to train on"}
	}
	started, epochStart := time.Now(), time.Now()
	src, val := run.Train, run.Val
	batches, of := 0, 0 // an epoch's, and its steps
	t.moved = true
	defer func() { _ = t.forget() }()
	for run.Epochs == 0 || t.state.Done < run.Epochs {
		if run.Steps > 0 && t.state.Step >= run.Steps {
			return nil
		}
		before := t.state.seconds
		epochStart = time.Now()
		if t.moved { // at first, and where something was frozen or unfrozen
			alone, err := t.leftOver(n, run)
			if err != nil {
				return err
			}
			if batches = (n + run.Batch - 1) / run.Batch; alone {
				batches--
			}
			of = (batches + t.cfg.Accumulate - 1) / t.cfg.Accumulate
			if src, val, err = t.sources(ctx, run); err != nil {
				return err
			}
		}
		if t.state.Batch >= batches { // stopped between the last batch and validation
			t.fill(run, of)
			if err := t.endEpoch(ctx, run, val, of, before, epochStart); err != nil {
				return err
			}
			if !yield(&t.step, nil) {
				return nil
			}
			continue
		}
		order := data.Order{Seed: t.cfg.Seed, Epoch: t.state.Done, Shuffle: true, Skip: t.state.Batch}
		for batch, err := range data.Batches(src, run.Batch, order) {
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			stepped, err := t.learn(ctx, batch, t.point(run, of), t.state.Batch+1 == batches)
			if err != nil {
				return err
			}
			if !stepped {
				continue
			}
			t.state.seconds = before + time.Since(epochStart).Seconds()
			t.fill(run, of)
			last := run.Steps > 0 && t.state.Step >= run.Steps
			over := last || t.state.Batch == batches
			if over {
				if err := t.endEpoch(ctx, run, val, of, before, epochStart); err != nil {
					return err
				}
			}
			if !yield(&t.step, nil) {
				return nil
			}
			if last || run.Epochs > 0 && t.state.Done >= run.Epochs {
				return nil
			}
			if run.MaxTime > 0 && time.Since(started) > run.MaxTime {
				return ErrTime
			}
			if over || t.moved { // what is left of the order is a row that was left out, or is read anew
				break
			}
		}
	}
	return nil
}

// leftOver reports whether the last batch would hold one row that the model
// cannot train on by itself: it is left out then, another row each epoch.
func (t *Trainer) leftOver(n int, run Run) (bool, error) {
	if err := t.Prepare(min(n, run.Batch)); err != nil || n%run.Batch != 1 || n == 1 || run.Batch == 1 {
		return false, err
	}
	if t.Prepare(1) == nil {
		return false, nil
	}
	if run.Note != nil {
		run.Note(fmt.Sprintf("%d rows leave a last batch of one, which batch normalization cannot train on: each epoch leaves one row out, never the same", n))
	}
	return true, nil
}

// point is where the schedule is at the next step.
func (t *Trainer) point(run Run, of int) sched.Point {
	return sched.Point{Step: int(t.state.Step), StepsPerEpoch: of, Epochs: run.Epochs, LR: t.LR(), State: t.state.Schedule}
}

func (t *Trainer) fill(run Run, of int) {
	s := &t.step
	s.Trainer, s.Epochs, s.Of, s.Done = t, run.Epochs, of, nil
	s.LR = t.state.LR
	s.Epoch, s.Step = t.state.Done+1, t.state.Step
	s.Train = t.values(s.Train[:0], &t.state.Epoch, nil)
	s.Index = (t.state.Batch + t.cfg.Accumulate - 1) / t.cfg.Accumulate
}

// endEpoch validates and moves the state to the next epoch.
func (t *Trainer) endEpoch(ctx context.Context, run Run, val data.Source, of int, before float64, started time.Time) error {
	e := &Epoch{Epoch: t.state.Done + 1, Step: t.state.Step, Samples: t.state.Epoch.N, LR: t.state.LR, Train: t.values(nil, &t.state.Epoch, nil)}
	if val != nil {
		res, err := t.Evaluate(ctx, val)
		if err != nil {
			return err
		}
		e.Val = res.Values
	}
	if a, ok := t.cfg.Schedule.(sched.Adaptive); ok {
		v, ok := e.Get(a.Monitored())
		if !ok {
			return fmt.Errorf("schedule.monitor: %q is not measured; there are %s", a.Monitored(), measured(e))
		}
		t.state.Schedule = a.Observe(t.point(run, of), v)
	}
	e.Seconds = before + time.Since(started).Seconds()
	t.state.History = append(t.state.History, *e)
	t.state.Done++
	t.state.Batch = 0
	t.state.Epoch = tally{}
	t.state.seconds = 0
	t.step.Done, t.step.val = e, run.Val
	return nil
}

// History lists the epochs so far.
func (t *Trainer) History() []Epoch { return t.state.History }

// LR is the optimizer's own rate, before any schedule.
func (t *Trainer) LR() float64 { return t.cfg.Optim.Rate() }

// Taken is the number of steps taken in all.
func (t *Trainer) Taken() int64 { return t.state.Step }

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

func cutPrefix(s, p string) (string, bool) {
	if len(s) >= len(p) && s[:len(p)] == p {
		return s[len(p):], true
	}
	return s, false
}
