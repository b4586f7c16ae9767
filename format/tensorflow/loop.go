package tensorflow

import (
	"maps"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A loop is a recurrence over the steps of sequences: tf.nn.dynamic_rnn of TensorFlow 1,
// which is made of Enter, Merge, Switch, NextIteration and Exit, or a While with a function
// of TensorFlow 2.
type loop struct {
	vars []loopVar
	// body is a converter of the graph in which what a variable of the loop holds at the
	// beginning of a step is a node of its own, of the operation loopOp.
	body *converter
	recs map[int]*recurrence // by the variable that holds the output
	// ends is how many steps each sequence has, where they have lengths of their own: behind
	// them states stay as they are, and outputs are 0.
	ends *ref
	err  error // why there is none
}

// A loopVar is a variable of a loop: the node that holds it, what it begins with, and what
// follows.
type loopVar struct {
	name        string
	first, next ref
}

// A recurrence is the layer that a loop is.
type recurrence struct {
	kind      string
	fields    []any
	parts     []format.Part
	kernel    string // the variable that names the layer
	x         ref    // sequences, the samples first
	backwards bool
	below     *recurrence // whose outputs are the sequences
	states    []ref       // what the states begin with, none for zeros
	ends      *ref        // how many steps each sequence has, nil for all
}

// loopOp is the operation of nodes that hold variables of a loop.
const loopOp = "nadir loop variable"

// mostLoops is how many loops of a graph are looked at.
const mostLoops = 64

// mostVars is how many variables a loop may have: those of recurrent layers have some ten.
const mostVars = 64

// loopOf is the loop that a node ends, an Exit or a While, and the variable of it that is
// asked for.
func (c *converter) loopOf(r ref) (l *loop, output int) {
	n := c.g.nodes[r.name]
	if n == nil {
		return nil, 0
	}
	key, output := n.name, r.out
	if n.op == "Exit" {
		if len(n.in) != 1 {
			return nil, 0
		}
		key = "frame " + c.frame(n)
	}
	l, known := c.loops[key]
	if !known {
		if len(c.loops) >= mostLoops {
			return nil, 0
		}
		if n.op == "Exit" {
			l = c.frameLoop(c.frame(n))
		} else {
			l = c.functionLoop(n)
		}
		c.loops[key] = l
		switch {
		case l == nil:
		case len(l.vars) > mostVars:
			l.err = unsupported(n, "this loop has %d variables, more than recurrent layers have", len(l.vars))
		default:
			l.err = l.recognize(c, n)
		}
	}
	if l != nil && n.op == "Exit" {
		output = slices.IndexFunc(l.vars, func(v loopVar) bool { return v.name == n.in[0].name })
	}
	return l, output
}

// frame is the name of the loop that an Exit leaves.
func (c *converter) frame(exit *node) string {
	sw := c.g.nodes[exit.in[0].name]
	if sw == nil || sw.op != "Switch" || len(sw.in) != 2 {
		return ""
	}
	m := c.g.nodes[sw.in[0].name]
	if m == nil || m.op != "Merge" || len(m.in) != 2 {
		return ""
	}
	for _, in := range m.in {
		if e := c.g.nodes[in.name]; e != nil && e.op == "Enter" {
			return e.text("frame_name")
		}
	}
	return ""
}

// frameLoop is the loop of TensorFlow 1 that has a name.
func (c *converter) frameLoop(frame string) *loop {
	if frame == "" {
		return nil
	}
	l := &loop{}
	nodes := maps.Clone(c.g.nodes)
	for _, sw := range c.g.order {
		if sw.op != "Switch" || len(sw.in) != 2 {
			continue
		}
		m := c.g.nodes[sw.in[0].name]
		if m == nil || m.op != "Merge" || len(m.in) != 2 {
			continue
		}
		var first, next *node
		for _, in := range m.in {
			switch n := c.g.nodes[in.name]; {
			case n == nil || len(n.in) != 1:
			case n.op == "Enter" && n.text("frame_name") == frame:
				first = n
			case n.op == "NextIteration":
				next = n
			}
		}
		if first == nil || next == nil {
			continue
		}
		l.vars = append(l.vars, loopVar{sw.name, first.in[0], next.in[0]})
		nodes[sw.name] = &node{name: sw.name, op: loopOp}
	}
	l.body = newConverter(&graph{nodes: nodes, functions: c.g.functions}, c.file, c.variable)
	return l
}

// functionLoop is a While with a function.
func (c *converter) functionLoop(n *node) *loop {
	f := c.g.functions[n.function("body")]
	if f == nil || len(n.in) != len(f.args) || len(f.results) != len(f.args) || len(c.g.nodes)+len(f.body) > maxNodes {
		return nil
	}
	l := &loop{}
	nodes := maps.Clone(c.g.nodes)
	prefix := n.name + "/body/"
	arg := map[string]int{}
	for i, a := range f.args {
		arg[a] = i
	}
	within := func(r ref) ref {
		r.name = prefix + r.name
		return r
	}
	for _, b := range f.body {
		x := &node{name: prefix + b.name, op: b.op, attrs: b.attrs}
		for _, in := range b.in {
			x.in = append(x.in, within(in))
		}
		if nodes[x.name] != nil {
			return nil
		}
		nodes[x.name] = x
	}
	for i, a := range f.args {
		next := within(parseRef(f.returns[f.results[i]], true))
		// What stays as it is is no variable: follow it through Identities.
		end := next
		for range 8 {
			b := nodes[end.name]
			if b == nil || b.op != "Identity" || len(b.in) != 1 {
				break
			}
			end = b.in[0]
		}
		if end.name == prefix+a {
			nodes[prefix+a] = &node{name: prefix + a, op: "Identity", in: []ref{n.in[i]}}
		} else {
			nodes[prefix+a] = &node{name: prefix + a, op: loopOp}
		}
		l.vars = append(l.vars, loopVar{prefix + a, n.in[i], next})
	}
	l.body = newConverter(&graph{nodes: nodes, functions: c.g.functions}, c.file, c.variable)
	return l
}

// holds is the variable that a value of the body is.
func (l *loop) holds(r ref) (int, bool) {
	_, n, err := l.body.source(r)
	if err != nil || n.op != loopOp {
		return 0, false
	}
	i := slices.IndexFunc(l.vars, func(v loopVar) bool { return v.name == n.name })
	return i, i >= 0
}

// recognize finds the layers: one, or several where the output of a cell is the input of another
// in the same step, as MultiRNNCell has it.
func (l *loop) recognize(c *converter, n *node) error {
	l.recs = map[int]*recurrence{}
	l.ended()
	xs := map[int]ref{}
	var first error
	for i, v := range l.vars {
		for _, cell := range []func(i int, next ref) (*recurrence, ref, []int){l.lstmCell, l.gruCell, l.kerasLSTM, l.kerasGRU, l.plainCell} {
			r, x, states := cell(i, v.next)
			if r == nil {
				continue
			}
			var begins []ref
			for _, s := range states {
				begins = append(begins, l.vars[s].first)
			}
			var err error
			if r.states, err = c.begin(n, begins...); err != nil {
				return err
			}
			r.ends = l.ends
			l.recs[i], xs[i] = r, x
			break
		}
	}
	order := slices.Sorted(maps.Keys(l.recs))
	for _, i := range order {
		r := l.recs[i]
		for _, j := range order {
			if i != j && l.body.same(xs[i], l.vars[j].next) {
				r.below = l.recs[j]
			}
		}
		for b, k := r.below, 0; b != nil; b, k = b.below, k+1 {
			if k > len(order) {
				return unsupported(n, "its cells feed one another in a circle")
			}
		}
		if r.below == nil {
			if err := l.sequence(c, n, r, xs[i]); err != nil && first == nil {
				first = err
			}
		}
	}
	switch {
	case first != nil:
		return first
	case len(l.recs) > 0:
		return nil
	}
	for _, v := range l.vars {
		if _, next, err := l.body.source(v.next); err != nil || next.op == "Select" || next.op == "SelectV2" || next.op == "If" || next.op == "StatelessIf" {
			return unsupported(n, "its state stays as it is at some steps, as a mask leaves them out; of that only sequence_length of dynamic_rnn and bidirectional_dynamic_rnn is read. Save the graph without masks, or the model as Keras does")
		}
	}
	return unsupported(n, "this loop is none over the steps of a recurrent layer that is known here: those of BasicRNNCell, LSTMCell and GRUCell, and of Keras' LSTM and GRU")
}

// ended looks for sequences with lengths of their own, as dynamic_rnn has them with
// sequence_length: each state becomes Select(time ≥ length, state, next). What follows of
// variables is then next.
func (l *loop) ended() {
	next := make([]ref, len(l.vars))
	found := false
	for i, v := range l.vars {
		next[i] = v.next
		s, ok := l.body.form(v.next, 3, "Select", "SelectV2")
		if !ok {
			continue
		}
		lengths, ok := l.past(s.in[0])
		if k, holds := l.holds(s.in[1]); !ok || !holds || k != i || l.ends != nil && !l.body.same(*l.ends, lengths) {
			return
		}
		l.ends, next[i], found = &lengths, s.in[2], true
	}
	if !found {
		return
	}
	for i := range l.vars {
		l.vars[i].next = next[i]
	}
}

// past is what a counter of the loop has reached, where r says that it has.
func (l *loop) past(r ref) (lengths ref, ok bool) {
	n, ok := l.body.form(r, 2, "GreaterEqual")
	if !ok {
		return ref{}, false
	}
	time, ok := l.holds(n.in[0])
	if !ok {
		return ref{}, false
	}
	from, _, err := l.body.source(n.in[1])
	if _, held := l.holds(from); err != nil || held {
		return ref{}, false
	}
	next, ok := l.body.form(l.vars[time].next, 2, "Add", "AddV2")
	return from, ok && l.body.is(next.in[1], 1)
}

// is reports whether a value is a number.
func (c *converter) is(r ref, want float64) bool {
	v, ok := c.number(r)
	return ok && v == want
}

// seen reports whether the sequences depend on an input.
func (l *loop) seen(c *converter) bool {
	for _, r := range l.recs {
		if r.below == nil && c.isAct(r.x) {
			return true
		}
	}
	return false
}

// sequence finds what a step's input is a step of.
func (l *loop) sequence(c *converter, n *node, r *recurrence, x ref) error {
	_, read, err := l.body.source(x)
	if err != nil {
		return err
	}
	var at, from ref
	switch {
	case read.op == "TensorArrayReadV3" && len(read.in) == 3:
		at = read.in[1]
		_, put, err := l.body.source(read.in[2])
		if err != nil || put.op != "TensorArrayScatterV3" || len(put.in) != 4 {
			return unsupported(read, "it does not read the steps of one tensor")
		}
		from = put.in[2]
	case read.op == "TensorListGetItem" && len(read.in) >= 2:
		at = read.in[1]
		_, put, err := l.body.source(read.in[0])
		if err != nil || put.op != "TensorListFromTensor" || len(put.in) != 2 {
			return unsupported(read, "it does not read the steps of one tensor")
		}
		from = put.in[0]
	default:
		return unsupported(read, "the input of a step is no step of a sequence")
	}
	time, ok := l.holds(at)
	if !ok {
		return unsupported(read, "which step it reads is no counter of the loop")
	}
	if v, ok := c.number(l.vars[time].first); !ok || v != 0 {
		return unsupported(read, "the steps are not counted from 0")
	}
	next, ok := l.body.form(l.vars[time].next, 2, "Add", "AddV2")
	if !ok {
		return unsupported(read, "the steps are not counted one by one")
	}
	step, ok := l.body.number(next.in[1])
	if i, same := l.holds(next.in[0]); !ok || step != 1 || !same || i != time {
		return unsupported(read, "the steps are not counted one by one")
	}
	// What is outside of the loop has the same names.
	if rev, ok := c.form(from, 2, "ReverseV2"); ok {
		if axes, known := c.whole(rev.in[1]); !known || !slices.Equal(axes, []int{0}) {
			return unsupported(rev, "it reverses other axes than the steps")
		}
		r.backwards, from = true, rev.in[0]
	}
	turned, ok := c.form(from, 2, "Transpose")
	if !ok || !c.swaps(turned.in[1]) {
		return unsupported(n, "its sequences have the steps first; only those with the samples first are read")
	}
	from = turned.in[0]
	if rev, ok := c.form(from, 2, "ReverseSequence"); ok && r.ends != nil { // with lengths
		if !c.same(rev.in[1], *r.ends) || rev.int("seq_dim", 0) != 1 || rev.int("batch_dim", 0) != 0 {
			return unsupported(rev, "it reverses other axes than the steps, or sequences of other lengths")
		}
		r.backwards, from = !r.backwards, rev.in[0]
	}
	if rev, ok := c.form(from, 2, "ReverseV2"); ok { // as bidirectional_dynamic_rnn does it
		if axes, known := c.whole(rev.in[1]); known && slices.Equal(axes, []int{1}) {
			r.backwards, from = !r.backwards, rev.in[0]
		}
	}
	r.x = from
	return nil
}

// swaps reports whether an order of axes swaps samples and steps.
func (c *converter) swaps(r ref) bool {
	v, ok := c.whole(r)
	if ok {
		return slices.Equal(v, []int{1, 0, 2})
	}
	_, n, err := c.source(r)
	if err != nil || n.op != "ConcatV2" || len(n.in) != 3 {
		return false
	}
	v, ok = c.whole(n.in[0]) // and the others behind
	return ok && slices.Equal(v, []int{1, 0})
}

// product is x·kernel + bias where x is an input alone, or x and a state side by side.
func (l *loop) product(r ref) (x []ref, kernel, bias weight, ok bool) {
	b := l.body
	if z, is := b.form(r, 2, "BiasAdd", "Add", "AddV2"); is {
		if w, is := b.weight(z.in[1]); is {
			bias, r = w, z.in[0]
		}
	}
	m, is := b.form(r, 2, "MatMul")
	if !is || m.flag("transpose_a") || m.flag("transpose_b") {
		return nil, kernel, bias, false
	}
	if kernel, ok = b.weight(m.in[1]); !ok || len(kernel.Shape) != 2 {
		return nil, kernel, bias, false
	}
	if joined, is := b.form(m.in[0], 3, "ConcatV2"); is {
		return joined.in[:2], kernel, bias, true
	}
	return m.in[:1], kernel, bias, true
}

// joint is product for x and the state i side by side.
func (l *loop) joint(r ref, i int) (x ref, kernel, bias weight, ok bool) {
	in, kernel, bias, ok := l.product(r)
	if !ok || len(in) != 2 || len(bias.Shape) != 1 || bias.Shape[0] != kernel.Shape[1] {
		return x, kernel, bias, false
	}
	s, is := l.holds(in[1])
	return in[0], kernel, bias, is && s == i
}

// activations of cells.
var cellActs = map[string]string{"Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid", "Elu": "elu", "Selu": "selu", "Softsign": "softsign"}

func (l *loop) activation(r ref) (name string, in ref, ok bool) {
	_, n, err := l.body.source(r)
	if err != nil || len(n.in) != 1 || cellActs[n.op] == "" {
		return "", ref{}, false
	}
	return cellActs[n.op], n.in[0], true
}

// rows cuts rows of a kernel.
func rows(leaf string, w weight, lo, hi int, turn format.Turn) format.Part {
	return format.Part{Leaf: leaf, From: []string{w.Name}, Make: format.Turn(format.Cut(lo, hi)).Then(turn)}
}

// plainCell is h′ = act([x, h]·kernel + bias), or Keras' x·kernel + bias + h·recurrent.
func (l *loop) plainCell(i int, next ref) (*recurrence, ref, []int) {
	name, in, ok := l.activation(next)
	if !ok {
		return nil, ref{}, nil
	}
	if x, k, b, ok := l.joint(in, i); ok && k.Shape[0] > k.Shape[1] {
		u := k.Shape[1]
		return &recurrence{kind: "simple_rnn", fields: []any{"units", u, "activation", name}, kernel: k.variable, parts: []format.Part{
			rows("kernel", k, 0, k.Shape[0]-u, nil), rows("recurrent_kernel", k, k.Shape[0]-u, k.Shape[0], nil), {Leaf: "bias", From: []string{b.Name}}}}, x, []int{i}
	}
	x, k, r, b, ok := l.sum(in, i)
	if !ok || k.Shape[1] != r.Shape[0] || len(b.Shape) != 1 {
		return nil, ref{}, nil
	}
	return &recurrence{kind: "simple_rnn", fields: []any{"units", r.Shape[0], "activation", name}, kernel: k.variable, parts: kerasParts(k, r, b)}, x, []int{i}
}

func kerasParts(k, r, b weight) []format.Part {
	return []format.Part{{Leaf: "kernel", From: []string{k.Name}}, {Leaf: "recurrent_kernel", From: []string{r.Name}}, {Leaf: "bias", From: []string{b.Name}}}
}

// sum is x·kernel + h·recurrent + bias, added in any order, where h is the state i.
func (l *loop) sum(r ref, i int) (x ref, kernel, recurrent, bias weight, ok bool) {
	var terms []ref
	for queue := []ref{r}; len(queue) > 0 && len(terms) < 4; {
		a, is := l.body.form(queue[0], 2, "Add", "AddV2", "BiasAdd")
		if is {
			queue = append(queue[1:], a.in...)
			continue
		}
		terms, queue = append(terms, queue[0]), queue[1:]
	}
	if len(terms) != 3 {
		return x, kernel, recurrent, bias, false
	}
	found := 0
	for _, t := range terms {
		if w, is := l.body.weight(t); is {
			bias = w
			found |= 1
			continue
		}
		in, k, _, is := l.product(t)
		if !is || len(in) != 1 {
			return x, kernel, recurrent, bias, false
		}
		if s, state := l.holds(in[0]); state && s == i {
			recurrent = k
			found |= 2
		} else if !state {
			x, kernel = in[0], k
			found |= 4
		}
	}
	return x, kernel, recurrent, bias, found == 7
}

// lstmCell is a step of BasicLSTMCell and LSTMCell: gates i, j, f, o of [x, h]·kernel + bias.
func (l *loop) lstmCell(i int, next ref) (*recurrence, ref, []int) {
	s, ok := l.body.lstmStep(next)
	if !ok {
		return nil, ref{}, nil
	}
	h, isH := l.holds(s.h)
	cell, isC := l.holds(s.c)
	units, fits := s.fits()
	if !isH || !isC || h != i || !l.body.same(l.vars[cell].next, s.out) || !fits {
		return nil, ref{}, nil
	}
	fields, parts := s.layer(units)
	return &recurrence{kind: "lstm", fields: fields, kernel: s.kernel.variable, parts: parts}, s.x, []int{h, cell}
}

// part is the number of a part of a split in n along the last axis, and what is split.
func (l *loop) part(r ref, n int) (i int, of ref, ok bool) {
	r, s, err := l.body.source(r)
	if err != nil || s.op != "Split" || len(s.in) != 2 || s.int("num_split", n) != n {
		return 0, ref{}, false
	}
	axis, known := l.body.number(s.in[0])
	return r.out, s.in[1], known && (axis == 1 || axis == -1)
}

// gate is the number of the part that an activation is of, and its name.
func (l *loop) gate(r ref, n int) (i int, of ref, name string, ok bool) {
	name, in, ok := l.activation(r)
	if !ok {
		return 0, ref{}, "", false
	}
	i, of, ok = l.part(in, n)
	return i, of, name, ok
}

// factors are those of a product.
func (l *loop) factors(r ref) ([]ref, bool) {
	m, ok := l.body.form(r, 2, "Mul")
	if !ok {
		return nil, false
	}
	return m.in, true
}

// kerasLSTM is a step of Keras' LSTM: gates i, f, c, o of x·kernel + h·recurrent + bias.
func (l *loop) kerasLSTM(i int, next ref) (*recurrence, ref, []int) {
	none := func() (*recurrence, ref, []int) { return nil, ref{}, nil }
	f, ok := l.factors(next)
	if !ok {
		return none()
	}
	for k := range 2 { // σ(o)·act(c′)
		o, z, gate, ok := l.gate(f[k], 4)
		if !ok || o != 3 {
			continue
		}
		name, kept, ok := l.activation(f[1-k])
		if !ok {
			continue
		}
		sum, ok := l.body.form(kept, 2, "Add", "AddV2")
		if !ok {
			continue
		}
		cell, seen := -1, 0
		for _, term := range sum.in {
			p, ok := l.factors(term)
			if !ok {
				return none()
			}
			for a := range 2 {
				g, of, as, ok := l.gate(p[a], 4)
				if !ok || !l.body.same(of, z) {
					continue
				}
				switch {
				case g == 1 && as == gate: // f·c
					if v, is := l.holds(p[1-a]); is {
						cell = v
						seen |= 1
					}
				case g == 0 && as == gate: // i·act(ĉ)
					if g, of, as, ok := l.gate(p[1-a], 4); ok && g == 2 && as == name && l.body.same(of, z) {
						seen |= 2
					}
				}
			}
		}
		x, kernel, recurrent, bias, ok := l.sum(z, i)
		if seen != 3 || !ok || !l.body.same(l.vars[cell].next, kept) || kernel.Shape[1] != 4*recurrent.Shape[0] || len(bias.Shape) != 1 {
			return none()
		}
		return &recurrence{kind: "lstm", fields: []any{"units", recurrent.Shape[0], "activation", name, "recurrent_activation", gate}, kernel: kernel.variable,
			parts: kerasParts(kernel, recurrent, bias)}, x, []int{i, cell}
	}
	return none()
}

// blend is z·h + (1 − z)·ĥ for the state i.
func (l *loop) blend(i int, next ref) (z, candidate ref, ok bool) {
	sum, ok := l.body.form(next, 2, "Add", "AddV2")
	if !ok {
		return z, candidate, false
	}
	for k := range 2 {
		kept, ok := l.factors(sum.in[k])
		if !ok {
			return z, candidate, false
		}
		fresh, ok := l.factors(sum.in[1-k])
		if !ok {
			return z, candidate, false
		}
		for a := range 2 {
			if s, is := l.holds(kept[a]); !is || s != i {
				continue
			}
			z = kept[1-a]
			for b := range 2 {
				rest, is := l.body.form(fresh[b], 2, "Sub")
				if !is || !l.body.same(rest.in[1], z) {
					continue
				}
				if one, is := l.body.number(rest.in[0]); is && one == 1 {
					return z, fresh[1-b], true
				}
			}
		}
	}
	return z, candidate, false
}

// gruCell is a step of GRUCell: r and u are the halves of σ([x, h]·gates + bias), and ĥ is
// act([x, r·h]·candidate + bias).
func (l *loop) gruCell(i int, next ref) (*recurrence, ref, []int) {
	none := func() (*recurrence, ref, []int) { return nil, ref{}, nil }
	z, candidate, ok := l.blend(i, next)
	if !ok {
		return none()
	}
	u, both, ok := l.part(z, 2)
	gate, sum, isAct := l.activation(both)
	x, gk, gb, joint := l.joint(sum, i)
	if !ok || u != 1 || !isAct || !joint {
		return none()
	}
	name, in, ok := l.activation(candidate)
	if !ok {
		return none()
	}
	parts, ck, cb, ok := l.product(in)
	if !ok || len(parts) != 2 || !l.body.same(parts[0], x) {
		return none()
	}
	reset, ok := l.factors(parts[1])
	if !ok {
		return none()
	}
	right := false
	for a := range 2 {
		s, is := l.holds(reset[a])
		r, of, part := l.part(reset[1-a], 2)
		right = right || is && s == i && part && r == 0 && l.body.same(of, both)
	}
	units := ck.Shape[1]
	if !right || gk.Shape[1] != 2*units || gk.Shape[0] != ck.Shape[0] || ck.Shape[0] <= units || !cb.Shape.Equal(tensor.Shape{units}) || !gb.Shape.Equal(tensor.Shape{2 * units}) {
		return none()
	}
	features := gk.Shape[0] - units
	join := func(leaf string, lo, hi int, a, b weight) format.Part {
		return format.Part{Leaf: leaf, From: []string{a.Name, b.Name}, Make: updates(units, lo, hi)}
	}
	return &recurrence{kind: "gru", fields: []any{"units", units, "activation", name, "recurrent_activation", gate, "reset_after", false}, kernel: ck.variable, parts: []format.Part{
		join("kernel", 0, features, gk, ck), join("recurrent_kernel", features, features+units, gk, ck), join("bias", 0, 1, gb, cb)}}, x, []int{i}
}

// updates puts rows of the gates r and u and of the candidate side by side, as Keras has
// them: u first.
func updates(units, lo, hi int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		gates, candidate := from[0], from[1]
		shape := tensor.Shape{hi - lo, 3 * units}
		if len(gates.Shape()) == 1 {
			shape = tensor.Shape{3 * units}
		}
		out := tensor.New(gates.DType(), shape...)
		for row := lo; row < hi; row++ {
			for u := range units {
				at := (row - lo) * 3 * units
				out.SetFlat(at+u, gates.Flat(row*2*units+units+u))
				out.SetFlat(at+units+u, gates.Flat(row*2*units+u))
				out.SetFlat(at+2*units+u, candidate.Flat(row*units+u))
			}
		}
		return out, nil
	}
}

