package tune

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/train"
)

// keepEvery is how often a trial saves its state, at the end of an epoch: one that
// is stopped loses no more.
const keepEvery = 20 * time.Second

// A Course is how a trial is trained.
type Course struct {
	// Run has the rows trained on and those held out, batch size and length.
	Run train.Run
	// EarlyStopping ends it before, where it is not nil.
	EarlyStopping *train.EarlyStopping
	// Hooks see the steps after it.
	Hooks []train.Hook
	// Before is what is done to the fresh weights first, such as pretraining. The
	// time that it takes counts.
	Before func(context.Context) error
}

// progress is what a trial remembers beside its trainer's state.
type progress struct {
	Before  float64 `json:"before"` // seconds of what came before training
	Seconds float64 `json:"seconds"`
	Checks  []Check `json:"checks"`
}

// Fit trains a trial to its end and gives its outcome, with a trainer that is
// fresh. With a scratch directory it goes on from where it was stopped, and saves
// there when it is. A run that diverges is an outcome, not an error.
func Fit(ctx context.Context, tr *train.Trainer, c Course, t Trial) (*Outcome, error) {
	run, early := c.Run, c.EarlyStopping
	total, _ := tr.Params.Count()
	o := &Outcome{Rows: run.Train.Len(), Params: total, Threads: 1}
	if run.Val != nil {
		o.Held = run.Val.Len()
	}
	f := &fitting{ctx: ctx, Trial: t, run: run}
	tr.Keep("tune", &f.kept)
	var best train.Best
	var hooks []train.Hook
	hooks = append(hooks, train.Lambda(f.after), train.TerminateOnNaN())
	if early != nil {
		hooks = append(hooks, early.Hook(tr, &best))
	}
	hooks = append(hooks, c.Hooks...)
	resumed := false
	if t.Scratch != "" {
		var err error
		if resumed, err = f.resume(tr); err != nil {
			return nil, err
		}
		hooks = append(hooks, train.Lambda(f.keep))
	}
	if c.Before != nil && !resumed {
		began := time.Now()
		err := c.Before(ctx)
		if d, ok := errors.AsType[*train.Diverged](err); ok {
			o.Diverged = d.Error()
			return o, nil
		}
		if err != nil {
			return nil, err
		}
		f.kept.Seconds = time.Since(began).Seconds()
		f.kept.Before = f.kept.Seconds
	}
	if err := tr.Prepare(min(max(1, run.Batch), run.Train.Len())); err != nil {
		return nil, err
	}
	f.last, f.saved = time.Now(), time.Now()
	err := train.Fit(tr.Steps(ctx, run), hooks...)
	d, diverged := errors.AsType[*train.Diverged](err)
	switch {
	case diverged:
		o.Diverged = d.Error()
	case err != nil && ctx.Err() != nil && t.Scratch != "":
		return nil, errors.Join(err, f.save(tr))
	case err != nil && !errors.Is(err, train.ErrTime):
		return nil, err
	}
	o.Epochs, o.Checks, o.Seconds, o.Before = tr.History(), f.kept.Checks, f.kept.Seconds, f.kept.Before
	if early != nil && early.RestoreBest && !diverged {
		o.Best = best.Epoch
	}
	return o, nil
}

// A fitting is a trial under way.
type fitting struct {
	Trial
	kept  progress
	ctx   context.Context
	run   train.Run
	last  time.Time // when the step before was over and measured
	saved time.Time
	steps int
	spent float64 // on those steps
}

// after times a step and checks where it is time.
func (f *fitting) after(s *train.Step) error {
	d := time.Since(f.last).Seconds()
	if s.Done != nil && f.steps > 0 { // validation is in it; a step takes what steps take
		d = min(d, f.spent/float64(f.steps))
	} else {
		f.steps++
		f.spent += d
	}
	f.kept.Seconds += d
	at := Check{Epoch: float64(s.Epoch-1) + float64(s.Index)/float64(s.Of), Step: s.Step, Seconds: f.kept.Seconds}
	switch {
	case s.Done != nil:
		if at.Val = s.Done.Val; at.Val != nil {
			f.kept.Checks = append(f.kept.Checks, at)
		}
	case f.Checks && f.run.Val != nil && due(s.Epoch, s.Index, s.Of):
		// What is begun is ended: the step would be saved without its check.
		res, err := s.Trainer.Evaluate(context.WithoutCancel(f.ctx), f.run.Val)
		if err != nil {
			return err
		}
		at.Val = res.Values
		f.kept.Checks = append(f.kept.Checks, at)
	}
	f.last = time.Now()
	return nil
}

// due reports whether step i of the n of an epoch is checked: at a half, a
// quarter, an eighth and a sixteenth of the first epoch, where much happens, and
// at the quarters of the others.
func due(epoch, i, n int) bool {
	parts := []int{n / 4, n / 2, 3 * n / 4}
	if epoch == 1 {
		parts = []int{n / 16, n / 8, n / 4, n / 2}
	}
	for _, p := range parts {
		if i == p && p > 0 {
			return true
		}
	}
	return false
}

func (f *fitting) store() ckpt.Store { return ckpt.Store{Dir: f.Scratch, Keep: 1} }

// keep saves the trial's state where much would be lost without.
func (f *fitting) keep(s *train.Step) error {
	if s.Done == nil || time.Since(f.saved) < keepEvery {
		return nil
	}
	err := f.save(s.Trainer)
	f.saved, f.last = time.Now(), time.Now()
	return err
}

func (f *fitting) save(tr *train.Trainer) error {
	if err := os.MkdirAll(filepath.Dir(f.Scratch), 0o755); err != nil {
		return &ckpt.Error{Path: f.Scratch, Err: err}
	}
	_, err := tr.Save(f.store())
	return err
}

// resume goes on from the last state that is whole, and reports whether there is
// one; where there is none the trial begins at its beginning.
func (f *fitting) resume(tr *train.Trainer) (bool, error) {
	c, _, err := f.store().Latest()
	if errors.Is(err, ckpt.ErrNone) {
		return false, nil
	}
	if err == nil {
		err = tr.Restore(c, false)
	}
	if damage := (*ckpt.Damage)(nil); errors.As(err, &damage) {
		f.kept = progress{}
		return false, nil
	}
	return err == nil, err
}
