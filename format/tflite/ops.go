package tflite

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

type converter struct {
	g      *graph
	file   *format.File
	sketch format.Sketch
	values map[int]string // of a tensor: what it is called in the sketch
}

func unsupported(op operator, text string, args ...any) error {
	what := fmt.Sprintf("operation %d", op.code)
	if o, ok := ops[op.code]; ok {
		what = "operation " + o.name
	} else if name, ok := others[op.code]; ok {
		what = "operation " + name
	}
	if op.custom != "" {
		what = fmt.Sprintf("operation %q", op.custom)
	}
	return &format.Unsupported{What: what, Msg: fmt.Sprintf(text, args...)}
}

// others are the names of frequent operations that there is no layer for.
var others = map[int]string{2: "CONCATENATION", 7: "EMBEDDING_LOOKUP", 16: "LSTM", 23: "RESIZE_BILINEAR", 34: "PAD", 36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 43: "SQUEEZE",
	44: "UNIDIRECTIONAL_SEQUENCE_LSTM", 45: "STRIDED_SLICE", 67: "TRANSPOSE_CONV", 97: "RESIZE_NEAREST_NEIGHBOR", 98: "LEAKY_RELU", 117: "HARD_SWISH", 119: "WHILE"}

// ops are the operations that there are layers for.
var ops map[int]struct {
	name string
	do   func(c *converter, op operator) (string, error)
}

func init() {
	type entry = struct {
		name string
		do   func(c *converter, op operator) (string, error)
	}
	act := func(name, word string) entry {
		return entry{name, func(c *converter, op operator) (string, error) {
			return c.add("activation", op, format.Map("activation", word))
		}}
	}
	same := func(c *converter, op operator) (string, error) { return c.value(op, 0) }
	ops = map[int]entry{0: {"ADD", add}, 1: {"AVERAGE_POOL_2D", pool}, 3: {"CONV_2D", conv}, 4: {"DEPTHWISE_CONV_2D", conv}, 6: {"DEQUANTIZE", same}, 9: {"FULLY_CONNECTED", dense},
		14: act("LOGISTIC", "sigmoid"), 17: {"MAX_POOL_2D", pool}, 18: {"MUL", add}, 19: act("RELU", "relu"), 21: act("RELU6", "relu6"), 22: {"RESHAPE", reshape}, 25: {"SOFTMAX", softmax},
		28: act("TANH", "tanh"), 114: {"QUANTIZE", same}, 111: act("ELU", "elu")}
}

func (g *graph) blueprint(f *format.File, o format.Options) (*format.Blueprint, error) {
	c := &converter{g: g, file: f, values: map[int]string{}}
	for _, i := range g.in {
		v := g.vars[i]
		if len(v.shape) < 2 {
			if len(v.shape) == 0 || v.shape[0] < 1 {
				return nil, &format.Choice{Key: "input", Msg: fmt.Sprintf("input %q has no fixed shape", v.name)}
			}
			v.shape = tensor.Shape{v.shape[0], 1}
		}
		if slices.Min(v.shape) < 1 {
			return nil, fmt.Errorf("input %q has shape %v", v.name, v.shape)
		}
		c.values[i] = c.sketch.Input(v.name, v.shape[1:])
	}
	wanted := g.out
	if o.Output != "" {
		wanted = nil
		for i, v := range g.vars {
			if v.name == o.Output {
				wanted = []int{i}
			}
		}
	}
	var failed error
	for _, op := range g.ops {
		do := ops[op.code].do
		if do == nil || op.custom != "" {
			failed = unsupported(op, "there is no layer for this operation")
			break
		}
		if len(op.in) == 0 || len(op.out) != 1 || op.out[0] < 0 {
			return nil, unsupported(op, "it has %d inputs and %d outputs", len(op.in), len(op.out))
		}
		name, err := do(c, op)
		if err != nil {
			failed = err
			break
		}
		c.values[op.out[0]] = name
	}
	var outs []string
	for _, i := range wanted {
		if name, ok := c.values[i]; ok {
			outs = append(outs, name)
			continue
		}
		if failed == nil {
			failed = fmt.Errorf("output %q is computed by no operation", g.vars[i].name)
		}
		return nil, failed
	}
	if len(outs) == 0 {
		return nil, &format.Choice{Key: "output.node", Msg: fmt.Sprintf("output.node=%s: the graph has no tensor of this name", o.Output)}
	}
	return c.sketch.Blueprint(outs)
}

