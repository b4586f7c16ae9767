package tensorflow

import (
	"math"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
)

// activation is the kind of a layer that applies an activation.
const activation = "activation"

// ops says for each operation what layer it is. They are called with a node that
// depends on an input.
var ops map[string]func(c *converter, n *node) (string, error)

func init() {
	ops = map[string]func(c *converter, n *node) (string, error){
		"MatMul": matMul, "BatchMatMul": matMul, "BatchMatMulV2": matMul, "BiasAdd": add, "BiasAddV1": add, "Add": add, "AddV2": add, "AddN": addN,
		"Sub": sub, "Mul": mul, "RealDiv": div, "Maximum": maximum, "Select": choose, "SelectV2": choose,
		"Conv2D": conv2D, "DepthwiseConv2dNative": depthwise, "MaxPool": pool("max_pooling2d"), "AvgPool": pool("average_pooling2d"), "Mean": reduce,
		"FusedBatchNorm": fusedNorm, "FusedBatchNormV2": fusedNorm, "FusedBatchNormV3": fusedNorm,
		"Reshape": reshape, "ConcatV2": concat, "Pad": pad, "GatherV2": gather, "ResourceGather": gather, "Gather": gather, "LRN": lrn,
		"Transpose": transpose, "StridedSlice": strided, "Slice": sliced, "Pack": pack, "ExpandDims": expand, "Squeeze": squeeze,
		"ReverseV2": reverse, "ReverseSequence": reverseSequence, "Max": reduce, "Min": reduce, "Sum": reduce, "Minimum": minimum,
		"Conv2DBackpropInput": convTranspose, "ResizeBilinear": resize, "ResizeNearestNeighbor": resize,
		"Square":     func(c *converter, n *node) (string, error) { return c.power(n, 2) },
		"Sqrt":       func(c *converter, n *node) (string, error) { return c.power(n, 0.5) },
		"Rsqrt":      func(c *converter, n *node) (string, error) { return c.power(n, -0.5) },
		"Reciprocal": func(c *converter, n *node) (string, error) { return c.power(n, -1) },
		"Pow": func(c *converter, n *node) (string, error) {
			if err := operands(n, 2); err != nil {
				return "", err
			}
			v, ok := c.number(n.in[1])
			if !ok {
				return "", unsupported(n, "the power is not a constant")
			}
			return c.power(n, v)
		},
		"Cast": func(_ *converter, n *node) (string, error) {
			return "", unsupported(n, "it makes whole numbers of what depends on the input, where an index is wanted that is read, but nowhere else")
		},
		"Exit": func(c *converter, n *node) (string, error) { return c.recur(n, ref{name: n.name}, false) },
		"Neg":  func(c *converter, n *node) (string, error) { return c.scaled(n, n.in[0], -1, 0) },
		"LeakyRelu": func(c *converter, n *node) (string, error) {
			return c.activate(n, n.in[0], format.Map("name", "leaky_relu", "negative_slope", n.float("alpha", 0.2)))
		},
	}
	for op, name := range map[string]string{"Relu": "relu", "Relu6": "relu6", "Elu": "elu", "Selu": "selu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
		"Softsign": "softsign", "Softmax": "softmax", "LogSoftmax": "log_softmax", "Exp": "exponential"} {
		ops[op] = func(c *converter, n *node) (string, error) { return c.activate(n, n.in[0], spec.Str(name)) }
	}
}

// operand checks that a node has so many inputs.
func operands(n *node, want int) error {
	if len(n.in) != want {
		return unsupported(n, "it has %d inputs, want %d", len(n.in), want)
	}
	return nil
}

// activate adds an activation of the result of from.
func (c *converter) activate(n *node, from ref, a spec.Value) (string, error) {
	in, err := c.act(from)
	if err != nil {
		return "", err
	}
	return c.emit(&format.Sketched{Kind: activation, Fields: format.Map("activation", a), Name: c.scoped(n), In: []string{in}}), nil
}

// scaled adds x·scale + offset.
func (c *converter) scaled(n *node, from ref, scale, offset float64) (string, error) {
	in, err := c.act(from)
	if err != nil {
		return "", err
	}
	if scale == 1 && offset == 0 {
		return in, nil
	}
	return c.emit(&format.Sketched{Kind: "rescaling", Fields: format.Map("scale", scale, "offset", offset), Name: c.scoped(n), In: []string{in}}), nil
}

