package onnx

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// Constants that a graph makes as many rows of as its batch has samples, such as the zeros
// that a recurrent operation begins with: they have one here, and value.rows says on which
// axis.

// spreads are the operations that take such constants.
var spreads = map[string]bool{"Identity": true, "Dropout": true, "Cast": true, "Unsqueeze": true, "Squeeze": true, "Transpose": true, "Concat": true, "Slice": true, "Gather": true, "Expand": true,
	"Shape": true, "Add": true, "Sub": true, "Mul": true, "Div": true, "Pow": true, "LSTM": true, "GRU": true, "RNN": true, "Gemm": true, "MatMul": true}

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
	if !some || !slices.Contains([]string{"Add", "Sub", "Mul", "Div", "Pow", "Where", "Concat"}, n.op) {
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
		if !ok || n.op == "Concat" && (v == nil || v.rows == 0 && !v.isAct()) {
			return refuse(n, "the rows of a constant, as many as the batch has samples, stand beside something else")
		}
	}
	return nil
}

// besideRows makes of a constant of as many rows as the batch has samples what is joined to a
// value along an axis of the graph: as much of the value, times 0, plus the constant.
func (c *converter) besideRows(n *node, v, k *value, axis int) (*value, error) {
	v = c.unflat(n, v)
	shape := k.k.shape
	a, j, err := c.sampleAxis(n, v, axis)
	if err != nil {
		return nil, err
	}
	if len(shape) != v.rank() || shape[a] < 1 || shape[a] > maxTimes*v.shape[a] {
		return nil, refuse(n, "a constant of shape %v is joined to values of shape %v", shape, v.shape)
	}
	for i, d := range v.shape {
		if i != a && i != v.perm[0] && d != shape[i] {
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: shapes %v and %v do not go together", n.what(), v.shape, shape)}
		}
	}
	var parts []*value
	for left := shape[a]; left > 0; left -= v.shape[a] {
		parts = append(parts, c.cut(&node{name: nameOf(n) + ".like"}, v, a, j, 0, min(left, v.shape[a])))
	}
	x := parts[0]
	if len(parts) > 1 {
		x = c.emit(&node{name: nameOf(n) + ".wide"}, "concatenate", format.Map("axis", j), x)
		c.last().In = layersOf(parts)
	}
	x = c.emit(&node{name: nameOf(n) + ".none"}, activation, format.Map("activation", format.Map("name", "clip", "min", 0, "max", 0)), x)
	x.shape = slices.Clone(v.shape)
	x.shape[a], x.code = shape[a], v.code
	return c.affine(&node{name: nameOf(n) + ".constant", op: n.op}, x, &value{k: k.k}, "beta", nil)
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
	out, err := c.derived(n, k, shape, func(from []*tensor.Tensor) (*tensor.Tensor, error) {
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
	if err != nil {
		return nil, err
	}
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
	from := append(tensor.Shape(slices.Repeat([]int{1}, rank-len(k.shape))), k.shape...) // of what is repeated
	rows := 0
	if args[0].rows > 0 {
		rows = args[0].rows + rank - len(k.shape)
	}
	shape := from.Clone()
	for i, d := range to {
		a := i + rank - len(to)
		if d == batch && from[a] > 1 && from[a] != c.rows { // zeros for as many samples as the exporter had
			none, err := c.zero(k)
			if err != nil {
				return nil, err
			}
			if none {
				from[a], shape[a] = 1, 1
			}
		}
		switch {
		case d == batch && c.rows > 1 && from[a] == c.rows: // the graph fixes it
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
	out, err := c.derived(n, k, shape, format.Turn(func(t []*tensor.Tensor) (*tensor.Tensor, error) {
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
	if err != nil {
		return nil, err
	}
	return withRows(out, rows), nil
}

// solid makes whole numbers of a shape a constant, unless the number of samples is among
// them.
func solid(n *node, v *value) (*value, error) {
	if v.k != nil {
		return v, nil
	}
	if v.vec == nil || slices.ContainsFunc(v.vec, isBatches) {
		return nil, refuse(n, "it computes with the number of samples, which is not known before it runs")
	}
	shape := tensor.Shape{len(v.vec)}
	if v.scalar {
		shape = tensor.Shape{}
	}
	return &value{k: &constant{name: n.out[0] + ".numbers", code: 7, shape: shape, read: func() (*tensor.Tensor, error) {
		t, err := tensor.TryNew(tensor.Int64, shape...)
		if err == nil {
			for i, x := range v.vec {
				t.SetFlat(i, float64(x))
			}
		}
		return t, err
	}}}, nil
}

// chosen compares whole numbers, or chooses between two of them by what was compared: a
// shape is made so where some of its lengths are left open.
func chosen(c *converter, n *node, args []*value) (*value, error) {
	wants := map[string]int{"Equal": 2, "Where": 3}[n.op]
	if err := need(n, args, wants); err != nil {
		return nil, err
	}
	args = args[:wants]
	length, scalar := 1, true
	lists := make([][]int, len(args))
	for i, v := range args {
		if v.k != nil && (dtypeOf(v.k.code).IsFloat() || len(v.k.shape) > 1) {
			return nil, refuse(n, "it is computed of constants alone, which is done for lists of whole numbers")
		}
		var err error
		if lists[i], err = c.integers(n, v); err != nil {
			return nil, err
		}
		scalar = scalar && (v.scalar || v.k != nil && len(v.k.shape) == 0)
		if length == 1 {
			length = len(lists[i])
		}
		if len(lists[i]) != length && len(lists[i]) != 1 {
			return nil, refuse(n, "it joins lists of %d and %d whole numbers", length, len(lists[i]))
		}
	}
	out := &value{vec: make([]int, length), scalar: scalar}
	for i := range out.vec {
		at := func(k int) int { return lists[k][i%len(lists[k])] }
		switch {
		case n.op == "Where" && at(0) != 0:
			out.vec[i] = at(1)
		case n.op == "Where":
			out.vec[i] = at(2)
		case at(0) == at(1):
			out.vec[i] = 1
		}
	}
	return out, nil
}

// productConstant multiplies two matrices of constants, and adds a third.
func productConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 2); err != nil {
		return nil, err
	}
	a, b := args[0].k, args[1].k
	ta, tb := n.int("transA", 0) != 0, n.int("transB", 0) != 0
	if a == nil || b == nil || len(a.shape) != 2 || len(b.shape) != 2 || a.code != b.code || !dtypeOf(a.code).IsFloat() || args[1].rows > 0 || args[0].rows > 0 && (ta || args[0].rows != 1) {
		return nil, refuse(n, "it is computed of constants alone, which is done for two matrices of floats")
	}
	m, k, k2, p := a.shape[0], a.shape[1], b.shape[0], b.shape[1]
	if ta {
		m, k = k, m
	}
	if tb {
		k2, p = p, k2
	}
	if k != k2 || m*p > maxFold {
		return nil, refuse(n, "matrices of shapes %v and %v are multiplied", a.shape, b.shape)
	}
	if err := c.work(n, m*p); err != nil {
		return nil, err
	}
	if c.effort += m * p / 1024 * k; m > 0 && p > 0 && (k > maxFold/m/p*256 || c.effort > maxEffort) {
		return nil, refuse(n, "matrices of shapes %v and %v are multiplied, which takes too long", a.shape, b.shape)
	}
	x, _, ok, err := c.numbers(args[0])
	if err != nil {
		return nil, err
	}
	y, _, ok2, err := c.numbers(args[1])
	if err != nil {
		return nil, err
	}
	var add []float64
	var shape tensor.Shape
	ok3 := true
	if len(args) > 2 && args[2] != nil {
		if add, shape, ok3, err = c.numbers(args[2]); err != nil {
			return nil, err
		}
		if whole, err := broadcast(n, shape, []int{m, p}); err != nil || !slices.Equal(whole, []int{m, p}) {
			return nil, refuse(n, "a constant of shape %v is added to a matrix of shape %v", shape, []int{m, p})
		}
	}
	if !ok || !ok2 || !ok3 {
		return nil, refuse(n, "it computes with constants that are too large")
	}
	alpha, beta := n.float("alpha", 1), n.float("beta", 1)
	out, err := tensor.TryNew(dtypeOf(a.code), m, p)
	if err != nil {
		return nil, err
	}
	for i := range m {
		for j := range p {
			sum := 0.0
			for q := range k {
				u, v := i*k+q, q*p+j
				if ta {
					u = q*m + i
				}
				if tb {
					v = j*k + q
				}
				sum += x[u] * y[v]
			}
			sum *= alpha
			if add != nil {
				sum += beta * add[locate(i*p+j, []int{m, p}, shape)]
			}
			out.SetFlat(i*p+j, sum)
		}
	}
	return withRows(&value{k: &constant{name: n.out[0], code: a.code, shape: tensor.Shape{m, p}, learned: a.learned || b.learned, read: func() (*tensor.Tensor, error) { return out.Clone(), nil }}}, args[0].rows), nil
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
	return c.derived(n, k, shape, format.Reshape(shape...))
}
