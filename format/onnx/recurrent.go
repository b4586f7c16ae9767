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
		ops[name], several[name] = overSteps, true
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
		return format.Map("name", "hard_sigmoid", "slope", or(0.2)), !has || near(beta, 0.5)
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
	if len(alphas) > 0 && len(n.attrs["activations"].stringsOr()) != len(alphas) {
		return gate, state, refuse(n, "of its activations %v only some have numbers of their own", names)
	}
	var got []spec.Value
	for i, name := range names {
		var alpha, beta float64
		at := way*per + i
		has := at < len(alphas)
		if has {
			alpha = alphas[at]
		}
		if at < len(betas) {
			beta = betas[at]
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

// overSteps is an LSTM, a GRU or a plain recurrent layer, one way or both ways. Its output 0
// is the result of each step, output 1 that of the last.
func overSteps(c *converter, n *node, args []*value, out int) (*value, error) {
	k := cells[n.op]
	v, err := floats(n, args, 0)
	if err != nil {
		return nil, err
	}
	if err := need(n, args, 3); err != nil {
		return nil, err
	}
	layout := n.int("layout", 0)
	time, rows := 0, 1
	if layout != 0 {
		time, rows = 1, 0
	}
	if v.rank() != 3 || v.perm[0] != rows {
		return nil, refuse(n, "values of shape %v are gone over, of which axis %d is not the batch's", v.shape, rows)
	}
	if n.attrs["clip"] != nil || n.int("input_forget", 0) != 0 {
		return nil, refuse(n, "it cuts its sums, or has no forget gate of its own")
	}
	ways, direction := 1, n.text("direction", "forward")
	switch direction {
	case "forward", "reverse":
	case "bidirectional":
		ways = 2
	default:
		return nil, refuse(n, "its direction is %q", direction)
	}
	for i := 4; i < len(args); i++ {
		if args[i] == nil {
			continue
		}
		if i == 4 && !args[4].isAct() { // lengths: all steps
			lengths, err := c.integers(n, args[4])
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(lengths, func(l int) bool { return l != v.shape[time] }) {
				continue
			}
		}
		f, _, ok, err := c.numbers(args[i])
		if err != nil {
			return nil, err
		}
		if i == 4 || !ok || slices.ContainsFunc(f, func(x float64) bool { return x != 0 }) {
			return nil, refuse(n, "it has input %q, such as lengths, a state to begin with, or peepholes, which layers have not", n.in[i])
		}
	}
	if out > 1 {
		return nil, refuse(n, "its output %d, %q, is used; only results are made", out+1, n.out[out])
	}
	used := func(i int) bool {
		return i < len(n.out) && n.out[i] != "" && (len(c.uses[n.out[i]]) > 0 || slices.ContainsFunc(c.m.graph.outputs, func(o valueInfo) bool { return o.name == n.out[i] }))
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
	steps := v.shape[time]
	all := used(0) || out == 0 // the last step is cut out where all are wanted, too
	yes := format.Map("x", true).Entries[0].Value
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
			if n.op == "GRU" && !both {
				f = f.With("reset_after", no)
			}
			leaf := func(s string) string { return s }
			if ways == 2 {
				leaf = func(s string) string { return []string{"forward_", "backward_"}[i] + k.kind + "/" + s }
			}
			params = append(params, format.Part{Leaf: leaf("kernel"), From: []string{w.name}, Make: way(i, ways).Then(blocks(k.gates, units, in))},
				format.Part{Leaf: leaf("recurrent_kernel"), From: []string{r.name}, Make: way(i, ways).Then(blocks(k.gates, units, units))})
			if b != nil {
				params = append(params, format.Part{Leaf: leaf("bias"), From: []string{b.name}, Make: way(i, ways).Then(sums(k.gates, units, both))})
			} else {
				f = f.With("use_bias", no)
			}
			if all {
				f = f.With("return_sequences", yes)
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
		y = c.emit(n, kind, of, v, params...)
		c.steps[n] = y
	}
	width := ways * units
	y = &value{layer: y.layer, code: v.code}
	switch {
	case out == 0:
		if direction == "reverse" { // which come as they were made
			y.shape, y.perm = []int{-1, steps, width}, natural(3)
			if y, err = c.turned(&node{name: y.layer + ".turned"}, y, 1); err != nil {
				return nil, err
			}
		}
	case all && ways == 2: // the last step of one way, the first of the other
		y.shape, y.perm = []int{-1, steps, width}, natural(3)
		last := c.cut(&node{name: y.layer + ".last"}, y, 1, 1, steps-1, steps)
		last = c.cut(&node{name: y.layer + ".last_forward"}, last, 2, 2, 0, units)
		first := c.cut(&node{name: y.layer + ".first"}, y, 1, 1, 0, 1)
		first = c.cut(&node{name: y.layer + ".first_backward"}, first, 2, 2, units, width)
		x := c.emit(&node{name: y.layer + ".states"}, "concatenate", format.Map("axis", 2), last)
		c.last().In = []string{last.layer, first.layer}
		y.layer = x.layer
	case all:
		cut := spec.Value{Kind: spec.List, Items: []spec.Value{format.List(steps-1, 0)}}
		y = c.emit(&node{name: y.layer + ".last"}, "cropping1d", format.Map("cropping", cut), y)
	}
	inside := []int{ways, units}
	shape, perm := []int{ways, -1, units}, []int{1, 0, 2}
	if layout != 0 {
		shape, perm = []int{-1, ways, units}, []int{0, 1, 2}
	}
	if out == 0 {
		inside = []int{steps, ways, units}
		shape, perm = []int{steps, ways, -1, units}, []int{2, 0, 1, 3}
		if layout != 0 {
			shape, perm = []int{-1, steps, ways, units}, []int{0, 1, 2, 3}
		}
	}
	y = c.emit(&node{name: y.layer + ".direction"}, "reshape", format.Map("target_shape", inside), y)
	y.shape, y.perm, y.order = shape, perm, nil
	return y, nil
}
