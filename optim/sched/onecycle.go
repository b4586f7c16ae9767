package sched

import (
	"errors"
	"fmt"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("1cycle", OneCycle{}, spec.Alias("onecycle", "one_cycle"), spec.Doc("up to a high rate and far down, momentum the other way"))
}

// A Cycled schedule moves the momentum too.
type Cycled interface {
	Schedule
	// Momentum is the optimizer's momentum, or β₁, at the point.
	Momentum(p Point) float64
}

// OneCycle rises from max/div to max and then falls to a ten-thousandth of where
// it began, once over the whole run, while the momentum falls from 0.95 to 0.85
// and rises again (Smith, "A disciplined approach to neural network
// hyper-parameters", 2018). The last step has the lowest rate. In three phases it
// falls as long as it rose, to where it began, and spends the rest on the way
// down from there. Between the corners it goes along half a cosine, or straight.
type OneCycle struct {
	Max          float64 `spec:"max_lr" default:"η₀" doc:"the highest rate"`
	Rise         float64 `spec:"pct_start" default:"0.3" doc:"share of the run on the way up"`
	Div          float64 `spec:"div_factor" default:"25" doc:"max over the first rate"`
	FinalDiv     float64 `spec:"final_div_factor" default:"1e4" doc:"the first rate over the last"`
	BaseMomentum float64 `spec:"base_momentum" default:"0.85" doc:"momentum at the highest rate"`
	MaxMomentum  float64 `spec:"max_momentum" default:"0.95" doc:"momentum at both ends"`
	Linear       bool    `spec:"linear" default:"false" doc:"go straight instead of along a cosine"`
	ThreePhase   bool    `spec:"three_phase" default:"false" doc:"fall as long as it rose, then further"`
	Steps        int     `spec:"total_steps" default:"the whole run" doc:"length in steps"`
}

// Validate refuses shares outside (0, 1) and factors that are not above 0.
func (e OneCycle) Validate() error {
	errs := []error{
		checkPositive("max_lr", spec.Or(e.Max, 1)),
		checkPositive("div_factor", spec.Or(e.Div, 25)),
		checkPositive("final_div_factor", spec.Or(e.FinalDiv, 1e4)),
	}
	most := 1.0
	if e.ThreePhase {
		most = 0.5
	}
	if r := spec.Or(e.Rise, 0.3); !(r > 0 && r < most) {
		errs = append(errs, spec.Field("pct_start", "want a share between 0 and %g, got %g", most, r))
	}
	for key, m := range map[string]float64{"base_momentum": spec.Or(e.BaseMomentum, 0.85), "max_momentum": spec.Or(e.MaxMomentum, 0.95)} {
		if !(m >= 0 && m < 1) {
			errs = append(errs, spec.Field(key, "want a number from 0 to below 1, got %g", m))
		}
	}
	if e.Steps < 0 {
		errs = append(errs, spec.Field("total_steps", "want a number above 0, got %d", e.Steps))
	}
	return errors.Join(errs...)
}

// At is the rate.
func (e OneCycle) At(p Point) float64 {
	top := spec.Or(e.Max, p.LR)
	first := top / spec.Or(e.Div, 25)
	last := first / spec.Or(e.FinalDiv, 1e4)
	if e.ThreePhase {
		return e.along(p, first, top, first, last)
	}
	return e.along(p, first, top, last)
}

// Momentum is the momentum, or β₁, that goes with the rate.
func (e OneCycle) Momentum(p Point) float64 {
	low, high := spec.Or(e.BaseMomentum, 0.85), spec.Or(e.MaxMomentum, 0.95)
	if e.ThreePhase {
		return e.along(p, high, low, high, high)
	}
	return e.along(p, high, low, high)
}

// along goes from corner to corner: the first phase ends with the rise's last
// step, as does a second of the same length, and the last one with the run.
func (e OneCycle) along(p Point, corners ...float64) float64 {
	total := e.Steps
	if total == 0 {
		total = p.Steps()
	}
	rise := spec.Or(e.Rise, 0.3)*float64(total) - 1
	t, from := float64(p.Step), 0.0
	for i := 1; i < len(corners); i++ {
		to := rise * float64(i)
		if i == len(corners)-1 {
			to = float64(total - 1)
		}
		if t <= to && to > from {
			share := (t - from) / (to - from)
			if e.Linear {
				return corners[i-1] + (corners[i]-corners[i-1])*share
			}
			return corners[i] + (corners[i-1]-corners[i])*descent(share)
		}
		from = to
	}
	return corners[len(corners)-1]
}

// String is what happens.
func (e OneCycle) String() string {
	top := "η₀"
	if e.Max != 0 {
		top = num(e.Max)
	}
	div := spec.Or(e.Div, 25)
	return fmt.Sprintf("max/%s to max = %s in %s of the run, then to max/%s; momentum %s to %s and back",
		num(div), top, num(spec.Or(e.Rise, 0.3)), num(div*spec.Or(e.FinalDiv, 1e4)),
		num(spec.Or(e.MaxMomentum, 0.95)), num(spec.Or(e.BaseMomentum, 0.85)))
}
