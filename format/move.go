package format

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// A Move is a [Turn] of one tensor that puts its numbers elsewhere, each once, and changes
// none: in row-major order along the axes of a shape, along axis i of which one number lies
// Strides[i] behind the other in the tensor. What is described so is done while the tensor
// is read, and takes no memory beside the result.
type Move struct {
	Shape   tensor.Shape
	Strides []int64 // in elements
}

// Reorder is the Move of a tensor of that shape that puts its axes into another order: axis
// i of the result is axis order[i] of the tensor.
func Reorder(shape tensor.Shape, order ...int) *Move {
	m := &Move{make(tensor.Shape, len(order)), make([]int64, len(order))}
	strides := tensor.RowMajor(shape)
	for i, a := range order {
		m.Shape[i], m.Strides[i] = shape[a], strides[a]
	}
	return m
}

// channelsLast is the Move after which the rows of what m gives, a matrix, which are numbers
// of a flattened sample with its channels first, have them last as the sample has.
func (m *Move) channelsLast(sample tensor.Shape) *Move {
	first, order := channelsLast(sample)
	rows := Reorder(first, order...)
	for i := range rows.Strides {
		rows.Strides[i] *= m.Strides[0]
	}
	return &Move{append(rows.Shape, m.Shape[1]), append(rows.Strides, m.Strides[1])}
}

// covers says whether a tensor of n numbers has each of them once among those moved.
func (m *Move) covers(n int) error {
	if len(m.Shape) != len(m.Strides) {
		return fmt.Errorf("a move along %d axes has %d strides", len(m.Shape), len(m.Strides))
	}
	if have, err := m.Shape.Elems(); err != nil || have != n {
		return fmt.Errorf("%d numbers cannot be moved to the shape %v", n, m.Shape)
	}
	step := int64(1)
	for _, a := range m.outward() {
		if m.Shape[a] != 1 && m.Strides[a] != step && n > 0 {
			return fmt.Errorf("strides %v do not lead to each number of the shape %v once", m.Strides, m.Shape)
		}
		step *= int64(m.Shape[a])
	}
	return nil
}

// outward are the axes of more than one element from the smallest stride on.
func (m *Move) outward() []int {
	var axes []int
	for a, n := range m.Shape {
		if n != 1 {
			axes = append(axes, a)
		}
	}
	slices.SortFunc(axes, func(a, b int) int { return cmp.Compare(m.Strides[a], m.Strides[b]) })
	return axes
}

// turn is the move as a Turn into a shape.
func (m *Move) turn(shape tensor.Shape) Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		if len(from) != 1 {
			return nil, fmt.Errorf("want one tensor, got %d", len(from))
		}
		if err := m.covers(from[0].Len()); err != nil {
			return nil, err
		}
		out, err := tensor.TryNew(from[0].DType(), shape...)
		if err == nil {
			tensor.Gather(out.Bytes(), from[0].Bytes(), int64(out.DType().Size()), m.Shape, m.Strides)
		}
		return out, err
	}
}

// bands says how a tensor is cut: into bands of about so many bytes, or of so many rows, so
// that what is written of each row of the result is not too short, but never much more than
// most.
type bands struct{ bytes, rows, most int }

// usual are bands that stay in cache from being read to being moved.
var usual = bands{bytes: 512 << 10, rows: 64, most: 8 << 20}

// stream reads a tensor in bands and moves each to its place.
func (m *Move) stream(t Tensor, shape tensor.Shape, cut bands, forget func()) (*tensor.Tensor, error) {
	out, err := tensor.TryNew(t.DType, shape...)
	if err != nil {
		return nil, err
	}
	// Bands are rows along the outermost axis of the tensor of which one element is no
	// larger than they may be.
	size, axes := t.DType.Size(), m.outward()
	at := len(axes) - 1
	for at > 0 && m.Strides[axes[at]] > int64(cut.most/size) {
		at--
	}
	along, outer := axes[at], axes[at+1:]
	unit, n, to := int(m.Strides[along])*size, m.Shape[along], tensor.RowMajor(m.Shape)
	some := m.Shape.Clone()
	for _, a := range outer {
		some[a] = 1
	}
	rows := max(1, max(cut.bytes, min(cut.most, cut.rows*unit))/unit)
	rows -= rows % min(rows, cut.rows)
	done, since := 0, 0 // rows, and bytes since memory was last given back
	err = t.Bands(rows*unit, func(b []byte) {
		since += len(b)
		for len(b) >= unit {
			i, rest := done%n, done/n
			k := min(len(b)/unit, n-i)
			where := int64(i) * to[along]
			for _, a := range outer {
				where += int64(rest%m.Shape[a]) * to[a]
				rest /= m.Shape[a]
			}
			some[along] = k
			tensor.Move(out.Bytes()[where*int64(size):], b, int64(size), some, to, m.Strides)
			b, done = b[k*unit:], done+k
		}
		if since >= cut.most/2 && forget != nil {
			forget()
			since = 0
		}
	})
	if err == nil && done*unit != len(out.Bytes()) {
		err = fmt.Errorf("tensor %q: %d bytes were read, its shape %v takes %d", t.Name, done*unit, t.Shape, len(out.Bytes()))
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