// value is what an input of an operation is called, where it is no constant.
func (c *converter) value(op operator, i int) (string, error) {
	if i < len(op.in) && op.in[i] >= 0 {
		if name, ok := c.values[op.in[i]]; ok {
			return name, nil
		}
	}
	return "", unsupported(op, "its input %d is a constant, or not computed before it", i)
}

// constant is an input that is one, of so many axes.
func (c *converter) constant(op operator, i, axes int) (format.Tensor, error) {
	if i < len(op.in) && op.in[i] >= 0 {
		t, ok := c.file.Lookup(c.g.vars[op.in[i]].name)
		if ok && t.DType.IsFloat() && t.Read != nil && (axes < 0 || len(t.Shape) == axes) {
			return t, nil
		}
	}
	return format.Tensor{}, unsupported(op, "its input %d is no constant of numbers with %d axes", i, axes)
}

func (c *converter) add(kind string, op operator, fields spec.Value, parts ...format.Part) (string, error) {
	in, err := c.value(op, 0)
	if err != nil {
		return "", err
	}
	return c.sketch.Add(kind, kind, fields, []string{in}, parts...).Name, nil
}

// fused adds the activation that an operation ends with.
func fused(op operator, field int, fields spec.Value) (spec.Value, error) {
	switch n := op.options.byte(field); n {
	case 0:
		return fields, nil
	case 1:
		return fields.With("activation", spec.Str("relu")), nil
	case 3:
		return fields.With("activation", spec.Str("relu6")), nil
	case 4:
		return fields.With("activation", spec.Str("tanh")), nil
	default:
		return fields, unsupported(op, "there is no activation of number %d", n)
	}
}

var no = format.Map("", false).Entries[0].Value

// bias is the third input, which may be left out.
func (c *converter) bias(op operator, fields *spec.Value, parts []format.Part) ([]format.Part, error) {
	if len(op.in) < 3 || op.in[2] < 0 {
		*fields = fields.With("use_bias", no)
		return parts, nil
	}
	b, err := c.constant(op, 2, 1)
	return append(parts, format.Part{Leaf: "bias", From: []string{b.Name}}), err
}

func dense(c *converter, op operator) (string, error) {
	w, err := c.constant(op, 1, 2)
	if err != nil {
		return "", err
	}
	if op.options.byte(1) != 0 {
		return "", unsupported(op, "its weights are shuffled")
	}
	fields, err := fused(op, 0, format.Map("units", w.Shape[0]))
	if err != nil {
		return "", err
	}
	parts, err := c.bias(op, &fields, []format.Part{{Leaf: "kernel", From: []string{w.Name}, Make: format.Transpose}})
	if err != nil {
		return "", err
	}
	// It takes images as vectors.
	if in := c.g.vars[op.in[0]].shape; len(in) > 2 && op.options.byte(2) == 0 {
		flat, err := c.add("flatten", op, spec.Value{})
		if err != nil {
			return "", err
		}
		return c.sketch.Add("dense", "dense", fields, []string{flat}, parts...).Name, nil
	}
	return c.add("dense", op, fields, parts...)
}

func padding(op operator) string {
	if op.options.byte(0) == 1 {
		return "valid"
	}
	return "same"
}

