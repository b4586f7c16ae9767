package onnx

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// Attention over several heads joins axes of the graph with that of the batch, (N·heads,
// steps, …) or (steps·N, …), and takes them apart again. Such a value has its axes apart
// here, and value.joined says how many of them each axis of the graph is: layers are made of
// them as they are, and a reshape that joins computes nothing.

// manyBatches is how many times the number of samples a length may be.
const manyBatches = 1 << 30

// batches stands for k times the number of samples in whole numbers.
func batches(k int) int { return batch + k - 1 }

// isBatches reports whether a whole number stands for the number of samples, or for a
// multiple of it.
func isBatches(d int) bool { return d < batch+manyBatches }

// batchesOf is how many times the number of samples such a whole number is.
func batchesOf(d int) int { return d - batch + 1 }

// symbolic multiplies and divides lists of whole numbers of which some stand for the number
// of samples.
func symbolic(n *node, a, b *value) (*value, error) {
	lists := [2][]int{a.vec, b.vec}
	length := max(len(a.vec), len(b.vec))
	fail := refuse(n, "it computes with the number of samples in a way that no shape is made of")
	for _, l := range lists {
		if len(l) != length && len(l) != 1 {
			return nil, fail
		}
	}
	out := &value{vec: make([]int, length), scalar: a.scalar && b.scalar}
	for i := range out.vec {
		x, y := lists[0][i%len(lists[0])], lists[1][i%len(lists[1])]
		if n.op == "Mul" && isBatches(y) {
			x, y = y, x
		}
		switch k := batchesOf(x); {
		case n.op == "Mul" && isBatches(x) && y > 0 && y < manyBatches/k:
			out.vec[i] = batches(k * y)
		case n.op == "Mul" && !isBatches(x) && !isBatches(y) && max(x, -x, y, -y) < math.MaxInt32:
			out.vec[i] = x * y
		case n.op == "Div" && isBatches(x) && y > 0 && k%y == 0:
			out.vec[i] = batches(k / y)
		case n.op == "Div" && isBatches(x) && isBatches(y) && k%batchesOf(y) == 0:
			out.vec[i] = k / batchesOf(y)
		case n.op == "Div" && !isBatches(x) && y > 0 && !isBatches(y):
			out.vec[i] = x / y
		default:
			return nil, fail
		}
	}
	return out, nil
}

// counted is symbolic of lists of whole numbers, of which one may be a constant.
func (c *converter) counted(n *node, a, b *value) (*value, error) {
	for _, p := range []**value{&a, &b} {
		v := *p
		if v.vec == nil && (v.k == nil || dtypeOf(v.k.code).IsFloat() || len(v.k.shape) > 1 || v.k.shape.Len() > 1024) {
			return nil, nil
		}
	}
	if !slices.ContainsFunc(a.vec, isBatches) && !slices.ContainsFunc(b.vec, isBatches) {
		return nil, nil
	}
	for _, p := range []**value{&a, &b} {
		if v := *p; v.vec == nil {
			list, err := c.integers(n, v)
			if err != nil {
				return nil, err
			}
			*p = &value{vec: list, scalar: len(v.k.shape) == 0}
		}
	}
	return symbolic(n, a, b)
}

// groups are the numbers of axes that the axes of the graph are made of.
func (v *value) groups() []int {
	if v.joined != nil {
		return v.joined
	}
	return slices.Repeat([]int{1}, v.rank())
}

// apart is a value with the axes that it has here.
func (v *value) apart() *value {
	out := *v
	out.joined = nil
	return &out
}

// together has the axes of a value joined so in the graph.
func (v *value) together(groups []int) *value {
	out := *v
	out.joined = nil
	if slices.Max(groups) > 1 {
		out.joined = slices.Clone(groups)
	}
	return &out
}

// lengths are those of the graph's axes; −1 stands for the batch.
func (v *value) lengths() []int {
	if v.joined == nil {
		return v.shape
	}
	var out []int
	at := 0
	for _, n := range v.joined {
		d, rows := 1, false
		for _, l := range v.shape[at : at+n] {
			if l < 0 {
				rows = true
			} else {
				d *= l
			}
		}
		if rows {
			d = batches(d)
		}
		out, at = append(out, d), at+n
	}
	return out
}

