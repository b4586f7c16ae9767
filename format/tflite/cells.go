package tflite

import (
	"fmt"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func negative(c *converter, op operator) (string, error) {
	return c.add("rescaling", op, format.Map("scale", -1))
}

func leaky(c *converter, op operator) (string, error) {
	return c.add("activation", op, format.Map("activation", format.Map("name", "leaky_relu", "negative_slope", op.options.float(0))))
}

func gelu(c *converter, op operator) (string, error) {
	if op.options.byte(0) != 0 {
		return c.add("activation", op, format.Map("activation", "gelu_tanh"))
	}
	return c.add("activation", op, format.Map("activation", "gelu"))
}

// prelu has slopes of the axes that its constant has, which all others share.
func prelu(c *converter, op operator) (string, error) {
	t, err := c.constant(op, 1, -1)
	if err != nil {
		return "", err
	}
	in := c.shape(op, 0)
	if len(in) < 2 || len(t.Shape) >= len(in) && (len(t.Shape) > len(in) || t.Shape[0] != 1) {
		return "", unsupported(op, "slopes of shape %v for values of shape %v", t.Shape, in)
	}
	shape := make([]int, len(in)-1)
	for a := range shape {
		shape[a] = 1
		if k := len(t.Shape) - len(shape) + a; k >= 0 {
			shape[a] = t.Shape[k]
		}
	}
	var shared []int
	for a, n := range shape {
		if n == 1 {
			shared = append(shared, a+1)
		} else if n != in[a+1] {
			return "", unsupported(op, "slopes of shape %v for values of shape %v", t.Shape, in)
		}
	}
	act := format.Map("name", "prelu")
	if shared != nil {
		act = act.With("shared_axes", format.List(shared...))
	}
	return c.add("activation", op, format.Map("activation", act), format.Part{Leaf: "alpha", From: []string{t.Name}, Make: format.Reshape(shape...)})
}

// sequences holds what recurrent operations have in common: steps behind the batch, and
// states that begin with 0.
func (c *converter) sequences(op operator, timeMajor bool, states ...int) error {
	if in := c.shape(op, 0); timeMajor || len(in) != 3 {
		return unsupported(op, "its input of shape %v does not have steps behind the batch", in)
	}
	for _, i := range states {
		at := c.origin(op, i)
		if at < 0 {
			return unsupported(op, "it has no state")
		}
		if _, computed := c.values[at]; computed {
			return unsupported(op, "its state is computed")
		}
		for _, b := range c.g.vars[at].data {
			if b != 0 {
				return unsupported(op, "its state begins with other numbers than 0")
			}
		}
	}
	return nil
}

// cellActivation is the activation of a state.
func cellActivation(op operator, n int) (string, error) {
	name := map[int]string{0: "linear", 1: "relu", 3: "relu6", 4: "tanh"}[n]
	if name == "" {
		return "", unsupported(op, "there is no activation of number %d", n)
	}
	return name, nil
}

// beside is the Turn of the matrices of gates, each (units, n), into (n, units·gates).
func beside(from []*tensor.Tensor) (*tensor.Tensor, error) {
	units := from[0].Shape()[0]
	rest := from[0].Shape()[1:].Len()
	out, err := tensor.TryNew(tensor.Float32, rest, units*len(from))
	if err != nil {
		return nil, err
	}
	for g, t := range from {
		if !t.Shape().Equal(from[0].Shape()) {
			return nil, fmt.Errorf("gates of shapes %v and %v", from[0].Shape(), t.Shape())
		}
		for u := range units {
			for i := range rest {
				out.SetFlat(i*units*len(from)+g*units+u, t.Flat(u*rest+i))
			}
		}
	}
	return out, nil
}

// below is the Turn that puts vectors below one another.
func below(from []*tensor.Tensor) (*tensor.Tensor, error) {
	n := from[0].Len()
	out, err := tensor.TryNew(tensor.Float32, len(from), n)
	if err != nil {
		return nil, err
	}
	for i, t := range from {
		if t.Len() != n {
			return nil, fmt.Errorf("vectors of %d and %d numbers", n, t.Len())
		}
		for k := range n {
			out.SetFlat(i*n+k, t.Flat(k))
		}
	}
	return out, nil
}

// lstm is TensorFlow Lite's fused one. Its gates are input, forget, cell and output, as
// ours are, its peepholes input, forget and output.
func lstm(c *converter, op operator) (string, error) {
	o := op.options
	for len(op.in) < 24 {
		op.in = append(op.in, -1)
	}
	for _, i := range []int{17, 20, 21, 22, 23} {
		if op.in[i] >= 0 {
			return "", unsupported(op, "it has a bias of its projection, or a normalization")
		}
	}
	clip, most := o.float(1), o.float(2)
	if projects := op.in[16] >= 0; !(clip >= 0 && clip < 1e30) || !(most >= 0 && most < 1e30) || most > 0 && !projects {
		return "", unsupported(op, "its state is cut at %v, its projection at %v", clip, most)
	}
	if err := c.sequences(op, o.byte(3) != 0, 18, 19); err != nil {
		return "", err
	}
	activation, err := cellActivation(op, o.byte(0))
	if err != nil {
		return "", err
	}
	names := func(axes int, in ...int) ([]string, int, error) {
		var out []string
		units := 0
		for _, i := range in {
			t, err := c.constant(op, i, axes)
			if err != nil {
				return nil, 0, err
			}
			out, units = append(out, t.Name), t.Shape[0]
		}
		return out, units, nil
	}
	kernel, units, err := names(2, 1, 2, 3, 4)
	if err != nil {
		return "", err
	}
	recurrent, _, err := names(2, 5, 6, 7, 8)
	if err != nil {
		return "", err
	}
	bias, _, err := names(1, 12, 13, 14, 15)
	if err != nil {
		return "", err
	}
	bias1 := format.Turn(beside).Then(format.Reshape(4 * units))
	fields := format.Map("units", units, "activation", activation, "return_sequences", true)
	if clip > 0 {
		fields = fields.With("cell_clip", spec.Num(clip))
	}
	parts := []format.Part{{Leaf: "kernel", From: kernel, Make: beside}, {Leaf: "recurrent_kernel", From: recurrent, Make: beside}, {Leaf: "bias", From: bias, Make: bias1}}
	if op.in[9] >= 0 || op.in[10] >= 0 || op.in[11] >= 0 {
		holes, _, err := names(1, 9, 10, 11)
		if err != nil {
			return "", err
		}
		fields = fields.With("peephole", spec.Flag(true))
		parts = append(parts, format.Part{Leaf: "peephole", From: holes, Make: below})
	}
	if op.in[16] >= 0 {
		p, err := c.constant(op, 16, 2)
		if err != nil {
			return "", err
		}
		fields = fields.With("proj_size", spec.Num(float64(p.Shape[0])))
		if most > 0 {
			fields = fields.With("proj_clip", spec.Num(most))
		}
		parts = append(parts, format.Part{Leaf: "projection", From: []string{p.Name}, Move: format.Reorder(p.Shape, 1, 0)})
	}
	return c.add("lstm", op, fields, parts...)
}

// rnn is the plain recurrence.
func rnn(c *converter, op operator) (string, error) {
	if err := c.sequences(op, op.options.byte(0) != 0, 4); err != nil {
		return "", err
	}
	activation, err := cellActivation(op, op.options.byte(1))
	if err != nil {
		return "", err
	}
	var of []format.Tensor
	for i, axes := range []int{2, 2, 1} {
		t, err := c.constant(op, 1+i, axes)
		if err != nil {
			return "", err
		}
		of = append(of, t)
	}
	fields := format.Map("units", of[0].Shape[0], "return_sequences", true)
	if activation != "tanh" {
		fields = fields.With("activation", spec.Str(activation))
	}
	return c.add("simple_rnn", op, fields, format.Part{Leaf: "kernel", From: []string{of[0].Name}, Move: format.Reorder(of[0].Shape, 1, 0)},
		format.Part{Leaf: "recurrent_kernel", From: []string{of[1].Name}, Move: format.Reorder(of[1].Shape, 1, 0)}, format.Part{Leaf: "bias", From: []string{of[2].Name}})
}
