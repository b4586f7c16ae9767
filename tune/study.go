package tune

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/train"
)

// A Candidate is one way to train.
type Candidate struct {
	Name string
	// Spec is all that its outcomes depend on, but for fold and seed: model, data,
	// optimizer and the rest, as text.
	Spec string
	// Train runs one trial. It is called from several goroutines at a time.
	Train func(ctx context.Context, t Trial) (*Outcome, error)
	// Err says why the candidate cannot be trained; it takes part as one that
	// failed.
	Err error
}

// A Trial is one candidate on one fold from one seed.
type Trial struct {
	Fold, Folds int // from 0; Folds is 0 where the rows are not parted into folds
	Seed        uint64
	// Checks says that the rows held out are measured several times an epoch, to
	// see when a target is reached.
	Checks bool
	// Scratch is a directory for checkpoints, empty for none.
	Scratch string
}

// A Study is what is compared, and on what.
type Study struct {
	Candidates []Candidate
	// Folds is the number of folds, 0 for one split of rows that the candidates
	// know.
	Folds int
	// Seeds are those of weights, order, dropout and folds: each seed repeats
	// everything.
	Seeds []uint64
	// Metric is what the candidates are compared by, such as accuracy.
	Metric string
	// Target, where not NaN, is the value of the metric that is timed; see Checks.
	Target float64
	Checks bool
	// Workers is how many trials run side by side; by default as many as there
	// are cores.
	Workers int
	// Store keeps the outcomes; without Dir nothing is kept.
	Store Store
	// Tell is told of each trial, from one goroutine at a time; nil drops it.
	Tell func(Event)
}

// An Event is a trial that is done, or a candidate that failed.
type Event struct {
	Candidate string
	Trial     Trial
	Outcome   *Outcome // nil where it failed
	Kept      bool     // from an earlier run
	Done, Of  int      // trials
	Err       error    // why the candidate failed, or what is wrong with the store
}

// Validate says what is wrong with a study.
func (s Study) Validate() error {
	names := map[string]bool{}
	for _, c := range s.Candidates {
		if names[c.Name] {
			return fmt.Errorf("two candidates are called %q", c.Name)
		}
		names[c.Name] = true
	}
	switch {
	case len(s.Candidates) == 0:
		return errors.New("there is nothing to compare")
	case len(s.Seeds) == 0:
		return errors.New("a study needs a seed")
	case s.Folds < 0 || s.Folds == 1:
		return fmt.Errorf("k=%d: cross-validation needs at least 2 folds", s.Folds)
	case s.Metric == "":
		return errors.New("a study needs a metric")
	}
	return nil
}

// trials lists the folds and seeds that each candidate goes through.
func (s Study) trials() []Trial {
	var out []Trial
	for _, seed := range s.Seeds {
		for f := range max(1, s.Folds) {
			out = append(out, Trial{Fold: f, Folds: s.Folds, Seed: seed, Checks: s.Checks})
		}
	}
	return out
}

// Run trains what is not done yet and reports. All candidates go through a fold
// before the next begins, so that what disturbs the machine disturbs all of them.
// A candidate that diverges has an outcome that says so; one that fails is left
// out from then on, and the others go on. Where the context ends or outcomes cannot
// be kept, the study ends with that error, and what is done stays done.
func (s Study) Run(ctx context.Context) (*Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r := &runner{Study: s, list: s.trials()}
	for i := range s.Candidates {
		r.outcomes = append(r.outcomes, make([]*Outcome, len(r.list)))
		r.failed = append(r.failed, s.Candidates[i].Err)
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return s.report(r.outcomes, r.failed), nil
}

type runner struct {
	Study
	list     []Trial
	mu       sync.Mutex
	next     int
	done     int
	outcomes [][]*Outcome
	failed   []error
	fatal    error
}

func (r *runner) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := r.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	for range min(workers, len(r.list)*len(r.Candidates)) {
		wg.Go(func() {
			for {
				c, t, ok := r.take()
				if !ok || ctx.Err() != nil {
					return
				}
				if err := r.trial(ctx, c, t); err != nil {
					r.mu.Lock()
					if r.fatal == nil {
						r.fatal = err
					}
					r.mu.Unlock()
					cancel()
					return
				}
			}
		})
	}
	wg.Wait()
	if r.fatal != nil {
		return r.fatal
	}
	return ctx.Err()
}

// take is the next trial of a candidate that has not failed.
func (r *runner) take() (c, t int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := len(r.Candidates); r.next < len(r.list)*n; {
		t, c = r.next/n, r.next%n
		r.next++
		if r.failed[c] == nil {
			return c, t, true
		}
		r.done++
	}
	return 0, 0, false
}

// trial runs one trial, or finds it done. Its error ends the study.
func (r *runner) trial(ctx context.Context, ci, ti int) error {
	c, t := r.Candidates[ci], r.list[ti]
	key := Key(c.Spec, t)
	ev := Event{Candidate: c.Name, Trial: t}
	if r.Store.Dir != "" {
		o, err := r.Store.Load(key)
		if damage := (*ckpt.Damage)(nil); err != nil && !errors.As(err, &damage) {
			return err
		}
		ev.Outcome, ev.Kept, ev.Err = o, o != nil, err
		t.Scratch = r.Store.Scratch(key)
	}
	if ev.Outcome == nil {
		o, err := c.Train(ctx, t)
		switch {
		case err != nil && (ctx.Err() != nil || broken(err)):
			return err
		case err != nil:
			ev.Err = err
		default:
			o.Candidate, o.Fold, o.Folds, o.Seed = c.Name, t.Fold, t.Folds, t.Seed
			ev.Outcome = o
			if r.Store.Dir != "" {
				if err := r.Store.Save(key, o); err != nil {
					return err
				}
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if ev.Outcome == nil {
		if r.failed[ci] != nil { // told of already
			return nil
		}
		r.failed[ci] = ev.Err
	}
	r.outcomes[ci][ti] = ev.Outcome
	ev.Done, ev.Of = r.done, len(r.list)*len(r.Candidates)
	if r.Tell != nil {
		r.Tell(ev)
	}
	return nil
}

// broken reports whether an error is the disk's, not the candidate's.
func broken(err error) bool {
	e, ok := errors.AsType[*ckpt.Error](err)
	return ok && e != nil
}

// HighIsGood reports whether more of a metric is better.
func HighIsGood(metric string) bool { return !train.LowIsGood(metric) }
