package onnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A cell says how the gates of an operation that goes over steps stand here and there.
type cell struct {
	kind  string
	gates []int    // gate i here is gate gates[i] of ONNX
	acts  []string // of the gates and the state
}

// cells are the operations that go over steps. ONNX has the gates of an LSTM as input,
// output, forget, cell; here they are input, forget, cell, output.
var cells = map[string]cell{
	"LSTM": {"lstm", []int{0, 2, 3, 1}, []string{"Sigmoid", "Tanh", "Tanh"}},
	"GRU":  {"gru", []int{0, 1, 2}, []string{"Sigmoid", "Tanh"}},
	"RNN":  {"simple_rnn", []int{0}, []string{"Tanh"}},
}

func init() {
	for name := range cells {
		ops[name], several[name] = op{overSteps, 3, floating}, true
	}
}

// blocks is the Turn that makes a kernel (in, gates·units) of ONNX's (1, gates·units, in).
func blocks(gates []int, units, in int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		out, err := tensor.TryNew(t.DType(), in, len(gates)*units)
		if err != nil {
			return nil, err
		}
		for g, of := range gates {
			for u := range units {
				for i := range in {
					out.SetFlat(i*len(gates)*units+g*units+u, t.Flat((of*units+u)*in+i))
				}
			}
		}
		return out, nil
	}
}

// sums is the Turn that makes a bias of ONNX's two: of their sum, or, where both stay,
// of one after the other.
func sums(gates []int, units int, both bool) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t, n := from[0], len(gates)*units
		shape := []int{n}
		if both {
			shape = []int{2, n}
		}
		out, err := tensor.TryNew(t.DType(), shape...)
		if err != nil {
			return nil, err
		}
		for g, of := range gates {
			for u := range units {
				a, b, to := t.Flat(of*units+u), t.Flat(n+of*units+u), g*units+u
				if both {
					out.SetFlat(to, a)
					out.SetFlat(n+to, b)
				} else {
					out.SetFlat(to, a+b)
				}
			}
		}
		return out, nil
	}
}

// withAlpha and withBeta are the activations of recurrent operations that have such a number.
var (
	withAlpha = map[string]bool{"Affine": true, "LeakyRelu": true, "ThresholdedRelu": true, "ScaledTanh": true, "HardSigmoid": true, "Elu": true}
	withBeta  = map[string]bool{"Affine": true, "ScaledTanh": true, "HardSigmoid": true}
)

// gateOf is an activation of a recurrent layer by ONNX's name and numbers.
func gateOf(name string, alpha, beta float64, has bool) (spec.Value, bool) {
	or := func(v float64) float64 {
		if has {
			return short(alpha)
		}
		return v
	}
	switch name {
	case "Tanh", "Sigmoid", "Softsign", "Softplus", "Relu":
		return spec.Str(strings.ToLower(name)), true
	case "HardSigmoid":
		return format.Map("name", "hard_sigmoid", "slope", or(0.2)), near(beta, 0.5)
	case "Elu":
		return format.Map("name", "elu", "alpha", or(1)), true
	case "LeakyRelu":
		return format.Map("name", "leaky_relu", "negative_slope", or(0.01)), true
	case "Affine":
		return spec.Str("linear"), has && alpha == 1 && beta == 0
	}
	return spec.Value{}, false
}

