package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	ops["LayerNormalization"], several["LayerNormalization"] = op{layerNorm, 2, floating}, true
}

// layerNorm normalizes over the last axes.
func layerNorm(c *converter, n *node, args []*value, out int) (*value, error) {
	v := args[0]
	var err error
	rank := v.rank()
	axis := c.axis(n, "axis", -1)
	if axis < 0 {
		axis += rank
	}
	if axis < 1 || axis >= rank || v.perm[0] >= axis {
		return nil, refuse(n, "it normalizes over the axes from %d on, among which is the batch's", n.int("axis", -1))
	}
	v = c.unflat(n, v)
	if out > 0 {
		return c.statistics(n, v, axis, out)
	}
	if v, err = c.arrange(n, v, append([]int{v.perm[0]}, slices.DeleteFunc(natural(rank), func(a int) bool { return a == v.perm[0] })...)); err != nil {
		return nil, err
	}
	last := tensor.Shape(v.shape[axis:]).Len()
	fields := format.Map("epsilon", n.float("epsilon", 1e-5))
	var params []format.Part
	for i, leaf := range []string{"gamma", "beta"} {
		if i+1 >= len(args) || args[i+1] == nil {
			fields = fields.With("center", spec.Flag(false))
			continue
		}
		w, err := c.weight(n, args[i+1])
		if err != nil {
			return nil, err
		}
		if w.shape.Len() != last {
			return nil, refuse(n, "its weights have shape %v for values of shape %v", w.shape, v.shape)
		}
		params = append(params, format.Part{Leaf: leaf, From: []string{w.name}, Make: format.Reshape(last)})
	}
	dims := v.inside()
	flat := append(slices.Clone(dims[:axis-1]), last)
	x := c.shaped(n, ".features", v, flat)
	x = c.emit(n, "layer_normalization", fields, x, params...)
	y := *v
	y.layer = x.layer
	if !slices.Equal(flat, dims) {
		y.layer = c.emit(&node{name: x.layer + ".shape"}, "reshape", format.Map("target_shape", dims), x).layer
	}
	return &y, nil
}
