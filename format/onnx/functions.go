package onnx

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// functions are the operations on one number that are no activations, by what nn calls them;
// relations those that compare, and logic those on truth values.
var (
	functions = map[string]string{"Abs": "abs", "Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "round", "Log": "log", "Erf": "erf", "Sin": "sin", "Cos": "cos", "Tan": "tan",
		"Sinh": "sinh", "Cosh": "cosh", "Atanh": "atanh"}
	relations = map[string]string{"Greater": "greater", "GreaterOrEqual": "greater_equal", "Less": "less", "LessOrEqual": "less_equal", "Equal": "equal"}
	logic     = map[string]string{"And": "and", "Or": "or", "Xor": "xor", "Not": "not"}
)

// truth is the code of truth values, which are 0 and 1 here.
const truth = 9

// ofOne reports whether an operation is a function of each number, with nothing to be set.
func ofOne(op string) bool { return simple[op] != "" || functions[op] != "" }

func init() {
	for name, function := range functions {
		ops[name] = op{func(c *converter, n *node, args []*value, _ int) (*value, error) {
			return c.emit(n, "elementwise", format.Map("function", function), args[0]), nil
		}, 1, floating}
	}
	for name, function := range relations {
		ops[name] = op{func(c *converter, n *node, args []*value, _ int) (*value, error) {
			return c.elementary(n, function, args[:2], truth)
		}, 2, anything}
		pointwise[name] = true
	}
	for name, function := range logic {
		needs := 2
		if name == "Not" {
			needs = 1
		}
		ops[name] = op{func(c *converter, n *node, args []*value, _ int) (*value, error) {
			for _, v := range args[:needs] {
				if v.isAct() && v.code != truth {
					return nil, refuse(n, "it takes %s, want truth values", typeName(v.code))
				}
			}
			return c.elementary(n, function, args[:needs], truth)
		}, needs, anything}
		pointwise[name] = true
	}
}

// elementary adds a function of several numbers at each place, of which some may be constants.
func (c *converter) elementary(n *node, function string, args []*value, code int64) (*value, error) {
	if err := c.old(n); err != nil {
		return nil, err
	}
	var of *value // the value that stands for the shape of constants
	for i, v := range args {
		if !v.isAct() {
			continue
		}
		if v.each > 0 {
			return nil, refuse(n, "it joins steps that are samples of their own")
		}
		if of != nil && (v.rank() != of.rank() || v.perm[0] != of.perm[0]) {
			return nil, refuse(n, "it joins values of shapes %v and %v", of.shape, v.shape)
		}
		if dt := dtypeOf(v.code); !dt.IsFloat() && !narrow(dt) && dt != tensor.Bool && !c.countable(args, i) {
			return nil, refuse(n, "it computes with %s, which floats do not hold exactly", typeName(v.code))
		}
		if of == nil || v.sample() > of.sample() {
			of = v
		}
	}
	if of == nil {
		return nil, refuse(n, "it has more inputs than it takes")
	}
	of = c.unflat(n, of)
	shape := of.shape
	in := make([]string, len(args))
	for i, v := range args {
		var err error
		if v.isAct() {
			v, err = c.arrange(n, c.unflat(n, v), of.perm)
		} else {
			v, err = c.likeness(n, of, v, function == "pow" || function == "select" && i > 0)
		}
		if err != nil {
			return nil, err
		}
		if shape, err = broadcast(n, shape, v.shape); err != nil {
			return nil, err
		}
		in[i] = v.layer
	}
	out := c.emit(n, "elementwise", format.Map("function", function), of)
	c.last().In = in
	out.shape, out.code = shape, code
	return out, nil
}

// countable reports whether a value of whole numbers is compared with constants alone that
// floats hold exactly: so is what is larger than these on the right side of them.
func (c *converter) countable(args []*value, i int) bool {
	for j, v := range args {
		if j == i {
			continue
		}
		numbers, _, ok, err := c.numbers(v)
		if err != nil || !ok || slices.ContainsFunc(numbers, func(x float64) bool { return math.Abs(x) >= 1<<24 }) {
			return false
		}
	}
	return true
}

// likeness is a constant as a value of the shape of another: that is compared with itself, which makes
// it 0 whatever it is, and the constant is added. Where no gradient flows to it, it is not learned.
func (c *converter) likeness(n *node, of, k *value, slope bool) (*value, error) {
	k, err := solid(n, k)
	if err != nil {
		return nil, err
	}
	if rows := k.rows; rows > 0 { // of which there is one here
		if len(k.k.shape) != of.rank() || rows-1 != of.perm[0] {
			return nil, refuse(n, "it takes a constant of as many rows as the batch has samples")
		}
		k = &value{k: k.k}
	}
	if !dtypeOf(k.k.code).IsFloat() {
		whole := k.k
		if k, err = c.derived(&node{out: []string{nameOf(n) + ".constant"}}, whole, whole.shape, func(from []*tensor.Tensor) (*tensor.Tensor, error) {
			return from[0].Convert(tensor.Float32), nil
		}); err != nil {
			return nil, err
		}
		k.k.code, k.k.learned = 1, false
	}
	if !slope {
		fixed := *k.k
		fixed.learned = false
		k = &value{k: &fixed}
	}
	zero := c.emit(&node{name: nameOf(n) + ".none"}, "elementwise", format.Map("function", "greater"), of)
	c.last().In = []string{of.layer, of.layer}
	zero.code = 1
	whole, err := broadcast(n, of.shape, k.k.shape)
	if err != nil || len(whole) != of.rank() || whole[of.perm[0]] != -1 {
		return nil, refuse(n, "a constant of shape %v is joined to values of shape %v", k.k.shape, of.shape)
	}
	times := slices.Repeat([]int{1}, of.rank())
	for a, d := range whole {
		if of.shape[a] == 1 {
			times[a] = d
		}
	}
	if zero, err = c.repeat(n, zero, times); err != nil {
		return nil, err
	}
	return c.affine(&node{op: n.op, name: nameOf(n) + ".constant"}, zero, k, "beta", nil)
}

