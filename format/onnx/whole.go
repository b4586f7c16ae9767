package onnx

// wholly are the operations that are read of a graph without an axis for a batch, beside the
// simple activations: those whose axes can be told from one that is put in front of them.
var wholly = map[string]bool{"Softmax": true, "LogSoftmax": true, "Concat": true, "Split": true, "Gather": true, "Flatten": true, "Reshape": true, "Transpose": true, "Squeeze": true, "Unsqueeze": true,
	"Slice": true, "Expand": true, "Tile": true, "ReduceMean": true, "ReduceMax": true, "ReduceMin": true, "ReduceSum": true, "LayerNormalization": true, "MatMul": true, "Gemm": true,
	"Add": true, "Sub": true, "Mul": true, "Div": true, "Sum": true, "Max": true, "Min": true, "Mean": true, "Neg": true, "Pow": true, "Sqrt": true, "Reciprocal": true, "Identity": true, "Dropout": true,
	"Cast": true, "Shape": true, "Pad": true, "Clip": true, "Elu": true, "Celu": true, "LeakyRelu": true, "Selu": true, "HardSigmoid": true, "Gelu": true, "ThresholdedRelu": true, "Shrink": true,
	"Where": true, "Greater": true, "GreaterOrEqual": true, "Less": true, "LessOrEqual": true, "Equal": true, "And": true, "Or": true, "Xor": true, "Not": true, "CastLike": true,
	"ArgMax": true, "ArgMin": true}

// emptily are the operations that are read of values of no elements: they only say what shape
// these have.
var emptily = map[string]bool{"Reshape": true, "Transpose": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true, "Identity": true, "Cast": true, "Shape": true}

// axis is an axis that a node names, among those of its values here.
func (c *converter) axis(n *node, key string, otherwise int) int {
	return c.behind(n.int(key, otherwise))
}

// behind is the place of an axis of the graph among those of the values here, which have
// one for the batch in front where the graph has none.
func (c *converter) behind(axis int) int {
	if c.whole && axis >= 0 {
		axis++
	}
	return axis
}

// behindAll is behind of several.
func (c *converter) behindAll(axes []int) []int {
	if !c.whole {
		return axes
	}
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = c.behind(a)
	}
	return out
}

// first is the first axis of the graph here.
func (c *converter) first() int {
	if c.whole {
		return 1
	}
	return 0
}

// dims is a shape that the graph has, with the batch in front where the graph has none.
func (c *converter) dims(shape []int, front int) []int {
	if c.whole {
		return append([]int{front}, shape...)
	}
	return shape
}
