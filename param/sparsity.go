package param

import (
	"fmt"
	"iter"
	"math"
	"slices"
)

// kernels walks the weights that join units to units: those of two axes or more.
func (s *Set) kernels() iter.Seq[*Param] {
	return func(yield func(*Param) bool) {
		for p := range s.Of(Weight) {
			if len(p.Value.Shape()) > 1 && !yield(p) {
				return
			}
		}
	}
}

// Sparsity counts the elements of all kernels that are 0, and all of them. A
// kernel is a weight of two axes or more.
func (s *Set) Sparsity() (zeros, all int) {
	for p := range s.kernels() {
		all += p.Value.Len()
		for i := range p.Value.Len() {
			if p.Value.Flat(i) == 0 {
				zeros++
			}
		}
	}
	return zeros, all
}

// ZeroBelow makes 0 of every element of a kernel that is not frozen whose
// absolute value is below a bound.
func (s *Set) ZeroBelow(bound float64) error {
	if !(bound >= 0) || math.IsInf(bound, 1) {
		return fmt.Errorf("want a bound, 0 or more, got %g", bound)
	}
	s.zero(func(v float64) bool { return v < bound })
	return nil
}

// Prune makes 0 of the elements of the kernels that are smallest in absolute
// value, over all kernels together, until at least a share of all is 0 (Han,
// Pool, Tran and Dally, "Learning both Weights and Connections for Efficient
// Neural Networks", NIPS 2015). Frozen kernels stay as they are, and count.
func (s *Set) Prune(share float64) error {
	if !(share >= 0 && share < 1) {
		return fmt.Errorf("want a share from 0 to below 1, got %g", share)
	}
	var sizes []float64
	all, zeros := 0, 0
	for p := range s.kernels() {
		all += p.Value.Len()
		for i := range p.Value.Len() {
			if v := math.Abs(p.Value.Flat(i)); p.Frozen && v == 0 {
				zeros++
			} else if !p.Frozen {
				sizes = append(sizes, v)
			}
		}
	}
	more := int(math.Ceil(share*float64(all)-1e-9)) - zeros
	if more <= 0 || len(sizes) == 0 {
		return nil
	}
	slices.Sort(sizes)
	bound := sizes[min(more, len(sizes))-1]
	s.zero(func(v float64) bool { return v <= bound })
	return nil
}

func (s *Set) zero(is func(size float64) bool) {
	for p := range s.kernels() {
		if p.Frozen {
			continue
		}
		for i := range p.Value.Len() {
			if is(math.Abs(p.Value.Flat(i))) {
				p.Value.SetFlat(i, 0)
			}
		}
	}
}
