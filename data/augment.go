package data

// An Augment changes the rows of a batch in place, as training sees them.
type Augment interface {
	// Apply changes b's rows. What is random about row k must be a pure
	// function of (seed, epoch, b.Index[k]), so that it depends neither on the
	// batch that the row falls in nor on what was read before. Calls with
	// different b may run at the same time.
	Apply(b *Batch, seed uint64, epoch int)
}

// Augmented is src with a applied to every batch that [Batches] reads, under
// the order's seed and epoch. Plain Read gives the rows as they are.
// Augmentations nest: the innermost is applied first.
func Augmented(src Source, a Augment) Source { return &augmented{src, a} }

type augmented struct {
	Source
	a Augment
}

func (s *augmented) readOrder(dst *Batch, idx []int32, o Order) error {
	if err := readRows(s.Source, dst, idx, o); err != nil {
		return err
	}
	s.a.Apply(dst, o.Seed, o.Epoch)
	return nil
}

func (s *augmented) Labels() ([]int32, error) { return Labels(s.Source) }

// orderReader is a source whose rows depend on the order: an augmented one, or
// one that may wrap such a source.
type orderReader interface {
	readOrder(dst *Batch, idx []int32, o Order) error
}

func readRows(src Source, dst *Batch, idx []int32, o Order) error {
	if r, ok := src.(orderReader); ok {
		return r.readOrder(dst, idx, o)
	}
	return src.Read(dst, idx)
}
