package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// activation is the kind of a layer that applies an activation.
const activation = "activation"

// An op says how a layer is made of a node of which an input depends on the model's.
type op struct {
	make maker
	// needs is how many inputs must be there, takes what the first must be.
	needs int
	takes taking
}

// A maker makes the layer of one of a node's outputs. Inputs that are left out are nil.
type maker func(c *converter, n *node, args []*value, out int) (*value, error)

// A taking is what an operation takes for its first input.
type taking int

const (
	anything taking = iota
	floating        // a value of floats that depends on the model's input
	counting        // or of whole numbers that each float holds: up to 16 bits
	moving          // or of any that are read: they are put elsewhere and not computed with
)

// check looks at a node's inputs before its layer is made.
func (o op) check(n *node, args []*value) error {
	if err := need(n, args, o.needs); err != nil || o.takes == anything {
		return err
	}
	_, err := taken(n, args, 0, o.takes)
	return err
}

var ops = map[string]op{}

// simple are activations without anything to set.
var simple = map[string]string{"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign", "Exp": "exponential",
	"HardSwish": "hard_swish", "Mish": "mish"}

// several are the operations of which more outputs than the first are made.
var several = map[string]bool{"Dropout": true, "MaxPool": true, "BatchNormalization": true}

func init() {
	withAlpha := func(kind, key string, otherwise float64) op {
		return op{func(c *converter, n *node, args []*value, _ int) (*value, error) {
			return c.withAlpha(n, args, kind, key, otherwise)
		}, 1, floating}
	}
	for name, o := range map[string]op{
		"Gemm": {gemm, 2, anything}, "MatMul": {matMul, 2, anything}, "Conv": {convolution, 2, floating}, "LRN": {lrn, 1, floating},
		"MaxPool": {pooling("max_pooling"), 1, counting}, "AveragePool": {pooling("average_pooling"), 1, floating},
		"GlobalAveragePool": {globalPooling("global_average_pooling"), 1, floating}, "GlobalMaxPool": {globalPooling("global_max_pooling"), 1, floating},
		"Flatten": {flatten, 1, moving}, "Reshape": {reshape, 1, moving}, "Transpose": {transpose, 1, moving}, "Squeeze": {squeeze, 1, moving}, "Unsqueeze": {squeeze, 1, moving},
		"Concat": {concat, 1, anything}, "Pad": {pad, 1, moving}, "Gather": {gather, 2, anything},
		"Add": {add, 2, anything}, "Sub": {sub, 2, anything}, "Mul": {mul, 2, anything}, "Div": {div, 2, anything},
		"Sum": {join("add"), 1, anything}, "Max": {join("maximum"), 1, anything}, "Min": {join("minimum"), 1, anything}, "Mean": {join("average"), 1, anything},
		"Neg": {func(c *converter, n *node, args []*value, _ int) (*value, error) { return c.scaled(n, args, -1, 0) }, 1, floating},
		"Elu": withAlpha("elu", "alpha", 1), "Celu": withAlpha("celu", "alpha", 1), "LeakyRelu": withAlpha("leaky_relu", "negative_slope", 0.01),
		"Selu": {selu, 1, floating}, "HardSigmoid": {hardSigmoid, 1, floating}, "Gelu": {gelu, 1, floating}, "PRelu": {prelu, 2, floating}, "Clip": {clip, 1, counting},
		"Softmax": {softmax("softmax"), 1, floating}, "LogSoftmax": {softmax("log_softmax"), 1, floating},
		"Dropout": {dropout, 1, floating}, "Identity": {identity, 1, anything}, "Cast": {cast, 1, anything},
	} {
		ops[name] = o
	}
	for name, kind := range simple {
		ops[name] = op{func(c *converter, n *node, args []*value, _ int) (*value, error) {
			return c.activate(n, args, spec.Str(kind))
		}, 1, floating}
	}
}

// floats checks that an input is there, depends on the model's, and is of floats.
func floats(n *node, args []*value, i int) (*value, error) { return taken(n, args, i, floating) }

// taken checks that an input is there, depends on the model's, and is of numbers that are
// taken.
func taken(n *node, args []*value, i int, takes taking) (*value, error) {
	if i >= len(args) || args[i] == nil {
		return nil, refuse(n, "input %d is missing", i+1)
	}
	if !args[i].isAct() {
		return nil, refuse(n, "input %d is a constant, where a value that depends on the model's input is wanted", i+1)
	}
	switch dt := dtypeOf(args[i].code); {
	case dt.IsFloat() || takes == moving:
	case takes == counting && narrow(dt):
	case takes == counting:
		return nil, refuse(n, "it computes with %s, which floats do not hold exactly", typeName(args[i].code))
	default:
		return nil, refuse(n, "it computes with %s; only floats are", typeName(args[i].code))
	}
	return args[i], nil
}

// narrow reports whether a type's whole numbers are such as every float holds.
func narrow(dt tensor.DType) bool {
	return dt == tensor.Uint8 || dt == tensor.Int8 || dt == tensor.Uint16 || dt == tensor.Int16
}

// activate adds an activation.
func (c *converter) activate(n *node, args []*value, a spec.Value) (*value, error) {
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	return c.emit(n, activation, format.Map("activation", a), v), nil
}

func (c *converter) withAlpha(n *node, args []*value, kind, key string, otherwise float64) (*value, error) {
	a := n.float("alpha", otherwise)
	if !(a > 0) {
		return nil, refuse(n, "its alpha is %g, want a number above 0", a)
	}
	return c.activate(n, args, format.Map("name", kind, key, a))
}

// scaled adds x·scale + offset.
func (c *converter) scaled(n *node, args []*value, scale, offset float64) (*value, error) {
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	if scale == 1 && offset == 0 {
		return v, nil
	}
	if math.IsNaN(scale*offset) || math.IsInf(scale, 0) || math.IsInf(offset, 0) {
		return nil, refuse(n, "it computes with %g and %g", scale, offset)
	}
	return c.emit(n, "rescaling", format.Map("scale", scale, "offset", offset), v), nil
}

// The constants of SELU (Klambauer et al., 2017).
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

func near(v, want float64) bool { return math.Abs(v-want) <= 1e-6*math.Max(1, math.Abs(want)) }

func selu(c *converter, n *node, args []*value, _ int) (*value, error) {
	alpha, gamma := n.float("alpha", seluAlpha), n.float("gamma", seluScale)
	if near(alpha, seluAlpha) && near(gamma, seluScale) {
		return c.activate(n, args, spec.Str("selu"))
	}
	v, err := c.withAlpha(n, args, "elu", "alpha", alpha)
	if err != nil {
		return nil, err
	}
	return c.scaled(n, []*value{v}, gamma, 0)
}

func hardSigmoid(c *converter, n *node, args []*value, _ int) (*value, error) {
	alpha, beta := n.float("alpha", 0.2), n.float("beta", 0.5)
	if near(beta, 0.5) && alpha > 0 {
		return c.activate(n, args, format.Map("name", "hard_sigmoid", "slope", alpha))
	}
	v, err := c.scaled(n, args, alpha, beta)
	if err != nil {
		return nil, err
	}
	return c.activate(n, []*value{v}, format.Map("name", "relu", "max_value", 1))
}