// matMul is a dense layer.
func matMul(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if n.flag("transpose_a") || n.flag("adj_x") {
		return "", unsupported(n, "the samples are transposed")
	}
	if c.isAct(n.in[1]) {
		return "", unsupported(n, "two values that depend on the input are multiplied as matrices")
	}
	w, ok := c.weight(n.in[1])
	if !ok {
		return "", c.missing(n.in[1])
	}
	if len(w.Shape) != 2 {
		return "", unsupported(n, "its kernel %q has shape %v, want a matrix", w.Name, w.Shape)
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	p := format.Part{Leaf: "kernel", From: []string{w.Name}}
	units := w.Shape[1]
	if n.flag("transpose_b") || n.flag("adj_y") {
		p.Move, units = format.Reorder(w.Shape, 1, 0), w.Shape[0]
	}
	return c.emit(&format.Sketched{Kind: "dense", Fields: format.Map("units", units, "use_bias", false), Name: c.layerName(w.variable, n), In: []string{in}, Parts: []format.Part{p}}), nil
}

// add is a bias, an offset, a sum of branches, or the end of a batch normalization.
func add(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if f := n.text("data_format"); f != "" && f != "NHWC" {
		return "", unsupported(n, "channels stand in order %s; only NHWC is read", f)
	}
	a, b := n.in[0], n.in[1]
	if !c.isAct(a) {
		a, b = b, a
	}
	if c.isAct(b) {
		if name, ok, err := c.wholeNorm(n); ok || err != nil {
			return name, err
		}
		x, err := c.act(a)
		if err != nil {
			return "", err
		}
		y, err := c.act(b)
		if err != nil {
			return "", err
		}
		return c.emit(&format.Sketched{Kind: "add", Fields: spec.Value{Kind: spec.Map}, Name: c.scoped(n), In: []string{x, y}}), nil
	}
	if name, ok, err := c.batchNorm(n, a, b); ok || err != nil {
		return name, err
	}
	if v, ok := c.number(b); ok {
		return c.scaled(n, a, 1, v)
	}
	if _, blank := c.blank(b, -1); blank {
		return c.act(a)
	}
	w, ok := c.weight(b)
	if !ok {
		return "", c.missing(b)
	}
	if name, ok, err := c.line(n, a, w); ok || err != nil {
		return name, err
	}
	if len(w.Shape) == 0 || w.Shape.Len() != w.Shape[len(w.Shape)-1] {
		return c.beside(n, a, w, "beta", nil)
	}
	x, err := c.act(a)
	if err != nil {
		return "", err
	}
	if !c.fits(x, w) {
		return c.beside(n, a, w, "beta", nil)
	}
	p := format.Part{Leaf: "bias", From: []string{w.Name}}
	if len(w.Shape) != 1 {
		p.Make = format.Reshape(w.Shape.Len())
	}
	fields := spec.Value{Kind: spec.Map}
	if w.loose { // where it is no bias of a layer
		fields = format.Map("trainable", false)
	}
	return c.emit(&format.Sketched{Kind: format.Bias, Fields: fields, Name: c.scoped(n), In: []string{x}, Parts: []format.Part{p}}), nil
}

// fits reports whether one number among weights is for samples of one feature, and not for all
// features of others.
func (c *converter) fits(in string, w weight) bool {
	if w.Shape.Len() != 1 {
		return true
	}
	shape, err := c.shapeOf(in)
	return err != nil || len(shape) > 0 && shape[len(shape)-1] == 1
}

// line is w·x + b of numbers w and b that are variables, or w·x alone: a dense layer of
// one unit for samples of one number.
func (c *converter) line(n *node, from ref, b weight) (string, bool, error) {
	_, m, err := c.source(from)
	if err != nil || m.op != "Mul" || len(m.in) != 2 || b.Shape.Len() > 1 {
		return "", false, err
	}
	x, k := m.in[0], m.in[1]
	if !c.isAct(x) {
		x, k = k, x
	}
	w, ok := c.weight(k)
	if !ok || c.isAct(k) || w.Shape.Len() != 1 {
		return "", false, nil
	}
	in, err := c.act(x)
	if err != nil {
		return "", true, err
	}
	if !c.fits(in, w) {
		return "", false, nil
	}
	for i, f := range c.sketch.Inputs { // of unknown shape: one number
		if f.Name == in && c.optional[in] && f.Shape == nil {
			c.sketch.Inputs[i].Shape = []int{1}
			delete(c.optional, in)
		}
	}
	e := &format.Sketched{Kind: "dense", Fields: format.Map("units", 1), Name: c.sketch.Name("dense"), In: []string{in}, Parts: []format.Part{{Leaf: "kernel", From: []string{w.Name}, Make: format.Reshape(1, 1)}}}
	if b.Name == "" {
		e.Fields = e.Fields.With("use_bias", spec.Flag(false))
	} else {
		e.Parts = append(e.Parts, format.Part{Leaf: "bias", From: []string{b.Name}, Make: format.Reshape(1)})
	}
	return c.emit(e), true, nil
}

func addN(c *converter, n *node) (string, error) {
	e := &format.Sketched{Kind: "add", Fields: spec.Value{Kind: spec.Map}, Name: c.scoped(n)}
	for _, r := range n.in {
		x, err := c.act(r)
		if err != nil {
			return "", err
		}
		e.In = append(e.In, x)
	}
	if len(e.In) == 0 {
		return "", operands(n, 2)
	}
	return c.emit(e), nil
}

func sub(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if v, ok := c.number(n.in[1]); ok {
		return c.scaled(n, n.in[0], 1, -v)
	}
	if v, ok := c.number(n.in[0]); ok {
		return c.scaled(n, n.in[1], -1, v)
	}
	switch a, b := c.isAct(n.in[0]), c.isAct(n.in[1]); {
	case a && b:
		return c.join(n, "subtract")
	case a:
		w, ok := c.weight(n.in[1])
		if !ok {
			return "", c.missing(n.in[1])
		}
		if !w.loose { // −(w − x): the layer has the weight of the graph
			name, err := c.without(n, n.in[0], w)
			if err != nil {
				return "", err
			}
			return c.add(n, "rescaling", format.Map("scale", -1, "offset", 0), name), nil
		}
		return c.beside(n, n.in[0], w, "beta", each(func(v float64) float64 { return -v }))
	case b:
		w, ok := c.weight(n.in[0])
		if !ok {
			return "", c.missing(n.in[0])
		}
		return c.without(n, n.in[1], w)
	}
	return "", unsupported(n, "it is the difference of weights alone")
}

// without is w − x.
func (c *converter) without(n *node, x ref, w weight) (string, error) {
	in, err := c.act(x)
	if err != nil {
		return "", err
	}
	return c.besides(n, c.add(n, "rescaling", format.Map("scale", -1, "offset", 0), in), w, "beta", nil)
}

func div(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if v, ok := c.number(n.in[1]); ok && v != 0 {
		return c.scaled(n, n.in[0], 1/v, 0)
	}
	if name, ok, err := c.layerNorm(n); ok || err != nil {
		return name, err
	}
	if !c.isAct(n.in[0]) && c.isAct(n.in[1]) { // w·x⁻¹
		v, number := c.number(n.in[0])
		w, ok := c.weight(n.in[0])
		if !ok && !number {
			return "", c.missing(n.in[0])
		}
		in, err := c.act(n.in[1])
		if err != nil {
			return "", err
		}
		in = c.add(n, "power", format.Map("exponent", -1), in)
		if number {
			return c.add(n, "rescaling", format.Map("scale", v, "offset", 0), in), nil
		}
		return c.besides(n, in, w, "gamma", nil)
	}
	if w, ok := c.weight(n.in[1]); ok && !c.isAct(n.in[1]) {
		if !w.loose {
			c.warn("%s: what divides is learned as what multiplies, its reciprocal", n.name)
		}
		return c.beside(n, n.in[0], w, "gamma", each(func(v float64) float64 { return 1 / v }))
	}
	return "", unsupported(n, "there is no layer for division by what is no constant")
}

// mul is a factor, a product of branches, SELU, SiLU, or dropout.
func mul(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	a, b := n.in[0], n.in[1]
	for _, p := range [][2]ref{{a, b}, {b, a}} {
		if c.mask(p[1]) {
			return c.dropout(n, p[0])
		}
	}
	if name, ok, err := c.lstm(n); ok || err != nil {
		return name, err
	}
	if x, name, ok := c.gated(ref{name: n.name}); ok {
		return c.activate(n, x, spec.Str(name))
	}
	if !c.isAct(a) {
		a, b = b, a
	}
	if !c.isAct(b) {
		if _, blank := c.blank(b, -1); blank { // 0 times a value
			in, err := c.act(a)
			if err != nil {
				return "", err
			}
			return c.emit(&format.Sketched{Kind: activation, Fields: format.Map("activation", format.Map("name", "clip", "min", 0, "max", 0)), Name: c.scoped(n), In: []string{in}}), nil
		}
		v, ok := c.number(b)
		if w, one := c.weight(b); !ok && one && w.Shape.Len() == 1 {
			if name, ok, err := c.line(n, ref{name: n.name}, weight{}); ok || err != nil {
				return name, err
			}
		}
		if !ok {
			w, is := c.weight(b)
			if !is {
				return "", c.missing(b)
			}
			return c.beside(n, a, w, "gamma", nil)
		}
		if x, alpha, ok := c.eluOf(a); ok && near(v, seluScale) && near(alpha, seluAlpha) {
			return c.activate(n, x, spec.Str("selu"))
		}
		return c.scaled(n, a, v, 0)
	}
	if x, ok := c.silu(a, b); ok {
		return c.activate(n, x, spec.Str("silu"))
	}
	if name, ok, err := c.layerNorm(n); ok || err != nil {
		return name, err
	}
	return c.join(n, "multiply")
}

// join is a layer of two values that depend on the input.
func (c *converter) join(n *node, kind string) (string, error) {
	x, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	y, err := c.act(n.in[1])
	if err != nil {
		return "", err
	}
	return c.add(n, kind, spec.Value{}, x, y), nil
}

// The constants of SELU (Klambauer et al., 2017).
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

// same reports whether two values are one.
func (c *converter) same(a, b ref) bool {
	x, _, err := c.source(a)
	if err != nil {
		return false
	}
	y, _, err := c.source(b)
	return err == nil && x == y
}

// silu finds x in x·sigmoid(x).
func (c *converter) silu(a, b ref) (ref, bool) {
	for _, p := range [][2]ref{{a, b}, {b, a}} {
		if _, n, err := c.source(p[1]); err == nil && n.op == "Sigmoid" && len(n.in) == 1 && c.same(n.in[0], p[0]) {
			return p[0], true
		}
	}
	return ref{}, false
}

// times finds x and a in a·x for a constant a.
func (c *converter) times(r ref) (x ref, a float64, ok bool) {
	_, n, err := c.source(r)
	if err != nil || n.op != "Mul" || len(n.in) != 2 {
		return ref{}, 0, false
	}
	if a, ok := c.number(n.in[0]); ok {
		return n.in[1], a, true
	}
	a, ok = c.number(n.in[1])
	return n.in[0], a, ok
}

// eluOf finds x and α in where(x ≥ 0, x, α·elu(x)), in α·elu(x) only where α is 1.
func (c *converter) eluOf(r ref) (x ref, alpha float64, ok bool) {
	_, n, err := c.source(r)
	if err != nil {
		return ref{}, 0, false
	}
	if n.op == "Elu" && len(n.in) == 1 {
		return n.in[0], 1, true
	}
	if n.op != "Select" && n.op != "SelectV2" || len(n.in) != 3 || !c.positive(n.in[0], n.in[1]) {
		return ref{}, 0, false
	}
	inner, a, ok := c.times(n.in[2])
	if !ok {
		inner, a = n.in[2], 1
	}
	_, e, err := c.source(inner)
	if err != nil {
		return ref{}, 0, false
	}
	switch {
	case e.op == "Elu" && len(e.in) == 1 && c.same(e.in[0], n.in[1]):
		return n.in[1], a, true
	case (e.op == "Sub" || e.op == "Expm1") && len(e.in) > 0: // exp(x) − 1
		x := e.in[0]
		if e.op == "Sub" {
			if v, ok := c.number(e.in[1]); !ok || v != 1 {
				return ref{}, 0, false
			}
			_, ex, err := c.source(e.in[0])
			if err != nil || ex.op != "Exp" || len(ex.in) != 1 {
				return ref{}, 0, false
			}
			x = ex.in[0]
		}
		return n.in[1], a, c.same(x, n.in[1])
	}
	return ref{}, 0, false
}

// positive reports whether a condition is x ≥ 0 or x > 0.
func (c *converter) positive(cond, x ref) bool {
	_, n, err := c.source(cond)
	if err != nil || n.op != "GreaterEqual" && n.op != "Greater" || len(n.in) != 2 {
		return false
	}
	v, ok := c.number(n.in[1])
	return ok && v == 0 && c.same(n.in[0], x)
}

// choose is an activation that is written by cases.
func choose(c *converter, n *node) (string, error) {
	if err := operands(n, 3); err != nil {
		return "", err
	}
	if x, alpha, ok := c.eluOf(ref{name: n.name}); ok {
		return c.activate(n, x, format.Map("name", "elu", "alpha", alpha))
	}
	if c.positive(n.in[0], n.in[1]) {
		if x, a, ok := c.times(n.in[2]); ok && c.same(x, n.in[1]) && a >= 0 && a <= 1 {
			return c.activate(n, n.in[1], format.Map("name", "leaky_relu", "negative_slope", a))
		}
		if v, ok := c.number(n.in[2]); ok && v == 0 {
			return c.activate(n, n.in[1], spec.Str("relu"))
		}
	}
	return "", unsupported(n, "it chooses between values in a way that is no known activation")
}

// maximum is a leaky ReLU, max(αx, x), or a ReLU, max(x, 0).
func maximum(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	for _, p := range [][2]ref{{n.in[0], n.in[1]}, {n.in[1], n.in[0]}} {
		if v, ok := c.number(p[0]); ok && v == 0 {
			return c.activate(n, p[1], spec.Str("relu"))
		}
		if x, a, ok := c.times(p[0]); ok && c.same(x, p[1]) && a >= 0 && a <= 1 {
			return c.activate(n, p[1], format.Map("name", "leaky_relu", "negative_slope", a))
		}
	}
	if c.isAct(n.in[0]) && c.isAct(n.in[1]) {
		return c.join(n, "maximum")
	}
	for i := range 2 {
		if v, ok := c.number(n.in[i]); ok {
			return c.floored(n, n.in[1-i], 1, v)
		}
	}
	return "", unsupported(n, "it is neither max(x, a number) nor the larger of two values")
}

// minimum is the smaller of two values, or of one and a number.
func minimum(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if c.isAct(n.in[0]) && c.isAct(n.in[1]) {
		return c.join(n, "minimum")
	}
	for i := range 2 {
		if v, ok := c.number(n.in[i]); ok {
			return c.floored(n, n.in[1-i], -1, -v)
		}
	}
	return "", unsupported(n, "it is neither min(x, a number) nor the smaller of two values")
}

// floored is sign·max(sign·x, v), which is sign·(relu(sign·x − v) + v).
func (c *converter) floored(n *node, from ref, sign, v float64) (string, error) {
	in, err := c.act(from)
	if err != nil {
		return "", err
	}
	in = c.add(n, "rescaling", format.Map("scale", sign, "offset", -v), in)
	in = c.add(n, activation, format.Map("activation", "relu"), in)
	return c.add(n, "rescaling", format.Map("scale", sign, "offset", sign*v), in), nil
}

// dropout is what is left of it at prediction: nothing, but a layer where the rate is
// known, for training.
func (c *converter) dropout(n *node, a ref) (string, error) {
	_, m, err := c.source(a)
	if err != nil {
		return "", err
	}
	x, rate, known := a, 0.0, false
	switch {
	case m.op == "RealDiv" && len(m.in) == 2:
		x = m.in[0]
		v, ok := c.number(m.in[1])
		rate, known = 1-v, ok
	case m.op == "Mul" && len(m.in) == 2:
		var v float64
		if x, v, known = c.times(a); known && v > 0 {
			rate = 1 - 1/v
		} else if x = m.in[0]; !c.isAct(x) {
			x = m.in[1]
		}
	}
	in, err := c.act(x)
	if err != nil {
		return "", err
	}
	if !known || !(rate > 0 && rate < 1) {
		if !known {
			c.warn("the dropout at %q, whose rate is fed, is left out", n.name)
		}
		return in, nil
	}
	rate = math.Round(rate*1e6) / 1e6
	return c.emit(&format.Sketched{Kind: "dropout", Fields: format.Map("rate", rate), Name: c.scoped(n), In: []string{in}}), nil
}

// batchNorm finds a batch normalization that is written out: x·m + (β − μ·m) with
// m = γ/√(σ² + ε).
func (c *converter) batchNorm(n *node, a, b ref) (string, bool, error) {
	_, m, err := c.source(a)
	if err != nil || m.op != "Mul" || len(m.in) != 2 {
		return "", false, err
	}
	x, factor := m.in[0], m.in[1]
	if !c.isAct(x) {
		x, factor = factor, x
	}
	_, s, err := c.source(b)
	if err != nil || s.op != "Sub" || len(s.in) != 2 || c.isAct(factor) {
		return "", false, err
	}
	_, mm, err := c.source(s.in[1])
	if err != nil || mm.op != "Mul" || len(mm.in) != 2 {
		return "", false, err
	}
	mean := mm.in[0]
	if c.same(mm.in[0], factor) {
		mean = mm.in[1]
	} else if !c.same(mm.in[1], factor) {
		return "", false, nil
	}
	var parts []format.Part
	root := factor
	_, f, err := c.source(factor)
	if err != nil {
		return "", false, err
	}
	if f.op == "Mul" && len(f.in) == 2 {
		root = f.in[0]
		gamma := f.in[1]
		if _, r, err := c.source(root); err != nil || r.op != "Rsqrt" {
			root, gamma = gamma, root
		}
		w, ok := c.weight(gamma)
		if !ok {
			return "", false, nil
		}
		parts = append(parts, format.Part{Leaf: "gamma", From: []string{w.Name}})
	}
	_, rs, err := c.source(root)
	if err != nil || rs.op != "Rsqrt" || len(rs.in) != 1 {
		return "", false, err
	}
	_, ve, err := c.source(rs.in[0])
	if err != nil || ve.op != "Add" && ve.op != "AddV2" || len(ve.in) != 2 {
		return "", false, err
	}
	eps, ok := c.number(ve.in[1])
	variance, ok2 := c.weight(ve.in[0])
	mu, ok3 := c.weight(mean)
	beta, center := c.weight(s.in[0])
	if v, zero := c.number(s.in[0]); zero && v == 0 {
		center = false
	} else if !center {
		return "", false, nil
	}
	if !ok || !ok2 || !ok3 {
		return "", false, nil
	}
	if center {
		parts = append(parts, format.Part{Leaf: "beta", From: []string{beta.Name}})
	}
	parts = append(parts, format.Part{Leaf: "moving_mean", From: []string{mu.Name}}, format.Part{Leaf: "moving_variance", From: []string{variance.Name}})
	name, err := c.norm(n, x, mu, eps, parts)
	return name, true, err
}

// moving is the variable that a graph of training moves towards a batch's mean, which is result
// 1 of its normalization, or variance, result 2.
func (c *converter) moving(norm *node, result int) (weight, bool) {
	for _, n := range c.g.order {
		if n.op != "AssignSub" && n.op != "AssignSubVariableOp" || len(n.in) != 2 {
			continue
		}
		queue := []ref{n.in[1]}
		for i := 0; i < len(queue) && i < 32 && c.effort < mostEffort; i++ {
			c.effort++
			r, m, err := c.source(queue[i])
			if err != nil {
				break
			}
			if m == norm && r.out == result {
				return c.weight(n.in[0])
			}
			switch m.op {
			case "Mul", "Sub", "Squeeze", "Reshape":
				queue = append(queue, m.in...)
			}
		}
	}
	return weight{}, false
}

// norm adds a batch normalization.
func (c *converter) norm(n *node, x ref, of weight, eps float64, parts []format.Part) (string, error) {
	in, err := c.act(x)
	if err != nil {
		return "", err
	}
	fields := format.Map("epsilon", eps)
	if !(&format.Sketched{Parts: parts}).Has("gamma") {
		fields = fields.With("scale", spec.Flag(false))
	}
	if !(&format.Sketched{Parts: parts}).Has("beta") {
		fields = fields.With("center", spec.Flag(false))
	}
	return c.emit(&format.Sketched{Kind: "batch_normalization", Fields: fields, Name: c.layerName(of.variable, n), In: []string{in}, Parts: parts}), nil
}

// fusedNorm is a batch normalization in one operation.
func fusedNorm(c *converter, n *node) (string, error) {
	if err := operands(n, 5); err != nil {
		return "", err
	}
	if err := channelsLast(n); err != nil {
		return "", err
	}
	var parts []format.Part
	var of weight
	for i, leaf := range []string{"gamma", "beta", "moving_mean", "moving_variance"} {
		w, ok := c.weight(n.in[i+1])
		if !ok {
			if v, one := c.number(n.in[i+1]); !one || leaf != "gamma" || v != 1 {
				return "", c.missing(n.in[i+1])
			}
			continue
		}
		if w.Shape.Len() == 0 && i >= 2 {
			w, ok = c.moving(n, i-1)
		}
		if w.Shape.Len() == 0 || !ok {
			return "", unsupported(n, "it normalizes with the batch's own statistics: this is the graph of training; the one of prediction has the moving ones")
		}
		parts, of = append(parts, format.Part{Leaf: leaf, From: []string{w.Name}}), w
	}
	return c.norm(n, n.in[0], of, n.float("epsilon", 1e-4), parts)
}

func channelsLast(n *node) error {
	if f := n.text("data_format"); f != "" && f != "NHWC" && f != "NWC" {
		return unsupported(n, "channels stand in order %s; only NHWC is read", f)
	}
	return nil
}

// window reads a pair of numbers of an attribute of four.
func window(n *node, key string) ([]int, error) {
	v := n.ints(key)
	if len(v) == 0 && key == "dilations" {
		return []int{1, 1}, nil
	}
	if len(v) != 4 || v[0] != 1 || v[3] != 1 {
		return nil, unsupported(n, "%s is %v; want one number for height and one for width", key, v)
	}
	return v[1:3], nil
}

func padding(n *node) (string, error) {
	switch p := n.text("padding"); p {
	case "SAME", "VALID":
		return strings.ToLower(p), nil
	default:
		return "", unsupported(n, "padding %q; want SAME or VALID", p)
	}
}

func conv2D(c *converter, n *node) (string, error) { return c.convolution(n, "conv2d") }

func depthwise(c *converter, n *node) (string, error) { return c.convolution(n, "depthwise_conv2d") }

// A window2D is what convolutions of images have in common.
type window2D struct {
	w                  weight
	strides, dilations []int
	padding            string
}

// kernel is the second input of a convolution, and how that moves over an image.
func (c *converter) kernel(n *node) (k window2D, err error) {
	if err := channelsLast(n); err != nil {
		return k, err
	}
	var ok bool
	if k.w, ok = c.weight(n.in[1]); !ok {
		return k, c.missing(n.in[1])
	}
	if len(k.w.Shape) != 4 {
		return k, unsupported(n, "its kernel %q has shape %v, want four axes", k.w.Name, k.w.Shape)
	}
	if k.strides, err = window(n, "strides"); err != nil {
		return k, err
	}
	if k.dilations, err = window(n, "dilations"); err != nil {
		return k, err
	}
	k.padding, err = padding(n)
	return k, err
}

func (c *converter) convolution(n *node, kind string) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	k, err := c.kernel(n)
	if err != nil {
		return "", err
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	fields := format.Map("kernel_size", k.w.Shape[:2], "strides", k.strides, "padding", k.padding)
	if kind == "conv2d" {
		fields = format.Map("filters", k.w.Shape[3], "kernel_size", k.w.Shape[:2], "strides", k.strides, "padding", k.padding)
	} else if k.w.Shape[3] != 1 {
		fields = fields.With("depth_multiplier", spec.Num(float64(k.w.Shape[3])))
	}
	if k.dilations[0] != 1 || k.dilations[1] != 1 {
		fields = fields.With("dilation_rate", format.List(k.dilations...))
	}
	fields = fields.With("use_bias", spec.Flag(false))
	return c.emit(&format.Sketched{Kind: kind, Fields: fields, Name: c.layerName(k.w.variable, n), In: []string{in}, Parts: []format.Part{{Leaf: "kernel", From: []string{k.w.Name}}}}), nil
}

func pool(kind string) func(c *converter, n *node) (string, error) {
	return func(c *converter, n *node) (string, error) {
		if err := channelsLast(n); err != nil {
			return "", err
		}
		size, err := window(n, "ksize")
		if err != nil {
			return "", err
		}
		strides, err := window(n, "strides")
		if err != nil {
			return "", err
		}
		pad, err := padding(n)
		if err != nil {
			return "", err
		}
		in, err := c.act(n.in[0])
		if err != nil {
			return "", err
		}
		return c.emit(&format.Sketched{Kind: kind, Fields: format.Map("pool_size", size, "strides", strides, "padding", pad), Name: c.scoped(n), In: []string{in}}), nil
	}
}

// reshape keeps the batch's axis.
func reshape(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	to, ok := c.vector(n.in[1])
	if !ok || len(to) < 2 {
		return "", unsupported(n, "the shape that it gives is computed, or has no axis beside the batch's")
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	shape := make([]int, len(to)-1)
	open := to[0] == nil || *to[0] == -1
	for i, v := range to[1:] {
		if v == nil || *v == 0 || *v < -1 || *v == -1 && to[0] != nil && *to[0] == -1 {
			return "", unsupported(n, "the shape that it gives is not known before it runs")
		}
		shape[i] = *v
	}
	if !open && len(shape) > 0 && *to[0] < 1 {
		return "", unsupported(n, "it gives the batch's axis %d", *to[0])
	}
	if len(shape) == 1 {
		// Where samples have another number of elements the next kernel says so.
		return c.emit(&format.Sketched{Kind: "flatten", Fields: spec.Value{Kind: spec.Map}, Name: c.scoped(n), In: []string{in}}), nil
	}
	return c.emit(&format.Sketched{Kind: "reshape", Fields: format.Map("target_shape", shape), Name: c.scoped(n), In: []string{in}}), nil
}

func concat(c *converter, n *node) (string, error) {
	if len(n.in) < 2 {
		return "", operands(n, 2)
	}
	axis, ok := c.number(n.in[len(n.in)-1])
	if !ok || axis == 0 {
		return "", unsupported(n, "the axis along which it joins is not known, or the batch's")
	}
	e := &format.Sketched{Kind: "concatenate", Fields: format.Map("axis", int(axis))}
	before := 0 // zeros that the first value gets in front
	for _, r := range n.in[:len(n.in)-1] {
		zeros, blank := c.blank(r, int(axis))
		if blank && len(e.In) == 0 {
			before += zeros
			continue
		}
		var x string
		var err error
		if blank {
			last := len(e.In) - 1
			e.In[last], err = c.zeroed(n, e.In[last], int(axis), 0, zeros)
		} else if x, err = c.act(r); err == nil && before > 0 {
			x, err = c.zeroed(n, x, int(axis), before, 0)
			before = 0
		}
		if err != nil {
			return "", err
		}
		if !blank {
			e.In = append(e.In, x)
		}
	}
	if len(e.In) == 1 {
		return e.In[0], nil
	}
	e.Name = c.scoped(n)
	return c.emit(e), nil
}

// blank reports whether a value is zeros that a graph makes for as many samples as there are,
// such as a state to begin with, or a product with such, and how many there are along an axis.
func (c *converter) blank(r ref, axis int) (int, bool) {
	_, n, err := c.source(r)
	if err != nil {
		return 0, false
	}
	switch {
	case n.op == "Mul" && len(n.in) == 2:
		for i := range 2 {
			if _, ok := c.weight(n.in[i]); ok {
				return c.blank(n.in[1-i], axis)
			}
		}
		return 0, false
	case n.op == "MatMul" && len(n.in) == 2 && (axis == 1 || axis == -1):
		w, ok := c.weight(n.in[1])
		if _, zeros := c.blank(n.in[0], axis); !ok || !zeros || len(w.Shape) != 2 || n.flag("transpose_a") || n.flag("transpose_b") {
			return 0, false
		}
		return w.Shape[1], true
	case n.op != "Fill" || !c.zeros(r):
		return 0, false
	}
	shape, ok := c.vector(n.in[0])
	if axis < 0 {
		axis += len(shape)
	}
	if !ok || axis < 0 || axis >= len(shape) || shape[axis] == nil {
		return 0, false
	}
	return *shape[axis], true
}

// zeroed puts zeros around a value along an axis.
func (c *converter) zeroed(n *node, in string, axis, before, after int) (string, error) {
	shape, err := c.shapeOf(in)
	if err != nil {
		return "", err
	}
	if axis < 0 {
		axis += len(shape) + 1
	}
	if axis < 1 || axis > len(shape) || max(before, after) > 1<<20 {
		return "", unsupported(n, "it joins zeros along axis %d of samples of shape %v", axis, shape)
	}
	sides := spec.Value{Kind: spec.List}
	for a := range shape {
		if a == axis-1 {
			sides.Items = append(sides.Items, format.List(before, after))
		} else {
			sides.Items = append(sides.Items, format.List(0, 0))
		}
	}
	return c.add(n, "pad", format.Map("padding", sides), in), nil
}

func pad(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	v, ok := c.whole(n.in[1])
	if !ok || len(v) != 8 || v[0]+v[1]+v[6]+v[7] != 0 {
		return "", unsupported(n, "it pads by %v; only height and width are", v)
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	pads := spec.Value{Kind: spec.List, Items: []spec.Value{format.List(v[2:4]...), format.List(v[4:6]...)}}
	return c.emit(&format.Sketched{Kind: "zero_padding2d", Fields: format.Map("padding", pads), Name: c.scoped(n), In: []string{in}}), nil
}

// gather is an embedding.
func gather(c *converter, n *node) (string, error) {
	if len(n.in) < 2 {
		return "", operands(n, 2)
	}
	w, ok := c.weight(n.in[0])
	if !ok || len(w.Shape) != 2 || !c.isAct(n.in[1]) {
		return "", unsupported(n, "only rows of a matrix of weights are looked up")
	}
	if len(n.in) > 2 {
		if axis, ok := c.number(n.in[2]); !ok || axis != 0 {
			return "", unsupported(n, "it looks up along another axis than the first")
		}
	}
	if n.int("batch_dims", 0) != 0 {
		return "", unsupported(n, "it looks up sample by sample")
	}
	index := n.in[1]
	if _, cast, err := c.source(index); err == nil && cast.op == "Cast" && len(cast.in) == 1 {
		index = cast.in[0] // an embedding cuts fractions off by itself
	}
	in, err := c.act(index)
	if err != nil {
		return "", err
	}
	return c.emit(&format.Sketched{Kind: "embedding", Fields: format.Map("input_dim", w.Shape[0], "output_dim", w.Shape[1]), Name: c.layerName(w.variable, n), In: []string{in},
		Parts: []format.Part{{Leaf: "embeddings", From: []string{w.Name}}}}), nil
}

// lrn is local response normalization over channels.
func lrn(c *converter, n *node) (string, error) {
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	size := 2*n.int("depth_radius", 5) + 1 // the energy is a sum there, and a mean here
	fields := format.Map("size", size, "bias", n.float("bias", 1), "alpha", n.float("alpha", 1)*float64(size), "beta", n.float("beta", 0.5))
	return c.emit(&format.Sketched{Kind: "local_response_normalization", Fields: fields, Name: c.scoped(n), In: []string{in}}), nil
}