// activations reads those of one way: that of the gates, where there are some, and that of
// the state.
func (k cell) activations(n *node, way int) (gate, state spec.Value, err error) {
	names := k.acts
	per := len(k.acts)
	if a := n.attrs["activations"]; a != nil && len(a.strings) > 0 {
		if len(a.strings) < (way+1)*per {
			return gate, state, refuse(n, "it has activations %v, want %d for each way", a.strings, per)
		}
		names = a.strings[way*per : (way+1)*per]
	}
	var alphas, betas []float64
	if a := n.attrs["activation_alpha"]; a != nil {
		alphas = a.floats
	}
	if a := n.attrs["activation_beta"]; a != nil {
		betas = a.floats
	}
	// The numbers are of all activations, or of those alone that have some, in their order.
	every := n.attrs["activations"].stringsOr()
	if len(every) == 0 {
		every = slices.Repeat(k.acts, way+1)
	}
	number := func(all []float64, takes map[string]bool, at int) (v float64, has bool) {
		if len(all) != len(every) {
			if !takes[every[at]] {
				return 0, false
			}
			before := 0
			for _, name := range every[:at] {
				if takes[name] {
					before++
				}
			}
			at = before
		}
		if at >= len(all) {
			return 0, false
		}
		return all[at], true
	}
	var got []spec.Value
	for i, name := range names {
		alpha, has := number(alphas, withAlpha, way*per+i)
		beta, hasBeta := number(betas, withBeta, way*per+i)
		if name == "HardSigmoid" && !hasBeta {
			beta = 0.5
		}
		v, ok := gateOf(name, alpha, beta, has)
		if !ok {
			return gate, state, refuse(n, "its activation %s with α %g and β %g is none of a recurrent layer", name, alpha, beta)
		}
		got = append(got, v)
	}
	if per == 3 && string(got[1].JSON()) != string(got[2].JSON()) {
		return gate, state, refuse(n, "its activations of candidate and state are two, %s and %s; want one", names[1], names[2])
	}
	if per == 1 {
		return gate, got[0], nil
	}
	return got[0], got[1], nil
}

func (a *attr) stringsOr() []string {
	if a == nil {
		return nil
	}
	return a.strings
}

// way is the Turn that takes one of several ways of a tensor.
func way(i, ways int) format.Turn {
	if ways == 1 {
		return nil
	}
	return format.Cut(i, i+1)
}

// opposed is the Turn that makes the forget gate of an LSTM what its input gate leaves: of a
// sigmoid 1 − σ(z) = σ(−z). Gates lie along the last axis of kernels and biases, i, f, c, o, and
// peepholes, i, f, o, below one another.
func opposed(units int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0].Clone()
		row := t.Len()
		if s := t.Shape(); len(s) > 0 && s[len(s)-1] == 4*units {
			row = s[len(s)-1]
		}
		for at := 0; at < t.Len(); at += row {
			for u := range units {
				t.SetFlat(at+units+u, -t.Flat(at+u))
			}
		}
		return t, nil
	}
}

