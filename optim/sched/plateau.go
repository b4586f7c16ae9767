package sched

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("plateau", Plateau{}, spec.Alias("reduce_lr_on_plateau", "performance"), spec.Doc("falls when a metric has stopped improving"))
}

// An Adaptive schedule depends on how training goes. What it remembers is a
// plain value that whoever trains keeps, saves and puts into every [Point].
type Adaptive interface {
	Schedule
	// Monitored is the name of the metric to be shown to Observe.
	Monitored() string
	// Observe is the state after an epoch, or whatever the metric is measured
	// after, from the point that it ended at.
	Observe(p Point, metric float64) State
}

// State is what an [Adaptive] schedule remembers. The zero State is that of the
// start.
type State struct {
	Started bool    `json:"started"` // LR holds
	LR      float64 `json:"lr"`
	Seen    bool    `json:"seen"` // Best holds
	Best    float64 `json:"best"` // metric so far
	Wait    int     `json:"wait"` // epochs since Best
	Rest    int     `json:"rest"` // epochs that are not to be counted
	// Mean is the running mean of the metric, of Count epochs, where it is
	// smoothed.
	Mean  float64 `json:"mean,omitempty"`
	Count int     `json:"count,omitempty"`
}

// Plateau multiplies the rate by a factor when a metric has not improved for
// Patience epochs, and then rests for Cooldown epochs: performance scheduling.
//
// Keras cuts at the epoch that makes it Patience, and an improvement is one by
// more than MinDelta; in the torch convention it cuts one epoch later, and an
// improvement is one by more than that share of the best, unless Absolute.
type Plateau struct {
	Monitor  string  `spec:"monitor" default:"val/loss" doc:"the metric"`
	Max      bool    `spec:"max" default:"false" doc:"higher is better"`
	Factor   float64 `spec:"factor" default:"0.1" doc:"what the rate is multiplied by"`
	Patience int     `spec:"patience" default:"10" doc:"epochs without improvement, at least 1"`
	MinDelta float64 `spec:"min_delta,alias=threshold" default:"1e-4" doc:"improvement that counts"`
	Absolute bool    `spec:"absolute" default:"false" doc:"torch: min_delta is a difference, not a share"`
	Cooldown int     `spec:"cooldown" default:"0" doc:"epochs after a cut that are not counted"`
	Min      float64 `spec:"min_lr,plain" default:"0" doc:"the lowest rate"`
	Torch    bool    `spec:"torch" default:"false" doc:"count as PyTorch does"`
	// Smoothing is β.
	Smoothing float64 `spec:"smoothing,plain" default:"0" doc:"decay of a running mean of the metric, from 0 to below 1"`
}

// Validate refuses numbers out of range.
func (e Plateau) Validate() error {
	errs := []error{
		checkNotNegative("min_delta", spec.Or(e.MinDelta, 1e-4)),
		checkNotNegative("min_lr", e.Min),
	}
	if f := spec.Or(e.Factor, 0.1); !(f > 0 && f < 1) {
		errs = append(errs, spec.Field("factor", "want a number between 0 and 1, got %g", f))
	}
	if e.Patience < 0 {
		errs = append(errs, spec.Field("patience", "want a number above 0, got %d", e.Patience))
	}
	if !(e.Smoothing >= 0 && e.Smoothing < 1) {
		errs = append(errs, spec.Field("smoothing", "want a number from 0 to below 1, got %g", e.Smoothing))
	}
	if e.Cooldown < 0 {
		errs = append(errs, spec.Field("cooldown", "want a number, 0 or more, got %d", e.Cooldown))
	}
	return errors.Join(errs...)
}

// Monitored is the metric.
func (e Plateau) Monitored() string {
	if e.Monitor == "" {
		return "val/loss"
	}
	return e.Monitor
}

// At is the rate.
func (e Plateau) At(p Point) float64 {
	if p.State.Started {
		return p.State.LR
	}
	return p.LR
}

// Observe is the state after the metric.
func (e Plateau) Observe(p Point, metric float64) State {
	s := p.State
	if !s.Started {
		s = State{Started: true, LR: p.LR}
	}
	metric = e.smooth(&s, metric)
	resting := s.Rest > 0
	if resting {
		s.Rest--
		s.Wait = 0
	}
	if e.better(metric, s) {
		s.Best, s.Seen, s.Wait = metric, true, 0
		return s
	}
	if resting && (e.Torch || s.Rest > 0) {
		return s
	}
	s.Wait++
	patience := e.Patience
	if patience == 0 {
		patience = 10
	}
	if e.Torch {
		patience++
	}
	if s.Wait < patience {
		return s
	}
	if lr := math.Max(s.LR*spec.Or(e.Factor, 0.1), e.Min); s.LR > e.Min {
		s.LR, s.Rest, s.Wait = lr, e.Cooldown, 0
	}
	return s
}

// smooth is the running mean after a metric. What is not finite is no part of
// it.
func (e Plateau) smooth(s *State, metric float64) float64 {
	if e.Smoothing == 0 || math.IsNaN(metric) || math.IsInf(metric, 0) {
		return metric
	}
	s.Mean = e.Smoothing*s.Mean + (1-e.Smoothing)*metric
	s.Count++
	return s.Mean / (1 - math.Pow(e.Smoothing, float64(s.Count)))
}

// better reports whether a metric improves on the best so far. What is not
// finite does not.
func (e Plateau) better(metric float64, s State) bool {
	d, best := spec.Or(e.MinDelta, 1e-4), s.Best
	switch {
	case math.IsNaN(metric) || math.IsInf(metric, 0):
		return false
	case !s.Seen:
		return true
	case e.Max:
		metric, best = -metric, -best
	}
	if e.Torch && !e.Absolute {
		d *= math.Abs(best)
	}
	return metric < best-d
}

// String is what happens.
func (e Plateau) String() string {
	patience := e.Patience
	if patience == 0 {
		patience = 10
	}
	s := fmt.Sprintf("η·%s after %d epochs without a better %s", num(spec.Or(e.Factor, 0.1)), patience, e.Monitored())
	if e.Smoothing > 0 {
		s += ", smoothed by " + num(e.Smoothing)
	}
	if e.Min > 0 {
		s += ", down to " + num(e.Min)
	}
	return s
}
