package sched

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("multistep", MultiStep{}, spec.Alias("multi_step"), spec.Doc("η₀ times a factor for each milestone passed"))
}

// MultiStep is η₀·γᵏ after k milestones, a milestone's own step being after it.
type MultiStep struct {
	Milestones []float64 `spec:"milestones,required" doc:"steps or epochs at which the rate falls, rising"`
	Gamma      float64   `spec:"gamma" default:"0.1" doc:"factor at each"`
	Per        Unit      `spec:"per" default:"step" doc:"what milestones count: step or epoch"`
}

// Validate refuses milestones that do not rise and a factor that is not above 0.
func (e MultiStep) Validate() error {
	return errors.Join(checkRising("milestones", e.Milestones), checkPositive("gamma", spec.Or(e.Gamma, 0.1)))
}

// At is the rate.
func (e MultiStep) At(p Point) float64 {
	t, k := e.Per.at(p), 0
	for k < len(e.Milestones) && e.Milestones[k] <= t {
		k++
	}
	return p.LR * math.Pow(spec.Or(e.Gamma, 0.1), float64(k))
}

// String is the formula.
func (e MultiStep) String() string {
	at := make([]string, len(e.Milestones))
	for i, m := range e.Milestones {
		at[i] = num(m)
	}
	return fmt.Sprintf("η₀·%s^k after k of %s %s", num(spec.Or(e.Gamma, 0.1)), e.Per, strings.Join(at, ", "))
}
