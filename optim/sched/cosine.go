package sched

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("cosine", Cosine{}, spec.Alias("cosine_decay", "cosine_annealing"), spec.Doc("from η₀ down along half a cosine"))
	Registry.Register("cosine_restarts", CosineRestarts{}, spec.Alias("cosine_decay_restarts", "cosine_warm_restarts"), spec.Doc("cosine, again and again"))
}

// Cosine is η₀·((1−α)·½(1 + cos πt/s) + α), and η₀·α after s steps or epochs: flat
// at both ends, steep between them (Loshchilov and Hutter, "SGDR: Stochastic
// Gradient Descent with Warm Restarts", ICLR 2017). For a warm-up put it into a
// [Warmup].
type Cosine struct {
	Length float64 `spec:"decay_steps" default:"the whole run" doc:"s"`
	Alpha  float64 `spec:"alpha,plain" default:"0" doc:"the last rate as a share of η₀"`
	Per    Unit    `spec:"per" default:"step" doc:"what s counts: step or epoch"`
}

// Validate refuses a negative length or share.
func (e Cosine) Validate() error {
	return errors.Join(checkNotNegative("decay_steps", e.Length), checkNotNegative("alpha", e.Alpha))
}

// At is the rate.
func (e Cosine) At(p Point) float64 {
	t, s := e.Per.at(p), e.Per.length(e.Length, p)
	return p.LR * ((1-e.Alpha)*descent(math.Min(t, s)/s) + e.Alpha)
}

// descent falls from 1 to 0 along half a cosine.
func descent(share float64) float64 { return (1 + math.Cos(math.Pi*share)) / 2 }

// String is the formula.
func (e Cosine) String() string {
	return fmt.Sprintf("η₀·(%s·½(1 + cos πt/s) + %s), s = %s", num(1-e.Alpha), num(e.Alpha), e.Per.span(e.Length))
}

// CosineRestarts is a [Cosine] that begins again when it has come down (the same
// paper): each period Stretch times as long as the one before, each beginning
// at Shrink times the height.
type CosineRestarts struct {
	First   float64 `spec:"first_decay_steps" default:"the whole run" doc:"length of the first period"`
	Stretch float64 `spec:"t_mul" default:"2" doc:"factor of the length from period to period, at least 1"`
	Shrink  float64 `spec:"m_mul" default:"1" doc:"factor of the height from period to period"`
	Alpha   float64 `spec:"alpha,plain" default:"0" doc:"the lowest rate as a share of η₀"`
	Per     Unit    `spec:"per" default:"step" doc:"what lengths count: step or epoch"`
}

// Validate refuses periods that get shorter, and negative numbers.
func (e CosineRestarts) Validate() error {
	errs := []error{
		checkNotNegative("first_decay_steps", e.First),
		checkNotNegative("m_mul", spec.Or(e.Shrink, 1)),
		checkNotNegative("alpha", e.Alpha),
	}
	if m := spec.Or(e.Stretch, 2); !(m >= 1) || math.IsInf(m, 1) {
		errs = append(errs, spec.Field("t_mul", "want a number, 1 or more, got %g", m))
	}
	return errors.Join(errs...)
}

// At is the rate.
func (e CosineRestarts) At(p Point) float64 {
	t, s, height := e.Per.at(p), e.Per.length(e.First, p), 1.0
	stretch := spec.Or(e.Stretch, 2)
	if stretch == 1 {
		height = math.Pow(spec.Or(e.Shrink, 1), math.Floor(t/s))
		t = math.Mod(t, s)
	}
	for t >= s {
		t -= s
		s *= stretch
		height *= spec.Or(e.Shrink, 1)
	}
	return p.LR * ((1-e.Alpha)*height*descent(t/s) + e.Alpha)
}

// String is what happens.
func (e CosineRestarts) String() string {
	return fmt.Sprintf("cosine from η₀ to %s·η₀ in %s, then again %s times as long and %s times as high",
		num(e.Alpha), e.Per.span(e.First), num(spec.Or(e.Stretch, 2)), num(spec.Or(e.Shrink, 1)))
}
