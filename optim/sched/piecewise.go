package sched

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("piecewise", Piecewise{}, spec.Alias("piecewise_constant"), spec.Doc("given rates between given boundaries"))
}

// Piecewise is values[0] up to and with boundaries[0], then values[1] up to and
// with boundaries[1], and so on, the last value for the rest. The values are
// rates themselves: η₀ has no part in them.
type Piecewise struct {
	Boundaries []float64 `spec:"boundaries,required" doc:"last step or epoch of each value but the last, rising"`
	Values     []float64 `spec:"values,required" doc:"rates, one more than boundaries"`
	Per        Unit      `spec:"per" default:"step" doc:"what boundaries count: step or epoch"`
}

// Validate refuses boundaries that do not rise, and values that do not fit them.
func (e Piecewise) Validate() error {
	errs := []error{checkRising("boundaries", e.Boundaries)}
	if len(e.Values) != len(e.Boundaries)+1 {
		errs = append(errs, spec.Field("values", "want %d, one more than boundaries, got %d", len(e.Boundaries)+1, len(e.Values)))
	}
	for _, v := range e.Values {
		errs = append(errs, checkNotNegative("values", v))
	}
	return errors.Join(errs...)
}

func checkRising(key string, at []float64) error {
	for i := 1; i < len(at); i++ {
		if !(at[i] > at[i-1]) {
			return spec.Field(key, "want rising numbers, got %g after %g", at[i], at[i-1])
		}
	}
	return nil
}

// At is the rate.
func (e Piecewise) At(p Point) float64 {
	t := e.Per.at(p)
	for i, b := range e.Boundaries {
		if t <= b {
			return e.Values[i]
		}
	}
	return e.Values[len(e.Values)-1]
}

// String is the pieces.
func (e Piecewise) String() string {
	var b strings.Builder
	for i, at := range e.Boundaries {
		fmt.Fprintf(&b, "%s to %s %s, ", num(e.Values[i]), e.Per, num(at))
	}
	return b.String() + "then " + num(e.Values[len(e.Values)-1])
}