func gelu(c *converter, n *node, args []*value, _ int) (*value, error) {
	switch a := n.text("approximate", "none"); a {
	case "none":
		return c.activate(n, args, spec.Str("gelu"))
	case "tanh":
		return c.activate(n, args, spec.Str("gelu_tanh"))
	default:
		return nil, refuse(n, "approximate is %q; want none or tanh", a)
	}
}

// clip cuts numbers to an interval, which may be open at an end.
func clip(c *converter, n *node, args []*value, _ int) (*value, error) {
	const most = 3e38 // the largest float32 stands for no bound
	lo, hi := math.Inf(-1), math.Inf(1)
	if c.m.opset < 11 {
		lo, hi = n.float("min", lo), n.float("max", hi)
	} else {
		for i, bound := range []*float64{&lo, &hi} {
			if len(args) > i+1 && args[i+1] != nil {
				x, err := c.number(n, args[i+1])
				if err != nil {
					return nil, err
				}
				*bound = short(x)
			}
		}
	}
	if lo <= -most {
		lo = math.Inf(-1)
	}
	if hi >= most {
		hi = math.Inf(1)
	}
	return c.clipped(n, args[0], lo, hi)
}

// clipped cuts numbers to [lo, hi], either of which may be infinite.
func (c *converter) clipped(n *node, v *value, lo, hi float64) (*value, error) {
	if !(lo <= hi) || math.IsInf(lo, 1) || math.IsInf(hi, -1) {
		return nil, refuse(n, "it cuts to [%g, %g]", lo, hi)
	}
	below, above := !math.IsInf(lo, -1), !math.IsInf(hi, 1)
	a := format.Map("name", "clip")
	switch {
	case !below && !above:
		return v, nil
	case lo == 0 && !above:
		a = spec.Str("relu")
	case lo == 0 && hi == 6:
		a = spec.Str("relu6")
	case lo == 0 && hi > 0:
		a = format.Map("name", "relu", "max_value", hi)
	case lo == -1 && hi == 1:
		a = spec.Str("hard_tanh")
	default:
		if below {
			a = a.With("min", spec.Num(lo))
		}
		if above {
			a = a.With("max", spec.Num(hi))
		}
	}
	return c.emit(n, activation, format.Map("activation", a), v), nil
}

// prelu has a slope for each element, or one along an axis.
func prelu(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	if args[1].isAct() { // max(x, 0) − slope·max(−x, 0)
		up, err := c.activate(n, []*value{v}, spec.Str("relu"))
		if err != nil {
			return nil, err
		}
		down, err := c.scaled(&node{name: up.layer + ".negative"}, []*value{v}, -1, 0)
		if err != nil {
			return nil, err
		}
		if down, err = c.activate(&node{name: up.layer + ".below"}, []*value{down}, spec.Str("relu")); err != nil {
			return nil, err
		}
		if down, err = c.joined(&node{name: up.layer + ".sloped"}, "multiply", []*value{down, args[1]}); err != nil {
			return nil, err
		}
		return c.joined(&node{name: up.layer + ".sum"}, "subtract", []*value{up, down})
	}
	w, err := c.weight(n, args[1])
	if err != nil {
		return nil, err
	}
	v = c.unflat(n, v)
	slope := slices.Repeat([]int{1}, max(0, v.rank()-len(w.shape)))
	slope = append(slope, w.shape...)
	if c.m.opset < 7 && len(w.shape) == 1 && v.rank() > 1 { // one for each channel, in the old way
		slope = slices.Repeat([]int{1}, v.rank())
		slope[1] = w.shape[0]
	}
	if len(slope) != v.rank() || slope[v.perm[0]] != 1 {
		return nil, refuse(n, "slopes of shape %v differ between the samples of a batch", w.shape)
	}
	inside, shared := []int{}, []int{}
	for j, a := range v.perm[1:] {
		switch {
		case slope[a] == v.shape[a]:
		case slope[a] == 1:
			shared = append(shared, j+1)
		default:
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: slopes of shape %v for values of shape %v", n.what(), w.shape, v.shape)}
		}
		inside = append(inside, slope[a])
	}
	perm := make([]int, len(v.perm))
	copy(perm, v.perm)
	turn := format.Reshape(slope...).Then(format.Permute(perm...)).Then(format.Reshape(inside...))
	fields := spec.Value{Kind: spec.Map}
	if len(shared) > 0 {
		fields = format.Map("shared_axes", shared)
	}
	return c.emit(n, activation, format.Map("activation", fields.With("name", spec.Str("prelu"))), v, format.Part{Leaf: "alpha", From: []string{w.name}, Make: turn}), nil
}

// softmax goes along one axis; before operator set 13, over all axes from one on.
func softmax(kind string) maker {
	return func(c *converter, n *node, args []*value, _ int) (*value, error) {
		v := args[0]
		var err error
		rank := v.rank()
		axis := -1
		if c.m.opset < 13 {
			axis = 1
		}
		if axis = c.axis(n, "axis", axis); axis < 0 {
			axis += rank
		}
		if axis < 0 || axis >= rank || axis == v.perm[0] {
			return nil, refuse(n, "its axis %d is the batch's, or none of %d", n.int("axis", -1), rank)
		}
		if v.order != nil { // the order of features does not matter
			return c.emit(n, activation, format.Map("activation", kind), v), nil
		}
		wide := 0
		for _, d := range v.shape[axis:] {
			if d != 1 {
				wide++
			}
		}
		if c.m.opset < 13 && (wide > 1 || wide == 1 && v.shape[axis] == 1) {
			if v, err = c.arrange(n, v, natural(rank)); err != nil {
				return nil, err
			}
			flat := slices.Clone(v.shape[1:axis])
			flat = append(flat, tensor.Shape(v.shape[axis:]).Len())
			x := c.emit(&node{name: v.layer + ".rows"}, "reshape", format.Map("target_shape", flat), v)
			x = c.emit(n, activation, format.Map("activation", kind), x)
			return c.emit(&node{name: x.layer + ".shape"}, "reshape", format.Map("target_shape", v.shape[1:]), x), nil
		}
		if v.perm[rank-1] != axis {
			perm := slices.DeleteFunc(slices.Clone(v.perm), func(a int) bool { return a == axis })
			if v, err = c.arrange(n, v, append(perm, axis)); err != nil {
				return nil, err
			}
		}
		return c.emit(n, activation, format.Map("activation", kind), v), nil
	}
}

// rows is the Turn that gives the rows of a matrix the order of a flattened value's
// features.
func (o *order) rows(units int) format.Turn {
	if o == nil {
		return nil
	}
	all := 1
	for _, d := range o.dims {
		all *= d
	}
	return format.Reshape(append(slices.Clone(o.dims), units)...).
		Then(format.Permute(append(slices.Clone(o.to), len(o.to))...)).
		Then(format.Reshape(all, units))
}

// columns is the Move that makes the columns of a matrix, which has a row for each unit, rows
// in the order of a flattened value's features.
func (o *order) columns(units, features int) *format.Move {
	if o == nil {
		return format.Reorder(tensor.Shape{units, features}, 1, 0)
	}
	axes := make([]int, 0, len(o.to)+1)
	for _, a := range o.to {
		axes = append(axes, a+1)
	}
	return format.Reorder(append(tensor.Shape{units}, o.dims...), append(axes, 0)...)
}

