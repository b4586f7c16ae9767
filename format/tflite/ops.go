package tflite

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

type converter struct {
	g      *graph
	file   *format.File
	sketch format.Sketch
	values map[int]string // of a tensor: what it is called in the sketch
	as     map[int]int    // of a constant in another type: the constant
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
var others = map[int]string{7: "EMBEDDING_LOOKUP", 11: "L2_NORMALIZATION", 16: "LSTM", 24: "RNN", 36: "GATHER", 46: "BIDIRECTIONAL_SEQUENCE_RNN", 52: "BIDIRECTIONAL_SEQUENCE_LSTM",
	56: "ARG_MAX", 74: "SUM", 83: "PACK", 88: "UNPACK", 94: "FILL", 100: "MIRROR_PAD", 105: "REVERSE_V2", 118: "IF", 119: "WHILE", 126: "BATCH_MATMUL"}

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
	power := func(name string, exponent float64) entry {
		return entry{name, func(c *converter, op operator) (string, error) {
			return c.add("power", op, format.Map("exponent", exponent))
		}}
	}
	same := func(c *converter, op operator) (string, error) { return c.value(op, 0) }
	ops = map[int]entry{0: {"ADD", arithmetic}, 1: {"AVERAGE_POOL_2D", pool}, 2: {"CONCATENATION", concatenation}, 3: {"CONV_2D", conv}, 4: {"DEPTHWISE_CONV_2D", conv}, 6: {"DEQUANTIZE", same},
		9: {"FULLY_CONNECTED", dense}, 14: act("LOGISTIC", "sigmoid"), 17: {"MAX_POOL_2D", pool}, 18: {"MUL", arithmetic}, 19: act("RELU", "relu"), 20: act("RELU_N1_TO_1", "hard_tanh"),
		21: act("RELU6", "relu6"), 22: {"RESHAPE", reshape}, 23: {"RESIZE_BILINEAR", resize}, 25: {"SOFTMAX", softmax}, 28: act("TANH", "tanh"), 34: {"PAD", pad},
		35: {"UNIDIRECTIONAL_SEQUENCE_RNN", rnn}, 39: {"TRANSPOSE", transpose}, 40: {"MEAN", reduce}, 41: {"SUB", arithmetic}, 42: {"DIV", arithmetic}, 43: {"SQUEEZE", reshape},
		44: {"UNIDIRECTIONAL_SEQUENCE_LSTM", lstm}, 45: {"STRIDED_SLICE", strided}, 47: act("EXP", "exponential"), 49: {"SPLIT", nil}, 50: act("LOG_SOFTMAX", "log_softmax"), 54: {"PRELU", prelu},
		55: {"MAXIMUM", arithmetic}, 57: {"MINIMUM", arithmetic}, 59: {"NEG", negative}, 60: {"PADV2", pad}, 65: {"SLICE", slice}, 67: {"TRANSPOSE_CONV", deconv}, 70: {"EXPAND_DIMS", reshape},
		75: power("SQRT", 0.5), 76: power("RSQRT", -0.5), 82: {"REDUCE_MAX", reduce}, 92: power("SQUARE", 2), 97: {"RESIZE_NEAREST_NEIGHBOR", resize}, 98: {"LEAKY_RELU", leaky},
		102: {"SPLIT_V", nil}, 111: act("ELU", "elu"), 114: {"QUANTIZE", same}, 117: act("HARD_SWISH", "hard_swish"), 150: {"GELU", gelu}}
}