// overSteps is an LSTM, a GRU or a plain recurrent layer, one way or both ways. Its output 0
// is the result of each step, output 1 that of the last.
func overSteps(c *converter, n *node, args []*value, out int) (*value, error) {
	k := cells[n.op]
	v := args[0]
	layout := n.int("layout", 0)
	time, rows := 0, 1
	if layout != 0 {
		time, rows = 1, 0
	}
	if v.rank() != 3 || v.perm[0] != rows {
		return nil, refuse(n, "values of shape %v are gone over, of which axis %d is not the batch's", v.shape, rows)
	}
	coupled := n.op == "LSTM" && n.int("input_forget", 0) != 0
	ways, direction := 1, n.text("direction", "forward")
	switch direction {
	case "forward", "reverse":
	case "bidirectional":
		ways = 2
	default:
		return nil, refuse(n, "its direction is %q", direction)
	}
	var lengths *value // of each sample
	if len(args) > 4 && args[4].isAct() {
		if lengths = args[4]; lengths.rank() != 1 || lengths.perm[0] != 0 {
			return nil, refuse(n, "input %q, how many steps each sequence has, has shape %v; want one number for each sample", n.in[4], lengths.shape)
		}
	} else if len(args) > 4 && args[4] != nil {
		lengths, err := c.integers(n, args[4])
		if err != nil || slices.ContainsFunc(lengths, func(l int) bool { return l != v.shape[time] }) {
			return nil, refuse(n, "input %q gives the sequences of one batch lengths; make it an input of the model, or leave it out where all have %d steps", n.in[4], v.shape[time])
		}
	}
	used := func(i int) bool {
		return i < len(n.out) && n.out[i] != "" && (len(c.uses[n.out[i]]) > 0 || c.outputs[n.out[i]])
	}
	w, err := c.weight(n, args[1])
	if err != nil {
		return nil, err
	}
	r, err := c.weight(n, args[2])
	if err != nil {
		return nil, err
	}
	gates, in := len(k.gates), v.shape[2]
	units := 0
	if len(r.shape) == 3 {
		units = r.shape[2]
	}
	if units < 1 || n.int("hidden_size", units) != units || !slices.Equal(w.shape, []int{ways, gates * units, in}) || !slices.Equal(r.shape, []int{ways, gates * units, units}) {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: kernels of shapes %v and %v for values of shape %v", n.what(), w.shape, r.shape, v.shape)}
	}
	both := n.op == "GRU" && n.int("linear_before_reset", 0) != 0
	var b *constant
	if len(args) > 3 && args[3] != nil {
		if b, err = c.weight(n, args[3]); err != nil {
			return nil, err
		}
		if !slices.Equal(b.shape, []int{ways, 2 * gates * units}) {
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: a bias of shape %v for %d units", n.what(), b.shape, units)}
		}
	}
	if v, err = c.arrange(n, v, []int{rows, time, 2}); err != nil {
		return nil, err
	}
	states, err := c.states(n, args, ways, units)
	if err != nil {
		return nil, err
	}
	holes := (*constant)(nil)
	if len(args) > 7 && args[7] != nil {
		if args[7].k == nil {
			return nil, refuse(n, "its peepholes, %q, are no constant", n.in[7])
		}
		none, err := c.zero(args[7].k)
		if err != nil {
			return nil, err
		}
		if !none {
			if holes, err = c.weight(n, args[7]); err != nil {
				return nil, err
			}
			if n.op != "LSTM" || !slices.Equal(holes.shape, []int{ways, 3 * units}) {
				return nil, &format.Corrupt{Err: fmt.Errorf("%s: peepholes of shape %v for %d units", n.what(), holes.shape, units)}
			}
		}
	}
	cell, part := n.op == "LSTM" && (used(2) || out == 2), units
	if cell {
		part = 2 * units // the output and the cell's state
	}
	steps := v.shape[time]
	all := used(0) || out == 0 // the last step is cut out where all are wanted, too
	yes := spec.Flag(true)
	y := c.steps[n]
	if y == nil {
		if err := c.spend(n, ways*steps*16); err != nil {
			return nil, err
		}
		var fields [2]spec.Value
		var params []format.Part
		for i := range ways {
			f := format.Map("units", units)
			gate, state, err := k.activations(n, i)
			if err != nil {
				return nil, err
			}
			if state.Text != "tanh" {
				f = f.With("activation", state)
			}
			if gate.Kind != spec.Null && gate.Text != "sigmoid" {
				f = f.With("recurrent_activation", gate)
			}
			var couple format.Turn
			if coupled {
				if gate.Kind != spec.Null && gate.Text != "sigmoid" {
					return nil, refuse(n, "its forget gate is what the input gate leaves (input_forget), which is read of sigmoids; its gates have %s", gate.JSON())
				}
				couple = opposed(units)
				c.warn("%s: its forget gate is what the input gate leaves (input_forget): it gets weights of its own, the opposite, and in training they go their own way", n.what())
			}
			if n.op == "GRU" && !both {
				f = f.With("reset_after", spec.Flag(false))
			}
			leaf := func(s string) string { return s }
			if ways == 2 {
				leaf = func(s string) string { return []string{"forward_", "backward_"}[i] + k.kind + "/" + s }
			}
			params = append(params, format.Part{Leaf: leaf("kernel"), From: []string{w.name}, Make: way(i, ways).Then(blocks(k.gates, units, in)).Then(couple)},
				format.Part{Leaf: leaf("recurrent_kernel"), From: []string{r.name}, Make: way(i, ways).Then(blocks(k.gates, units, units)).Then(couple)})
			if b != nil {
				params = append(params, format.Part{Leaf: leaf("bias"), From: []string{b.name}, Make: way(i, ways).Then(sums(k.gates, units, both)).Then(couple)})
			} else {
				f = f.With("use_bias", spec.Flag(false))
			}
			if holes != nil {
				f = f.With("peephole", yes)
				params = append(params, format.Part{Leaf: leaf("peephole"), From: []string{holes.name}, Make: way(i, ways).Then(format.Reshape(3, units)).Then(gatesOf([]int{0, 2, 1})).Then(couple)})
			}
			if len(states.learned) > 0 {
				f = f.With("learn_state", yes)
				params = append(params, format.Part{Leaf: leaf("initial_state"), From: states.learned, Make: states.way(i, units)})
			}
			if cell {
				f = f.With("return_cell", yes)
			}
			if all {
				f = f.With("return_sequences", yes)
			}
			if clip := n.float("clip", 0); clip > 0 {
				f = f.With("gate_clip", spec.Num(short(clip)))
			}
			if i == 1 || direction == "reverse" {
				f = f.With("go_backwards", yes)
			}
			fields[i] = f
		}
		kind, of := k.kind, fields[0]
		if ways == 2 {
			kind, of = "bidirectional", format.Map("layer", format.Map(k.kind, fields[0]))
			if string(fields[1].Without("go_backwards").JSON()) != string(fields[0].JSON()) {
				of = of.With("backward_layer", format.Map(k.kind, fields[1]))
			}
		}
		if ways == 2 && lengths != nil { // the last step of all is that of the state
			of = of.With("zero_output_for_mask", spec.Flag(false))
		}
		if lengths != nil {
			if err := c.spend(n, steps*8); err != nil {
				return nil, err
			}
			v = c.ended(n, ".lengths", v, lengths, false)
		}
		y = c.emit(n, kind, of, v, params...)
		c.last().In = append(c.last().In, states.given...)
		c.steps[n] = y
	}
	width := ways * part
	y = &value{layer: y.layer, code: v.code}
	switch {
	case out == 0:
		if direction == "reverse" { // which come as they were made
			y.shape, y.perm = []int{-1, steps, width}, natural(3)
			if y, err = c.turned(&node{name: y.layer + ".turned"}, y, 1); err != nil {
				return nil, err
			}
		}
		if lengths != nil { // what is behind the end is 0, and counts again
			y = c.ended(&node{name: y.layer}, ".ended", y, lengths, true)
		}
	case all && ways == 2: // the last step of one way, the first of the other
		y.shape, y.perm = []int{-1, steps, width}, natural(3)
		last := c.cut(&node{name: y.layer + ".last"}, y, 1, 1, steps-1, steps)
		last = c.cut(&node{name: y.layer + ".last_forward"}, last, 2, 2, 0, part)
		first := c.cut(&node{name: y.layer + ".first"}, y, 1, 1, 0, 1)
		first = c.cut(&node{name: y.layer + ".first_backward"}, first, 2, 2, part, width)
		x := c.emit(&node{name: y.layer + ".states"}, "concatenate", format.Map("axis", 2), last)
		c.last().In = []string{last.layer, first.layer}
		y.layer = x.layer
	case all:
		cut := spec.Value{Kind: spec.List, Items: []spec.Value{format.List(steps-1, 0)}}
		y = c.emit(&node{name: y.layer + ".last"}, "cropping1d", format.Map("cropping", cut), y)
	}
	inside := []int{ways, part}
	shape, perm := []int{ways, -1, units}, []int{1, 0, 2}
	if layout != 0 {
		shape, perm = []int{-1, ways, units}, []int{0, 1, 2}
	}
	if out == 0 {
		inside = []int{steps, ways, part}
		shape, perm = []int{steps, ways, -1, units}, []int{2, 0, 1, 3}
		if layout != 0 {
			shape, perm = []int{-1, steps, ways, units}, []int{0, 1, 2, 3}
		}
	}
	y = c.emit(&node{name: y.layer + ".direction"}, "reshape", format.Map("target_shape", inside), y)
	y.shape, y.perm, y.order = shape, perm, nil
	if cell { // of each way one of the two
		last := len(shape) - 1
		y.shape[last] = part
		lo := 0
		if out == 2 {
			lo = units
		}
		y = c.cut(&node{name: y.layer + []string{".output", ".output", ".cell"}[out]}, y, last, last, lo, lo+units)
	}
	return y, nil
}

