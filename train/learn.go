package train

import (
	"context"
	"errors"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
)

// Learn takes one step on one batch, at the rate that the schedule gives it
// where there is one, and returns the batch's loss. It is what a loop over data
// of its own calls in the place of [Trainer.Steps]: nothing is counted for an
// epoch. A trainer whose steps are over several batches has no single one.
func (t *Trainer) Learn(ctx context.Context, batch *data.Batch) (loss float64, err error) {
	if t.cfg.Accumulate > 1 {
		return 0, errors.New("learn: a step of this trainer is over several batches; use Steps, or set accumulate to 1")
	}
	if _, err := t.learn(ctx, batch, t.point(Run{}, 0), true); err != nil {
		return 0, err
	}
	t.state.Batch, t.state.Epoch = 0, tally{}
	return t.step.Loss, nil
}

// Plan is the compiled step for full batches of n rows.
func (t *Trainer) Plan(n int) (backend.Plan, error) {
	m := training
	if t.cfg.Accumulate > 1 {
		m = accumulating
	}
	c, err := t.stepPlan(planKey{m, n, t.cfg.ClassWeight != nil})
	if err != nil {
		return nil, err
	}
	return c.plan, nil
}