func conv(c *converter, op operator) (string, error) {
	w, err := c.constant(op, 1, 4)
	if err != nil {
		return "", err
	}
	o, deep := op.options, 0
	fields := format.Map("kernel_size", []int(w.Shape[1:3]), "strides", []int{o.int(2, 1), o.int(1, 1)}, "padding", padding(op))
	kind, turn := "conv2d", format.Permute(1, 2, 3, 0)
	if op.code == 4 {
		m := o.int(3, 1)
		if kind, deep = "depthwise_conv2d", 1; m < 1 || w.Shape[0] != 1 || w.Shape[3]%m != 0 {
			return "", fmt.Errorf("a depthwise kernel of shape %v and multiplier %d", w.Shape, m)
		}
		fields, turn = fields.With("depth_multiplier", spec.Num(float64(m))), format.Reshape(w.Shape[1], w.Shape[2], w.Shape[3]/m, m)
	} else {
		fields = fields.With("filters", spec.Num(float64(w.Shape[0])))
	}
	if h, w := o.int(5+deep, 1), o.int(4+deep, 1); h != 1 || w != 1 {
		fields = fields.With("dilation_rate", format.List(h, w))
	}
	if fields, err = fused(op, 3+deep, fields); err != nil {
		return "", err
	}
	parts, err := c.bias(op, &fields, []format.Part{{Leaf: "kernel", From: []string{w.Name}, Make: turn}})
	if err != nil {
		return "", err
	}
	return c.add(kind, op, fields, parts...)
}

func pool(c *converter, op operator) (string, error) {
	o := op.options
	if o.byte(5) != 0 {
		return "", unsupported(op, "it ends with an activation")
	}
	kind := map[int]string{1: "average_pooling2d", 17: "max_pooling2d"}[op.code]
	return c.add(kind, op, format.Map("pool_size", []int{o.int(4, 1), o.int(3, 1)}, "strides", []int{o.int(2, 1), o.int(1, 1)}, "padding", padding(op)))
}

func softmax(c *converter, op operator) (string, error) {
	if b := op.options.float(0); b != 1 {
		return "", unsupported(op, "its beta is %v; only 1 is read", b)
	}
	return c.add("activation", op, format.Map("activation", "softmax"))
}

func reshape(c *converter, op operator) (string, error) {
	to := c.g.vars[op.out[0]].shape
	if len(to) < 2 || slices.Min(to[1:]) < 1 {
		return "", unsupported(op, "it gives the shape %v", to)
	}
	if len(to) == 2 {
		return c.add("flatten", op, spec.Value{})
	}
	return c.add("reshape", op, format.Map("target_shape", []int(to[1:])))
}

// add joins two values, or changes one by a number.
func add(c *converter, op operator) (string, error) {
	if len(op.in) != 2 || op.options.byte(0) != 0 {
		return "", unsupported(op, "it has %d inputs, or ends with an activation", len(op.in))
	}
	kind := map[int]string{0: "add", 18: "multiply"}[op.code]
	a, errA := c.value(op, 0)
	b, errB := c.value(op, 1)
	if errA == nil && errB == nil {
		return c.sketch.Add(kind, kind, spec.Value{}, []string{a, b}).Name, nil
	}
	k, in := 1, a
	if errA != nil {
		k, in = 0, b
		if errB != nil {
			return "", errB
		}
	}
	t, err := c.constant(op, k, -1)
	if err != nil {
		return "", err
	}
	if n, err := t.Shape.Elems(); err != nil || n != 1 {
		return "", unsupported(op, "one of its inputs is a constant of shape %v; only one number is read", t.Shape)
	}
	x, err := t.Read()
	if err != nil {
		return "", err
	}
	v := x.Flat(0)
	if v-v != 0 {
		return "", fmt.Errorf("constant %q is %s", t.Name, strconv.FormatFloat(v, 'g', -1, 32))
	}
	fields := format.Map("scale", 1, "offset", v)
	if op.code == 18 {
		fields = format.Map("scale", v)
	}
	return c.sketch.Add("rescaling", "rescaling", fields, []string{in}).Name, nil
}
