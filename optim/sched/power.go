package sched

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("power", Power{}, spec.Alias("inverse_time", "inverse_time_decay"), spec.Doc("η₀/(1 + r·t/s)ᶜ"))
}

// Power is η₀/(1 + r·t/s)ᶜ: with r = c = 1 the rate is a half after s steps or
// epochs, a third after 2s, a quarter after 3s. Keras calls it inverse time
// decay. With Staircase t/s is rounded down.
type Power struct {
	Length    float64 `spec:"decay_steps" default:"the whole run" doc:"s"`
	Rate      float64 `spec:"decay_rate" default:"1" doc:"r"`
	Exponent  float64 `spec:"power" default:"1" doc:"c"`
	Staircase bool    `spec:"staircase" default:"false" doc:"fall every s, not in between"`
	Per       Unit    `spec:"per" default:"step" doc:"what s counts: step or epoch"`
}

// Validate refuses negative numbers.
func (e Power) Validate() error {
	return errors.Join(
		checkNotNegative("decay_steps", e.Length),
		checkNotNegative("decay_rate", spec.Or(e.Rate, 1)),
		checkNotNegative("power", spec.Or(e.Exponent, 1)),
	)
}

// At is the rate.
func (e Power) At(p Point) float64 {
	t := e.Per.at(p) / e.Per.length(e.Length, p)
	if e.Staircase {
		t = math.Floor(t)
	}
	return p.LR / math.Pow(1+spec.Or(e.Rate, 1)*t, spec.Or(e.Exponent, 1))
}

// String is the formula.
func (e Power) String() string {
	form := "η₀/(1 + %s·t/s)^%s, s = %s"
	if e.Staircase {
		form = "η₀/(1 + %s·⌊t/s⌋)^%s, s = %s"
	}
	return fmt.Sprintf(form, num(spec.Or(e.Rate, 1)), num(spec.Or(e.Exponent, 1)), e.Per.span(e.Length))
}
