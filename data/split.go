package data

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/internal/rng"
)

// From says which rows a Split takes for validation.
type From uint8

// The places that validation rows are taken from.
const (
	End    From = iota // the last rows, for sets in a fixed order such as MNIST
	Start              // the first rows
	Random             // rows drawn without replacement
)

// String is the place as configuration writes it.
func (f From) String() string {
	switch f {
	case End:
		return "end"
	case Start:
		return "start"
	case Random:
		return "random"
	}
	return fmt.Sprintf("from(%d)", uint8(f))
}

// Split parts src in two: n rows for validation and the others for training,
// both in the order of src. Random draws depend on seed alone. With n = 0 train
// is src and val is nil. It fails where n is negative or leaves nothing to
// train on.
func Split(src Source, n int, from From, seed uint64) (train, val Source, err error) {
	if n == 0 {
		return src, nil, nil
	}
	kept, held, err := SplitRows(src.Len(), n, from, seed)
	if err != nil {
		return nil, nil, err
	}
	return Subset(src, kept), Subset(src, held), nil
}

// SplitRows is Split of the row numbers 0 … total−1, both parts ascending.
func SplitRows(total, n int, from From, seed uint64) (kept, held []int32, err error) {
	if n < 0 || n > 0 && n >= total {
		return nil, nil, &Error{Msg: fmt.Sprintf("%d of %d rows cannot be held out: want at least 0 and at most %d, so that some are left to train on", n, total, max(total-1, 0))}
	}
	switch from {
	case End:
		return span(0, total-n), span(total-n, total), nil
	case Start:
		return span(n, total), span(0, n), nil
	case Random:
		p := make([]int32, total)
		rng.New(rng.Key(seed, "data/split"), 0).Perm(p)
		held, kept = p[:n:n], p[n:]
		slices.Sort(held)
		slices.Sort(kept)
		return kept, held, nil
	}
	return nil, nil, fmt.Errorf("validation rows from %v: want end, start or random", from)
}
