package sched

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("exponential", Exponential{}, spec.Alias("exponential_decay"), spec.Doc("η₀·rateᵗᐟˢ"))
}

// Exponential is η₀·rᵗᐟˢ: the rate falls by the factor r every s steps or
// epochs, smoothly, or at once after each s with Staircase.
type Exponential struct {
	Rate      float64 `spec:"decay_rate" default:"0.1" doc:"r"`
	Length    float64 `spec:"decay_steps" default:"the whole run" doc:"s"`
	Staircase bool    `spec:"staircase" default:"false" doc:"fall every s, not in between"`
	Per       Unit    `spec:"per" default:"step" doc:"what s counts: step or epoch"`
}

// Validate refuses a rate or length that is not above 0.
func (e Exponential) Validate() error {
	return errors.Join(
		checkPositive("decay_rate", spec.Or(e.Rate, 0.1)),
		checkNotNegative("decay_steps", e.Length),
	)
}

// At is the rate.
func (e Exponential) At(p Point) float64 {
	t := e.Per.at(p) / e.Per.length(e.Length, p)
	if e.Staircase {
		t = math.Floor(t)
	}
	return p.LR * math.Pow(spec.Or(e.Rate, 0.1), t)
}

// String is the formula.
func (e Exponential) String() string {
	form := "η₀·%s^(t/s), s = %s"
	if e.Staircase {
		form = "η₀·%s^⌊t/s⌋, s = %s"
	}
	return fmt.Sprintf(form, num(spec.Or(e.Rate, 0.1)), e.Per.span(e.Length))
}
