package onnx

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// besides says how a constant goes with the elements of a value: the axes of the layer's
// result, from 1, along which its numbers differ, and the Turn that brings them there.
func (c *converter) besides(n *node, v *value, k *constant) (axes []int, turn format.Turn, err error) {
	if len(k.shape) > v.rank() {
		return nil, nil, refuse(n, "a constant of shape %v makes more axes of values of shape %v", k.shape, v.shape)
	}
	whole := slices.Repeat([]int{1}, v.rank()-len(k.shape))
	whole = append(whole, k.shape...)
	var own []int
	for j, a := range v.perm {
		switch d := whole[a]; {
		case d == 1:
		case j == 0:
			return nil, nil, refuse(n, "a constant of shape %v differs between the samples of a batch, axis %d", k.shape, a)
		case d != v.shape[a]:
			return nil, nil, refuse(n, "a constant of shape %v makes values of shape %v larger", k.shape, v.shape)
		default:
			axes, own = append(axes, j), append(own, d)
		}
	}
	if len(axes) == 0 {
		return nil, format.Reshape(), nil // one number for all
	}
	return axes, format.Reshape(whole...).Then(format.Permute(v.perm...)).Then(format.Reshape(own...)), nil
}

// affine multiplies a value with weights, or adds them, element by element. Numbers that the
// graph's program has, and does not learn, stay as they are.
func (c *converter) affine(n *node, v *value, k *value, leaf string, turn format.Turn) (*value, error) {
	v = c.unflat(n, v)
	w, err := c.weight(n, k)
	if err != nil {
		return nil, err
	}
	if v.rank() < 2 {
		return nil, refuse(n, "samples are single numbers")
	}
	axes, to, err := c.besides(n, v, w)
	if err != nil {
		return nil, err
	}
	last := len(axes) == 1 && axes[0] == v.rank()-1
	if last && len(w.shape) == 1 {
		to = nil // it has that shape
	}
	part := format.Part{Leaf: leaf, From: []string{w.name}, Make: turn.Then(to)}
	called := &node{name: nameOf(n), op: n.op}
	if c.init[w.name] == w && !made.MatchString(w.name) {
		called.name = w.name
	}
	fields := spec.Value{Kind: spec.Map}
	if !w.learned || w.shape.Len() == 1 && !c.learnsNumber(w) {
		fields = format.Map("trainable", false)
	}
	if leaf == "beta" && last { // the bias of the layer before, if that has none
		part.Leaf = "bias"
		return c.emit(called, format.Bias, fields, v, part), nil
	}
	if !last {
		fields = fields.With("axes", format.List(axes...))
	}
	other := "center"
	if leaf == "beta" {
		other = "scale"
	}
	return c.emit(called, "affine", fields.With(other, spec.Flag(false)), v, part), nil
}

// made are names that exporters give to numbers of a program, or to what they computed of
// some, and not to what is learned.
var made = regexp.MustCompile(`::|_output_\d+$|^_?(val|inlined|const|scalar|int|float)[a-z_]*_?\d*$|^\d+$`)

// ours are names that [Write] gives to numbers that are learned: of others, such as the scale
// of the preprocessing, it makes tensors of the graph's too.
var ours = regexp.MustCompile(`/(gamma|beta)(_\d+)?$`)

// learnsNumber reports whether one number is learned: it is a tensor of the graph's, of an
// exporter whose learned numbers can be told, and has a name of its own.
func (c *converter) learnsNumber(k *constant) bool {
	if !k.learned || !dtypeOf(k.code).IsFloat() || k.shape.Len() != 1 || c.init[k.name] != k {
		return false
	}
	switch {
	case strings.HasPrefix(c.m.producer, "pytorch"):
		return !made.MatchString(k.name)
	case strings.HasPrefix(c.m.producer, "nadir"):
		return ours.MatchString(k.name)
	}
	return false
}

// nameOf is what a node is called, or its first result.
func nameOf(n *node) string {
	if n.name == "" && len(n.out) > 0 {
		return n.out[0]
	}
	return n.name
}

// reciprocal is the Turn that divides 1 by each number.
func reciprocal(from []*tensor.Tensor) (*tensor.Tensor, error) {
	t := from[0].Clone()
	for i := range t.Len() {
		t.SetFlat(i, 1/t.Flat(i))
	}
	return t, nil
}

