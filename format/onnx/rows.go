package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// Constants that a graph makes as many rows of as its batch has samples, such as the zeros
// that a recurrent operation begins with: they have one here, and value.rows says on which
// axis.

// spreads are the operations that take such constants.
var spreads = map[string]bool{"Identity": true, "Dropout": true, "Cast": true, "Unsqueeze": true, "Squeeze": true, "Transpose": true, "Concat": true, "Slice": true, "Gather": true, "Expand": true,
	"Shape": true, "Add": true, "Sub": true, "Mul": true, "Div": true, "Pow": true, "LSTM": true, "GRU": true, "RNN": true}

// rowed checks that a node takes rows of constants for nothing but those of a batch.
func (c *converter) rowed(n *node, args []*value) error {
	at, some := 0, false // how far from the end the rows stand
	for _, v := range args {
		if v == nil || v.rows == 0 {
			continue
		}
		if !spreads[n.op] || c.whole || v.k == nil {
			return refuse(n, "it takes a constant of as many rows as the batch has samples")
		}
		at, some = len(v.k.shape)-v.rows, true
	}
	if !some || !slices.Contains([]string{"Add", "Sub", "Mul", "Div", "Pow", "Concat"}, n.op) {
		return nil
	}
	for _, v := range args {
		ok := true
		switch {
		case v == nil:
		case v.isAct():
			ok = v.rank()-1-v.perm[0] == at
		case v.rows > 0:
			ok = len(v.k.shape)-v.rows == at
		case v.k != nil:
			i := len(v.k.shape) - 1 - at
			ok = i < 0 || v.k.shape[i] == 1
		}
		if !ok || n.op == "Concat" && (v == nil || v.rows == 0) {
			return refuse(n, "the rows of a constant, as many as the batch has samples, stand beside something else")
		}
	}
	return nil
}

// withRows says that an axis of a constant is the batch's.
func withRows(v *value, rows int) *value {
	if v.k != nil {
		v.rows = rows
	}
	return v
}

// picked takes places of an axis of a constant. Where that is the batch's, all are.
func (c *converter) picked(n *node, v *value, axis int, at []int) (*value, error) {
	k := v.k
	if axis < 0 {
		axis += len(k.shape)
	}
	if axis < 0 || axis >= len(k.shape) {
		return nil, refuse(n, "axis %d is none of a constant of shape %v", axis, k.shape)
	}
	if v.rows == axis+1 {
		return nil, refuse(n, "it takes some of as many rows as the batch has samples")
	}
	size := k.shape[axis]
	for _, i := range at {
		if i < 0 || i >= size {
			return nil, refuse(n, "place %d of %d is taken", i, size)
		}
	}
	shape := k.shape.Clone()
	shape[axis] = len(at)
	if elems, err := shape.Elems(); err != nil || elems > maxFold && elems > k.shape.Len() {
		return nil, refuse(n, "its result is too large")
	}
	outer := k.shape[:axis].Len()
	out := derived(n, k, shape, func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		x, err := tensor.TryNew(from[0].DType(), shape...)
		if err != nil {
			return nil, err
		}
		src, dst := from[0].Bytes(), x.Bytes()
		width := k.shape[axis+1:].Len() * from[0].DType().Size()
		for o := range outer {
			for j, i := range at {
				copy(dst[(o*len(at)+j)*width:][:width], src[(o*size+i)*width:])
			}
		}
		return x, nil
	})
	return withRows(out, v.rows), nil
}

// expandConstant repeats a constant along axes of length 1. The batch's stays as it is.
func expandConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 2); err != nil {
		return nil, err
	}
	k := args[0].k
	to, err := c.integers(n, args[1])
	if err != nil {
		return nil, err
	}
	if k == nil || len(to) > maxAxes {
		return nil, refuse(n, "whole numbers of a shape are repeated, or to shape %v", said(to))
	}
	rank := max(len(to), len(k.shape))
	from := append(tensor.Shape(slices.Repeat([]int{1}, rank-len(k.shape))), k.shape...)
	rows := 0
	if args[0].rows > 0 {
		rows = args[0].rows + rank - len(k.shape)
	}
	shape := from.Clone()
	for i, d := range to {
		a := i + rank - len(to)
		switch {
		case d == batch && from[a] == 1 && (rows == 0 || rows == a+1):
			rows = a + 1
		case d == batch || d < 1 || d > maxFilled || from[a] != 1 && d != 1 && d != from[a] || rows == a+1 && d != 1:
			return nil, refuse(n, "a constant of shape %v gets shape %v", k.shape, said(to))
		case from[a] == 1:
			shape[a] = d
		}
	}
	elems, err := shape.Elems()
	if err != nil || elems > maxFilled {
		return nil, refuse(n, "its result of shape %v is too large", shape)
	}
	if elems != k.shape.Len() {
		if err := c.fill(n, elems); err != nil {
			return nil, err
		}
	}
	out := derived(n, k, shape, format.Turn(func(t []*tensor.Tensor) (*tensor.Tensor, error) {
		if elems == t[0].Len() {
			return t[0].Reshape(shape...)
		}
		x, err := tensor.TryNew(t[0].DType(), shape...)
		if err != nil {
			return nil, err
		}
		w := x.DType().Size()
		for i := range elems {
			j := locate(i, shape, from)
			copy(x.Bytes()[i*w:(i+1)*w], t[0].Bytes()[j*w:])
		}
		return x, nil
	}))
	return withRows(out, rows), nil
}

// flattenConstant makes a matrix of a constant.
func flattenConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	k := args[0].k
	if k == nil {
		return nil, refuse(n, "whole numbers of a shape are flattened")
	}
	axis := n.int("axis", 1)
	if axis < 0 {
		axis += len(k.shape)
	}
	if axis < 0 || axis > len(k.shape) {
		return nil, refuse(n, "it flattens from axis %d of %d on", axis, len(k.shape))
	}
	shape := tensor.Shape{k.shape[:axis].Len(), k.shape[axis:].Len()}
	return derived(n, k, shape, format.Reshape(shape...)), nil
}
