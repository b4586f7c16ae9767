package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// pointwise are the operations, beside the simple activations, that take values which all
// samples of a batch have in common: what they make of an element depends on elements alone.
var pointwise = map[string]bool{"Add": true, "Sub": true, "Mul": true, "Div": true, "Pow": true, "Sqrt": true, "Reciprocal": true, "Neg": true, "Max": true, "Min": true, "Sum": true, "Mean": true,
	"Clip": true, "Identity": true, "Where": true}

// beside makes a layer of an operation of which an input is one value for all samples.
func (c *converter) beside(n *node, args []*value, o op) (*value, error) {
	all := true
	for _, v := range args {
		if v == nil || !v.isAct() {
			continue
		}
		all = all && v.shared != sole
		if v.shared == bare || !pointwise[n.op] && !ofOne(n.op) {
			return nil, refuse(n, "it takes what is one for all samples of a batch, for which there is no layer")
		}
	}
	if err := c.rowed(n, args); err != nil {
		return nil, err
	}
	if err := o.check(n, args); err != nil {
		return nil, err
	}
	v, err := o.make(c, n, args, 0)
	if err != nil {
		return nil, err
	}
	out := *v
	if out.shared = sole; all {
		out.shared = stretched
	}
	return &out, c.bounded(n, &out)
}

// overBatch is the mean over the batch and axes of a sample.
func (c *converter) overBatch(n *node, v *value, gone []bool, keep bool) (*value, error) {
	if n.op != "ReduceMean" || v.shared != sole {
		return nil, refuse(n, "it goes over the batch, which is done for the mean alone")
	}
	perm, count := []int{v.perm[0]}, 1
	var stay, left []int
	for a, d := range v.shape {
		switch {
		case a == v.perm[0]:
		case gone[a]:
			perm, count = append(perm, a), count*d
		default:
			stay, left = append(stay, a), append(left, d)
		}
	}
	v, err := c.arrange(n, v, append(perm, stay...))
	if err != nil {
		return nil, err
	}
	features := tensor.Shape(left).Len()
	y := *c.emit(n, "batch_mean", spec.Value{Kind: spec.Map}, c.shaped(n, ".places", v, []int{count, features}))
	if keep {
		y.shared, y.shape = stretched, slices.Clone(v.shape)
		for a := range gone {
			if gone[a] && a != v.perm[0] {
				y.shape[a] = 1
			}
		}
	} else {
		y.shared, y.shape = bare, append([]int{-1}, left...)
		y.perm = natural(len(y.shape))
	}
	if inside := y.inside(); !slices.Equal(inside, []int{features}) {
		y.layer = c.emit(&node{name: y.layer + ".shape"}, "reshape", format.Map("target_shape", inside), &y).layer
	}
	return &y, nil
}