func (g *graph) blueprint(f *format.File, o format.Options) (*format.Blueprint, error) {
	c := &converter{g: g, file: f, values: map[int]string{}, as: map[int]int{}}
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
		if op.custom == "" && op.code == 6 && len(op.in) == 1 && len(op.out) == 1 && op.in[0] >= 0 && op.out[0] >= 0 && len(g.vars[op.in[0]].data) > 0 {
			c.as[op.out[0]] = op.in[0] // weights of 16 bits, or of 8
			continue
		}
		if op.custom == "" && (op.code == 49 || op.code == 102) {
			if failed = c.split(op); failed != nil {
				break
			}
			continue
		}
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

// origin is the tensor that an input is, or that it was made of; -1 where it is left out.
func (c *converter) origin(op operator, i int) int {
	if i >= len(op.in) || op.in[i] < 0 {
		return -1
	}
	at := op.in[i]
	if from, ok := c.as[at]; ok {
		at = from
	}
	return at
}

// constant is an input that is one, of so many axes, or of any where that is below 0.
func (c *converter) constant(op operator, i, axes int) (format.Tensor, error) {
	if at := c.origin(op, i); at >= 0 {
		t, ok := c.file.Lookup(c.g.vars[at].name)
		if ok && t.DType.IsFloat() && t.Read != nil && (axes < 0 || len(t.Shape) == axes) {
			return t, nil
		}
	}
	if axes < 0 {
		return format.Tensor{}, unsupported(op, "its input %d is no constant of numbers", i)
	}
	return format.Tensor{}, unsupported(op, "its input %d is no constant of numbers with %d axes", i, axes)
}

// whole are the numbers of an input that is a constant of whole ones.
func (c *converter) whole(op operator, i int) ([]int, error) {
	if at := c.origin(op, i); at >= 0 {
		if t, ok := c.file.Lookup(c.g.vars[at].name); ok && !t.DType.IsFloat() && t.Read != nil && t.Shape.Len() <= 64 {
			x, err := t.Read()
			if err != nil {
				return nil, err
			}
			var out []int
			for k := range x.Len() {
				out = append(out, int(max(min(x.Flat(k), 1<<31), -1<<31)))
			}
			return out, nil
		}
	}
	return nil, unsupported(op, "its input %d is no constant of whole numbers", i)
}

// shape is that of an input, with the batch.
func (c *converter) shape(op operator, i int) tensor.Shape {
	if i < len(op.in) && op.in[i] >= 0 {
		return c.g.vars[op.in[i]].shape
	}
	return nil
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
	case 2:
		return fields.With("activation", spec.Str("hard_tanh")), nil
	case 3:
		return fields.With("activation", spec.Str("relu6")), nil
	case 4:
		return fields.With("activation", spec.Str("tanh")), nil
	default:
		return fields, unsupported(op, "there is no activation of number %d", n)
	}
}