// times is the Turn that multiplies.
func times(factor float64) format.Turn {
	if factor == 1 {
		return nil
	}
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0].Clone()
		for i := range t.Len() {
			t.SetFlat(i, t.Flat(i)*factor)
		}
		return t, nil
	}
}

// dense adds a matrix of weights.
func (c *converter) dense(n *node, v *value, w *constant, turned bool, alpha float64) (*value, error) {
	if len(w.shape) != 2 {
		return nil, refuse(n, "its weights %q have shape %v, want a matrix", w.name, w.shape)
	}
	in, units := w.shape[0], w.shape[1]
	if turned {
		in, units = units, in
	}
	if in != v.shape[v.rank()-1] {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: weights of shape %v for values of shape %v", n.what(), w.shape, v.shape)}
	}
	part := format.Part{Leaf: "kernel", From: []string{w.name}}
	switch {
	case turned && alpha == 1:
		part.Move = v.order.columns(units, in)
	case turned:
		part.Make = format.Turn(format.Transpose).Then(v.order.rows(units)).Then(times(alpha))
	default:
		part.Make = v.order.rows(units).Then(times(alpha))
	}
	out := c.emit(n, "dense", format.Map("units", units, "use_bias", false), v, part)
	out.shape = slices.Clone(v.shape)
	out.shape[v.rank()-1], out.order = units, nil
	return out, nil
}

// ending brings the axis that is the graph's last to the end.
func (c *converter) ending(n *node, v *value) (*value, error) {
	last := v.rank() - 1
	if v.perm[last] == last {
		return v, nil
	}
	perm := slices.DeleteFunc(slices.Clone(v.perm), func(a int) bool { return a == last })
	return c.arrange(n, v, append(perm, last))
}

// matMul is a value times a matrix of weights, a matrix of weights times a value, or a
// product of two values, sample by sample.
func matMul(c *converter, n *node, args []*value, _ int) (*value, error) {
	for _, v := range args[:2] {
		if v.isAct() && v.rank() < 2 {
			return nil, refuse(n, "values of shape %v are multiplied with a matrix", v.shape)
		}
	}
	switch {
	case args[0].isAct() && args[1].isAct():
		return c.product(n, args)
	case args[1].isAct():
		return c.fromLeft(n, args)
	}
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	w, err := c.weight(n, args[1])
	if err != nil {
		return nil, err
	}
	if v, err = c.ending(n, v); err != nil {
		return nil, err
	}
	return c.dense(n, v, w, false, 1)
}

// product multiplies the matrices of two values.
func (c *converter) product(n *node, args []*value) (*value, error) {
	in := make([]*value, 2)
	var stacks [2][]int
	for i := range in {
		v, err := floats(n, args, i)
		if err != nil {
			return nil, err
		}
		if v = c.unflat(n, v); v.each > 0 || v.rank() < 3 || v.perm[0] != 0 || v.rank() != args[0].rank() {
			return nil, refuse(n, "values of shapes %v and %v are multiplied; those whose samples are matrices, in as many axes, are", args[0].shape, args[1].shape)
		}
		if in[i], err = c.arrange(n, v, natural(v.rank())); err != nil {
			return nil, err
		}
		stacks[i] = v.shape[:v.rank()-2]
	}
	a, b := in[0].shape, in[1].shape
	rank := len(a)
	if a[rank-1] != b[rank-2] {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: matrices of shapes %v and %v do not go together", n.what(), a, b)}
	}
	shape, err := broadcast(n, stacks[0], stacks[1])
	if err != nil {
		return nil, err
	}
	out := c.emit(n, "matmul", spec.Value{Kind: spec.Map}, in[0])
	c.last().In = layersOf(in)
	out.shape = append(shape, a[rank-2], b[rank-1])
	return out, nil
}

// fromLeft is a matrix of weights times a value: that is turned, multiplied and turned back.
func (c *converter) fromLeft(n *node, args []*value) (*value, error) {
	v, err := floats(n, args, 1)
	if err != nil {
		return nil, err
	}
	w, err := c.weight(n, args[0])
	if err != nil {
		return nil, err
	}
	rank := v.rank()
	if rank < 3 || v.perm[0] >= rank-2 {
		return nil, refuse(n, "a constant times values of shape %v takes their batch's axis for one of a matrix", v.shape)
	}
	swap := natural(rank)
	swap[rank-2], swap[rank-1] = rank-1, rank-2
	turn := &node{op: "Transpose", name: nameOf(n) + ".turned", attrs: map[string]*attr{"perm": {ints: swap[c.first():]}}}
	if c.whole {
		for i := range turn.attrs["perm"].ints {
			turn.attrs["perm"].ints[i]--
		}
	}
	if v, err = transpose(c, turn, []*value{v}, 0); err != nil {
		return nil, err
	}
	if v, err = c.ending(n, v); err != nil {
		return nil, err
	}
	if v, err = c.dense(n, v, w, true, 1); err != nil {
		return nil, err
	}
	return transpose(c, turn, []*value{v}, 0)
}

func gemm(c *converter, n *node, args []*value, _ int) (*value, error) {
	if !args[0].isAct() || args[1].isAct() {
		return nil, refuse(n, "only a value times a constant matrix is a layer")
	}
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	if n.int("transA", 0) != 0 && v.rank() == 2+c.first() {
		if v, err = transpose(c, &node{op: "Transpose", name: n.name}, []*value{v}, 0); err != nil {
			return nil, err
		}
	}
	if c.whole && v.rank() == 3 {
		if v, err = c.arrange(n, v, natural(3)); err != nil {
			return nil, err
		}
	}
	if v.rank() != 2+c.first() || v.perm[0] != 0 {
		return nil, refuse(n, "values of shape %v are multiplied, want rows of samples", v.shape)
	}
	w, err := c.weight(n, args[1])
	if err != nil {
		return nil, err
	}
	out, err := c.dense(n, v, w, n.int("transB", 0) != 0, n.float("alpha", 1))
	if err != nil || len(args) < 3 || args[2] == nil {
		return out, err
	}
	beta := n.float("beta", 1)
	if args[2].isAct() {
		if beta != 1 {
			return nil, refuse(n, "what it adds depends on the model's input and is multiplied")
		}
		return c.joined(n, "add", []*value{out, args[2]})
	}
	return c.affine(n, out, args[2], "beta", times(beta))
}

// old checks what binary operations had before operator set 7.
func (c *converter) old(n *node) error {
	if n.attrs["axis"] != nil && c.m.opset >= 7 {
		return refuse(n, "it says along which axis it broadcasts, as was done before operator set 7")
	}
	return nil
}

// aligned is a constant whose first axis stands at one of a value's, as was said before
// operator set 7: with axes of length 1 behind it.
func (c *converter) aligned(n *node, v, k *value) (*value, error) {
	if n.attrs["axis"] == nil || k.k == nil || !v.isAct() {
		return k, nil
	}
	axis := n.int("axis", 0)
	if axis < 0 {
		axis += v.rank()
	}
	more := v.rank() - axis - len(k.k.shape)
	if axis < 0 || more < 1 {
		return k, nil
	}
	shape := append(k.k.shape.Clone(), slices.Repeat([]int{1}, more)...)
	return c.derived(&node{out: []string{k.k.name + ".aligned"}}, k.k, shape, format.Reshape(shape...))
}