// kerasGRU is a step of Keras' GRU, whose reset gate acts on the product: z, r and ĥ are
// parts of x·kernel + bias₀ and h·recurrent + bias₁.
func (l *loop) kerasGRU(i int, next ref) (*recurrence, ref, []int) {
	none := func() (*recurrence, ref, []int) { return nil, ref{}, nil }
	z, candidate, ok := l.blend(i, next)
	if !ok {
		return none()
	}
	// pair finds parts with one number of the two products, in a sum.
	var xs, hs ref
	pair := func(r ref, want int) bool {
		a, ok := l.body.form(r, 2, "Add", "AddV2")
		if !ok {
			return false
		}
		for k := range 2 {
			n, of, is := l.part(a.in[k], 3)
			m, of2, is2 := l.part(a.in[1-k], 3)
			if !is || !is2 || n != want || m != want {
				return false
			}
			if xs.name == "" {
				if in, _, _, is := l.split(of); is {
					if s, state := l.holds(in); state && s == i {
						continue // of is the state's
					}
					xs, hs = of, of2
				}
			}
			if l.body.same(of, xs) && l.body.same(of2, hs) {
				return true
			}
		}
		return false
	}
	gate, zin, ok := l.activation(z)
	if !ok || !pair(zin, 0) {
		return none()
	}
	name, cin, ok := l.activation(candidate)
	if !ok {
		return none()
	}
	sum, ok := l.body.form(cin, 2, "Add", "AddV2")
	if !ok {
		return none()
	}
	right := false
	for k := range 2 {
		n, of, is := l.part(sum.in[k], 3)
		f, is2 := l.factors(sum.in[1-k])
		if !is || !is2 || n != 2 || !l.body.same(of, xs) {
			continue
		}
		for a := range 2 {
			as, rin, is := l.activation(f[a])
			n, of, part := l.part(f[1-a], 3)
			right = right || is && as == gate && pair(rin, 1) && part && n == 2 && l.body.same(of, hs)
		}
	}
	x, k, b0, ok := l.split(xs)
	h, r, b1, ok2 := l.split(hs)
	s, state := l.holds(h)
	if !right || !ok || !ok2 || !state || s != i || r.Shape[1] != 3*r.Shape[0] || k.Shape[1] != r.Shape[1] {
		return none()
	}
	units := r.Shape[0]
	parts := []format.Part{{Leaf: "kernel", From: []string{k.Name}}, {Leaf: "recurrent_kernel", From: []string{r.Name}}}
	switch {
	case b0.row == 0 && b1.row == 1 && b0.Name == b1.Name && b0.Shape.Equal(tensor.Shape{2, 3 * units}):
		parts = append(parts, format.Part{Leaf: "bias", From: []string{b0.Name}})
	default:
		return none()
	}
	return &recurrence{kind: "gru", fields: []any{"units", units, "activation", name, "recurrent_activation", gate}, kernel: k.variable, parts: parts}, x, []int{i}
}