// bias is the third input, which may be left out.
func (c *converter) bias(op operator, fields *spec.Value, parts []format.Part) ([]format.Part, error) {
	if len(op.in) < 3 || op.in[2] < 0 {
		*fields = fields.With("use_bias", spec.Flag(false))
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
	parts, err := c.bias(op, &fields, []format.Part{{Leaf: "kernel", From: []string{w.Name}, Move: format.Reorder(w.Shape, 1, 0)}})
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
	kind, kernel := "conv2d", format.Part{Leaf: "kernel", From: []string{w.Name}}
	if op.code == 4 {
		m := o.int(3, 1)
		if kind, deep = "depthwise_conv2d", 1; m < 1 || w.Shape[0] != 1 || w.Shape[3]%m != 0 {
			return "", fmt.Errorf("a depthwise kernel of shape %v and multiplier %d", w.Shape, m)
		}
		fields, kernel.Make = fields.With("depth_multiplier", spec.Num(float64(m))), format.Reshape(w.Shape[1], w.Shape[2], w.Shape[3]/m, m)
	} else {
		kernel.Move = format.Reorder(w.Shape, 1, 2, 3, 0)
		fields = fields.With("filters", spec.Num(float64(w.Shape[0])))
		if in := c.shape(op, 0); len(in) == 4 && w.Shape[3] > 0 && in[3] > w.Shape[3] && in[3]%w.Shape[3] == 0 {
			fields = fields.With("groups", spec.Num(float64(in[3]/w.Shape[3])))
		}
	}
	if h, w := o.int(5+deep, 1), o.int(4+deep, 1); h != 1 || w != 1 {
		fields = fields.With("dilation_rate", format.List(h, w))
	}
	if fields, err = fused(op, 3+deep, fields); err != nil {
		return "", err
	}
	parts, err := c.bias(op, &fields, []format.Part{kernel})
	if err != nil {
		return "", err
	}
	return c.add(kind, op, fields, parts...)
}

func pool(c *converter, op operator) (string, error) {
	o := op.options
	kind := map[int]string{1: "average_pooling2d", 17: "max_pooling2d"}[op.code]
	name, err := c.add(kind, op, format.Map("pool_size", []int{o.int(4, 1), o.int(3, 1)}, "strides", []int{o.int(2, 1), o.int(1, 1)}, "padding", padding(op)))
	if err != nil {
		return "", err
	}
	return c.behind(op, 5, name)
}

func softmax(c *converter, op operator) (string, error) {
	if b := op.options.float(0); b != 1 {
		return "", unsupported(op, "its beta is %v; only 1 is read", b)
	}
	return c.add("activation", op, format.Map("activation", "softmax"))
}

func reshape(c *converter, op operator) (string, error) {
	to, from := c.g.vars[op.out[0]].shape, c.shape(op, 0)
	if len(to) < 1 || len(from) < 1 || to[0] != from[0] || len(to) > 1 && slices.Min(to[1:]) < 1 {
		return "", unsupported(op, "it makes the shape %v of %v", to, from)
	}
	if len(to) == 2 {
		return c.add("flatten", op, spec.Value{})
	}
	return c.add("reshape", op, format.Map("target_shape", []int(to[1:])))
}

// behind adds the activation that an operation without one of its own ends with.
func (c *converter) behind(op operator, field int, name string) (string, error) {
	fields, err := fused(op, field, spec.Value{})
	if err != nil || len(fields.Entries) == 0 {
		return name, err
	}
	fields.Kind = spec.Map
	return c.sketch.Add("activation", "activation", fields, []string{name}).Name, nil
}

// read are names that constants have which were variables.
var read = regexp.MustCompile(`ReadVariableOp|/read(;|$)|/Read/`)

// arithmetic joins two values, or a value and a constant: a number, or one for each
// element of some axes.
func arithmetic(c *converter, op operator) (string, error) {
	if len(op.in) != 2 {
		return "", unsupported(op, "it has %d inputs", len(op.in))
	}
	kind := map[int]string{0: "add", 18: "multiply", 41: "subtract", 55: "maximum", 57: "minimum"}[op.code]
	end := func(name string, err error) (string, error) {
		if err != nil || op.code > 42 {
			return name, err
		}
		return c.behind(op, 0, name)
	}
	a, errA := c.value(op, 0)
	b, errB := c.value(op, 1)
	if errA == nil && errB == nil {
		if kind == "" {
			return "", unsupported(op, "it divides a value by another")
		}
		return end(c.sketch.Add(kind, kind, spec.Value{}, []string{a, b}).Name, nil)
	}
	at, in := 1, a
	if errA != nil {
		at, in = 0, b
		if errB != nil {
			return "", errB
		}
	}
	t, err := c.constant(op, at, -1)
	if err != nil {
		return "", err
	}
	if op.code > 42 || op.code == 42 && at == 0 {
		return "", unsupported(op, "one of its inputs is a constant")
	}
	sign := 1.0 // of the constant, or of the value it is taken from
	if op.code == 41 && at == 1 {
		sign = -1
	}
	if op.code == 41 && at == 0 {
		in = c.sketch.Add("rescaling", "rescaling", format.Map("scale", -1), []string{in}).Name
	}
	learned := read.MatchString(t.Name)
	if n, err := t.Shape.Elems(); err == nil && n == 1 && !learned {
		x, err := t.Read()
		if err != nil {
			return "", err
		}
		v := x.Flat(0)
		if v-v != 0 || op.code == 42 && v == 0 {
			return "", fmt.Errorf("constant %q is %s", t.Name, strconv.FormatFloat(v, 'g', -1, 32))
		}
		fields := format.Map("scale", 1, "offset", sign*v)
		switch op.code {
		case 18:
			fields = format.Map("scale", v)
		case 42:
			fields = format.Map("scale", 1/v)
		}
		return end(c.sketch.Add("rescaling", "rescaling", fields, []string{in}).Name, nil)
	}
	// The axes along which it is not the same, counted from the end.
	sample := c.shape(op, 1-at)
	var axes, size []int
	for k, d := range t.Shape {
		if d == 1 {
			continue
		}
		behind := len(t.Shape) - k
		if behind >= len(sample) || sample[len(sample)-behind] != d {
			return "", unsupported(op, "a constant of shape %v does not go with %v", t.Shape, sample)
		}
		axes, size = append(axes, -behind), append(size, d)
	}
	leaf, fields := "beta", format.Map("scale", false)
	if op.code == 18 || op.code == 42 {
		leaf, fields = "gamma", format.Map("center", false)
	}
	if !slices.Equal(axes, []int{-1}) {
		fields = fields.With("axes", format.List(axes...))
	}
	// The bias of a layer without one is a weight, and what was a variable; what stands by
	// itself is none.
	if l := c.sketch.Layer(in); !learned && (leaf != "beta" || l == nil || !strings.HasPrefix(l.Kind, "conv") && l.Kind != "dense" && l.Kind != "depthwise_conv2d" || l.Has("bias")) {
		fields = fields.With("trainable", spec.Flag(false))
	}
	turn := format.Reshape(size...)
	if sign < 0 || op.code == 42 {
		turn = turn.Then(func(from []*tensor.Tensor) (*tensor.Tensor, error) {
			x, err := tensor.TryNew(tensor.Float32, from[0].Shape()...)
			if err != nil {
				return nil, err
			}
			for i := range x.Len() {
				if v := from[0].Flat(i); op.code == 42 {
					x.SetFlat(i, 1/v)
				} else {
					x.SetFlat(i, -v)
				}
			}
			return x, nil
		})
	}
	return end(c.sketch.Add("affine", "affine", fields, []string{in}, format.Part{Leaf: leaf, From: []string{t.Name}, Make: turn}).Name, nil)
}
