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
//	c′ = c·σ(f + forget) + σ(i)·act(j)    h′ = act(c′)·σ(o)
//
// An LSTMCell may have peepholes, wᵢ·c, w_f·c and wₒ·c′ in its gates, cut c′ to ± clip, and
// project: h′ = (act(c′)·σ(o))·projection, cut to ± its own.
type step struct {
	kernel, bias weight
	forget, clip float64
	act          string
	holes        [3]weight // of i, f and o; without names where there are none
	x, h, c, out ref       // out is c′
	projection   weight    // without a name where there is none
	projected    float64   // what that is cut to
}

// layer is what the layer is made of: fields and parts.
func (s step) layer(units int) ([]any, []format.Part) {
	k, width := s.kernel.Shape, s.width(units)
	fields := []any{"units", units}
	if s.act != "tanh" {
		fields = append(fields, "activation", s.act)
	}
	if s.clip > 0 {
		fields = append(fields, "cell_clip", s.clip)
	}
	parts := []format.Part{
		{Leaf: "kernel", From: []string{s.kernel.Name}, Make: format.Turn(gates(units, 0)).Then(format.Cut(0, k[0]-width))},
		{Leaf: "recurrent_kernel", From: []string{s.kernel.Name}, Make: format.Turn(gates(units, 0)).Then(format.Cut(k[0]-width, k[0]))},
		{Leaf: "bias", From: []string{s.bias.Name}, Make: gates(units, s.forget)},
	}
	if s.holes[0].Name != "" {
		fields = append(fields, "peephole", true)
		parts = append(parts, format.Part{Leaf: "peephole", From: []string{s.holes[0].Name, s.holes[1].Name, s.holes[2].Name}, Make: rowsOf(units)})
	}
	if s.projection.Name != "" {
		fields = append(fields, "proj_size", width)
		if s.projected > 0 {
			fields = append(fields, "proj_clip", s.projected)
		}
		parts = append(parts, format.Part{Leaf: "projection", From: []string{s.projection.Name}})
	}
	return fields, parts
}

// width is that of the output.
func (s step) width(units int) int {
	if s.projection.Name != "" {
		return s.projection.Shape[1]
	}
	return units
}

// fits reports whether the shapes are those of an LSTM, of so many units.
func (s step) fits() (units int, ok bool) {
	k, b := s.kernel.Shape, s.bias.Shape
	if len(k) != 2 || len(b) != 1 || k[1]%4 != 0 || b[0] != k[1] || s.projection.Name == "" && k[0] <= k[1]/4 {
		return 0, false
	}
	units = k[1] / 4
	if p := s.projection; p.Name != "" && (len(p.Shape) != 2 || p.Shape[0] != units || k[0] <= p.Shape[1]) {
		return 0, false
	}
	named := 0
	for _, h := range s.holes {
		if h.Name != "" {
			named++
			ok = h.Shape.Equal(tensor.Shape{units})
			if !ok {
				return 0, false
			}
		}
	}
	return units, named == 0 || named == 3
}

// rowsOf puts vectors of so many numbers below one another.
func rowsOf(units int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		out := tensor.New(from[0].DType(), len(from), units)
		for i, t := range from {
			if t.Len() != units {
				return nil, fmt.Errorf("a vector has %d numbers, want %d", t.Len(), units)
			}
			for u := range units {
				out.SetFlat(i*units+u, t.Flat(u))
			}
		}
		return out, nil
	}
}

// A gateSum is what the activation of a gate is of: a part of the split, a number, and a
// vector times a state.
type gateSum struct {
	at     int
	split  *node
	number float64
	hole   weight
	seen   ref
}

func (c *converter) gateSum(r ref) (g gateSum, ok bool) {
	terms := 0
	for queue := []ref{r}; len(queue) > 0; queue = queue[1:] {
		if terms++; terms > 8 {
			return g, false
		}
		if v, is := c.number(queue[0]); is {
			g.number += v
			continue
		}
		if a, is := c.form(queue[0], 2, "Add", "AddV2"); is {
			queue = append(queue, a.in...)
			continue
		}
		if at, split, is := c.gate(queue[0]); is && g.split == nil {
			g.at, g.split = at, split
			continue
		}
		m, is := c.form(queue[0], 2, "Mul")
		if !is || g.hole.Name != "" {
			return g, false
		}
		var held bool
		if g.hole, held = c.weight(m.in[0]); held {
			g.seen = m.in[1]
		} else if g.hole, held = c.weight(m.in[1]); held {
			g.seen = m.in[0]
		} else {
			return g, false
		}
	}
	return g, g.split != nil
}

