package sched

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/spec"
	"pgregory.net/rapid"
)

func variants(t testing.TB) []Schedule {
	out := []Schedule{
		Exponential{Rate: 0.5, Length: 3, Staircase: true, Per: PerEpoch}, Power{Length: 10, Exponent: 2}, Polynomial{End: 1e-4, Cycle: true, Length: 7},
		Piecewise{Boundaries: []float64{3, 5}, Values: []float64{0.1, 0.01, 0}, Per: PerEpoch}, MultiStep{Milestones: []float64{2, 9}},
		Cosine{Alpha: 0.1}, CosineRestarts{First: 4, Stretch: 1, Shrink: 0.5}, Warmup{Length: 5, Then: Cosine{}}, Warmup{Length: 1, Per: PerEpoch, Start: 0.1},
		Cyclic{Base: 0.01, Max: 0.2, Up: 4}, OneCycle{Linear: true, ThreePhase: true}, OneCycle{Steps: 12}, Plateau{Torch: true, Max: true, Min: 1e-3}, Plateau{Smoothing: 0.5},
	}
	for _, name := range Registry.Names() {
		if name == "piecewise" || name == "multistep" || name == "warmup" {
			continue // they have required fields
		}
		s, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// Every schedule gives a finite rate that is not negative, wherever asked.
func TestRates(t *testing.T) {
	t.Parallel()
	all := variants(t)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(all).Draw(t, "schedule")
		p := Point{
			Step: rapid.IntRange(0, 100000).Draw(t, "step"), StepsPerEpoch: rapid.IntRange(0, 1000).Draw(t, "steps an epoch"),
			Epochs: rapid.IntRange(0, 100).Draw(t, "epochs"), LR: rapid.Float64Range(1e-4, 1).Draw(t, "rate"),
		}
		if lr := s.At(p); !(lr >= 0) || math.IsInf(lr, 0) {
			t.Fatalf("%v at %+v is %g", s, p, lr)
		}
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, s := range variants(t) {
		v, err := spec.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		var got Schedule
		if err := spec.Decode(v, &got); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%#v is written as %v and read as %#v, %v", s, v, got, err)
		}
		if str := fmt.Sprint(s); str == "" || strings.Contains(str, "%!") || strings.Contains(str, "{") {
			t.Errorf("%#v prints itself as %q", s, str)
		}
	}
	var u Unit
	if err := u.UnmarshalText([]byte("epochs")); err != nil || u != PerEpoch {
		t.Errorf("epochs is %v, %v", u, err)
	}
	if err := u.UnmarshalText([]byte("week")); err == nil || !strings.Contains(err.Error(), "step, epoch") {
		t.Errorf("week: %v", err)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	p := Point{Step: 57, StepsPerEpoch: 10, Epochs: 20, LR: 1}
	for _, c := range []struct {
		s    Schedule
		want float64
	}{
		{Exponential{Length: 5, Per: PerEpoch}, 0.1},                  // epoch 5
		{Exponential{Per: PerEpoch}, math.Pow(0.1, 5.0/20)},           // of 20
		{Exponential{}, math.Pow(0.1, 57.0/200)},                      // of 200 steps
		{Piecewise{[]float64{4, 5}, []float64{1, 2, 3}, PerEpoch}, 2}, // up to and with epoch 5
		{Warmup{Length: 10, Per: PerEpoch}, 0.57},                     // every step counts
		{Warmup{Length: 2, Per: PerEpoch, Then: Exponential{}}, math.Pow(0.1, 37.0/180)},
		{Warmup{Length: 2, Per: PerEpoch, Then: Exponential{Per: PerEpoch}}, math.Pow(0.1, 3.0/18)},
	} {
		if got := c.s.At(p); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v at epoch 5: %g, want %g", c.s, got, c.want)
		}
	}
	if e := (Point{Step: 5}).Epoch(); e != 5 {
		t.Errorf("epoch %d of no steps an epoch", e)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, s := range variants(t) {
		if c, ok := s.(interface{ Validate() error }); ok && c.Validate() != nil {
			t.Errorf("%#v: %v", s, c.Validate())
		}
	}
	for _, c := range []struct {
		key string
		s   interface{ Validate() error }
	}{
		{"decay_rate", Exponential{Rate: -1}}, {"decay_steps", Exponential{Length: -1}}, {"power", Power{Exponent: -1}},
		{"boundaries", Piecewise{Boundaries: []float64{5, 3}, Values: []float64{1, 2, 3}}}, {"values", Piecewise{Boundaries: []float64{5}, Values: []float64{1}}},
		{"values", Piecewise{Values: []float64{-1}}}, {"milestones", MultiStep{Milestones: []float64{2, 2}}}, {"gamma", MultiStep{Gamma: -1}},
		{"end_learning_rate", Polynomial{End: -1}}, {"alpha", Cosine{Alpha: -1}}, {"t_mul", CosineRestarts{Stretch: 0.5}},
		{"warmup_steps", Warmup{}}, {"start_factor", Warmup{Length: 1, Start: -1}}, {"max_lr", Cyclic{Max: -1}}, {"shrink", Cyclic{Shrink: math.NaN()}},
		{"pct_start", OneCycle{Rise: 1}}, {"pct_start", OneCycle{Rise: 0.5, ThreePhase: true}}, {"base_momentum", OneCycle{BaseMomentum: 1}},
		{"total_steps", OneCycle{Steps: -1}}, {"factor", Plateau{Factor: 1}}, {"patience", Plateau{Patience: -1}}, {"cooldown", Plateau{Cooldown: -1}}, {"smoothing", Plateau{Smoothing: 1}},
		{"min_lr", Plateau{Min: -1}},
	} {
		if err := c.s.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.key) {
			t.Errorf("%#v: got error %v, want one about %s", c.s, err, c.key)
		}
	}
}

// The state of a plateau survives being saved, also before anything was seen,
// and what is not finite is no improvement.
func TestState(t *testing.T) {
	t.Parallel()
	s := Plateau{Patience: 2, Factor: 0.5}
	p := Point{LR: 1, StepsPerEpoch: 1}
	var rates []float64
	for i, metric := range []float64{math.NaN(), math.Inf(1), 3, 2, math.NaN(), math.Inf(-1), 1} {
		p.Step = i
		p.State = s.Observe(p, metric)
		text, err := json.Marshal(p.State)
		if err != nil {
			t.Fatal(err)
		}
		p.State = State{}
		if err := json.Unmarshal(text, &p.State); err != nil {
			t.Fatal(err)
		}
		rates = append(rates, s.At(p))
	}
	if want := []float64{1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25}; !reflect.DeepEqual(rates, want) {
		t.Errorf("rates %v, want %v", rates, want)
	}
}

// A lucky epoch resets the count of a plateau, but not that of a smoothed one; a
// state saved in between changes nothing.
func TestSmoothedPlateau(t *testing.T) {
	t.Parallel()
	metrics := []float64{5, 3, 3.1, 3.2, 2.9, 3.3, math.NaN(), 3.2, 3.4, 3.3}
	cut := func(s Plateau, save bool) int {
		p := Point{LR: 1, StepsPerEpoch: 1}
		for i, m := range metrics {
			p.Step = i
			p.State = s.Observe(p, m)
			if save {
				text, err := json.Marshal(p.State)
				if err != nil {
					t.Fatal(err)
				}
				p.State = State{}
				if err := json.Unmarshal(text, &p.State); err != nil {
					t.Fatal(err)
				}
			}
			if s.At(p) < 1 {
				return i
			}
		}
		return len(metrics)
	}
	// The mean of 5, 3, 3.1, … at β = 0.8 falls until the ninth epoch.
	mean, n := 0.0, 0
	var means []float64
	for _, m := range metrics {
		if !math.IsNaN(m) {
			n++
			mean = 0.8*mean + 0.2*m
			means = append(means, mean/(1-math.Pow(0.8, float64(n))))
		}
	}
	for i := 1; i < 5; i++ {
		if !(means[i] < means[i-1]) {
			t.Fatalf("the means %v do not fall", means)
		}
	}
	for _, save := range []bool{false, true} {
		if at := cut(Plateau{Patience: 3, MinDelta: 1e-9}, save); at != 7 {
			t.Errorf("a plateau cuts after %d epochs, want 7", at)
		}
		if at := cut(Plateau{Patience: 3, MinDelta: 1e-9, Smoothing: 0.8}, save); at <= 7 {
			t.Errorf("a smoothed plateau cuts after %d epochs", at)
		}
	}
}