// where chooses between two values. Where it is x above a number, and a number elsewhere, that
// is an activation.
func where(c *converter, n *node, args []*value, _ int) (*value, error) {
	if cond := c.made[n.in[0]]; cond != nil && cond.op == "Greater" && len(cond.in) == 2 && cond.in[0] == n.in[1] && args[1].isAct() && !args[2].isAct() {
		t, err := c.value(cond.in[1])
		if err != nil {
			return nil, err
		}
		at, ok, err := c.scalarOf(t)
		if err != nil {
			return nil, err
		}
		value, ok2, err := c.scalarOf(args[2])
		if err != nil {
			return nil, err
		}
		if ok && ok2 {
			return c.activate(n, args[1:2], format.Map("name", "threshold", "threshold", short(at), "value", short(value)))
		}
	}
	code := int64(0)
	for _, v := range args[1:3] {
		own := int64(7)
		if v.isAct() {
			own = v.code
		} else if v.k != nil {
			own = v.k.code
		}
		if dt := dtypeOf(own); !dt.IsFloat() && !narrow(dt) && dt != tensor.Bool {
			return nil, refuse(n, "it chooses between %s, which floats do not hold exactly", typeName(own))
		}
		if code = own; v.isAct() {
			code = v.code
		}
	}
	return c.elementary(n, "select", args[:3], code)
}

// power is xʸ.
func power(c *converter, n *node, args []*value, _ int) (*value, error) {
	if err := c.old(n); err != nil {
		return nil, err
	}
	if args[0].isAct() {
		e, ok, err := c.numberOf(args[1])
		if err != nil {
			return nil, err
		}
		if ok && !math.IsNaN(e) && !math.IsInf(e, 0) {
			return c.raised(n, args, short(e))
		}
	}
	code := int64(1)
	if args[0].isAct() {
		code = args[0].code
	} else if args[0].k != nil {
		code = args[0].k.code
	}
	if !dtypeOf(code).IsFloat() {
		return nil, refuse(n, "it computes with %s; only floats are", typeName(code))
	}
	return c.elementary(n, "pow", args[:2], code)
}

// castLike is a cast to the type of another value.
func castLike(c *converter, n *node, args []*value, _ int) (*value, error) {
	if !args[0].isAct() {
		return castConstant(c, asCast(n, args[1]), args[:1])
	}
	return cast(c, asCast(n, args[1]), args, 0)
}

// asCast is the cast that a node is whose type is that of a value.
func asCast(n *node, like *value) *node {
	to := int64(7)
	switch {
	case like.k != nil:
		to = like.k.code
	case like.isAct():
		to = like.code
	}
	out := *n
	out.attrs = map[string]*attr{"to": {i: to}}
	return &out
}

func init() {
	ops["Where"], ops["Pow"], ops["CastLike"] = op{where, 3, anything}, op{power, 2, anything}, op{castLike, 2, anything}
	folded["CastLike"] = func(c *converter, n *node, args []*value) (*value, error) {
		if err := need(n, args, 2); err != nil {
			return nil, err
		}
		return castConstant(c, asCast(n, args[1]), args[:1])
	}
	spreads["Where"] = true
	ops["ArgMax"], ops["ArgMin"] = op{argMax, 1, counting}, op{argMax, 1, counting}
}

// argMax is which of the numbers along an axis is the largest, or the smallest.
func argMax(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := c.unflat(n, args[0])
	var err error
	a, j, err := c.sampleAxis(n, v, c.axis(n, "axis", 0))
	if err != nil {
		return nil, err
	}
	if n.op == "ArgMin" {
		v = c.emit(&node{name: nameOf(n) + ".negative"}, "rescaling", format.Map("scale", -1.0, "offset", 0.0), v)
	}
	fields := format.Map("axis", j)
	if n.int("select_last_index", 0) != 0 {
		fields = fields.With("last", spec.Flag(true))
	}
	out := c.emit(n, "argmax", fields, v)
	out.shape, out.code = slices.Clone(v.shape), 7
	out.shape[a] = 1
	if n.int("keepdims", 1) != 0 {
		return out, nil
	}
	return c.without(n, out, []int{a})
}
