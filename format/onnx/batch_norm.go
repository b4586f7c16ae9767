package onnx

import (
	"fmt"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
)

func init() { ops["BatchNormalization"] = op{batchNorm, 5, floating} }

// batchNorm normalizes each channel: at prediction with the statistics that are given, in
// training with the batch's own.
func batchNorm(c *converter, n *node, args []*value, out int) (*value, error) {
	v := args[0]
	var err error
	used := 0
	for _, out := range n.out {
		if out != "" {
			used++
		}
	}
	training := n.int("training_mode", 0) != 0 && c.m.opset >= 14
	if c.m.opset < 7 && n.int("is_test", 0) == 0 || used > 1 && !training || out > 2 {
		return nil, refuse(n, "it gives statistics of the batch, in the way of operator sets before 14: this is the graph of training; export the one of prediction")
	}
	if n.int("spatial", 1) == 0 || v.rank() < 2 {
		return nil, refuse(n, "it has statistics of its own for each place")
	}
	if v, err = c.arrange(n, v, channelsLast(v.rank())); err != nil {
		return nil, err
	}
	leaves := []string{"gamma", "beta", "moving_mean", "moving_variance"}
	if training {
		leaves = leaves[:2]
	}
	var params []format.Part
	for i, leaf := range leaves {
		w, err := c.weight(n, args[i+1])
		if err != nil {
			return nil, err
		}
		if len(w.shape) != 1 || w.shape[0] != v.shape[1] {
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: %s of shape %v for values of shape %v", n.what(), leaf, w.shape, v.shape)}
		}
		params = append(params, format.Part{Leaf: leaf, From: []string{w.name}})
	}
	momentum, eps := n.float("momentum", 0.9), n.float("epsilon", 1e-5)
	switch {
	case out > 0:
		return c.running(n, v, args[out+2], out, momentum)
	case training:
		c.warn("%s: it normalizes with the statistics of the batch, at prediction too: what it makes of a sample depends on those beside it; export the graph of prediction, where that is what is wanted", n.what())
		x := c.emit(&node{name: nameOf(n) + ".standardize"}, "batch_standardize", format.Map("epsilon", eps), v)
		return c.emit(n, "affine", spec.Value{Kind: spec.Map}, x, params...), nil
	}
	fields := format.Map("epsilon", eps)
	if momentum > 0 && momentum <= 1 {
		fields = fields.With("momentum", spec.Num(momentum))
	}
	return c.emit(n, "batch_normalization", fields, v, params...), nil
}

// running is a statistic that follows the batch's, which all samples of that have in common:
// given·momentum + batch's·(1 − momentum).
func (c *converter) running(n *node, v, given *value, out int, momentum float64) (*value, error) {
	name := n.out[out]
	x := c.emit(&node{name: name + ".batch"}, []string{1: "batch_mean", 2: "batch_variance"}[out], spec.Value{Kind: spec.Map}, v)
	x.shape, x.perm, x.shared = []int{-1, v.shape[1]}, natural(2), bare
	x, err := c.scaled(&node{name: name + ".share"}, []*value{x}, 1-momentum, 0)
	if err != nil {
		return nil, err
	}
	w, err := c.weight(n, given)
	if err != nil {
		return nil, err
	}
	return c.emit(&node{name: name}, "affine", format.Map("trainable", false, "scale", false), x, format.Part{Leaf: "beta", From: []string{w.name}, Make: times(momentum)}), nil
}
