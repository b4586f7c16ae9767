package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// lsuvRows are the rows that init=lsuv looks at, and what is said before the first step.
const lsuvRows = 512

// sayWhy tells what a preset that the user named chose, and why.
func (c *command) sayWhy(cfg *config.Config) {
	if v, ok := given(cfg, "preset"); ok {
		if why := config.Why(v.Text); why != "" {
			c.note("preset " + v.Text + ": " + why)
		}
	}
}

// sayCycle tells where a schedule would move a momentum that the optimizer does
// not have.
func (s *session) sayCycle() error {
	var sc sched.Schedule
	var o optim.Optimizer
	if s.cfg.Schedule.Kind == spec.Null {
		return nil
	}
	if err := errors.Join(spec.Decode(s.cfg.Schedule, &sc), spec.Decode(s.cfg.Optim, &o)); err != nil {
		return err
	}
	if _, cycled := sc.(sched.Cycled); cycled && !o.Cycles() {
		s.note(fmt.Sprintf("schedule %s moves the rate alone: %s has no momentum to be moved; sgd with a momentum, adam and adamw have", nameIn(s.cfg.Schedule), nameIn(s.cfg.Optim)))
	}
	return nil
}

// initialize does to the first weights what the configuration asks for beyond
// their initializers. drawn says that they are fresh.
func (s *session) initialize(ctx context.Context, drawn bool) error {
	if !drawn {
		return nil
	}
	if s.cfg.Init != "lsuv" {
		return s.remark(ctx)
	}
	if s.reuse != nil {
		return usage("init=lsuv draws every kernel anew, those that are reused as well; leave one of the two out")
	}
	batch, err := diag.Sampled(s.data.train, lsuvRows, s.cfg.Seed)
	if err != nil {
		return asData(err)
	}
	done, err := diag.LSUV(ctx, s.trainer.Net, diag.Options{Batch: batch, Seed: s.cfg.Seed, Threads: s.cfg.Threads})
	if err != nil {
		return usage("init=lsuv: %v", err)
	}
	most, lo, hi := 0, 1.0, 1.0
	for _, l := range done {
		most, lo, hi = max(most, l.Iterations), min(lo, l.Variance), max(hi, l.Variance)
	}
	s.note(fmt.Sprintf("init=lsuv: %d kernels are orthonormal and scaled by what %d rows show, at most %d times each: variances before the activations %.2f to %.2f",
		len(done), batch.N, most, lo, hi))
	return s.remark(ctx)
}

// remark says what can be said against the model before the first step.
func (s *session) remark(ctx context.Context) error {
	if s.quiet {
		return nil
	}
	if s.data.train.Len() < 2 {
		return nil
	}
	return s.remarkOn(ctx, s.trainer.Net, diag.Options{Source: s.data.train, Rows: lsuvRows, Seed: s.cfg.Seed, Threads: s.cfg.Threads})
}

// remarkOn tells the user what can be said against a net with fresh weights.
func (c *command) remarkOn(ctx context.Context, n *train.Net, o diag.Options) error {
	remarks, err := diag.Check(ctx, n, o)
	for _, r := range remarks {
		c.note(r.Text)
	}
	return err
}

// remarkWritten is remarkOn for a model without data. What is wrong with it is
// for others to say.
func (c *command) remarkWritten(ctx context.Context, m nn.Model, inputs []data.Field, cfg *config.Config) error {
	set := train.Config{Seed: cfg.Seed, Threads: cfg.Threads, Float: floatOf(cfg.Precision)}
	set.Data.Inputs = unitInputs(inputs)
	names, err := declare(m, set)
	if err != nil || names == nil || c.quiet {
		return nil
	}
	n, err := train.NewNet(m, nil, set)
	if err != nil {
		return nil
	}
	defer n.Close()
	return c.remarkOn(ctx, n, diag.Options{Threads: cfg.Threads})
}
