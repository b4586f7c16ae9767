package csv

import (
	"slices"

	"github.com/nadir-ml/nadir/internal/rng"
)

// A sample is a uniform choice of a column's numbers with their rows: all of
// them while they are at most its bound, then at least half as many. A row is
// in it or not by its number alone.
type sample struct {
	most    int
	below   uint32 // rows whose hash lies below are kept, if full
	thinned bool
	rows    []int32
	values  []float32
}

// add offers a row's number; hash is hashRow(row).
func (s *sample) add(row int32, hash uint32, v float32) {
	if s.thinned && hash >= s.below {
		return
	}
	s.rows = append(s.rows, row)
	s.values = append(s.values, v)
	for len(s.rows) > s.most {
		if s.thinned {
			s.below /= 2
		} else {
			s.thinned, s.below = true, 1<<31
		}
		k := 0
		for i, r := range s.rows {
			if hashRow(r) < s.below {
				s.rows[k], s.values[k] = r, s.values[i]
				k++
			}
		}
		s.rows, s.values = s.rows[:k], s.values[:k]
	}
}

// hashRow is 32 random bits of a row.
func hashRow(row int32) uint32 {
	return rng.Philox([2]uint32{}, [4]uint32{uint32(row)})[0]
}

// median is the middle of values, or the mean of the two in the middle. It
// changes the order of values.
func median(values []float32) float32 {
	slices.Sort(values)
	n := len(values)
	return float32((float64(values[(n-1)/2])+float64(values[n/2]))/2) + 0 // never −0
}
