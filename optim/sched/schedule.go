package sched

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

// A Schedule is the learning rate of every step.
type Schedule interface {
	At(p Point) float64
}

// Registry holds every schedule by name.
var Registry = spec.NewRegistry[Schedule]("schedule")

// A Point is a step of training.
type Point struct {
	Step          int     // steps taken before this one, from 0
	StepsPerEpoch int     // 0 counts as 1
	Epochs        int     // planned
	LR            float64 // η₀, the optimizer's own rate
	State         State   // of an [Adaptive] schedule

	before int // steps of a schedule that came first
}

// Epoch is the number of whole epochs before this step.
func (p Point) Epoch() int { return p.Step / max(1, p.StepsPerEpoch) }

// Steps is the number of steps planned.
func (p Point) Steps() int { return p.Epochs*max(1, p.StepsPerEpoch) - p.before }

// after is the point as a schedule sees it that begins n steps later.
func (p Point) after(n int) Point {
	p.Step -= n
	p.before += n
	return p
}

// A Unit is what a schedule counts in.
type Unit uint8

// The units.
const (
	PerStep  Unit = iota // the rate changes at every step
	PerEpoch             // the rate changes between epochs
)

var units = []string{"step", "epoch"}

// String is the unit's name.
func (u Unit) String() string { return units[min(u, PerEpoch)] }

// MarshalText is the unit's name.
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads a unit's name.
func (u *Unit) UnmarshalText(text []byte) error {
	for i, n := range units {
		if s := string(text); s == n || s == n+"s" {
			*u = Unit(i)
			return nil
		}
	}
	return fmt.Errorf("unknown unit %q; want one of %s", text, strings.Join(units, ", "))
}

// at is how many units have gone by at p.
func (u Unit) at(p Point) float64 {
	if u == PerEpoch {
		return float64(p.Epoch())
	}
	return float64(p.Step)
}

// of is how many units there are in all, at least 1.
func (u Unit) of(p Point) float64 {
	if u == PerEpoch {
		return math.Max(1, float64(p.Steps())/float64(max(1, p.StepsPerEpoch)))
	}
	return math.Max(1, float64(p.Steps()))
}

// length is n, or the whole run where it is 0.
func (u Unit) length(n float64, p Point) float64 {
	if n == 0 {
		return u.of(p)
	}
	return n
}

// steps is n units in steps.
func (u Unit) steps(n float64, p Point) int {
	if u == PerEpoch {
		n *= float64(max(1, p.StepsPerEpoch))
	}
	return int(math.Round(n))
}

// span writes a length for String methods.
func (u Unit) span(n float64) string {
	if n == 0 {
		return "the run"
	}
	s := u.String()
	if n != 1 {
		s += "s"
	}
	return num(n) + " " + s
}

// num writes a number with the digits it needs.
func num(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// checkPositive holds a field to (0, ∞).
func checkPositive(key string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return spec.Field(key, "want a number above 0, got %g", v)
	}
	return nil
}

// checkNotNegative holds a field to [0, ∞).
func checkNotNegative(key string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return spec.Field(key, "want a number, 0 or more, got %g", v)
	}
	return nil
}