// unclipped finds what is cut to ± a number, and the number; 0 where nothing is.
func (c *converter) unclipped(r ref) (ref, float64, bool) {
	if n, ok := c.form(r, 3, "ClipByValue"); ok {
		lo, ok1 := c.number(n.in[1])
		hi, ok2 := c.number(n.in[2])
		return n.in[0], hi, ok1 && ok2 && lo == -hi && hi > 0
	}
	outer, ok := c.form(r, 2, "Maximum")
	if !ok {
		return r, 0, true
	}
	inner, ok := c.form(outer.in[0], 2, "Minimum")
	if !ok {
		return r, 0, false
	}
	lo, ok1 := c.number(outer.in[1])
	hi, ok2 := c.number(inner.in[1])
	return inner.in[0], hi, ok1 && ok2 && lo == -hi && hi > 0
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

// lstmStep takes the last node of a step apart, once.
func (c *converter) lstmStep(r ref) (step, bool) {
	n, ok := c.form(r, 2, "Mul")
	if !ok {
		return c.projectedStep(r)
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

// projectedStep is a step whose output is projected.
func (c *converter) projectedStep(r ref) (step, bool) {
	before, most, ok := c.unclipped(r)
	if !ok {
		return step{}, false
	}
	m, ok := c.form(before, 2, "MatMul")
	if !ok || m.flag("transpose_a") || m.flag("transpose_b") {
		return step{}, false
	}
	w, ok := c.weight(m.in[1])
	if _, is := c.form(m.in[0], 2, "Mul"); !ok || !is {
		return step{}, false
	}
	s, ok := c.lstmStep(m.in[0])
	s.projection, s.projected = w, most
	return s, ok
}

func (c *converter) takeApart(n *node) (s step, ok bool) {
	var split *node
	for i := range 2 { // act(c′)·σ(o)
		_, a, err := c.source(n.in[i])
		o, is := c.form(n.in[1-i], 1, "Sigmoid")
		if err != nil || cellActs[a.op] == "" || len(a.in) != 1 || !is {
			continue
		}
		g, is := c.gateSum(o.in[0])
		if !is || g.at != 3 || g.number != 0 || g.hole.Name != "" && !c.same(g.seen, a.in[0]) {
			continue
		}
		s.act, s.out, s.holes[2], split = cellActs[a.op], a.in[0], g.hole, g.split
		break
	}
	if split == nil {
		return s, false
	}
	before, clip, ok := c.unclipped(s.out)
	if !ok {
		return s, false
	}
	s.clip = clip
	sum, ok := c.form(before, 2, "Add", "AddV2")
	if !ok {
		return s, false
	}
	kept, fresh := false, false
	var seen []ref
	for _, in := range sum.in {
		m, ok := c.form(in, 2, "Mul")
		if !ok {
			return s, false
		}
		for i := range 2 {
			sig, is := c.form(m.in[i], 1, "Sigmoid")
			if !is {
				continue
			}
			g, is := c.gateSum(sig.in[0])
			if !is || g.split != split {
				continue
			}
			if g.hole.Name != "" {
				seen = append(seen, g.seen)
			}
			_, other, err := c.source(m.in[1-i])
			if err != nil {
				return s, false
			}
			switch {
			case g.at == 2:
				kept, s.c, s.forget, s.holes[1] = true, m.in[1-i], g.number, g.hole
			case g.at == 0 && g.number == 0 && cellActs[other.op] == s.act && len(other.in) == 1:
				at, of, is := c.gate(other.in[0])
				fresh, s.holes[0] = is && at == 1 && of == split, g.hole
			default:
				continue
			}
			break
		}
	}
	for _, r := range seen {
		if !c.same(r, s.c) {
			return s, false
		}
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
	if !ok || c.unrolled[last.kernel.Name] {
		return "", false, nil
	}
	// What is no whole LSTM, such as the steps before the last one, is what it is written as.
	apart := func() (string, bool, error) {
		if c.unrolled == nil {
			c.unrolled = map[string]bool{}
		}
		c.unrolled[last.kernel.Name] = true
		return "", false, nil
	}
	var xs []ref
	s := last
	for {
		if s.kernel.Name != last.kernel.Name || s.bias.Name != last.bias.Name || s.forget != last.forget || s.clip != last.clip || s.projection.Name != "" || s.act != last.act || s.holes[0].Name != last.holes[0].Name || len(xs) > mostSteps {
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
	states, err := c.begin(n, s.h, s.c)
	if err != nil {
		return "", false, err
	}
	slices.Reverse(xs)
	steps := c.g.nodes[xs[0].name]
	for t, x := range xs {
		if x.name != steps.name || x.out != t {
			return apart()
		}
	}
	if steps.op != "Unpack" || len(steps.in) != 1 || steps.int("axis", 0) != 1 || steps.int("num", len(xs)) != len(xs) {
		return apart()
	}
	units, ok := last.fits()
	if !ok {
		return "", false, fmt.Errorf("the LSTM's kernel %q has shape %v and its bias %v", last.kernel.Name, last.kernel.Shape, last.bias.Shape)
	}
	var ins []string
	for _, r := range append([]ref{steps.in[0]}, states...) {
		in, err := c.act(r)
		if err != nil {
			return "", true, err
		}
		ins = append(ins, in)
	}
	fields, parts := last.layer(units)
	layer := c.layerName(last.kernel.variable, n)
	return c.emit(&format.Sketched{Kind: "lstm", Fields: format.Map(fields...), Name: layer, In: ins, Parts: parts}), true, nil
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

// begin are the values that the states of a recurrent layer begin with: none where these are
// zeros.
func (c *converter) begin(n *node, states ...ref) ([]ref, error) {
	given := 0
	for _, s := range states {
		if c.zeros(s) {
			continue
		}
		if !c.isAct(s) {
			return nil, unsupported(n, "its state begins with constants, or weights, other than zeros; make them an input of the graph")
		}
		given++
	}
	switch given {
	case 0:
		return nil, nil
	case len(states):
		return states, nil
	}
	return nil, unsupported(n, "one of its states begins with zeros, and one with what is given; give both")
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