// A rowOf is a row of a matrix of weights.
type rowOf struct {
	weight
	row int
}

// split is x·kernel + a row of a bias.
func (l *loop) split(r ref) (x ref, kernel weight, bias rowOf, ok bool) {
	b := l.body
	z, is := b.form(r, 2, "BiasAdd", "Add", "AddV2")
	if !is {
		return x, kernel, bias, false
	}
	row, un, err := b.source(z.in[1])
	if err != nil || un.op != "Unpack" || len(un.in) != 1 || un.int("axis", 0) != 0 {
		return x, kernel, bias, false
	}
	if bias.weight, ok = b.weight(un.in[0]); !ok {
		return x, kernel, bias, false
	}
	bias.row = row.out
	in, kernel, _, ok := l.product(z.in[0])
	if !ok || len(in) != 1 {
		return x, kernel, bias, false
	}
	return in[0], kernel, bias, true
}

// recur adds the layer of a loop: of its last output, or of all of them.
func (c *converter) recur(n *node, end ref, sequences bool) (string, error) {
	l, output := c.loopOf(end)
	if l == nil {
		return "", unsupported(n, "this loop is none that is known here")
	}
	if l.err != nil {
		return "", l.err
	}
	if sequences {
		r := l.collected(output)
		if r == nil {
			return "", unsupported(n, "what the loop collects is not the output of its steps")
		}
		return c.all(n, r, false)
	}
	r := l.recs[output]
	if r == nil {
		return "", unsupported(n, "it is a state of the recurrent layer that is not its output")
	}
	return c.layer(n, r, false)
}

