package format

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

// Transpose is the Turn of a matrix [out, in] into a kernel [in, out].
func Transpose(from []*tensor.Tensor) (*tensor.Tensor, error) { return Permute(1, 0)(from) }

// Permute is the Turn that puts the axes of one tensor into another order: axis i
// of the result is axis order[i] of the tensor.
func Permute(order ...int) Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		if len(from) != 1 || len(from[0].Shape()) != len(order) {
			return nil, fmt.Errorf("want one tensor of %d axes", len(order))
		}
		t := from[0]
		in := t.Shape()
		stride := make([]int64, len(in))
		for a, step := len(in)-1, int64(1); a >= 0; a-- {
			stride[a] = step
			step *= int64(in[a])
		}
		shape, by := make(tensor.Shape, len(in)), make([]int64, len(in))
		seen := make([]bool, len(in))
		for i, a := range order {
			if a < 0 || a >= len(in) || seen[a] {
				return nil, fmt.Errorf("%v is no order of %d axes", order, len(in))
			}
			seen[a] = true
			shape[i], by[i] = in[a], stride[a]
		}
		out, err := tensor.TryNew(t.DType(), shape...)
		if err != nil {
			return nil, err
		}
		tensor.Gather(out.Bytes(), t.Bytes(), int64(t.DType().Size()), shape, by)
		return out, nil
	}
}

// Reshape is the Turn that gives one tensor another shape of as many elements.
func Reshape(shape ...int) Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		if len(from) != 1 {
			return nil, fmt.Errorf("want one tensor, got %d", len(from))
		}
		return from[0].Reshape(shape...)
	}
}

// Cut is the Turn that takes rows lo to hi, hi excluded, of one tensor's first axis.
func Cut(lo, hi int) Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		if len(from) != 1 || len(from[0].Shape()) == 0 || lo < 0 || hi < lo || hi > from[0].Shape()[0] {
			return nil, fmt.Errorf("rows %d to %d do not lie in the tensor", lo, hi)
		}
		return from[0].Rows(lo, hi).Clone(), nil // so as not to keep the others
	}
}

// Then is the Turn that does one after the other.
func (t Turn) Then(next Turn) Turn {
	switch {
	case t == nil:
		return next
	case next == nil:
		return t
	}
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		x, err := t(from)
		if err != nil {
			return nil, err
		}
		return next([]*tensor.Tensor{x})
	}
}
