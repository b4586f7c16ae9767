package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	for _, name := range []string{"ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"} {
		ops[name] = op{reduce, 1, floating}
	}
	ops["ReduceProd"] = op{make: noLayer}
	folded["ReduceProd"] = productOf
}

// productOf multiplies the whole numbers of a list, such as the lengths of a shape.
func productOf(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	v := args[0]
	if v.k != nil && (dtypeOf(v.k.code).IsFloat() || len(v.k.shape) > 1) {
		return nil, refuse(n, "it is computed of constants alone, which is done for lists of whole numbers")
	}
	list, err := c.integers(n, v)
	if err != nil {
		return nil, err
	}
	product, rows := 1, 1
	for _, d := range list {
		if isBatches(d) && rows == 1 {
			rows, d = batch, batchesOf(d)
		}
		if d < 0 || d > 0 && product > maxSample/d {
			return nil, refuse(n, "it multiplies %v", said(list))
		}
		product *= d
	}
	if rows == batch && product > 0 {
		product = batches(product)
	}
	return &value{vec: []int{product}, scalar: n.int("keepdims", 1) == 0}, nil
}

// reduce takes the mean, the sum, the largest or the smallest over axes of a sample: a
// global pooling.
func reduce(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := c.unflat(n, args[0])
	axes, given, err := c.axesOf(n, args)
	if err != nil {
		return nil, err
	}
	rank := v.rank()
	if !given || len(axes) == 0 {
		if n.int("noop_with_empty_axes", 0) != 0 {
			return v, nil
		}
		axes = natural(rank - c.first())
	}
	axes = c.behindAll(axes)
	gone := make([]bool, rank)
	count := 1
	ofBatch := !c.whole && v.each == 0 // whether it may go over the batch
	for _, a := range axes {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank || gone[a] || a == v.perm[0] && !ofBatch {
			return nil, refuse(n, "it goes over axes %v of %v; only those of a sample are", axes, v.shape)
		}
		gone[a] = true
		count *= v.shape[a]
	}
	if gone[v.perm[0]] {
		return c.overBatch(n, v, gone, n.int("keepdims", 1) != 0)
	}
	kind := "global_average_pooling"
	if n.op == "ReduceMax" || n.op == "ReduceMin" {
		kind = "global_max_pooling"
	}
	if n.op == "ReduceMin" {
		if v, err = c.scaled(&node{name: v.layer + ".negative"}, []*value{v}, -1, 0); err != nil {
			return nil, err
		}
	}
	// What goes stands in front of what stays.
	perm := []int{v.perm[0]}
	var stay []int
	for _, a := range v.perm[1:] {
		if gone[a] {
			perm = append(perm, a)
		} else {
			stay = append(stay, a)
		}
	}
	var left []int // shape of what stays, as the layer has it
	for _, a := range stay {
		left = append(left, v.shape[a])
	}
	keep := n.int("keepdims", 1) != 0
	if !keep && len(left) == 0 {
		return nil, refuse(n, "nothing of a sample is left but a number")
	}
	if v, err = c.arrange(n, v, append(perm, stay...)); err != nil {
		return nil, err
	}
	gaps := len(axes)
	var out *value
	if len(stay) == 1 && gaps <= 3 { // places and channels
		out = c.emit(n, noun(kind, gaps), spec.Value{Kind: spec.Map}, v)
	} else {
		x := c.shaped(n, ".places", v, []int{count, tensor.Shape(left).Len()})
		out = c.emit(n, noun(kind, 1), spec.Value{Kind: spec.Map}, x)
	}
	if n.op == "ReduceSum" && count != 1 || n.op == "ReduceMin" {
		factor := -1.0
		if n.op == "ReduceSum" {
			factor = float64(count)
		}
		out = c.emit(&node{name: out.layer + ".scale"}, "rescaling", format.Map("scale", factor, "offset", 0.0), out)
	}
	// As the graph has it, axes of length 1 kept or not.
	y := &value{layer: out.layer, code: v.code}
	var inside []int
	if keep {
		y.shape, y.perm = slices.Clone(v.shape), slices.Clone(v.perm)
		for a := range gone {
			if gone[a] {
				y.shape[a] = 1
			}
		}
		inside = y.inside()
	} else {
		place := make([]int, rank)
		next := 0
		for a := range rank {
			if !gone[a] {
				place[a], y.shape = next, append(y.shape, v.shape[a])
				next++
			}
		}
		for _, a := range append([]int{v.perm[0]}, stay...) {
			y.perm = append(y.perm, place[a])
		}
		inside = left
	}
	if !slices.Equal(inside, []int{tensor.Shape(left).Len()}) {
		y.layer = c.emit(&node{name: y.layer + ".shape"}, "reshape", format.Map("target_shape", inside), y).layer
	}
	return y, nil
}