// standardize finds (x − mean)/(√variance + 1e-10), or with a floor under √variance, which
// is written so.
func (c *converter) standardize(n *node) (*value, bool, error) {
	sub, add := c.made[n.input(0)], c.made[n.input(1)]
	if sub == nil || add == nil || sub.op != "Sub" || add.op != "Add" && add.op != "Max" || len(sub.in) != 2 || len(add.in) != 2 {
		return nil, false, nil
	}
	root := c.made[add.in[0]]
	if root == nil || root.op != "Sqrt" || len(root.in) != 1 {
		return nil, false, nil
	}
	var got [4]*value
	for i, name := range []string{sub.in[0], sub.in[1], root.in[0], add.in[1]} {
		v, err := c.value(name)
		if err != nil {
			return nil, false, err
		}
		got[i] = v
	}
	v, mean, variance := got[0], got[1], got[2]
	if !v.isAct() || mean.k == nil || variance.k == nil || !mean.k.shape.Equal(variance.k.shape) {
		return nil, false, nil
	}
	eps, ok, err := c.scalarOf(got[3])
	if err != nil || !ok || add.op == "Add" && math.Abs(eps-1e-10) > 1e-16 || add.op == "Max" && !(eps > 0) {
		return nil, false, err
	}
	v = c.unflat(n, v)
	axes, to, err := c.besides(n, v, mean.k)
	fields := spec.Value{Kind: spec.Map}
	switch {
	case err != nil || len(axes) == 0:
		return nil, false, nil
	case mean.k.shape.Len() == v.sample(): // each element
		var inside []int
		for _, a := range v.perm[1:] {
			inside = append(inside, v.shape[a])
		}
		to = to.Then(format.Reshape(inside...))
	case len(axes) == 1:
		fields = format.Map("axis", axes[0])
	default:
		return nil, false, nil
	}
	if add.op == "Max" {
		fields = fields.With("floor", spec.Num(short(eps)))
	}
	var parts []format.Part
	for i, k := range []*value{mean, variance} {
		w, err := c.weight(n, k)
		if err != nil {
			return nil, false, err
		}
		parts = append(parts, format.Part{Leaf: []string{"mean", "variance"}[i], From: []string{w.name}, Make: to})
	}
	return c.emit(&node{name: nameOf(n)}, "standardize", fields, v, parts...), true, nil
}

// unaryConstant computes with each number of a constant.
func unaryConstant(f func(x float64) float64) func(c *converter, n *node, args []*value) (*value, error) {
	return func(c *converter, n *node, args []*value) (*value, error) {
		if err := need(n, args, 1); err != nil {
			return nil, err
		}
		if args[0].k == nil || !dtypeOf(args[0].k.code).IsFloat() {
			return nil, refuse(n, "it computes with constants that are no floats")
		}
		return c.derived(n, args[0].k, args[0].k.shape, func(from []*tensor.Tensor) (*tensor.Tensor, error) {
			t := from[0].Clone()
			for i := range t.Len() {
				t.SetFlat(i, f(t.Flat(i)))
			}
			return t, nil
		})
	}
}

func init() {
	for name, f := range map[string]func(x float64) float64{
		"Sqrt": math.Sqrt, "Exp": math.Exp, "Log": math.Log, "Abs": math.Abs, "Neg": func(x float64) float64 { return -x }, "Reciprocal": func(x float64) float64 { return 1 / x },
		"Floor": math.Floor, "Ceil": math.Ceil, "Sigmoid": func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, "Tanh": math.Tanh, "Erf": math.Erf,
		"Softplus": func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, "Relu": func(x float64) float64 { return math.Max(x, 0) },
	} {
		folded[name] = unaryConstant(f)
	}
	folded["Pow"], folded["Max"], folded["Min"] = arith(math.Pow), arith(math.Max), arith(math.Min)
	for name, o := range map[string]op{"ThresholdedRelu": {thresholded, 1, floating}, "Shrink": {shrink, 1, floating}} {
		ops[name] = o
	}
	for name, exponent := range map[string]float64{"Sqrt": 0.5, "Reciprocal": -1} {
		ops[name] = op{func(c *converter, n *node, args []*value, _ int) (*value, error) { return c.raised(n, args, exponent) }, 1, floating}
	}
}

// noLayer refuses what is computed of constants alone.
func noLayer(_ *converter, n *node, _ []*value, _ int) (*value, error) {
	return nil, refuse(n, "there is no layer for this operation; output.node= names a value before it, where that is what is wanted")
}

// raised is a fixed power of each number.
func (c *converter) raised(n *node, args []*value, exponent float64) (*value, error) {
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	return c.emit(n, "power", format.Map("exponent", exponent), v), nil
}

// thresholded is a ReLU above a threshold, α = 1 unless said.
func thresholded(c *converter, n *node, args []*value, _ int) (*value, error) {
	alpha := n.float("alpha", 1)
	if alpha == 0 {
		return c.activate(n, args, spec.Str("relu"))
	}
	return c.activate(n, args, format.Map("name", "threshold", "threshold", alpha))
}

