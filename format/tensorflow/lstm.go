package tensorflow

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// A step is one step of an LSTM that is written out, as static_rnn of TensorFlow 1 does it
// with a BasicLSTMCell: z = [x, h]·kernel + bias is split in i, j, f, o, and
//
//	c′ = c·σ(f + forget) + σ(i)·tanh(j)    h′ = tanh(c′)·σ(o)
type step struct {
	kernel, bias weight
	forget       float64
	x, h, c, out ref // out is c′
}

// mostSteps is how many steps an LSTM that is written out may have.
const mostSteps = 4096

// form is a node that a value comes of, if it has that operation and so many inputs.
func (c *converter) form(r ref, inputs int, op ...string) (*node, bool) {
	_, n, err := c.source(r)
	return n, err == nil && slices.Contains(op, n.op) && len(n.in) == inputs
}

// gate finds the number of the part that a value is of a split in four, and the split.
func (c *converter) gate(r ref) (int, *node, bool) {
	r, n, err := c.source(r)
	if err != nil || n.op != "Split" || len(n.in) != 2 || n.int("num_split", 4) != 4 {
		return 0, nil, false
	}
	return r.out, n, true
}

// either finds the input of a node that has an operation, and the other one.
func (c *converter) either(n *node, op string) (found *node, other ref, ok bool) {
	for i := range 2 {
		if m, is := c.form(n.in[i], 1, op); is {
			return m, n.in[1-i], true
		}
	}
	return nil, ref{}, false
}

// lstmStep takes the last node of a step apart, once.
func (c *converter) lstmStep(r ref) (step, bool) {
	n, ok := c.form(r, 2, "Mul")
	if !ok {
		return step{}, false
	}
	known, ok := c.steps[n.name]
	if !ok {
		if s, is := c.takeApart(n); is {
			known = &s
		}
		c.steps[n.name] = known
	}
	if known == nil {
		return step{}, false
	}
	return *known, true
}

func (c *converter) takeApart(n *node) (s step, ok bool) {
	tanh, rest, ok := c.either(n, "Tanh")
	if !ok {
		return s, false
	}
	o, ok := c.form(rest, 1, "Sigmoid")
	if !ok {
		return s, false
	}
	at, split, ok := c.gate(o.in[0])
	if !ok || at != 3 {
		return s, false
	}
	of := func(n *node, want int) bool {
		at, m, ok := c.gate(n.in[0])
		return ok && at == want && m == split
	}
	s.out = tanh.in[0]
	sum, ok := c.form(s.out, 2, "Add", "AddV2")
	if !ok {
		return s, false
	}
	kept, fresh := false, false
	for _, in := range sum.in {
		m, ok := c.form(in, 2, "Mul")
		if !ok {
			return s, false
		}
		if t, other, ok := c.either(m, "Tanh"); ok && of(t, 1) {
			i, ok := c.form(other, 1, "Sigmoid")
			fresh = ok && of(i, 0)
			continue
		}
		f, other, ok := c.either(m, "Sigmoid")
		if !ok {
			return s, false
		}
		s.c = other
		if a, ok := c.form(f.in[0], 2, "Add", "AddV2"); ok {
			for i := range 2 {
				if v, ok := c.number(a.in[i]); ok {
					s.forget = v
					kept = of(&node{in: []ref{a.in[1-i]}}, 2)
				}
			}
			continue
		}
		kept = of(f, 2)
	}
	z, ok := c.form(split.in[1], 2, "BiasAdd", "Add", "AddV2")
	if !ok || !kept || !fresh {
		return s, false
	}
	if s.bias, ok = c.weight(z.in[1]); !ok {
		return s, false
	}
	m, ok := c.form(z.in[0], 2, "MatMul")
	if !ok || m.flag("transpose_a") || m.flag("transpose_b") {
		return s, false
	}
	if s.kernel, ok = c.weight(m.in[1]); !ok {
		return s, false
	}
	joined, ok := c.form(m.in[0], 3, "ConcatV2")
	if !ok {
		return s, false
	}
	s.x, s.h = joined.in[0], joined.in[1]
	return s, true
}

