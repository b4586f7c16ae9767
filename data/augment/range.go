package augment

import (
	"errors"
	"math"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

// A Range is what a factor is drawn from, uniformly. As text it is a number f,
// for −f to f, or a list [low, high]. The zero Range is the default of its
// field; [Never] is 0 alone.
type Range struct{ Low, High float64 }

// Within is the range from −f to f.
func Within(f float64) Range { return Range{-f, f} }

// Never is a range that holds nothing but 0.
var Never = Range{spec.Zero, spec.Zero}

// UnmarshalSpec reads a number or a list of two.
func (r *Range) UnmarshalSpec(v spec.Value) error {
	if v.Kind == spec.List {
		var ends []float64
		if err := spec.Decode(v, &ends); err != nil {
			return err
		}
		if len(ends) != 2 {
			return errors.New("want a number, or a list of a lowest and a highest one")
		}
		*r = Range{ends[0], ends[1]}
		return nil
	}
	var f float64
	if err := spec.Decode(v, &f); err != nil {
		return err
	}
	*r = Range{-f, f}
	if spec.Or(f, 0) == 0 {
		*r = Never
	}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (r Range) MarshalSpec() (spec.Value, error) {
	lo, hi := spec.Or(r.Low, 0), spec.Or(r.High, 0)
	switch {
	case r == Range{}:
		return spec.Value{}, nil
	case lo == -hi:
		return spec.Num(hi), nil
	}
	return spec.Value{Kind: spec.List, Items: []spec.Value{spec.Num(lo), spec.Num(hi)}}, nil
}

// or is the range in force.
func (r Range) or(def Range) Range {
	if r == (Range{}) {
		r = def
	}
	return Range{spec.Or(r.Low, 0), spec.Or(r.High, 0)}
}

// draw takes a number from it.
func (r Range) draw(s *rng.Stream) float64 {
	return r.Low + float64((r.High-r.Low)*s.Float64())
}

// check refuses what lies outside [low, high], and ends that are swapped.
func (r Range) check(key string, low, high float64) error {
	lo, hi := spec.Or(r.Low, 0), spec.Or(r.High, 0)
	switch {
	case math.IsNaN(lo) || math.IsNaN(hi) || lo < low || hi > high:
		return spec.Field(key, "want numbers from %g to %g, got %g to %g", low, high, lo, hi)
	case lo > hi:
		return spec.Field(key, "the lowest, %g, is above the highest, %g", lo, hi)
	}
	return nil
}