// collected is the layer whose outputs a variable of the loop collects, nil for none.
func (l *loop) collected(list int) *recurrence {
	if list < 0 || list >= len(l.vars) {
		return nil
	}
	for _, i := range slices.Sorted(maps.Keys(l.recs)) {
		if l.collects(list, i) {
			return l.recs[i]
		}
	}
	return nil
}

// layer adds a recurrent layer, and those below it.
func (c *converter) layer(n *node, r *recurrence, sequences bool) (string, error) {
	var in string
	var err error
	if r.below != nil {
		in, err = c.layer(n, r.below, true)
	} else {
		in, err = c.act(r.x)
	}
	if err != nil {
		return "", err
	}
	name := c.layerName(r.kernel, n)
	around := r.backwards
	if r.ends != nil && r.below != nil && r.fromEnds() { // masks are in the order of the steps
		in, around = c.turned(in), true
	}
	if r.ends != nil && (r.below == nil || around) {
		if in, err = c.cutOff(n, r, in, name+".lengths", false); err != nil {
			return "", err
		}
	}
	e := &format.Sketched{Kind: r.kind, Fields: format.Map(r.fields...), In: []string{in}, Parts: r.parts, Name: name}
	for _, s := range r.states {
		h, err := c.act(s)
		if err != nil {
			return "", err
		}
		e.In = append(e.In, h)
	}
	if sequences {
		e.Fields = e.Fields.With("return_sequences", spec.Flag(true))
	}
	if around {
		e.Fields = e.Fields.With("go_backwards", spec.Flag(true))
	}
	return c.emit(e), nil
}

