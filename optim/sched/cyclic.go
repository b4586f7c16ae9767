package sched

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("cyclic", Cyclic{}, spec.Alias("triangular"), spec.Doc("up and down between two rates"))
	Registry.Register("triangular2", Cyclic{Shrink: 0.5}, spec.Doc("cyclic, half as high each time"))
}

// Cyclic goes up in a straight line from a base to a maximum and down again, over
// and over (Smith, "Cyclical Learning Rates for Training Neural Networks", WACV
// 2017). Each cycle rises Shrink times as far as the one before.
type Cyclic struct {
	Base   float64 `spec:"base_lr" default:"a tenth of max_lr" doc:"the lowest rate"`
	Max    float64 `spec:"max_lr" default:"η₀" doc:"the highest rate"`
	Up     float64 `spec:"step_size" default:"a tenth of the run" doc:"length of the way up, and of that down"`
	Shrink float64 `spec:"shrink" default:"1" doc:"factor of the height from cycle to cycle"`
	Per    Unit    `spec:"per" default:"step" doc:"what step_size counts: step or epoch"`
}

// Validate refuses negative numbers.
func (e Cyclic) Validate() error {
	return errors.Join(
		checkNotNegative("base_lr", spec.Or(e.Base, 1)),
		checkNotNegative("max_lr", spec.Or(e.Max, 1)),
		checkNotNegative("step_size", e.Up),
		checkNotNegative("shrink", spec.Or(e.Shrink, 1)),
	)
}

// At is the rate.
func (e Cyclic) At(p Point) float64 {
	top := spec.Or(e.Max, p.LR)
	base := spec.Or(e.Base, top/10)
	up := e.Up
	if up == 0 {
		up = math.Max(1, e.Per.of(p)/10)
	}
	t := e.Per.at(p) / (2 * up)
	cycle := math.Floor(t)
	height := 1 - math.Abs(2*(t-cycle)-1)
	return base + (top-base)*height*math.Pow(spec.Or(e.Shrink, 1), cycle)
}

// String is what happens.
func (e Cyclic) String() string {
	top, base, up := "η₀", "a tenth of that", "a tenth of the run"
	if e.Max != 0 {
		top = num(spec.Or(e.Max, 0))
	}
	if e.Base != 0 {
		base = num(spec.Or(e.Base, 0))
	}
	if e.Up != 0 {
		up = e.Per.span(e.Up)
	}
	return fmt.Sprintf("up to %s from %s in %s and as long down, each cycle %s times as high", top, base, up, num(spec.Or(e.Shrink, 1)))
}