// regrouped is a reshape that joins axes of the graph with the batch's, or takes such apart.
func (c *converter) regrouped(n *node, v *value, to []int) (*value, error) {
	fail := refuse(n, "the shape that it makes, %v, of %v takes the batch's axis for something else", said(to), said(v.lengths()))
	to = slices.Clone(to)
	have := v.lengths()
	all := 1
	for _, d := range v.shape {
		if d >= 0 {
			all *= d
		}
	}
	// What is left open follows from the others. A batch of a fixed size is a number in the shape.
	open, known, rows := -1, 1, false
	if all < 1 || all > maxSample || c.rows > 1<<20 {
		return nil, fail
	}
	if c.rows > 0 {
		all *= c.rows
	}
	for i, d := range to {
		if d == 0 && n.int("allowzero", 0) == 0 && i < len(have) {
			if d = have[i]; d == -1 {
				d = batch
			}
		}
		if c.rows > 0 && isBatches(d) {
			d = batchesOf(d) * c.rows
		}
		to[i] = d
		switch {
		case d == -1 && open < 0:
			open = i
			continue
		case isBatches(d) && !rows:
			rows, d = true, batchesOf(d)
		case d < 1 || d > math.MaxInt32:
			return nil, fail
		}
		if known *= d; known > all {
			return nil, fail
		}
	}
	if known == 0 || all%known != 0 || open < 0 && (known != all || c.rows == 0 && !rows) {
		return nil, fail
	}
	if open >= 0 {
		if to[open] = all / known; c.rows == 0 && !rows {
			to[open] = batches(all / known)
		}
	}
	left := slices.Clone(v.shape) // the axes that are not yet part of one
	if c.rows == 1 {              // whose place is found in the end
		left = slices.Delete(left, slices.Index(left, -1), slices.Index(left, -1)+1)
	}
	place := -1 // among the axes, of the first that was put in
	var shape, groups []int
	for _, d := range to {
		want, rows := d, false
		if isBatches(d) {
			want, rows = batchesOf(d), true
		}
		got, size := 1, 0
		for got != want || rows || size == 0 {
			if len(left) == 0 {
				if got != want || rows {
					return nil, fail
				}
				shape, size = append(shape, 1), 1
				if place < 0 {
					place = len(shape) - 1
				}
				break
			}
			l, take := left[0], left[0]
			switch {
			case l < 0 && c.rows > 0:
				l = c.rows
			case l < 0 && rows:
				l, rows = 1, false
			case l < 0 && size == 0 && want == 1:
				shape, size = append(shape, 1), 1
				continue // before the batch
			case l < 0:
				return nil, fail
			}
			switch need := want / got; {
			case need%l == 0:
				left = left[1:]
			case take > 0 && l%need == 0 && need > 1: // a part of the axis
				left[0], l, take = l/need, need, need
			case take > 0 && size == 0 && want == 1:
				shape, size = append(shape, 1), 1
				if place < 0 {
					place = len(shape) - 1
				}
				continue
			default:
				return nil, fail
			}
			got, shape, size = got*l, append(shape, take), size+1
		}
		groups = append(groups, size)
	}
	for _, l := range left {
		if l != 1 {
			return nil, fail
		}
		shape = append(shape, l)
		groups[len(groups)-1]++
	}
	switch { // of one sample: of what has length 1, else in front
	case c.rows == 1 && place >= 0:
		shape[place] = -1
	case c.rows == 1:
		shape = append([]int{-1}, shape...)
		groups[0]++
	}
	// Axes that are joined without the batch's are one.
	var axes, sizes []int
	for _, size := range groups {
		group := shape[:size]
		if shape = shape[size:]; !slices.Contains(group, -1) {
			group = []int{tensor.Shape(group).Len()}
		}
		axes, sizes = append(axes, group...), append(sizes, len(group))
	}
	shape, groups = axes, sizes
	v = c.unflat(n, v.apart())
	v, err := c.arrange(n, v, batchFirst(v.rank(), v.perm[0]))
	if err != nil {
		return nil, err
	}
	out := *v
	out.shape = shape
	out.perm = batchFirst(len(shape), slices.Index(shape, -1))
	if !slices.Equal(out.inside(), v.inside()) {
		if len(out.inside()) == 0 {
			return nil, fail
		}
		out.layer = c.emit(n, "reshape", format.Map("target_shape", out.inside()), v).layer
	}
	return out.together(groups), nil
}

// leading has the batch, of one sample, on the first axis of the graph, wherever it was: of
// a shape that has no more than its 1 to tell it by, any is as good.
func (c *converter) leading(v *value) *value {
	at := v.perm[0]
	if c.rows != 1 || at == 0 {
		return v
	}
	groups := slices.Clone(v.groups())
	for g, end := 0, 0; g < len(groups); g++ {
		if end += groups[g]; at < end {
			if groups[g] == 1 {
				return v
			}
			groups[g]--
			break
		}
	}
	groups[0]++
	return reordered(v.apart(), append([]int{at}, slices.DeleteFunc(natural(v.rank()), func(a int) bool { return a == at })...)).together(groups)
}

// reordered has the axes of the graph in another order.
func reordered(v *value, perm []int) *value {
	out := *v
	out.shape, out.perm = make([]int, len(perm)), make([]int, len(perm))
	for i, a := range perm {
		out.shape[i] = v.shape[a]
		out.perm[slices.Index(v.perm, a)] = i
	}
	return &out
}

// elementwise are the operations that do the same with each number of a value, however its axes lie.
var elementwise = map[string]bool{"Identity": true, "Dropout": true, "Cast": true, "Neg": true, "Sqrt": true, "Elu": true, "LeakyRelu": true, "Selu": true, "Gelu": true, "Clip": true, "HardSigmoid": true}

