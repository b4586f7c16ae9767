package tensorflow

import (
	"math"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// mostFactors is how many factors of a product are looked at.
const mostFactors = 8

// factors are those of a product, however it is put together: a number, and values that
// depend on the input.
func (c *converter) factors(r ref) (k float64, acts []ref, ok bool) {
	k = 1
	queue := []ref{r}
	for len(queue) > 0 {
		if len(queue)+len(acts) > mostFactors {
			return 0, nil, false
		}
		r := queue[0]
		queue = queue[1:]
		if v, is := c.number(r); is {
			k *= v
			continue
		}
		_, n, err := c.source(r)
		if err != nil {
			return 0, nil, false
		}
		switch {
		case n.op == "Mul" && len(n.in) == 2:
			queue = append(queue, n.in...)
		case n.op == "RealDiv" && len(n.in) == 2:
			v, is := c.number(n.in[1])
			if !is || v == 0 {
				acts = append(acts, r)
				continue
			}
			k /= v
			queue = append(queue, n.in[0])
		case n.op == "Neg" && len(n.in) == 1:
			k = -k
			queue = append(queue, n.in[0])
		case n.op == "Square" && len(n.in) == 1:
			queue = append(queue, n.in[0], n.in[0])
		case n.op == "Pow" && len(n.in) == 2:
			v, is := c.number(n.in[1])
			if !is || v != 2 && v != 3 {
				acts = append(acts, r)
				continue
			}
			for range int(v) {
				queue = append(queue, n.in[0])
			}
		default:
			acts = append(acts, r)
		}
	}
	return k, acts, true
}

// plus finds x and a number in x + number.
func (c *converter) plus(r ref) (x ref, v float64, ok bool) {
	n, ok := c.form(r, 2, "Add", "AddV2")
	if !ok {
		return ref{}, 0, false
	}
	if v, ok := c.number(n.in[0]); ok {
		return n.in[1], v, true
	}
	v, ok = c.number(n.in[1])
	return n.in[0], v, ok
}

// similar is near, for constants that are written with some seven digits.
func similar(v, want float64) bool { return math.Abs(v-want) <= 2e-6*math.Abs(want) }

// gated finds activations that are x times something of x: GELU in both forms (Hendrycks and
// Gimpel, 2016) and hard swish (Howard et al., 2019).
func (c *converter) gated(r ref) (x ref, name string, ok bool) {
	k, acts, ok := c.factors(r)
	if !ok || len(acts) != 2 {
		return ref{}, "", false
	}
	for i := range 2 {
		x, g := acts[i], acts[1-i]
		if n, is := c.form(g, 1, "Relu6"); is && similar(k, 1.0/6) {
			if y, v, sum := c.plus(n.in[0]); sum && v == 3 && c.same(x, y) {
				return x, "hard_swish", true
			}
		}
		y, one, sum := c.plus(g)
		if !sum || one != 1 || k != 0.5 {
			continue
		}
		if n, is := c.form(y, 1, "Erf"); is {
			scale, of, fine := c.factors(n.in[0])
			if fine && len(of) == 1 && similar(scale, math.Sqrt2/2) && c.same(of[0], x) {
				return x, "gelu", true
			}
		}
		n, is := c.form(y, 1, "Tanh")
		if !is {
			continue
		}
		scale, of, fine := c.factors(n.in[0])
		if !fine || len(of) != 1 || !similar(scale, math.Sqrt(2/math.Pi)) {
			continue
		}
		a, is := c.form(of[0], 2, "Add", "AddV2")
		if !is {
			continue
		}
		for j := range 2 {
			cube, of, fine := c.factors(a.in[1-j])
			if fine && c.same(a.in[j], x) && len(of) == 3 && similar(cube, 0.044715) && c.same(of[0], x) && c.same(of[1], x) && c.same(of[2], x) {
				return x, "gelu_tanh", true
			}
		}
	}
	return ref{}, "", false
}

// centred finds x in x − mean(x) over its last axis.
func (c *converter) centred(r ref) (x ref, ok bool) {
	n, ok := c.form(r, 2, "Sub")
	if !ok || !c.isMean(n.in[1], n.in[0]) {
		return ref{}, false
	}
	return n.in[0], true
}

// isMean reports whether a value is the mean of another over the last axis, which stays.
func (c *converter) isMean(r, of ref) bool {
	n, ok := c.form(r, 2, "Mean")
	return ok && c.same(n.in[0], of) && c.last1(n)
}

// last1 reports whether a node goes over the last axis alone, and keeps it.
func (c *converter) last1(n *node) bool {
	axes, ok := c.whole(n.in[1])
	if !ok || len(axes) != 1 || !n.flag("keep_dims") {
		return false
	}
	if axes[0] == -1 {
		return true
	}
	_, shape, err := c.of(n.in[0])
	return err == nil && axes[0] == len(shape)
}

// deviation finds x and ε in √(σ² + ε), or in 1 over that, where σ² is the variance of x over
// the last axis, however it is written.
func (c *converter) deviation(r ref, root string) (x ref, eps float64, ok bool) {
	n, ok := c.form(r, 1, root)
	if !ok {
		return ref{}, 0, false
	}
	variance, eps, ok := c.plus(n.in[0])
	if !ok {
		return ref{}, 0, false
	}
	m, ok := c.form(variance, 2, "Mean")
	if !ok || !c.last1(m) {
		return ref{}, 0, false
	}
	if d, is := c.form(m.in[0], 2, "SquaredDifference"); is {
		for i := range 2 {
			if c.isMean(d.in[1-i], d.in[i]) {
				return d.in[i], eps, true
			}
		}
		return ref{}, 0, false
	}
	k, acts, ok := c.factors(m.in[0]) // (x − μ)²
	if !ok || k != 1 || len(acts) != 2 || !c.same(acts[0], acts[1]) {
		return ref{}, 0, false
	}
	x, ok = c.centred(acts[0])
	return x, eps, ok
}

// layerNorm finds a layer normalization without scale and offset: (x − μ)·1/√(σ² + ε), or
// divided by the root (Ba, Kiros and Hinton, 2016).
func (c *converter) layerNorm(n *node) (name string, found bool, err error) {
	for i := range 2 {
		if n.op == "RealDiv" && i == 1 {
			break
		}
		x, is := c.centred(n.in[i])
		root := "Rsqrt"
		if n.op == "RealDiv" {
			root = "Sqrt"
		}
		y, eps, deviates := c.deviation(n.in[1-i], root)
		if !is || !deviates || !c.same(x, y) {
			continue
		}
		in, err := c.act(x)
		if err != nil {
			return "", true, err
		}
		return c.add(n, "layer_normalization", format.Map("epsilon", eps, "center", false, "scale", false), in), true, nil
	}
	return "", false, nil
}

// wholeNorm finds a layer normalization as TensorFlow's batch_normalization writes it out:
// x·m + (β − μ·m) with m = γ/√(σ² + ε).
func (c *converter) wholeNorm(n *node) (name string, found bool, err error) {
	for i := range 2 {
		a, is := c.form(n.in[i], 2, "Mul")
		b, is2 := c.form(n.in[1-i], 2, "Sub")
		if !is || !is2 {
			continue
		}
		mm, is := c.form(b.in[1], 2, "Mul")
		beta, is2 := c.weight(b.in[0])
		if !is || !is2 {
			continue
		}
		for j := range 2 {
			x, m := a.in[j], a.in[1-j]
			if !(c.same(mm.in[0], m) && c.isMean(mm.in[1], x)) && !(c.same(mm.in[1], m) && c.isMean(mm.in[0], x)) {
				continue
			}
			var fields spec.Value
			parts := []format.Part{{Leaf: "beta", From: []string{beta.Name}}}
			root := m
			if f, is := c.form(m, 2, "Mul"); is {
				root = f.in[0]
				gamma, is := c.weight(f.in[1])
				if !is {
					root = f.in[1]
					gamma, is = c.weight(f.in[0])
				}
				if !is || len(gamma.Shape) != 1 {
					continue
				}
				parts = append(parts, format.Part{Leaf: "gamma", From: []string{gamma.Name}})
			} else {
				fields = fields.With("scale", spec.Flag(false))
			}
			y, eps, deviates := c.deviation(root, "Rsqrt")
			if !deviates || !c.same(x, y) || len(beta.Shape) != 1 {
				continue
			}
			in, err := c.act(x)
			if err != nil {
				return "", true, err
			}
			e := &format.Sketched{Kind: "layer_normalization", Fields: fields.With("epsilon", spec.Num(eps)), Name: c.layerName(beta.variable, n), In: []string{in}, Parts: parts}
			return c.emit(e), true, nil
		}
	}
	return "", false, nil
}

// beside multiplies a value by a tensor of weights, or adds it, element by element. What is a
// constant of the graph, and no variable, stays as it is in training.
func (c *converter) beside(n *node, x ref, w weight, leaf string, turn format.Turn) (string, error) {
	in, err := c.act(x)
	if err != nil {
		return "", err
	}
	return c.besides(n, in, w, leaf, turn)
}

// besides is beside of what a layer gives.
func (c *converter) besides(n *node, in string, w weight, leaf string, turn format.Turn) (string, error) {
	var axes, size []int
	for i, d := range w.Shape {
		if d != 1 {
			axes, size = append(axes, i-len(w.Shape)), append(size, d)
		}
	}
	// Where samples have fewer axes, or others, the weights would make them larger.
	if shape, err := c.shapeOf(in); err == nil {
		for i, a := range axes {
			if -a > len(shape) || shape[len(shape)+a] != size[i] {
				return "", unsupported(n, "weights %q of shape %v do not go with samples of shape %v", w.Name, w.Shape, shape)
			}
		}
	}
	fields := format.Map("center", false)
	if leaf == "beta" {
		fields = format.Map("scale", false)
	}
	if len(axes) != 1 || axes[0] != -1 {
		fields = fields.With("axes", format.List(axes...))
	}
	called := c.scoped(n)
	if w.loose {
		fields = fields.With("trainable", spec.Flag(false))
	} else if path := strings.Split(w.variable, "/"); !strings.Contains(w.variable, "ReadVariableOp") && !c.sketch.Taken(path[len(path)-1]) {
		called = c.sketch.Name(path[len(path)-1])
	}
	part := format.Part{Leaf: leaf, From: []string{w.Name}, Make: turn}
	if !w.Shape.Equal(size) {
		part.Make = turn.Then(format.Reshape(size...))
	}
	return c.emit(&format.Sketched{Kind: "affine", Fields: fields, Name: called, In: []string{in}, Parts: []format.Part{part}}), nil
}

// each is a Turn of each number.
func each(f func(v float64) float64) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0].Clone()
		for i := range t.Len() {
			t.SetFlat(i, f(t.Flat(i)))
		}
		return t, nil
	}
}

// power raises to a power.
func (c *converter) power(n *node, exponent float64) (string, error) {
	if len(n.in) == 0 {
		return "", operands(n, 1)
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	return c.add(n, "power", format.Map("exponent", exponent), in), nil
}
