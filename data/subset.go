package data

// Subset is the source whose row i is row idx[i] of src. The numbers may
// repeat and stand in any order; idx is shared and must not be changed.
// Reading fails on a number that src does not have.
func Subset(src Source, idx []int32) Source { return &subset{src, idx} }

// Limit is the first n rows of src, or src itself where it has no more. Rows
// that stand sorted by class want a random [Split] instead.
func Limit(src Source, n int) Source {
	if n >= src.Len() {
		return src
	}
	return Subset(src, span(0, max(n, 0)))
}

// span is lo, lo+1, … hi−1.
func span(lo, hi int) []int32 {
	p := make([]int32, hi-lo)
	for i := range p {
		p[i] = int32(lo + i)
	}
	return p
}

type subset struct {
	src Source
	idx []int32
}

func (s *subset) Len() int       { return len(s.idx) }
func (s *subset) Schema() Schema { return s.src.Schema() }

func (s *subset) Read(dst *Batch, idx []int32) error {
	return s.mapped(dst, idx, nil)
}

func (s *subset) readOrder(dst *Batch, idx []int32, o Order) error {
	return s.mapped(dst, idx, &o)
}

// mapped reads the rows of the wrapped source that idx stands for, as they are
// or under an order. Their numbers go on the batch's stack, so that subsets nest
// without allocating.
func (s *subset) mapped(dst *Batch, idx []int32, o *Order) error {
	if err := checkRows(idx, len(s.idx)); err != nil {
		return err
	}
	base := len(dst.stack)
	for _, i := range idx {
		dst.stack = append(dst.stack, s.idx[i])
	}
	rows := dst.stack[base:]
	var err error
	if o == nil {
		err = s.src.Read(dst, rows)
	} else {
		err = readRows(s.src, dst, rows, *o)
	}
	dst.stack = dst.stack[:base]
	copy(dst.Index, idx)
	return err
}

func (s *subset) Labels() ([]int32, error) {
	all, err := Labels(s.src)
	if err != nil {
		return nil, err
	}
	if err := checkRows(s.idx, len(all)); err != nil {
		return nil, err
	}
	labels := make([]int32, len(s.idx))
	for k, i := range s.idx {
		labels[k] = all[i]
	}
	return labels, nil
}
