package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
)

func init() { ops["LayerNormalization"] = layerNorm }

// layerNorm normalizes along the last axis.
func layerNorm(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	if err := need(n, args, 2); err != nil {
		return nil, err
	}
	last := v.rank() - 1
	if axis := n.int("axis", -1); axis != -1 && axis != last || v.perm[0] == last {
		return nil, refuse(n, "it normalizes over the axes from %d on; only the last is a layer", axis)
	}
	perm := append(slices.DeleteFunc(slices.Clone(v.perm), func(a int) bool { return a == last }), last)
	if v, err = c.arrange(n, v, perm); err != nil {
		return nil, err
	}
	fields := format.Map("epsilon", n.float("epsilon", 1e-5))
	var params []format.Part
	for i, leaf := range []string{"gamma", "beta"} {
		if i+1 >= len(args) || args[i+1] == nil {
			fields = fields.With("center", no)
			continue
		}
		w, err := c.weight(n, args[i+1])
		if err != nil {
			return nil, err
		}
		if w.shape.Len() != v.shape[last] {
			return nil, refuse(n, "its weights have shape %v for values of shape %v", w.shape, v.shape)
		}
		params = append(params, format.Part{Leaf: leaf, From: []string{w.name}, Make: format.Reshape(v.shape[last])})
	}
	return c.emit(n, "layer_normalization", fields, v, params...), nil
}
