package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/optim/sched"
)

// LRFinder looks for a learning rate: it trains a copy of a model while the rate
// grows from step to step by a constant factor, and watches the loss fall, turn
// and blow up (Smith, "Cyclical Learning Rates for Training Neural Networks",
// WACV 2017).
type LRFinder struct {
	Start float64 // first rate; 1e-6 by default
	End   float64 // last rate, if the loss has not blown up before; 10 by default
	Steps int     // from one to the other; 400 by default
	Batch int     // rows a batch; 32 by default
}

// An LRCurve is what an [LRFinder] saw.
type LRCurve struct {
	LR   []float64 // rate of each step
	Loss []float64 // of the batch after it; the last may be no number
	// Smooth is the running mean of Loss with decay 0.95, corrected for its
	// short beginning.
	Smooth []float64
	First  float64 // loss before the first step

	// Steepest is the rate at which Smooth falls fastest by the logarithm of the
	// rate, Lowest that at which it is lowest. Both are 0 where it does not fall.
	Steepest, Lowest float64
	// BlowUp is the rate at which Smooth has lost again a quarter of what it had
	// won, or Loss is no longer a number; 0 where that did not happen.
	BlowUp float64
	// Suggestion is a rate to train with: halfway between Steepest and Lowest, by
	// logarithms. That is below Lowest, where training at one rate is unstable
	// already, and above Steepest, which a few steps do not outgrow. 0 where the
	// loss fell at no rate.
	Suggestion float64
}

// Validate refuses rates that do not rise.
func (f LRFinder) Validate() error {
	start, end, steps := f.span()
	switch {
	case !(start > 0) || !(end > start) || math.IsInf(end, 1):
		return fmt.Errorf("the rates have to rise from one above 0, got %g to %g", start, end)
	case steps < 20:
		return fmt.Errorf("steps: want 20 or more, got %d", steps)
	case f.Batch < 0:
		return fmt.Errorf("batch: want a number above 0, got %d", f.Batch)
	}
	return nil
}

func (f LRFinder) span() (start, end float64, steps int) {
	start, end, steps = f.Start, f.End, f.Steps
	if start == 0 {
		start = 1e-6
	}
	if end == 0 {
		end = 10
	}
	if steps == 0 {
		steps = 400
	}
	return start, end, steps
}

// ramp is the schedule of the search.
type ramp struct {
	start, factor float64
}

// At is the rate.
func (r ramp) At(p sched.Point) float64 { return r.start * math.Pow(r.factor, float64(p.Step)) }

// Find trains a copy of t on src. t stays as it is: its weights, its random
// numbers and its order of the data, to the bit.
func (f LRFinder) Find(ctx context.Context, t *Trainer, src data.Source) (*LRCurve, error) {
	return f.Watch(ctx, t, src, nil)
}

// Watch is Find that calls seen, where it is not nil, after every step.
func (f LRFinder) Watch(ctx context.Context, t *Trainer, src data.Source, seen func(step, of int)) (*LRCurve, error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("lr-find: %w", err)
	}
	start, end, steps := f.span()
	cfg := t.cfg
	up := ramp{start, math.Pow(end/start, 1/float64(steps-1))}
	cfg.Schedule = up
	clone, err := From(t.Model, t.Params.Clone(), cfg)
	if err != nil {
		return nil, err
	}
	defer clone.Close()
	c := &LRCurve{}
	// The loss of a step is from before it: it is the answer to the rate before.
	for s, err := range clone.Steps(ctx, Run{Train: src, Batch: f.Batch, Steps: int64(steps) + 1}) {
		lr := up.At(sched.Point{Step: len(c.LR)})
		if _, ok := errors.AsType[*Diverged](err); ok {
			c.LR, c.Loss, c.Smooth = append(c.LR, lr), append(c.Loss, math.NaN()), append(c.Smooth, math.NaN())
			break
		}
		if err != nil {
			return nil, err
		}
		if seen != nil {
			seen(int(s.Step), steps+1)
		}
		if s.Step == 1 {
			c.First = s.Loss
			continue
		}
		if c.see(lr, s.Loss) {
			break
		}
	}
	c.suggest()
	return c, nil
}

// smoothing is the decay of the running mean, some 20 steps long.
const smoothing = 0.95

// see adds the loss that a rate led to, and reports whether there is nothing
// more to see: the loss is far above where it began.
func (c *LRCurve) see(lr, loss float64) (over bool) {
	n := len(c.LR)
	mean := loss
	if n > 0 {
		was := c.Smooth[n-1] * (1 - math.Pow(smoothing, float64(n)))
		mean = (smoothing*was + (1-smoothing)*loss) / (1 - math.Pow(smoothing, float64(n+1)))
	}
	c.LR, c.Loss, c.Smooth = append(c.LR, lr), append(c.Loss, loss), append(c.Smooth, mean)
	return mean > c.First+max(math.Abs(c.First), 2*(c.First-slices.Min(c.Smooth)))
}

// suggest finds the corners of the curve.
func (c *LRCurve) suggest() {
	s := c.Smooth
	n := len(s)
	if n > 0 && math.IsNaN(s[n-1]) {
		n--
		c.BlowUp = c.LR[n]
	}
	if n == 0 {
		return
	}
	// The mean of the first rates, which change nothing, is where it began: one
	// batch says little.
	begin := s[min(n-1, settled)]
	low := slices.Index(s[:n], slices.Min(s[:n]))
	won := begin - s[low]
	if !(won > least*math.Abs(begin)) {
		return
	}
	c.Lowest = c.LR[low]
	for i := low; i < n; i++ {
		if s[i] > s[low]+won/4 {
			c.BlowUp = c.LR[i]
			break
		}
	}
	const half = 10 // steps on either side that a slope is taken over
	best := math.Inf(1)
	for i := 1; i <= low; i++ {
		from, to := max(0, i-half), min(low, i+half)
		if slope := (s[to] - s[from]) / float64(to-from); slope < best {
			best, c.Steepest = slope, c.LR[i]
		}
	}
	c.Suggestion = math.Sqrt(c.Steepest * c.Lowest)
}

const (
	settled = 20   // steps that make up the running mean
	least   = 0.05 // share of the loss that it has to fall by
)