// ended is a value (N, steps, features) that ends after as many steps as lengths say. Unless
// bare, layers behind it leave the others out.
func (c *converter) ended(n *node, as string, v, lengths *value, bare bool) *value {
	fields := spec.Value{Kind: spec.Map}
	if bare {
		fields = format.Map("mask", spec.Flag(false))
	}
	y := c.emit(&node{name: nameOf(n) + as}, "sequence_mask", fields, v)
	c.last().In = []string{v.layer, lengths.layer}
	return y
}

// begin is the state that a node begins with: layers that make it, of the first way first,
// or constants that are learned. Zeros are neither.
type begin struct{ given, learned []string }

// way is the Turn that makes the states of one way, (parts, units), of those of all.
func (b begin) way(i, units int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		out, err := tensor.TryNew(from[0].DType(), len(from), units)
		if err != nil {
			return nil, err
		}
		for part, t := range from {
			for u := range units {
				out.SetFlat(part*units+u, t.Flat(i*t.Len()/t.Shape()[0]+u))
			}
		}
		return out, nil
	}
}

// zero reports whether all of a constant is 0.
func (c *converter) zero(k *constant) (bool, error) {
	if none, known := c.zeros[k]; known {
		return none, nil
	}
	f, _, ok, err := c.numbers(&value{k: k})
	if err != nil {
		return false, err
	}
	if c.zeros == nil {
		c.zeros = map[*constant]bool{}
	}
	c.zeros[k] = ok && !slices.ContainsFunc(f, func(x float64) bool { return x != 0 })
	return c.zeros[k], nil
}