// lstm finds a whole LSTM behind its last step's result: the same weights at each step,
// inputs that are the steps of one sequence, and a state that begins with zeros.
func (c *converter) lstm(n *node) (name string, found bool, err error) {
	last, ok := c.lstmStep(ref{name: n.name})
	if !ok {
		return "", false, nil
	}
	var xs []ref
	s := last
	for {
		if s.kernel.Name != last.kernel.Name || s.bias.Name != last.bias.Name || s.forget != last.forget || len(xs) > mostSteps {
			return "", false, nil
		}
		x, _, err := c.source(s.x)
		if err != nil {
			return "", false, err
		}
		xs = append(xs, x)
		before, more := c.lstmStep(s.h)
		if !more {
			break
		}
		if !c.same(before.out, s.c) {
			return "", false, nil
		}
		s = before
	}
	if !c.zeros(s.h) || !c.zeros(s.c) {
		return "", false, unsupported(n, "the state of the LSTM does not begin with zeros")
	}
	slices.Reverse(xs)
	steps := c.g.nodes[xs[0].name]
	for t, x := range xs {
		if x.name != steps.name || x.out != t {
			return "", false, unsupported(n, "the inputs of the LSTM are not the steps of one sequence, in order")
		}
	}
	if steps.op != "Unpack" || len(steps.in) != 1 || steps.int("axis", 0) != 1 || steps.int("num", len(xs)) != len(xs) {
		return "", false, unsupported(steps, "the steps of an LSTM are not those of axis 1")
	}
	k, b := last.kernel.Shape, last.bias.Shape
	if len(k) != 2 || len(b) != 1 || k[1]%4 != 0 || b[0] != k[1] || k[0] <= k[1]/4 {
		return "", false, fmt.Errorf("the LSTM's kernel %q has shape %v and its bias %v", last.kernel.Name, k, b)
	}
	units := k[1] / 4
	in, err := c.act(steps.in[0])
	if err != nil {
		return "", true, err
	}
	layer := c.layerName(last.kernel.variable, n)
	return c.emit(&format.Sketched{Kind: "lstm", Fields: format.Map("units", units), Name: layer, In: []string{in}, Parts: []format.Part{
		{Leaf: "kernel", From: []string{last.kernel.Name}, Make: format.Turn(gates(units, 0)).Then(format.Cut(0, k[0]-units))},
		{Leaf: "recurrent_kernel", From: []string{last.kernel.Name}, Make: format.Turn(gates(units, 0)).Then(format.Cut(k[0]-units, k[0]))},
		{Leaf: "bias", From: []string{last.bias.Name}, Make: gates(units, last.forget)},
	}}), true, nil
}

// gates puts gates of an LSTM, blocks of the last axis, from TensorFlow's order i, j, f, o
// into Keras', i, f, c, o, and adds to f what the cell adds to it at each step.
func gates(units int, forget float64) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		if t.Len()%(4*units) != 0 || !t.DType().IsFloat() {
			return nil, fmt.Errorf("%v is no tensor of four gates of %d", t.Shape(), units)
		}
		out := t.Clone()
		for row := range t.Len() / (4 * units) {
			for to, gate := range []int{0, 2, 1, 3} {
				for u := range units {
					v := t.Flat((row*4+gate)*units + u)
					if gate == 2 {
						v += forget
					}
					out.SetFlat((row*4+to)*units+u, v)
				}
			}
		}
		return out, nil
	}
}

// zeros reports whether a value is all zeros.
func (c *converter) zeros(r ref) bool {
	_, n, err := c.source(r)
	if err != nil {
		return false
	}
	switch n.op {
	case "Fill":
		if len(n.in) == 2 {
			v, ok := c.number(n.in[1])
			return ok && v == 0
		}
	case "ZerosLike":
		return true
	case "Const":
		k, ok := n.constant()
		if !ok {
			return false
		}
		t, err := k.read()
		if err != nil {
			return false
		}
		for i := range t.Len() {
			if t.Flat(i) != 0 {
				return false
			}
		}
		return true
	}
	return false
}
