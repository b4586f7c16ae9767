package bench

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// tiny is a rate at which weights stay what they are.
type tiny struct{}

func (tiny) At(sched.Point) float64 { return 1e-6 }
func (tiny) String() string         { return "1e-6" }

// window is how long one reading lasts at least.
const window = 4 * time.Millisecond

// Windows are the times of one call, one for every window, ascending.
type Windows []time.Duration

// Best is the best window's time a call.
func (w Windows) Best() time.Duration { return w[0] }

// Median is the middle window's.
func (w Windows) Median() time.Duration { return w[len(w)/2] }

// Time calls f in windows until the time is up, and at least in three of them; in
// a single one where the time is below 0.
func Time(ctx context.Context, span time.Duration, f func() error) (Windows, error) {
	for range 3 { // caches, threads, plans
		if err := f(); err != nil {
			return nil, err
		}
	}
	var w Windows
	for start := time.Now(); len(w) < 3 && span >= 0 || len(w) == 0 || time.Since(start) < span; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, from := 0, time.Now()
		for n == 0 || span >= 0 && time.Since(from) < window {
			if err := f(); err != nil {
				return nil, err
			}
			n++
		}
		w = append(w, time.Since(from)/time.Duration(n))
	}
	slices.Sort(w)
	return w, nil
}

// A Step is what [Net.Step] measured.
type Step struct {
	Windows
	Arena  int     // bytes of the plan's intermediate results
	Allocs float64 // a step
}

// A runner is a trainer with batches in memory.
type runner struct {
	*train.Trainer
	pool []*data.Batch
	at   int
}

// most is the memory that a pool of batches takes at most.
const most = 64 << 20

func (n Net) runner(batch int, rule string, threads int) (*runner, error) {
	tr, err := n.Trainer(rule, threads)
	if err != nil {
		return nil, err
	}
	if err := tr.Prepare(batch); err != nil {
		_ = tr.Close()
		return nil, err
	}
	r := &runner{Trainer: tr}
	random := rng.New(rng.Key(1, "bench"), 0)
	for range max(2, min(64, most/(batch*pixels*4))) {
		b := data.NewBatch(n.schema(), batch)
		if err := b.Start(make([]int32, batch)); err != nil {
			return nil, err
		}
		x := tensor.Data[float32](b.X[0])
		for i := range x {
			if n.Rebuilds {
				x[i] = float32(random.Float64())
			} else {
				x[i] = float32(random.Norm())
			}
		}
		if n.Rebuilds {
			copy(tensor.Data[float32](b.Y[0]), x)
		} else {
			for i := range b.Y[0].Int32s() {
				b.Y[0].Int32s()[i] = int32(random.IntN(classes))
			}
		}
		r.pool = append(r.pool, b)
	}
	return r, nil
}

func (r *runner) step(ctx context.Context) error {
	r.at = (r.at + 1) % len(r.pool)
	_, err := r.Learn(ctx, r.pool[r.at])
	return err
}

// Step times training steps, each forward, loss, backward and update, on
// random batches in memory.
func (n Net) Step(ctx context.Context, batch int, rule string, threads int, span time.Duration) (*Step, error) {
	r, err := n.runner(batch, rule, threads)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	step := func() error { return r.step(ctx) }
	w, err := Time(ctx, span, step)
	if err != nil {
		return nil, err
	}
	s := &Step{Windows: w}
	p, err := r.Plan(batch)
	if err != nil {
		return nil, err
	}
	if p, ok := p.(backend.Profiled); ok {
		s.Arena = p.Arena()
	}
	var before, after runtime.MemStats
	const steps = 20
	runtime.ReadMemStats(&before)
	for range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	runtime.ReadMemStats(&after)
	s.Allocs = float64((after.Mallocs - before.Mallocs) / steps)
	return s, nil
}

// Ops times every instruction of a training step.
func (n Net) Ops(ctx context.Context, batch int, rule string, threads int, span time.Duration) ([]backend.Cost, error) {
	r, err := n.runner(batch, rule, threads)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p, err := r.Plan(batch)
	if err != nil {
		return nil, err
	}
	profiled := p.(backend.Profiled)
	for range 3 {
		if err := r.step(ctx); err != nil {
			return nil, err
		}
	}
	profiled.Profile(true)
	for start := time.Now(); time.Since(start) < span; {
		if err := r.step(ctx); err != nil {
			return nil, err
		}
	}
	return profiled.Costs(), nil
}