// states are those that a node begins with. A constant is one for all samples.
func (c *converter) states(n *node, args []*value, ways, units int) (b begin, err error) {
	parts := 1
	if n.op == "LSTM" {
		parts = 2
	}
	var live, fixed, zero int
	var all [2]*value
	for i := range parts {
		if len(args) <= 5+i || args[5+i] == nil {
			zero++
			continue
		}
		v := args[5+i]
		all[i] = v
		if v.isAct() {
			live++
			continue
		}
		if v.k == nil || len(v.k.shape) != 3 || v.rows != 0 && v.rows != 2 && n.int("layout", 0) == 0 {
			return b, refuse(n, "input %q, the state that it begins with, is none that is read", n.in[5+i])
		}
		none, err := c.zero(v.k)
		if err != nil {
			return b, err
		}
		if none {
			zero++
			continue
		}
		f, shape, ok, err := c.numbers(v)
		if err != nil {
			return b, err
		}
		if !ok || n.int("layout", 0) != 0 || shape[0] != ways || shape[2] != units {
			return b, refuse(n, "input %q, the state that it begins with, of shape %v, is none that is read", n.in[5+i], v.k.shape)
		}
		fixed++
		for k := range f { // (ways, N, units)
			if f[k] != f[k/(shape[1]*units)*shape[1]*units+k%units] {
				return b, refuse(n, "input %q, the state that it begins with, differs between the samples of a batch", n.in[5+i])
			}
		}
	}
	switch {
	case zero == parts:
		return b, nil
	case live == parts:
	case live == 0 && !slices.Contains(all[:parts], nil):
		for i, v := range all[:parts] {
			if s := v.k.shape; s[0] != ways || s[1] < 1 || s[2] != units {
				return b, refuse(n, "input %q, the state that it begins with, of shape %v, is none that is read", n.in[5+i], s)
			}
			w, err := c.weight(n, v)
			if err != nil {
				return b, err
			}
			b.learned = append(b.learned, w.name)
		}
		return b, nil
	default:
		return b, refuse(n, "of the states that it begins with, %d depend on the model's input and %d do not; either all do, or none", live, parts-live)
	}
	var each [2]*value
	for i, v := range all[:parts] {
		if v, err = floats(n, args, 5+i); err != nil {
			return b, err
		}
		v = c.unflat(n, v)
		order := []int{1, 0, 2}
		if n.int("layout", 0) != 0 {
			order = []int{0, 1, 2}
		}
		if v.rank() != 3 || v.perm[0] != order[0] || v.shape[order[1]] != ways || v.shape[2] != units {
			return b, refuse(n, "input %q, the state that it begins with, has shape %v; want %d ways of %d units, and samples on axis %d", n.in[5+i], v.shape, ways, units, order[0])
		}
		if each[i], err = c.arrange(n, v, order); err != nil {
			return b, err
		}
	}
	for w := range ways {
		for _, v := range each[:parts] {
			x := *v
			a := slices.Index(x.shape, -1)
			one := c.cut(&node{name: fmt.Sprintf("%s.way%d", x.layer, w)}, &x, 1-a, 1, w, w+1)
			b.given = append(b.given, c.shaped(n, ".state", one, []int{units}).layer)
		}
	}
	return b, nil
}
