package sched

import (
	"errors"
	"fmt"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("warmup", Warmup{}, spec.Alias("linear_warmup"), spec.Doc("up to η₀ in a straight line, then another schedule"))
}

// Warmup rises in a straight line from start·η₀ to η₀, and then follows another
// schedule, whose own count begins there: for optimizers whose first steps are
// too large (Goyal et al., "Accurate, Large Minibatch SGD", 2017).
type Warmup struct {
	Length float64  `spec:"warmup_steps,alias=steps,required" doc:"how long it rises"`
	Start  float64  `spec:"start_factor,plain" default:"0" doc:"the first rate as a share of η₀"`
	Then   Schedule `spec:"then" default:"constant" doc:"the schedule afterwards"`
	Per    Unit     `spec:"per" default:"step" doc:"what warmup_steps counts: step or epoch"`
}

// Validate refuses a length that is not above 0 and a negative start.
func (e Warmup) Validate() error {
	return errors.Join(checkPositive("warmup_steps", e.Length), checkNotNegative("start_factor", e.Start))
}

// At is the rate. It rises with every step, whatever the unit.
func (e Warmup) At(p Point) float64 {
	n := max(1, e.Per.steps(e.Length, p))
	if p.Step < n {
		return p.LR * (e.Start + (1-e.Start)*float64(p.Step)/float64(n))
	}
	return e.then().At(p.after(n))
}

func (e Warmup) then() Schedule {
	if e.Then == nil {
		return Constant{}
	}
	return e.Then
}

// String is both parts.
func (e Warmup) String() string {
	return fmt.Sprintf("%s·η₀ to η₀ in %s, then %v", num(e.Start), e.Per.span(e.Length), e.then())
}