// scalarOf is the number that a constant of one element is.
func (c *converter) scalarOf(v *value) (float64, bool, error) {
	if v.isAct() || v.k != nil && (v.k.shape.Len() != 1 || len(v.k.shape) > 1) || v.k == nil && len(v.vec) != 1 {
		return 0, false, nil
	}
	f, _, ok, err := c.numbers(v)
	if !ok || err != nil {
		return 0, false, err
	}
	return f[0], true, nil
}

// numberOf is scalarOf but for what is learned.
func (c *converter) numberOf(v *value) (float64, bool, error) {
	if v.k != nil && c.learnsNumber(v.k) {
		return 0, false, nil
	}
	return c.scalarOf(v)
}

func add(c *converter, n *node, args []*value, _ int) (*value, error) { return c.sum(n, args, 1) }

func sub(c *converter, n *node, args []*value, _ int) (*value, error) { return c.sum(n, args, -1) }

// sum is a + sign·b.
func (c *converter) sum(n *node, args []*value, sign float64) (*value, error) {
	if err := c.old(n); err != nil {
		return nil, err
	}
	a := args[0]
	b, err := c.aligned(n, a, args[1])
	if err != nil {
		return nil, err
	}
	if a.isAct() && b.isAct() {
		if sign < 0 {
			return c.joined(n, "subtract", []*value{a, b})
		}
		return c.joined(n, "add", []*value{a, b})
	}
	scale := 1.0
	if !a.isAct() {
		if sign < 0 { // k − x
			scale, sign = -1, 1
		}
		a, b = b, a
	}
	if _, err := floats(n, []*value{a}, 0); err != nil {
		return nil, err
	}
	v, ok, err := c.numberOf(b)
	if err != nil {
		return nil, err
	}
	if ok {
		return c.scaled(n, []*value{a}, scale, sign*v)
	}
	if a, err = c.scaled(n, []*value{a}, scale, 0); err != nil {
		return nil, err
	}
	return c.affine(n, a, b, "beta", times(sign))
}

func mul(c *converter, n *node, args []*value, _ int) (*value, error) {
	if err := c.old(n); err != nil {
		return nil, err
	}
	a := args[0]
	b, err := c.aligned(n, a, args[1])
	if err != nil {
		return nil, err
	}
	if a.isAct() && b.isAct() {
		return c.joined(n, "multiply", []*value{a, b})
	}
	if !a.isAct() {
		a, b = b, a
	}
	v, ok, err := c.numberOf(b)
	if err != nil {
		return nil, err
	}
	if !ok {
		if _, err := floats(n, []*value{a}, 0); err != nil {
			return nil, err
		}
		return c.affine(n, a, b, "gamma", nil)
	}
	return c.scaled(n, []*value{a}, v, 0)
}

func div(c *converter, n *node, args []*value, _ int) (*value, error) {
	if err := c.old(n); err != nil {
		return nil, err
	}
	if v, ok, err := c.standardize(n); ok || err != nil {
		return v, err
	}
	v, ok, err := c.numberOf(args[1])
	if err != nil {
		return nil, err
	}
	if !ok && args[0].isAct() && args[1].k != nil && dtypeOf(args[1].k.code).IsFloat() {
		if _, err := floats(n, args, 0); err != nil {
			return nil, err
		}
		return c.affine(n, args[0], args[1], "gamma", reciprocal)
	}
	if args[1].isAct() { // x·y⁻¹
		y, err := c.raised(&node{name: nameOf(n) + ".reciprocal"}, args[1:2], -1)
		if err != nil {
			return nil, err
		}
		if args[0].isAct() {
			return c.joined(n, "multiply", []*value{args[0], y})
		}
		return mul(c, &node{name: nameOf(n), op: "Mul", out: n.out, attrs: n.attrs}, []*value{y, args[0]}, 0)
	}
	if !ok || v == 0 {
		return nil, refuse(n, "there is no layer for division by what is no constant")
	}
	return c.scaled(n, args, 1/v, 0)
}