// cutOff ends sequences after as many steps as they have. Unless bare, layers behind it leave the
// others out.
func (c *converter) cutOff(n *node, r *recurrence, in, name string, bare bool) (string, error) {
	if !c.isAct(*r.ends) {
		return "", unsupported(n, "the lengths of its sequences do not depend on an input; make them one")
	}
	ends, err := c.act(*r.ends)
	if err != nil {
		return "", err
	}
	fields := spec.Value{Kind: spec.Map}
	if bare {
		fields = format.Map("mask", spec.Flag(false))
	}
	return c.emit(&format.Sketched{Kind: "sequence_mask", Fields: fields, Name: c.sketch.Name(name), In: []string{in, ends}}), nil
}

// fromEnds reports whether the sequences are gone over from their ends.
func (r *recurrence) fromEnds() bool {
	for r.below != nil {
		r = r.below
	}
	return r.backwards
}

// turned are sequences from their ends.
func (c *converter) turned(in string) string {
	return c.emit(&format.Sketched{Kind: "reverse", Fields: format.Map("axis", 1), Name: c.sketch.Name(in + ".turned"), In: []string{in}})
}

// all is the layer of a recurrence with all its outputs, those behind the ends of sequences 0.
// turned says that they are turned around again where it goes backwards.
func (c *converter) all(n *node, r *recurrence, turned bool) (string, error) {
	if r.ends == nil {
		return c.layer(n, r, true)
	}
	if r.fromEnds() != turned {
		return "", unsupported(n, "it goes over sequences of several lengths from their ends, and its outputs are not turned around again (ReverseSequence)")
	}
	in, err := c.layer(n, r, true)
	if err != nil {
		return "", err
	}
	if turned {
		in = c.turned(in)
	}
	return c.cutOff(n, r, in, in+".ended", true)
}

