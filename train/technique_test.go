package train

import (
	"context"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
)

// The share of clipped steps is measured with the epoch, and is what the
// gradients' norms say.
func TestClippedShare(t *testing.T) {
	t.Parallel()
	src := labelled(t, 50)
	for _, k := range []int{1, 2} {
		tr := trainer(t, small(), Config{Data: src.Schema(), Accumulate: k, Optim: optim.Optimizer{GlobalClipNorm: 1.7}})
		var above, steps float64
		some := false
		fit(t, tr, Run{Train: src, Batch: 5, Epochs: 3}, Lambda(func(s *Step) error {
			steps++
			if s.Clipped != (s.GradNorm > 1.7) {
				t.Errorf("step %d of norm %g: clipped %t", s.Step, s.GradNorm, s.Clipped)
			}
			if s.Clipped {
				above++
			}
			if got, ok := s.Train.Get(ClippedShare); !ok || got != above/steps {
				t.Errorf("step %d: a share of %g was clipped, want %g", s.Step, got, above/steps)
			}
			if s.Done != nil {
				some = some || above > 0 && above < steps
				if got, _ := s.Done.Get("train/" + ClippedShare); got != above/steps {
					t.Errorf("epoch %d: a share of %g was clipped, want %g", s.Epoch, got, above/steps)
				}
				above, steps = 0, 0
			}
			return nil
		}))
		if !some {
			t.Error("no epoch has both kinds of steps")
		}
	}
	tr := trainer(t, small(), Config{Data: src.Schema()})
	fit(t, tr, Run{Train: src, Epochs: 1})
	if _, ok := tr.History()[0].Train.Get(ClippedShare); ok {
		t.Error("nothing clips, and a share is measured")
	}
}

// 1cycle moves the momentum that the rule works with: the steps are those of a
// rule with that momentum, rate by rate.
func TestMomentumIsCycled(t *testing.T) {
	t.Parallel()
	src := labelled(t, 48)
	cycle := sched.OneCycle{Max: 0.2}
	tr := trainer(t, small(), Config{Data: src.Schema(), Schedule: cycle, Float: tensor.Float64, Optim: optim.Optimizer{Rule: optim.SGD{Momentum: 0.9}}})
	weight := tr.Params.Value("dense/kernel")
	velocity := tr.Params.Value("dense/kernel#momentum")
	was, v := weight.Flat(3), 0.0
	seen := map[float64]bool{}
	fit(t, tr, Run{Train: src, Batch: 8, Epochs: 4}, Lambda(func(s *Step) error {
		m := cycle.Momentum(sched.Point{Step: int(s.Step) - 1, StepsPerEpoch: 6, Epochs: 4, LR: 0.01})
		seen[m] = true
		// v ← μv − ηg, so that what is left of v without μ is a gradient step.
		now := velocity.Flat(3)
		if moved := weight.Flat(3) - was; math.Abs(moved-now) > 1e-15 {
			t.Errorf("step %d moved by %g, the velocity is %g", s.Step, moved, now)
		}
		if step := now - m*v; math.Abs(step) > s.LR*s.GradNorm {
			t.Errorf("step %d: with momentum %g the gradient's part is %g, more than %g", s.Step, m, step, s.LR*s.GradNorm)
		}
		was, v = weight.Flat(3), now
		return nil
	}))
	if len(seen) < 10 {
		t.Errorf("the momentum has %d values", len(seen))
	}
	// What moves it changes the result; what does not, as a rule without
	// momentum, keeps it.
	for rule, changes := range map[optim.Rule]bool{optim.SGD{Momentum: 0.9}: true, optim.Adam{}: true, optim.SGD{}: false} {
		final := func(low float64) float64 {
			tr := trainer(t, small(), Config{Data: src.Schema(), Schedule: sched.OneCycle{Max: 0.02, BaseMomentum: low}, Optim: optim.Optimizer{Rule: rule}})
			fit(t, tr, Run{Train: src, Batch: 8, Epochs: 2})
			return tr.Params.Value("dense/kernel").Flat(3)
		}
		if (final(0.85) != final(0.5)) != changes {
			t.Errorf("%#v: the momentum's range changes the result: %t, want %t", rule, !changes, changes)
		}
	}
}

// Where the optimizer keeps means of the weights, validation is on those, early
// stopping keeps those and a run ends with those; training goes on from the
// weights.
func TestMeansAreEvaluated(t *testing.T) {
	t.Parallel()
	src, val := labelled(t, 40), labelled(t, 17)
	ctx := context.Background()
	for _, o := range []optim.Optimizer{{EMA: true, EMAMomentum: 0.9}, {SWA: true, SWAStart: 3}} {
		plain := trainer(t, small(), Config{Data: src.Schema()})
		fit(t, plain, Run{Train: src, Val: val, Batch: 8, Epochs: 3})
		tr := trainer(t, small(), Config{Data: src.Schema(), Optim: o})
		stop := EarlyStopping{Patience: 100, RestoreBest: true}.Hook(tr, nil)
		fit(t, tr, Run{Train: src, Val: val, Batch: 8, Epochs: 3}, stop)
		for p := range plain.Params.All() {
			if string(p.Value.Bytes()) != string(tr.Params.Value(p.Name).Bytes()) {
				t.Fatalf("%+v: %s is not that of a run without means", o, p.Name)
			}
		}
		last := tr.History()[2].Val[0].Value
		if last == plain.History()[2].Val[0].Value {
			t.Errorf("%+v: validation did not see the means", o)
		}
		raw, err := tr.Net.Evaluate(ctx, val)
		if err != nil || raw.Values[0].Value != plain.History()[2].Val[0].Value {
			t.Errorf("%+v: the weights themselves have loss %v, %v", o, raw.Values, err)
		}
		best := 1e9
		for _, e := range tr.History() {
			best = min(best, e.Val[0].Value)
		}
		measure := func(what string, want float64) {
			for range 2 { // an evaluation leaves no trace
				if res, err := tr.Evaluate(ctx, val); err != nil || res.Values[0].Value != want {
					t.Errorf("%+v: %s has loss %v, %v, want %g", o, what, res.Values, err, want)
				}
			}
		}
		measure("the mean", last)
		if !tr.Average() {
			t.Errorf("%+v: there are no means", o)
		}
		measure("the end", last)
		if !tr.RestoreBest() {
			t.Errorf("%+v: early stopping kept nothing", o)
		}
		measure("the best", best)
		if res, err := tr.Net.Evaluate(ctx, val); err != nil || res.Values[0].Value != best {
			t.Errorf("%+v: the best weights have loss %v, %v, want %g", o, res.Values, err, best)
		}
		if plain.Average() {
			t.Error("there are means where none are kept")
		}
	}
}