// merged makes the layer of a node that takes values with joined axes.
func (c *converter) merged(n *node, args []*value, out int) (*value, error) {
	fail := refuse(n, "it takes values whose batch is joined with other axes; that is read of what attention is made of")
	o := ops[n.op]
	if o.make == nil || out > 0 || c.whole {
		return nil, fail
	}
	with := func(args []*value, groups []int) (*value, error) {
		flat := make([]*value, len(args))
		for i, v := range args {
			if flat[i] = v; v != nil && v.isAct() {
				flat[i] = v.apart()
			}
		}
		if err := o.check(n, flat); err != nil {
			return nil, err
		}
		v, err := o.make(c, n, flat, 0)
		if err != nil {
			return nil, err
		}
		return v.together(groups), nil
	}
	v := args[0]
	switch {
	case len(args) == 1 && (elementwise[n.op] || ofOne(n.op)), n.op == "Clip" || n.op == "Dropout":
		return with(args, v.groups())
	case n.op == "Reshape":
		to := n.ints("shape")
		var err error
		if len(args) > 1 {
			if to, err = c.integers(n, args[1]); err != nil {
				return nil, err
			}
		}
		if len(to) == 0 || len(to) > maxAxes {
			return nil, refuse(n, "it makes shape %v", said(to))
		}
		return c.regrouped(n, v, to)
	case n.op == "Transpose":
		groups := v.groups()
		perm, err := permOf(n, len(groups))
		if err != nil {
			return nil, err
		}
		var axes, sizes []int
		for _, g := range perm {
			begin := 0
			for _, s := range groups[:g] {
				begin += s
			}
			for i := range groups[g] {
				axes = append(axes, begin+i)
			}
			sizes = append(sizes, groups[g])
		}
		return reordered(c.unflat(n, v.apart()), axes).together(sizes), nil
	case n.op == "Softmax" || n.op == "LogSoftmax":
		groups := v.groups()
		if axis := n.int("axis", -1); axis != -1 && axis != len(groups)-1 || c.m.opset < 13 && axis == -1 && n.attrs["axis"] == nil || groups[len(groups)-1] != 1 {
			return nil, fail
		}
		last := *n
		last.attrs = map[string]*attr{"axis": {i: int64(v.rank() - 1)}}
		n = &last
		return with(args, groups)
	case n.op == "MatMul" && args[0].isAct() && args[1].isAct():
		a, b := c.leading(args[0]), c.leading(args[1])
		x, y := a.groups(), b.groups()
		k := len(x) - 2
		if k < 1 || len(y) != len(x) || !slices.Equal(x, y) || x[k] != 1 || x[k+1] != 1 || !slices.Equal(a.shape[:a.rank()-2], b.shape[:b.rank()-2]) {
			return nil, fail
		}
		return with([]*value{a, b}, x)
	case (n.op == "MatMul" || n.op == "Gemm") && args[0].isAct() && !args[1].isAct():
		v = c.leading(v)
		if groups := v.groups(); groups[len(groups)-1] != 1 || n.op == "Gemm" && n.int("transA", 0) != 0 {
			return nil, fail
		}
		if n.op == "MatMul" {
			return with([]*value{v, args[1]}, v.groups())
		}
		w, err := c.weight(n, args[1])
		if err != nil {
			return nil, err
		}
		x, err := c.ending(n, v.apart())
		if err != nil {
			return nil, err
		}
		y, err := c.dense(n, x, w, n.int("transB", 0) != 0, n.float("alpha", 1))
		if err == nil && len(args) > 2 && args[2] != nil {
			if args[2].isAct() || args[2].k == nil || len(args[2].k.shape) > 1 {
				return nil, fail
			}
			y, err = c.affine(n, y, args[2], "beta", times(n.float("beta", 1)))
		}
		if err != nil {
			return nil, err
		}
		return y.together(v.groups()), nil
	case len(args) == 2 && (n.op == "Add" || n.op == "Sub" || n.op == "Mul" || n.op == "Div"):
		a, b := args[0], args[1]
		switch {
		case a.isAct() && b.isAct():
			if a, b = c.leading(a), c.leading(b); !slices.Equal(a.groups(), b.groups()) || !slices.Equal(a.shape, b.shape) {
				return nil, fail
			}
			return with([]*value{a, b}, a.groups())
		case !a.isAct():
			a, b = b, a
		}
		// A constant goes with the last axes of the graph, each of which is one here.
		var shape tensor.Shape
		if b.k != nil {
			shape = b.k.shape
		}
		groups := a.groups()
		for i := range shape {
			if g := len(groups) - len(shape) + i; shape[i] != 1 && (g < 0 || groups[g] != 1) {
				return nil, fail
			}
		}
		if len(shape) > 1 && slices.Max(groups[max(0, len(groups)-len(shape)):]) > 1 {
			return nil, fail
		}
		return with(args, groups)
	}
	return nil, fail
}
