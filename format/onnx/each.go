package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// perStep are the operations that are read where steps have become samples of their own,
// beside the simple activations: each becomes a layer that is applied to every step.
var perStep = map[string]bool{"Conv": true, "ConvTranspose": true, "MaxPool": true, "AveragePool": true, "GlobalAveragePool": true, "GlobalMaxPool": true, "BatchNormalization": true,
	"LayerNormalization": true, "LRN": true, "Pad": true, "Resize": true, "Elu": true, "Celu": true, "Selu": true, "LeakyRelu": true, "HardSigmoid": true, "Gelu": true, "ThresholdedRelu": true,
	"Shrink": true, "PRelu": true, "Clip": true, "Softmax": true, "LogSoftmax": true, "Flatten": true, "Reshape": true, "Transpose": true, "Gemm": true, "MatMul": true, "Add": true, "Sub": true,
	"Mul": true, "Div": true, "Pow": true, "Dropout": true, "Identity": true}

// stepped is a reshape that makes the steps of samples, (N, steps, …), samples of their
// own, (N·steps, …), or takes that back. It is nil where the reshape is neither.
func (c *converter) stepped(n *node, v *value, to []int) (*value, error) {
	if c.whole || len(to) < 2 || to[0] != -1 || slices.ContainsFunc(to[1:], func(d int) bool { return d < 1 }) {
		return nil, nil
	}
	size, err := tensor.Shape(to[1:]).Elems()
	if err != nil {
		return nil, nil
	}
	apart := v.each == 0 && v.rank() > 2 && size != v.sample() && size*v.shape[1] == v.sample()
	back := v.each > 0 && len(to) > 2 && to[1] == v.each && size == v.each*v.sample()
	if !apart && !back {
		return nil, nil
	}
	if v, err = c.arrange(n, v, natural(v.rank())); err != nil {
		return nil, err
	}
	out := *v
	step := to[1:]
	if apart {
		out.each, out.shape = v.shape[1], append([]int{-1}, v.shape[2:]...)
		out.perm = natural(len(out.shape))
	} else {
		step = to[2:]
	}
	if !slices.Equal(out.inside(), step) {
		out.layer = c.emit(n, "reshape", format.Map("target_shape", step), &out).layer
	}
	if back {
		out.each = 0
	}
	out.shape, out.perm = slices.Clone(to), natural(len(to))
	return &out, nil
}