// reverseSequence turns the outputs of a recurrent layer around that goes over sequences of
// several lengths from their ends.
func reverseSequence(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if t, ok := c.form(n.in[0], 2, "Transpose"); ok && c.swaps(t.in[1]) && n.int("seq_dim", 0) == 1 && n.int("batch_dim", 0) == 0 {
		if end, ok := c.stack(t.in[0]); ok {
			l, list := c.loopOf(end)
			if l != nil && l.err != nil {
				return "", l.err
			}
			if l != nil && l.ends != nil && c.same(n.in[1], *l.ends) {
				if r := l.collected(list); r != nil {
					return c.all(n, r, true)
				}
			}
		}
	}
	return "", unsupported(n, "it turns sequences of several lengths around, which is read of a recurrent layer's alone, as bidirectional_dynamic_rnn has it")
}

// collects reports whether a variable of the loop is the list of what another one becomes.
func (l *loop) collects(list, of int) bool {
	_, n, err := l.body.source(l.vars[list].next)
	if err != nil {
		return false
	}
	switch {
	case n.op == "TensorArrayWriteV3" && len(n.in) == 4:
		return l.writes(n.in[2], of)
	case n.op == "TensorListSetItem" && len(n.in) == 3:
		return l.writes(n.in[2], of)
	}
	return false
}