// shrink moves numbers towards 0, or cuts the small ones off.
func shrink(c *converter, n *node, args []*value, _ int) (*value, error) {
	lambda, bias := n.float("lambd", 0.5), n.float("bias", 0)
	switch {
	case lambda < 0:
	case bias == 0:
		return c.activate(n, args, format.Map("name", "hard_shrink", "lambda", lambda))
	case bias == lambda:
		return c.activate(n, args, format.Map("name", "soft_shrink", "lambda", lambda))
	}
	return nil, refuse(n, "lambd is %g and bias %g; want bias 0 or the same", lambda, bias)
}

// gelus finds ½x·(1 + erf(x/√2)) and its approximation with tanh in a product.
func (c *converter) gelus(n *node) (x string, kind string) {
	for depth := 1; depth <= 3; depth++ { // x may be a product itself
		if x, kind = c.gelusOf(c.factors(n.out[0], "", depth)); kind != "" {
			break
		}
	}
	return x, kind
}

// gelusOf finds them in the factors of a product.
func (c *converter) gelusOf(all []string) (x string, kind string) {
	for _, f := range all {
		sum := c.made[f]
		if sum == nil || sum.op != "Add" {
			continue
		}
		inner, one, ok := c.withNumber(sum)
		if !ok || one != 1 {
			continue
		}
		e := c.made[inner]
		if e == nil || len(e.in) != 1 {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == f })
		half, of := 1.0, ""
		for _, r := range rest {
			if v, ok := c.constantNumber(r); ok {
				half *= v
			} else if of == "" {
				of = r
			} else {
				of = "?"
			}
		}
		if of == "" || of == "?" || !near(half, 0.5) {
			continue
		}
		switch e.op {
		case "Erf":
			if arg := c.made[e.in[0]]; arg != nil && (arg.op == "Div" || arg.op == "Mul") {
				y, k, ok := c.withNumber(arg)
				if arg.op == "Mul" {
					k = 1 / k
				}
				if ok && y == of && arg.input(0) != "" && near(k, math.Sqrt2) && (arg.op == "Mul" || arg.in[0] == of) {
					return of, "gelu"
				}
			}
		case "Tanh":
			if c.isCubic(e.in[0], of) {
				return of, "gelu_tanh"
			}
		}
	}
	return "", ""
}

// isCubic reports whether a value is √(2/π)·(x + 0.044715x³).
func (c *converter) isCubic(name, x string) bool {
	m := c.made[name]
	if m == nil || m.op != "Mul" {
		return false
	}
	inner, k, ok := c.withNumber(m)
	if !ok || math.Abs(k-math.Sqrt(2/math.Pi)) > 1e-4 {
		return false
	}
	sum := c.made[inner]
	if sum == nil || sum.op != "Add" || len(sum.in) != 2 {
		return false
	}
	other := sum.in[1]
	if sum.in[1] == x {
		other = sum.in[0]
	} else if sum.in[0] != x {
		return false
	}
	share, times := 1.0, 0
	for _, f := range c.factors(other, x, 4) {
		if v, ok := c.constantNumber(f); ok {
			share *= v
		} else if f == x {
			times++
		} else if p := c.made[f]; p != nil && p.op == "Pow" && p.input(0) == x {
			if v, ok := c.constantNumber(p.input(1)); ok && v == 3 {
				times += 3
			}
		} else {
			return false
		}
	}
	return times == 3 && near(share, 0.044715)
}

// factors are what a product is made of, through products of products but for the one
// that is named.
func (c *converter) factors(name, but string, depth int) []string {
	m := c.made[name]
	if m == nil || m.op != "Mul" || len(m.in) != 2 || depth == 0 || name == but {
		return []string{name}
	}
	return append(c.factors(m.in[0], but, depth-1), c.factors(m.in[1], but, depth-1)...)
}

// withNumber takes apart a node of two inputs, one of which is a constant number.
func (c *converter) withNumber(n *node) (other string, k float64, ok bool) {
	if len(n.in) != 2 {
		return "", 0, false
	}
	if k, ok := c.constantNumber(n.in[1]); ok {
		return n.in[0], k, true
	}
	k, ok = c.constantNumber(n.in[0])
	return n.in[1], k, ok
}

// constantNumber is the number that a name stands for, if it is one that is not computed.
func (c *converter) constantNumber(name string) (float64, bool) {
	m := c.made[name]
	if c.init[name] == nil && (m == nil || m.op != "Constant") {
		return 0, false
	}
	v, err := c.value(name)
	if err != nil {
		return 0, false
	}
	f, ok, err := c.scalarOf(v)
	return f, ok && err == nil
}