// together brings values to one order of axes.
func (c *converter) together(n *node, args []*value, takes taking) ([]*value, error) {
	out := make([]*value, len(args))
	for i := range args {
		v, err := taken(n, args, i, takes)
		if err != nil {
			return nil, err
		}
		if v.each > 0 {
			return nil, refuse(n, "it joins steps that are samples of their own")
		}
		if v.rank() != args[0].rank() || v.perm[0] != args[0].perm[0] || v.code != args[0].code {
			return nil, refuse(n, "it joins %s of shapes %v and %v", typeName(v.code), args[0].shape, v.shape)
		}
		out[i] = v
	}
	alike := true
	for _, v := range out {
		alike = alike && v.order == nil
	}
	if !alike {
		for i := range out {
			out[i] = c.unflat(n, out[i])
		}
	}
	perm := out[0].perm
	for i, v := range out {
		var err error
		if out[i], err = c.arrange(n, v, perm); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// joined adds a layer of several inputs, whose shapes go together.
func (c *converter) joined(n *node, kind string, args []*value) (*value, error) {
	takes := floating
	if kind == "maximum" || kind == "minimum" {
		takes = counting
	}
	if len(args) == 1 {
		return taken(n, args, 0, takes)
	}
	args, err := c.together(n, args, takes)
	if err != nil {
		return nil, err
	}
	shape := args[0].shape
	for _, v := range args[1:] {
		if shape, err = broadcast(n, shape, v.shape); err != nil {
			return nil, err
		}
	}
	out := c.emit(n, kind, spec.Value{Kind: spec.Map}, args[0])
	c.last().In = layersOf(args)
	out.shape = shape
	return out, nil
}

func layersOf(args []*value) []string {
	var out []string
	for _, v := range args {
		out = append(out, v.layer)
	}
	return out
}

func join(kind string) maker {
	return func(c *converter, n *node, args []*value, _ int) (*value, error) {
		if err := need(n, args, len(args)); err != nil {
			return nil, err
		}
		if len(args) == 2 && args[0].isAct() != args[1].isAct() { // a bound, or what is added
			v, k := args[0], args[1]
			if !v.isAct() {
				v, k = k, v
			}
			if kind == "add" {
				return c.sum(n, args, 1)
			}
			bound, ok, err := c.scalarOf(k)
			if _, ferr := taken(n, []*value{v}, 0, counting); err == nil {
				err = ferr
			}
			switch {
			case err != nil:
				return nil, err
			case ok && kind == "minimum":
				return c.clipped(n, v, math.Inf(-1), short(bound))
			case ok && kind == "maximum":
				return c.clipped(n, v, short(bound), math.Inf(1))
			}
		}
		return c.joined(n, kind, args)
	}
}

func concat(c *converter, n *node, args []*value, _ int) (*value, error) {
	if err := need(n, args, len(args)); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return args[0], nil
	}
	if i := slices.IndexFunc(args, (*value).isAct); i >= 0 {
		args = slices.Clone(args)
		of := args[i]
		for j, k := range args {
			if k.k == nil || k.rows == 0 || !dtypeOf(of.code).IsFloat() {
				continue
			}
			var err error
			if args[j], err = c.besideRows(n, of, k, c.axis(n, "axis", 1)); err != nil {
				return nil, err
			}
		}
	}
	args, err := c.together(n, args, moving)
	if err != nil {
		return nil, err
	}
	rank := args[0].rank()
	axis := c.axis(n, "axis", 1)
	if axis < 0 {
		axis += rank
	}
	place := slices.Index(args[0].perm, axis)
	if place < 1 {
		return nil, refuse(n, "it joins along axis %d, which is the batch's or none of %d", n.int("axis", 1), rank)
	}
	shape := slices.Clone(args[0].shape)
	for _, v := range args[1:] {
		for a, d := range v.shape {
			if a == axis {
				shape[a] += d
			} else if shape[a] != d {
				return nil, &format.Corrupt{Err: fmt.Errorf("%s: shapes %v and %v do not go together", n.what(), args[0].shape, v.shape)}
			}
		}
	}
	out := c.emit(n, "concatenate", format.Map("axis", place), args[0])
	c.last().In = layersOf(args)
	out.shape = shape
	return out, nil
}

// A window is what slides over the axes behind the channels.
type window struct{ size, strides, dilations, before, after []int }

// windowOf reads the window of a node over axes of so many places.
func windowOf(n *node, space, size []int) (window, error) {
	k := len(space)
	ones := slices.Repeat([]int{1}, k)
	w := window{size: size, strides: n.ints("strides"), dilations: n.ints("dilations"), before: make([]int, k), after: make([]int, k)}
	if w.strides == nil {
		w.strides = ones
	}
	if w.dilations == nil {
		w.dilations = ones
	}
	pads := n.ints("pads")
	if pads == nil {
		pads = make([]int, 2*k)
	}
	for _, list := range [][]int{w.size, w.strides, w.dilations} {
		if len(list) != k || slices.Min(list) < 1 || slices.Max(list) > 1<<20 {
			return w, refuse(n, "its window over %d axes has size %v, strides %v, dilations %v", k, w.size, w.strides, w.dilations)
		}
	}
	if len(pads) != 2*k || slices.Min(pads) < 0 || slices.Max(pads) > 1<<20 {
		return w, refuse(n, "it pads by %v; want numbers not below 0 for %d axes", pads, k)
	}
	for i := range k {
		extent := (w.size[i]-1)*w.dilations[i] + 1
		switch mode := n.text("auto_pad", "NOTSET"); mode {
		case "NOTSET", "":
			w.before[i], w.after[i] = pads[i], pads[i+k]
		case "VALID":
		case "SAME_UPPER", "SAME_LOWER":
			all := max(((space[i]+w.strides[i]-1)/w.strides[i]-1)*w.strides[i]+extent-space[i], 0)
			w.before[i], w.after[i] = all/2, all-all/2
			if mode == "SAME_LOWER" {
				w.before[i], w.after[i] = w.after[i], w.before[i]
			}
		default:
			return w, refuse(n, "auto_pad is %q", mode)
		}
	}
	return w, nil
}

// fields writes the window as a layer's.
func (w window) fields(fields spec.Value) spec.Value {
	fields = fields.With("strides", format.List(w.strides...))
	if slices.Max(w.dilations) > 1 {
		fields = fields.With("dilation_rate", format.List(w.dilations...))
	}
	if slices.Max(w.before) == 0 && slices.Max(w.after) == 0 {
		return fields
	}
	pads := spec.Value{Kind: spec.List}
	for i := range w.before {
		pads.Items = append(pads.Items, format.List(w.before[i], w.after[i]))
	}
	return fields.With("padding", pads)
}

// over is how many places a window has over axes of so many.
func (w window) over(n *node, space []int, ceil bool) ([]int, error) {
	out := make([]int, len(space))
	for i, d := range space {
		room := d + w.before[i] + w.after[i] - (w.size[i]-1)*w.dilations[i] - 1
		if room < 0 {
			return nil, refuse(n, "its window does not fit into %v", space)
		}
		out[i] = room/w.strides[i] + 1
		if ceil && room%w.strides[i] != 0 && out[i]*w.strides[i] < d+w.before[i] {
			out[i]++
		}
	}
	return out, nil
}

// image brings a value with channels to the order in which these come last.
func (c *converter) image(n *node, v *value, least, most int) (*value, error) {
	if v.rank() < least || v.rank() > most {
		return nil, refuse(n, "values of shape %v have another number of axes than there are layers for", v.shape)
	}
	return c.arrange(n, v, channelsLast(v.rank()))
}

// noun is the name of a layer for a number of axes.
func noun(kind string, axes int) string { return fmt.Sprintf("%s%dd", kind, axes) }

func convolution(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, err := c.image(n, args[0], 3, 5)
	if err != nil {
		return nil, err
	}
	w, err := c.weight(n, args[1])
	if err != nil {
		return nil, err
	}
	axes, groups := v.rank()-2, n.int("group", 1)
	channels := v.shape[1]
	if len(w.shape) != axes+2 || groups < 1 || w.shape[1]*groups != channels || w.shape[0]%groups != 0 || w.shape[0] == 0 {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: a kernel of shape %v and %d groups for values of shape %v", n.what(), w.shape, groups, v.shape)}
	}
	size := []int(w.shape[2:])
	if k := n.ints("kernel_shape"); k != nil && !slices.Equal(k, size) {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: a kernel of shape %v, where kernel_shape says %v", n.what(), w.shape, k)}
	}
	win, err := windowOf(n, v.shape[2:], size)
	if err != nil {
		return nil, err
	}
	space, err := win.over(n, v.shape[2:], false)
	if err != nil {
		return nil, err
	}
	filters := w.shape[0]
	kind := noun("conv", axes)
	fields := format.Map("filters", filters, "kernel_size", size)
	var order []int
	for i := range axes {
		order = append(order, i+2)
	}
	kernel := w.shape
	if groups == channels && groups > 1 && axes < 3 {
		kind = noun("depthwise_conv", axes)
		fields = format.Map("kernel_size", size)
		if m := filters / channels; m > 1 {
			fields = fields.With("depth_multiplier", spec.Num(float64(m)))
		}
		kernel, order = append(tensor.Shape{channels, filters / channels}, size...), append(order, 0, 1)
	} else {
		if groups > 1 {
			fields = fields.With("groups", spec.Num(float64(groups)))
		}
		order = append(order, 1, 0)
	}
	part := format.Part{Leaf: "kernel", From: []string{w.name}, Move: format.Reorder(kernel, order...)}
	out := c.emit(n, kind, win.fields(fields).With("use_bias", spec.Flag(false)), v, part)
	out.shape = append([]int{-1, filters}, space...)
	if len(args) < 3 || args[2] == nil {
		return out, nil
	}
	b, err := c.weight(n, args[2])
	if err != nil {
		return nil, err
	}
	return c.addChannels(n, out, b)
}

// addChannels adds the bias of a convolution.
func (c *converter) addChannels(n *node, v *value, b *constant) (*value, error) {
	if len(b.shape) != 1 || b.shape[0] != v.shape[1] {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: a bias of shape %v for %d filters", n.what(), b.shape, v.shape[1])}
	}
	part := format.Part{Leaf: "bias", From: []string{b.name}}
	if l := c.last(); v.each > 0 && l.Name == v.layer { // the layer that is applied to each step has it
		inner, _ := l.Fields.Get("layer")
		kind := inner.Entries[0]
		l.Fields = format.Map("layer", format.Map(kind.Key, kind.Value.Without("use_bias")))
		l.Parts = append(l.Parts, part)
		return v, nil
	}
	e := c.emit(&node{name: v.layer + ".bias"}, format.Bias, spec.Value{Kind: spec.Map}, v, part)
	return e, nil
}

func pooling(kind string) maker {
	return func(c *converter, n *node, args []*value, at int) (*value, error) {
		v, err := c.image(n, args[0], 3, 5)
		if err != nil {
			return nil, err
		}
		win, err := windowOf(n, v.shape[2:], n.ints("kernel_shape"))
		if err != nil {
			return nil, err
		}
		ceil := n.int("ceil_mode", 0) != 0
		space, err := win.over(n, v.shape[2:], ceil)
		if err != nil {
			return nil, err
		}
		fields := win.fields(format.Map("pool_size", win.size))
		if ceil {
			fields = fields.With("ceil_mode", spec.Flag(true))
		}
		if n.int("count_include_pad", 0) != 0 && kind == "average_pooling" {
			fields = fields.With("count_include_pad", spec.Flag(true))
		}
		one, kind := n, kind
		if at > 0 { // where what is taken lies
			one, kind = &node{op: n.op, name: n.out[at]}, "max_pooling_argmax"
			if n.int("storage_order", 0) != 0 {
				fields = fields.With("column_major", spec.Flag(true))
			}
			c.warn("%s: places count those of all samples of a batch, and are whole numbers as floats", n.what())
		}
		out := c.emit(one, noun(kind, v.rank()-2), fields, v)
		out.shape = append([]int{-1, v.shape[1]}, space...)
		if at > 0 {
			out.code = 7
		}
		return out, nil
	}
}

func globalPooling(kind string) maker {
	return func(c *converter, n *node, args []*value, _ int) (*value, error) {
		v, err := c.image(n, args[0], 3, 5)
		if err != nil {
			return nil, err
		}
		out := c.emit(n, noun(kind, v.rank()-2), format.Map("keepdims", true), v)
		out.shape = append([]int{-1, v.shape[1]}, slices.Repeat([]int{1}, v.rank()-2)...)
		return out, nil
	}
}

func lrn(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, err := c.image(n, args[0], 2, maxAxes)
	if err != nil {
		return nil, err
	}
	return c.emit(n, "local_response_normalization", format.Map("size", n.int("size", 0), "alpha", n.float("alpha", 1e-4), "beta", n.float("beta", 0.75), "bias", n.float("bias", 1)), v), nil
}

// dropout does nothing at prediction. Its second output says what is kept: all.
func dropout(c *converter, n *node, args []*value, out int) (*value, error) {
	v := args[0]
	var err error
	rate := n.float("ratio", 0.5)
	if len(args) > 1 && args[1] != nil {
		if rate, err = c.number(n, args[1]); err != nil {
			return nil, err
		}
		rate = short(rate)
	}
	if len(args) > 2 && args[2] != nil {
		on, err := c.number(n, args[2])
		if err != nil {
			return nil, err
		}
		if on != 0 && rate != 0 {
			return nil, refuse(n, "it drops at prediction: this is the graph of training; export the one of prediction")
		}
	}
	if c.m.opset < 7 && n.int("is_test", 0) == 0 {
		return nil, refuse(n, "it drops at prediction: this is the graph of training; export the one of prediction")
	}
	if out > 0 {
		one := format.Map("name", "clip", "min", 1, "max", 1)
		kept := c.emit(&node{name: n.out[out]}, activation, format.Map("activation", one), v)
		kept.code = 9 // truth values
		return kept, nil
	}
	if !(rate > 0 && rate < 1) {
		return v, nil
	}
	return c.emit(n, "dropout", format.Map("rate", rate), v), nil
}

func identity(c *converter, n *node, args []*value, _ int) (*value, error) {
	return args[0], nil
}

// cast changes nothing between floats, which are all of one type inside, and from whole
// numbers to wider ones or floats.
func cast(c *converter, n *node, args []*value, _ int) (*value, error) {
	if !args[0].isAct() {
		return nil, refuse(n, "it takes a condition or a shape that depends on the model's input")
	}
	code := int64(n.int("to", 0))
	from, to := dtypeOf(args[0].code), dtypeOf(code)
	whole := func(dt tensor.DType) bool { return dt == tensor.Int32 || dt == tensor.Int64 }
	out := *args[0]
	out.code = code
	switch {
	case from.IsFloat() && to.IsFloat(), whole(from) && (whole(to) || to.IsFloat()), narrow(from) && (from == to || whole(to) || to.IsFloat()):
	case from.IsFloat() && whole(to) && c.lookedUp(n): // an embedding cuts numbers itself
	case from.IsFloat() && whole(to): // cut off towards 0
		return c.truncated(n, args[0], code)
	case from == tensor.Bool && (to == tensor.Bool || to.IsFloat() || whole(to) || narrow(to)): // 0 and 1
	case to == tensor.Bool && (from.IsFloat() || narrow(from) || whole(from)): // whether it is not 0
		not, err := c.elementary(&node{name: nameOf(n) + ".not"}, "not", args[:1], truth)
		if err != nil {
			return nil, err
		}
		return c.elementary(n, "not", []*value{not}, truth)
	default:
		return nil, refuse(n, "%s become %s, for which there is no layer", typeName(args[0].code), typeName(code))
	}
	if to == tensor.Float16 || to == tensor.BFloat16 {
		c.warn("%s: nothing is rounded to %v", n.what(), to)
	}
	return &out, nil
}

// truncated cuts off what is behind the point: the sign times what there is of whole ones.
func (c *converter) truncated(n *node, v *value, code int64) (*value, error) {
	part := func(name string, of *value) *value {
		return c.emit(&node{name: nameOf(n) + "." + name}, "elementwise", format.Map("function", name), of)
	}
	out, err := c.joined(n, "multiply", []*value{part("sign", v), part("floor", part("abs", v))})
	if err != nil {
		return nil, err
	}
	cut := *out
	cut.code = code
	return &cut, nil
}

// lookedUp reports whether what a node makes serves to look up rows alone.
func (c *converter) lookedUp(n *node) bool {
	for _, u := range c.uses[n.out[0]] {
		if u.op != "Gather" || u.input(1) != n.out[0] || u.input(0) == n.out[0] {
			return false
		}
	}
	return !c.outputs[n.out[0]]
}

// gather looks up rows of weights, or takes one place of an axis.
func gather(c *converter, n *node, args []*value, _ int) (*value, error) {
	if args[0].isAct() {
		return c.place(n, args)
	}
	v := args[1]
	w, err := c.weight(n, args[0])
	if err != nil {
		return nil, err
	}
	axis, rank := n.int("axis", 0), len(w.shape)
	if axis < 0 {
		axis += rank
	}
	if dt := dtypeOf(v.code); rank < 2 || axis < 0 || axis >= rank || dt != tensor.Int32 && dt != tensor.Int64 || v.rank() < 1 {
		return nil, refuse(n, "only rows of weights of two axes or more are looked up, by whole numbers")
	}
	v = c.unflat(n, v)
	// The axis that is looked up along comes first, the others are one.
	order, rest := []int{axis}, []int{}
	for a := range rank {
		if a != axis {
			order, rest = append(order, a), append(rest, w.shape[a])
		}
	}
	units := tensor.Shape(rest).Len()
	var turn format.Turn
	if rank > 2 || axis > 0 {
		turn = format.Permute(order...).Then(format.Reshape(w.shape[axis], units))
	}
	if w.shape.Len() == 0 {
		return nil, refuse(n, "its table %q of shape %v is empty", w.name, w.shape)
	}
	out := c.emit(n, "embedding", format.Map("input_dim", w.shape[axis], "output_dim", units, "from_end", true), v, format.Part{Leaf: "embeddings", From: []string{w.name}, Make: turn})
	if len(rest) > 1 {
		out = c.emit(&node{name: out.layer + ".shape"}, "reshape", format.Map("target_shape", append(v.inside(), rest...)), out)
	}
	// The graph has the axes of the numbers where the one that is looked up along was.
	y := &value{layer: out.layer, code: w.code}
	y.shape = append(append(slices.Clone(rest[:axis]), v.shape...), rest[axis:]...)
	for _, a := range v.perm {
		y.perm = append(y.perm, a+axis)
	}
	for a := range rest {
		if a >= axis {
			a += v.rank()
		}
		y.perm = append(y.perm, a)
	}
	return y, nil
}

// place takes one place of an axis of a value.
func (c *converter) place(n *node, args []*value) (*value, error) {
	v, err := taken(n, args, 0, moving)
	if err != nil {
		return nil, err
	}
	v = c.unflat(n, v)
	a, j, err := c.sampleAxis(n, v, c.axis(n, "axis", 0))
	if err != nil {
		return nil, err
	}
	at, err := c.integers(n, args[1])
	if err != nil {
		return nil, err
	}
	of := tensor.Shape{len(at)}
	if args[1].scalar {
		of = tensor.Shape{}
	} else if args[1].k != nil {
		of = args[1].k.shape
	}
	if len(at) == 0 || len(at) > maxTimes {
		return nil, refuse(n, "it takes %d places of %d; 1 to %d are", len(at), v.shape[a], maxTimes)
	}
	if err := c.spend(n, len(at)); err != nil {
		return nil, err
	}
	var parts []string
	var x *value
	for _, i := range at {
		if i < 0 {
			i += v.shape[a]
		}
		if i < 0 || i >= v.shape[a] {
			return nil, refuse(n, "it takes places %v of %d", at, v.shape[a])
		}
		x = c.cut(n, v, a, j, i, i+1)
		parts = append(parts, x.layer)
	}
	if len(at) > 1 {
		x = c.emit(&node{name: nameOf(n) + ".joined"}, "concatenate", format.Map("axis", j), x)
		c.last().In = parts
		x.shape = slices.Clone(v.shape)
		x.shape[a] = len(at)
	}
	switch len(of) {
	case 1:
		return x, nil
	case 0:
		return c.without(n, x, []int{a})
	}
	// Several axes in place of one.
	if x, err = c.arrange(n, x, natural(x.rank())); err != nil {
		return nil, err
	}
	to := append(append(slices.Clone(x.shape[:a]), of...), x.shape[a+1:]...)
	out := c.emit(&node{name: nameOf(n) + ".shape"}, "reshape", format.Map("target_shape", to[1:]), x)
	out.shape, out.perm = to, natural(len(to))
	return out, nil
}

func pad(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	var err error
	mode := n.text("mode", "constant")
	if !slices.Contains([]string{"constant", "reflect", "edge", "wrap"}, mode) {
		return nil, refuse(n, "it pads in mode %q; constant, reflect, edge and wrap are read", mode)
	}
	fill := n.float("value", 0)
	pads := n.ints("pads")
	if len(args) > 1 && args[1] != nil {
		if pads, err = c.integers(n, args[1]); err != nil {
			return nil, err
		}
	}
	if len(args) > 2 && args[2] != nil {
		if fill, err = c.number(n, args[2]); err != nil {
			return nil, err
		}
	}
	rank := v.rank()
	axes := natural(rank)[c.first():]
	if len(args) > 3 && args[3] != nil {
		if axes, err = c.integers(n, args[3]); err != nil {
			return nil, err
		}
		axes = c.behindAll(axes)
	}
	if len(pads) != 2*len(axes) {
		return nil, refuse(n, "it pads %d axes by %v", len(axes), pads)
	}
	before, after := make([]int, rank), make([]int, rank)
	for i, a := range axes {
		if a < 0 {
			a += rank
		}
		lo, hi := pads[i], pads[i+len(axes)]
		if a < 0 || a >= rank || lo < 0 || hi < 0 || max(lo, hi) > 1<<20 || a == v.perm[0] && lo+hi > 0 {
			return nil, refuse(n, "it pads axes %v of %v by %v", axes, v.shape, pads)
		}
		before[a], after[a] = lo, hi
	}
	v = c.unflat(n, v)
	shape := slices.Clone(v.shape)
	sides := spec.Value{Kind: spec.List}
	for _, a := range v.perm[1:] {
		sides.Items = append(sides.Items, format.List(before[a], after[a]))
		shape[a] += before[a] + after[a]
	}
	fields := format.Map("padding", sides)
	switch {
	case mode != "constant":
		for a := range shape {
			if most := v.shape[a] - 1; mode == "reflect" && max(before[a], after[a]) > max(most, 0) {
				return nil, refuse(n, "it reflects %d and %d places of %d; at most %d are", before[a], after[a], v.shape[a], most)
			}
		}
		if err := c.spend(n, 2*(total(before)+total(after))); err != nil {
			return nil, err
		}
		fields = fields.With("mode", spec.Str(mode))
	case fill != 0:
		if math.IsNaN(fill) || math.IsInf(fill, 0) {
			return nil, refuse(n, "it pads with %g", fill)
		}
		fields = fields.With("value", spec.Num(short(fill)))
	}
	out := c.emit(n, "pad", fields, v)
	out.shape = shape
	return out, nil
}

func total(all []int) int {
	n := 0
	for _, k := range all {
		n += k
	}
	return n
}

// transpose changes the order of axes alone.
func transpose(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := c.unflat(n, args[0])
	perm, err := permOf(n, v.rank()-c.first())
	if err != nil {
		return nil, err
	}
	perm = c.dims(c.behindAll(perm), 0)
	out := *v
	out.shape, out.perm = make([]int, len(perm)), make([]int, len(perm))
	for i, a := range perm {
		out.shape[i] = v.shape[a]
		out.perm[slices.Index(v.perm, a)] = i
	}
	return &out, nil
}

// flat makes each sample a vector, whose features keep the order that they have.
func (c *converter) flat(n *node, v *value) (*value, error) {
	if v.perm[0] != 0 {
		return nil, refuse(n, "it would take the samples of a batch, axis %d, for something else", v.perm[0])
	}
	if v.rank() == 2 {
		return v, nil
	}
	out := c.emit(n, "flatten", spec.Value{Kind: spec.Map}, v)
	out.shape, out.perm = []int{-1, v.sample()}, []int{0, 1}
	o := &order{}
	last, sorted := 0, true
	for _, a := range v.perm[1:] {
		o.to = append(o.to, a-1)
		if v.shape[a] != 1 {
			sorted = sorted && a > last
			last = a
		}
	}
	o.dims = slices.Clone(v.shape[1:])
	if !sorted {
		out.order = o
	}
	return out, nil
}

func flatten(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	var err error
	axis := c.axis(n, "axis", 1)
	if axis < 0 {
		axis += v.rank()
	}
	if c.whole && axis >= 1 && axis <= v.rank() {
		if v, err = c.arrange(n, v, natural(v.rank())); err != nil {
			return nil, err
		}
		out := c.emit(n, "reshape", format.Map("target_shape", []int{tensor.Shape(v.shape[1:axis]).Len(), tensor.Shape(v.shape[axis:]).Len()}), v)
		out.shape, out.perm = []int{-1, tensor.Shape(v.shape[1:axis]).Len(), tensor.Shape(v.shape[axis:]).Len()}, natural(3)
		return out, nil
	}
	if axis != 1 {
		return nil, refuse(n, "it flattens from axis %d on; only the axes of a sample are joined", n.int("axis", 1))
	}
	return c.flat(n, v)
}

func reshape(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	to := n.ints("shape")
	var err error
	if len(args) > 1 {
		if to, err = c.integers(n, args[1]); err != nil {
			return nil, err
		}
	}
	if len(to) == 0 || len(to) > maxAxes {
		return nil, refuse(n, "it makes shape %v", to)
	}
	to = c.dims(to, batch)
	if !c.whole && v.each == 0 && slices.ContainsFunc(to, func(d int) bool { return d != batch && isBatches(d) }) {
		return c.regrouped(n, v, to)
	}
	if p := v.perm[0]; p > 0 {
		out, err := c.reshapeBehind(n, v, to)
		if err != nil && !c.whole && v.each == 0 {
			if joined, other := c.regrouped(n, v, to); other == nil {
				return joined, nil
			}
		}
		return out, err
	}
	if out, err := c.stepped(n, v, to); out != nil || err != nil {
		return out, err
	}
	shape, open, have := make([]int, len(to)), -1, 1
	for i, d := range to {
		d = copied(n, v, i, d)
		switch {
		case i == 0 && (d == batch || c.rows > 0 && d == c.rows):
			shape[0] = -1
			continue
		case i == 0 && d == -1: // what is left is the batch, if all others are a sample
			shape[0] = -1
			continue
		case d == -1 && open < 0 && to[0] != -1:
			open = i
			continue
		case i == 0, d < 0, d == 0 && v.sample() > 0, d > math.MaxInt32:
			return nil, refuse(n, "the shape that it makes, %v, does not begin with the batch's axis, or is not known before it runs", said(to))
		}
		shape[i] = d
		have *= d
		if have > maxSample {
			return nil, refuse(n, "samples of shape %v cannot get shape %v", v.shape, said(to))
		}
	}
	if open >= 0 && have > 0 {
		shape[open] = v.sample() / have
		have *= shape[open]
	}
	if have != v.sample() {
		return nil, refuse(n, "samples of shape %v cannot get shape %v: it would take samples apart or join them", v.shape, said(to))
	}
	if len(shape) == 2 {
		return c.flat(n, v)
	}
	if v, err = c.arrange(n, v, natural(v.rank())); err != nil {
		return nil, err
	}
	if slices.Equal(v.shape, shape) {
		return v, nil
	}
	out := c.emit(n, "reshape", format.Map("target_shape", shape[1:]), v)
	out.shape, out.perm = shape, natural(len(shape))
	return out, nil
}

// copied is a length of the shape that a reshape makes, where 0 stands for what there is.
func copied(n *node, v *value, i, d int) int {
	if d != 0 || n.int("allowzero", 0) != 0 || i >= v.rank() {
		return d
	}
	if d = v.shape[i]; d < 0 {
		return batch
	}
	return d
}

// reshapeBehind gives values a shape whose axes up to the batch's, which is not the first, are
// as they were.
func (c *converter) reshapeBehind(n *node, v *value, to []int) (*value, error) {
	p := v.perm[0]
	fail := refuse(n, "the shape that it makes, %v, takes the batch's axis, %d, for something else", said(to), p)
	if len(to) <= p+1 {
		return nil, fail
	}
	shape, open, have := make([]int, len(to)), -1, 1
	for i, d := range to {
		d = copied(n, v, i, d)
		switch {
		case i < p && d == v.shape[i]:
		case i == p && (d == batch || c.rows > 0 && d == c.rows):
			d = -1
		case i > p && d == -1 && open < 0:
			open = i
			continue
		case i > p && d > 0 && d <= math.MaxInt32:
			have *= d
		default:
			return nil, fail
		}
		shape[i] = d
	}
	rest := 1
	for _, d := range v.shape[p+1:] {
		rest *= d
	}
	if open >= 0 && have > 0 {
		shape[open] = rest / have
		have *= shape[open]
	}
	if have != rest {
		return nil, refuse(n, "values of shape %v cannot get shape %v", v.shape, said(to))
	}
	v, err := c.arrange(n, v, batchFirst(v.rank(), p))
	if err != nil {
		return nil, err
	}
	out := *v
	out.shape, out.perm = shape, batchFirst(len(shape), p)
	if slices.Equal(out.inside(), v.inside()) {
		return &out, nil
	}
	out.layer = c.emit(n, "reshape", format.Map("target_shape", out.inside()), v).layer
	return &out, nil
}

// said are the numbers of a shape for a person.
func said(shape []int) []string {
	var out []string
	for _, d := range shape {
		if k := batchesOf(d); isBatches(d) && k > 1 {
			out = append(out, fmt.Sprintf("%d·batch", k))
		} else if d == batch {
			out = append(out, "batch")
		} else {
			out = append(out, fmt.Sprint(d))
		}
	}
	return out
}

// squeeze leaves out axes of length 1, or puts some in.
func squeeze(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	axes, given, err := c.axesOf(n, args)
	if err != nil {
		return nil, err
	}
	axes = c.behindAll(axes)
	if n.op == "Unsqueeze" {
		shape, err := inserted(n, v.shape, axes)
		if err != nil {
			return nil, err
		}
		if v, err = c.arrange(n, v, batchFirst(v.rank(), v.perm[0])); err != nil {
			return nil, err
		}
		out := *v
		out.shape, out.perm = shape, batchFirst(len(shape), slices.Index(shape, -1))
		out.layer = c.emit(n, "reshape", format.Map("target_shape", out.inside()), v).layer
		return &out, nil
	}
	v = c.unflat(n, v)
	kept, err := removed(n, v.shape, axes, given)
	if err != nil {
		return nil, err
	}
	if c.rows == 1 && !given {
		return nil, refuse(n, "it leaves out whichever axes have length 1, and the batch has one sample")
	}
	return c.left(n, v, kept)
}

// without leaves out axes of length 1.
func (c *converter) without(n *node, v *value, axes []int) (*value, error) {
	kept, err := removed(n, v.shape, axes, true)
	if err != nil {
		return nil, err
	}
	return c.left(n, v, kept)
}

// left leaves out all axes but some, which have length 1.
func (c *converter) left(n *node, v *value, kept []int) (*value, error) {
	var inside, shape, perm []int
	for _, a := range v.perm {
		if at := slices.Index(kept, a); at >= 0 {
			perm = append(perm, at)
			if a != v.perm[0] {
				inside = append(inside, v.shape[a])
			}
		}
	}
	for _, a := range kept {
		shape = append(shape, v.shape[a])
	}
	if len(perm) == v.rank() {
		return v, nil
	}
	if len(perm) == 1 {
		return nil, refuse(n, "nothing of a sample is left but a number")
	}
	out := c.emit(n, "reshape", format.Map("target_shape", inside), v)
	out.shape, out.perm = shape, perm
	return out, nil
}