// writes reports whether a value is what a variable becomes, or behind the end of a sequence 0.
func (l *loop) writes(r ref, of int) bool {
	if l.ends != nil {
		s, ok := l.body.form(r, 3, "Select", "SelectV2")
		if !ok || !l.body.zeros(s.in[1]) {
			return false
		}
		if lengths, ok := l.past(s.in[0]); !ok || !l.body.same(*l.ends, lengths) {
			return false
		}
		r = s.in[2]
	}
	return l.body.same(r, l.vars[of].next)
}

// stack finds the end of a loop whose collected outputs a value is, the steps first.
func (c *converter) stack(r ref) (end ref, ok bool) {
	_, n, err := c.source(r)
	if err != nil {
		return ref{}, false
	}
	switch {
	case n.op == "TensorArrayGatherV3" && len(n.in) == 3:
		end, _, err = c.source(n.in[2])
	case n.op == "TensorListStack" && len(n.in) >= 1:
		end, _, err = c.source(n.in[0])
	default:
		return ref{}, false
	}
	return end, err == nil
}

// transpose is the result of a recurrent layer, or another order of the axes of samples.
func transpose(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	if end, ok := c.stack(n.in[0]); ok && c.swaps(n.in[1]) {
		return c.recur(n, end, true)
	}
	order, ok := c.whole(n.in[1])
	if !ok || len(order) < 2 || order[0] != 0 {
		return "", unsupported(n, "it moves the samples' axis, or the order is not known")
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	return c.emit(&format.Sketched{Kind: "permute", Fields: format.Map("dims", order[1:]), Name: c.scoped(n), In: []string{in}}), nil
}

// strided is the last output of a recurrent layer, or another part of a value.
func strided(c *converter, n *node) (string, error) {
	if err := operands(n, 4); err != nil {
		return "", err
	}
	begin, ok := c.whole(n.in[1])
	shrink, from := n.int("shrink_axis_mask", 0), n.int("begin_mask", 0)
	if end, stacked := c.stack(n.in[0]); ok && stacked && shrink == 1 && len(begin) >= 1 && begin[0] == -1 {
		return c.last(n, end)
	}
	if t, is := c.form(n.in[0], 2, "Transpose"); is && ok && c.swaps(t.in[1]) && shrink == 2 && len(begin) >= 2 && begin[1] == -1 && from&1 == 1 && n.int("end_mask", 0)&1 == 1 {
		if end, stacked := c.stack(t.in[0]); stacked {
			return c.last(n, end)
		}
	}
	return cut(c, n)
}

// last is the layer whose collected outputs end is, with the last of them alone.
func (c *converter) last(n *node, end ref) (string, error) {
	l, list := c.loopOf(end)
	if l == nil || l.err != nil || l.collected(list) == nil {
		return c.recur(n, end, true) // says why
	}
	r := *l.collected(list)
	if r.ends != nil {
		if r.fromEnds() {
			return "", unsupported(n, "of sequences of several lengths that are gone over from their ends it takes what stands at the last step of the longest; take the state")
		}
		// Where nothing is left at the last step it is 0.
		r.fields = append(slices.Clip(r.fields), "zero_output_for_mask", true)
	}
	return c.layer(n, &r, false)
}
