package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"pgregory.net/rapid"
)

// A search for the rate in the middle of a run leaves no trace: weights, slots,
// statistics, dropout and the order of the data go on as if there had been none.
func TestFindLeavesNoTrace(t *testing.T) {
	t.Parallel()
	src, val := labelled(t, 60), labelled(t, 13)
	cfg := Config{Data: src.Schema(), Seed: 5, Schedule: sched.OneCycle{}, Optim: optim.Optimizer{Rule: optim.Adam{}, GlobalClipNorm: optim.Auto, EMA: true}}
	run := Run{Train: src, Val: val, Batch: 8, Epochs: 3}
	var curve *LRCurve
	part := func(search bool) string {
		tr := trainer(t, small(), cfg)
		fit(t, tr, run, Lambda(func(s *Step) error {
			if !search || s.Step != 11 {
				return nil
			}
			before := end(t, tr)
			var err error
			curve, err = LRFinder{Steps: 100, Batch: 8}.Find(context.Background(), tr, src)
			if after := end(t, tr); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			return err
		}))
		return end(t, tr)
	}
	if with, without := part(true), part(false); with != without {
		t.Errorf("with a search:\n%s\nwithout:\n%s", with, without)
	}
	if len(curve.LR) == 0 || len(curve.LR) != len(curve.Loss) || len(curve.LR) != len(curve.Smooth) {
		t.Errorf("%d rates, %d losses, %d means", len(curve.LR), len(curve.Loss), len(curve.Smooth))
	}
}

// What a search suggests trains, ten times what it says blows up is worse.
func TestFind(t *testing.T) {
	t.Parallel()
	src := labelled(t, 200)
	for _, rule := range []optim.Rule{optim.SGD{}, optim.Adam{}} {
		tr := trainer(t, small(), Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: rule}})
		c, err := LRFinder{Batch: 16, End: 1e4}.Find(context.Background(), tr, src)
		if err != nil {
			t.Fatal(err)
		}
		if !(c.Steepest > 0 && c.Steepest <= c.Suggestion && c.Suggestion <= c.Lowest && (c.BlowUp == 0 || c.Lowest <= c.BlowUp)) {
			t.Errorf("%#v: steepest %g, suggestion %g, lowest %g, blow-up %g", rule, c.Steepest, c.Suggestion, c.Lowest, c.BlowUp)
		}
		if !slices.IsSorted(c.LR) || c.LR[0] != 1e-6 {
			t.Errorf("the rates begin with %v", c.LR[:3])
		}
		at := func(lr float64) float64 {
			cfg := Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: rule}, Schedule: sched.Piecewise{Values: []float64{lr}}}
			tr := trainer(t, small(), cfg)
			for _, err := range tr.Steps(context.Background(), Run{Train: src, Batch: 16, Epochs: 2}) {
				if err != nil {
					return math.Inf(1)
				}
			}
			v, _ := tr.History()[1].Train.Get("loss")
			return v
		}
		good, slow := at(c.Suggestion), at(c.Suggestion/1000)
		if !(good < slow) {
			t.Errorf("%#v: loss %g with the suggestion, %g with a thousandth", rule, good, slow)
		}
		if c.BlowUp > 0 {
			if wild := at(10 * c.BlowUp); !(good < wild) {
				t.Errorf("%#v: loss %g with the suggestion, %g with ten times the blow-up", rule, good, wild)
			}
		}
	}
}

// A loss that diverges ends the search, not the program.
func TestFindDiverges(t *testing.T) {
	t.Parallel()
	src := numbered(t, 64)
	tr := trainer(t, nn.Sequential{nn.Dense{Units: 30}, nn.Dense{Units: 1}}, Config{Data: src.Schema(), Loss: loss.MSE{}, Optim: optim.Optimizer{Rule: optim.SGD{}}})
	c, err := LRFinder{Start: 1e-3, End: 1e30, Steps: 60}.Find(context.Background(), tr, src)
	if err != nil || c.BlowUp == 0 || c.Suggestion == 0 || c.Suggestion > c.BlowUp {
		t.Errorf("%+v, %v", c, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (LRFinder{}).Find(ctx, tr, src); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that was stopped: %v", err)
	}
	for want, f := range map[string]LRFinder{"rise": {Start: 1, End: 0.1}, "above 0": {Start: -1}, "steps": {Steps: 3}, "batch": {Batch: -1}} {
		if _, err := f.Find(context.Background(), tr, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got error %v, want one with %q", f, err, want)
		}
	}
}

// Of a curve that falls, turns and rises the corners are where they are; one
// that does not fall has none.
func TestCurve(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		turn := rapid.IntRange(120, 300).Draw(t, "turn")
		flat := rapid.IntRange(30, turn-60).Draw(t, "flat")
		level := rapid.Float64Range(-3, 5).Draw(t, "level")
		c := &LRCurve{First: level + 2}
		for i := range 400 {
			l := level + 2
			switch {
			case i > turn:
				l = level + 1 + 0.05*float64(i-turn)
			case i > flat:
				l = level + 2 - float64(i-flat)/float64(turn-flat)
			}
			if c.see(math.Pow(1.05, float64(i)), l) {
				break
			}
		}
		c.suggest()
		if !(c.Steepest <= c.Suggestion && c.Suggestion <= c.Lowest && c.Lowest < c.BlowUp) || c.Steepest < math.Pow(1.05, float64(flat-20)) || c.Lowest < math.Pow(1.05, float64(turn)) {
			t.Fatalf("falls from %d to %d: steepest %g, suggestion %g, lowest %g, blow-up %g", flat, turn, c.Steepest, c.Suggestion, c.Lowest, c.BlowUp)
		}
	})
	c := &LRCurve{First: 1}
	for i := range 100 {
		c.see(float64(i+1), 1+0.01*float64(i%2))
	}
	if c.suggest(); c.Suggestion != 0 || c.Lowest != 0 || c.BlowUp != 0 {
		t.Errorf("a flat curve has corners: %+v", c)
	}
	(&LRCurve{}).suggest()
}
