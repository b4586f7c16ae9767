package data

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// A Batch holds N rows in buffers that are used again: what it holds is valid
// until the next batch is asked for. X and Y follow the order of the schema's
// Inputs and Targets. The outer axis of each tensor is the batch's capacity;
// rows from N on are garbage.
type Batch struct {
	N      int
	X, Y   []*tensor.Tensor
	Weight []float32 // the rows' weights in the loss; nil: all 1
	Index  []int32   // the rows' numbers in the source that was read

	weights []float32 // Weight's storage, kept while Weight is nil
	stack   []int32   // row numbers mapped by the sources that wrap others
}

// NewBatch makes the buffers for up to capacity rows of schema s.
func NewBatch(s Schema, capacity int) *Batch {
	b := &Batch{Index: make([]int32, 0, capacity)}
	alloc := func(fs []Field) []*tensor.Tensor {
		ts := make([]*tensor.Tensor, len(fs))
		for i, f := range fs {
			ts[i] = tensor.New(f.DType, append([]int{capacity}, f.Shape...)...)
		}
		return ts
	}
	b.X, b.Y = alloc(s.Inputs), alloc(s.Targets)
	return b
}

// Start prepares the batch for the rows idx: it sets N and Index and clears
// Weight. Every Source calls it first. It fails where the rows are more than
// the buffers hold.
func (b *Batch) Start(idx []int32) error {
	for _, ts := range [2][]*tensor.Tensor{b.X, b.Y} {
		for _, t := range ts {
			if len(idx) > t.Shape()[0] {
				return fmt.Errorf("%d rows do not fit a batch of %d", len(idx), t.Shape()[0])
			}
		}
	}
	b.N, b.Weight = len(idx), nil
	b.Index = append(b.Index[:0], idx...)
	return nil
}

// Weigh sets Weight to N ones for the source to overwrite, and returns it.
func (b *Batch) Weigh() []float32 {
	b.weights = slices.Grow(b.weights[:0], b.N)[:b.N]
	for i := range b.weights {
		b.weights[i] = 1
	}
	b.Weight = b.weights
	return b.Weight
}

// View gives the first N rows of every tensor, sharing storage: the tensors
// themselves where the batch is full.
func (b *Batch) View() (x, y []*tensor.Tensor) {
	return b.rows(b.X), b.rows(b.Y)
}

func (b *Batch) rows(ts []*tensor.Tensor) []*tensor.Tensor {
	if !slices.ContainsFunc(ts, func(t *tensor.Tensor) bool { return t.Shape()[0] != b.N }) {
		return ts
	}
	v := make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		v[i] = t.Rows(0, b.N)
	}
	return v
}
