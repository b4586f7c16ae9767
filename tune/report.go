package tune

import (
	"cmp"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/diag"
)

// A Report is what a study found.
type Report struct {
	Metric string
	Target float64 // NaN where there is none
	Folds  int
	Seeds  []uint64
	// Standings is the candidates, the best first: by the mean of the metric, those
	// that diverged after those that did not, those that failed last.
	Standings []Standing
	// Pairs compares every two of those that have values, in the order of
	// Standings: the better one is A.
	Pairs []Pair
}

// A Standing is one candidate.
type Standing struct {
	Name     string
	Outcomes []*Outcome // a trial each, nil where it was not trained
	Values   []float64  // of the metric, a trial each; NaN where there is none
	N        int        // values
	Mean, SD float64    // of the values
	Train    float64    // mean of the metric in training
	Seconds  float64    // mean of the training time
	Params   int
	Diverged int   // trials that did
	Err      error // why it was not trained to the end
	// Reached is the trials that reached the target; TargetSeconds, TargetSteps and
	// TargetEpochs are the medians over all trials, +Inf where fewer than half did.
	Reached                                  int
	TargetSeconds, TargetSteps, TargetEpochs float64
	// Overfits is the trials in which a gap to the rows held out has opened, and
	// Gap that of the median onset; nil where none has.
	Overfits int
	Gap      *diag.Overfit
	// Cost is what a prediction takes, where it was measured.
	Cost *Cost
}

// A Pair is two candidates compared.
type Pair struct {
	A, B string
	Difference
	// Holm is P adjusted for the number of pairs.
	Holm float64
}

// Real reports whether a difference is one after all pairs are allowed for, at
// the level of 5 %.
func (p Pair) Real() bool { return p.Holm < 1-confidence }

// report makes the report of outcomes by candidate and trial.
func (s Study) report(outcomes [][]*Outcome, failed []error) *Report {
	r := &Report{Metric: s.Metric, Target: s.Target, Folds: s.Folds, Seeds: s.Seeds}
	for i, c := range s.Candidates {
		r.Standings = append(r.Standings, s.standing(c.Name, outcomes[i], failed[i]))
	}
	slices.SortStableFunc(r.Standings, func(a, b Standing) int {
		rank := func(s Standing) int {
			switch {
			case s.Err != nil || s.N == 0:
				return 2
			case s.Diverged > 0:
				return 1
			}
			return 0
		}
		if d := cmp.Compare(rank(a), rank(b)); d != 0 || rank(a) == 2 {
			return d
		}
		if HighIsGood(s.Metric) {
			return cmp.Compare(b.Mean, a.Mean)
		}
		return cmp.Compare(a.Mean, b.Mean)
	})
	ratio := 0.0
	if s.Folds > 1 {
		ratio = 1 / float64(s.Folds-1)
	}
	var ps []float64
	for i, a := range r.Standings {
		for _, b := range r.Standings[i+1:] {
			if a.N > 0 && b.N > 0 {
				d := Paired(a.Values, b.Values, ratio)
				r.Pairs = append(r.Pairs, Pair{A: a.Name, B: b.Name, Difference: d})
				ps = append(ps, d.P)
			}
		}
	}
	for i, p := range holm(ps) {
		r.Pairs[i].Holm = p
	}
	return r
}

func (s Study) standing(name string, outcomes []*Outcome, err error) Standing {
	nan := math.NaN()
	st := Standing{Name: name, Outcomes: outcomes, Err: err, Mean: nan, SD: nan, Train: nan, Seconds: nan, TargetSeconds: nan, TargetSteps: nan, TargetEpochs: nan}
	var seen, learned, seconds, at, steps, epochs []float64
	var gaps []*diag.Overfit
	for _, o := range outcomes {
		v := o.Value(s.Metric)
		st.Values = append(st.Values, v)
		if o == nil {
			continue
		}
		st.Params = o.Params
		if o.Diverged != "" {
			st.Diverged++
		}
		if finite(v) {
			seen = append(seen, v)
			seconds = append(seconds, o.Seconds)
		}
		if g := diag.Overfitting(o.Epochs); g != nil && o.Diverged == "" {
			gaps = append(gaps, g)
		}
		if t := o.measured("train/" + s.Metric); finite(t) {
			learned = append(learned, t)
		}
		c, ok := o.Reached(s.Metric, s.Target)
		if ok {
			st.Reached++
		} else {
			c = Check{Epoch: math.Inf(1), Seconds: math.Inf(1)}
		}
		at, epochs = append(at, c.Seconds), append(epochs, c.Epoch)
		if n := float64(c.Step); ok {
			steps = append(steps, n)
		} else {
			steps = append(steps, math.Inf(1))
		}
	}
	if st.N = len(seen); st.N > 0 {
		st.Mean, st.SD = meanSD(seen)
		st.Seconds, _ = meanSD(seconds)
	}
	if st.Overfits = len(gaps); st.Overfits > 0 {
		slices.SortStableFunc(gaps, func(a, b *diag.Overfit) int { return cmp.Compare(a.Onset, b.Onset) })
		st.Gap = gaps[len(gaps)/2]
	}
	if len(learned) > 0 {
		st.Train, _ = meanSD(learned)
	}
	if !math.IsNaN(s.Target) && len(at) > 0 {
		st.TargetSeconds, st.TargetSteps, st.TargetEpochs = median(at), median(steps), median(epochs)
	}
	return st
}

// median of an even number is the greater one of the two in the middle, so that
// half of the values are no more than it.
func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// Best is the first standing, nil where no candidate has a value.
func (r *Report) Best() *Standing {
	if len(r.Standings) == 0 || r.Standings[0].N == 0 {
		return nil
	}
	return &r.Standings[0]
}

// Pair is the comparison of two candidates, nil where there is none.
func (r *Report) Pair(a, b string) *Pair {
	for i := range r.Pairs {
		if p := &r.Pairs[i]; p.A == a && p.B == b {
			return p
		}
	}
	return nil
}

// Standing is that of a candidate, nil where there is none of that name.
func (r *Report) Standing(name string) *Standing {
	for i := range r.Standings {
		if r.Standings[i].Name == name {
			return &r.Standings[i]
		}
	}
	return nil
}
