package sched

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("polynomial", Polynomial{}, spec.Alias("polynomial_decay"), spec.Doc("from η₀ to an end along a power"))
}

// Polynomial is (η₀ − end)·(1 − t/s)ᵖ + end, and end after s steps or epochs. With
// Cycle s is stretched to the next multiple of itself whenever it is reached,
// so that the rate leaps up and falls again, slower.
type Polynomial struct {
	Length float64 `spec:"decay_steps" default:"the whole run" doc:"s"`
	End    float64 `spec:"end_learning_rate,plain" default:"0" doc:"the last rate"`
	Power  float64 `spec:"power" default:"1" doc:"p, 1 being a straight line"`
	Cycle  bool    `spec:"cycle" default:"false" doc:"begin again at the end"`
	Per    Unit    `spec:"per" default:"step" doc:"what s counts: step or epoch"`
}

// Validate refuses negative numbers.
func (e Polynomial) Validate() error {
	return errors.Join(
		checkNotNegative("decay_steps", e.Length),
		checkNotNegative("end_learning_rate", e.End),
		checkPositive("power", spec.Or(e.Power, 1)),
	)
}

// At is the rate.
func (e Polynomial) At(p Point) float64 {
	t, s := e.Per.at(p), e.Per.length(e.Length, p)
	if e.Cycle {
		s *= math.Max(1, math.Ceil(t/s))
	}
	return (p.LR-e.End)*math.Pow(1-math.Min(t, s)/s, spec.Or(e.Power, 1)) + e.End
}

// String is the formula.
func (e Polynomial) String() string {
	again := ""
	if e.Cycle {
		again = ", again and again"
	}
	return fmt.Sprintf("(η₀ − %[1]s)·(1 − t/s)^%[2]s + %[1]s, s = %[3]s%[4]s", num(e.End), num(spec.Or(e.Power, 1)), e.Per.span(e.Length), again)
}
