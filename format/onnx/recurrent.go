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
	gates []int // gate i here is gate gates[i] of ONNX
	acts  string
}

// cells are the operations that go over steps. ONNX has the gates of an LSTM as input,
// output, forget, cell; here they are input, forget, cell, output.
var cells = map[string]cell{
	"LSTM": {"lstm", []int{0, 2, 3, 1}, "Sigmoid Tanh Tanh"},
	"GRU":  {"gru", []int{0, 1, 2}, "Sigmoid Tanh"},
	"RNN":  {"simple_rnn", []int{0}, "Tanh"},
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

// overSteps is an LSTM, a GRU or a plain recurrent layer, in one direction. Its output 0
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
	if d := n.text("direction", "forward"); d != "forward" {
		return nil, refuse(n, "its direction is %q; only forward is a layer", d)
	}
	if n.attrs["clip"] != nil || n.int("input_forget", 0) != 0 {
		return nil, refuse(n, "it cuts its sums, or has no forget gate of its own")
	}
	act := k.acts
	if a := n.attrs["activations"]; a != nil {
		act = strings.Join(a.strings, " ")
	}
	fields := spec.Value{Kind: spec.Map}
	if simpleAct := map[string]string{"Relu": "relu", "Sigmoid": "sigmoid"}[act]; act != k.acts && n.op == "RNN" && simpleAct != "" {
		fields = fields.With("activation", spec.Str(simpleAct))
	} else if act != k.acts {
		return nil, refuse(n, "its activations are %s; want %s", act, k.acts)
	}
	for i := 4; i < len(args); i++ {
		if args[i] == nil {
			continue
		}
		f, _, ok, err := c.numbers(args[i])
		if err != nil {
			return nil, err
		}
		if i == 7 || !ok || slices.ContainsFunc(f, func(x float64) bool { return x != 0 }) {
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
	if units < 1 || n.int("hidden_size", units) != units || !slices.Equal(w.shape, []int{1, gates * units, in}) || !slices.Equal(r.shape, []int{1, gates * units, units}) {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: kernels of shapes %v and %v for values of shape %v", n.what(), w.shape, r.shape, v.shape)}
	}
	params := []format.Part{{Leaf: "kernel", From: []string{w.name}, Make: blocks(k.gates, units, in)}, {Leaf: "recurrent_kernel", From: []string{r.name}, Make: blocks(k.gates, units, units)}}
	both := n.op == "GRU" && n.int("linear_before_reset", 0) != 0
	if n.op == "GRU" && !both {
		fields = fields.With("reset_after", no)
	}
	if len(args) > 3 && args[3] != nil {
		b, err := c.weight(n, args[3])
		if err != nil {
			return nil, err
		}
		if !slices.Equal(b.shape, []int{1, 2 * gates * units}) {
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: a bias of shape %v for %d units", n.what(), b.shape, units)}
		}
		params = append(params, format.Part{Leaf: "bias", From: []string{b.name}, Make: sums(k.gates, units, both)})
	} else {
		fields = fields.With("use_bias", no)
	}
	if v, err = c.arrange(n, v, []int{rows, time, 2}); err != nil {
		return nil, err
	}
	fields = fields.With("units", spec.Num(float64(units)))
	steps := v.shape[time]
	all := out == 0 || used(0) // the last step is cut out where all are wanted, too
	y := c.steps[n]
	if y == nil {
		if all {
			fields = fields.With("return_sequences", format.Map("x", true).Entries[0].Value)
		}
		y = c.emit(n, k.kind, fields, v, params...)
		c.steps[n] = y
	}
	inside := []int{1, units}
	shape, perm := []int{1, -1, units}, []int{1, 0, 2}
	if layout != 0 {
		shape, perm = []int{-1, 1, units}, []int{0, 1, 2}
	}
	switch {
	case out == 0:
		inside = []int{steps, 1, units}
		shape, perm = []int{steps, 1, -1, units}, []int{2, 0, 1, 3}
		if layout != 0 {
			shape, perm = []int{-1, steps, 1, units}, []int{0, 1, 2, 3}
		}
	case all:
		cut := spec.Value{Kind: spec.List, Items: []spec.Value{format.List(steps-1, 0)}}
		y = c.emit(&node{name: y.layer + ".last"}, "cropping1d", format.Map("cropping", cut), y)
	}
	y = c.emit(&node{name: y.layer + ".direction"}, "reshape", format.Map("target_shape", inside), y)
	y.shape, y.perm = shape, perm
	return y, nil
}
