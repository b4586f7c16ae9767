package onnx

import (
	"fmt"
	"slices"

	kinds "github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
)

// ONNX hands no masks from node to node: which steps count is computed where it is needed, of
// what nn computes it of.

// maskOf is which steps of a layer's first input count, (N, …, steps) as truth values, and empty
// where all do.
func (w *writer) maskOf(l nn.Layer, a param.Applied) (string, error) {
	if len(a.In) == 0 || !w.scope.IsMasked(a.In[0]) {
		return "", nil
	}
	mask := w.scope.Mask(a.In[0])
	if !mask.Valid() {
		return "", fmt.Errorf("onnx: layer %q: %w", a.Path, a.In[0].Builder().Err())
	}
	return w.truth(l, a.Path, mask)
}

// truth is a value whose elements are 1 or 0 as truth values.
func (w *writer) truth(l nn.Layer, path string, x kinds.Node) (string, error) {
	v, err := w.reckoned(l, path, x)
	if err != nil {
		return "", err
	}
	key := v.name + " as truth"
	if w.turned[key] == nil {
		w.turned[key] = &sent{name: w.node("Cast", v.name+"/true", []string{v.name}, []attribute{{"to", 9}})}
	}
	return w.turned[key].name, nil
}

// reckoned writes what a mask is made of: arithmetic on values that layers give. Its axes are in
// nn's order, and those along which it is broadcast may have length 1.
func (w *writer) reckoned(l nn.Layer, path string, x kinds.Node) (*sent, error) {
	if v := w.at[x.ID()]; v != nil {
		return w.as(w.firm(v), plainOrder), nil
	}
	if v := w.masks[x.ID()]; v != nil {
		return v, nil
	}
	op, name := x.Op().Name, path+"/"+x.Op().Name
	var in []string
	constants := x.NumIn() > 0
	var values []float64
	for _, y := range x.Ins() {
		of := y
		if of.Op().Name == "broadcast" {
			of = of.In(0)
		}
		c, ok := of.Value()
		constants = constants && ok && y.Shape().Len() == 1
		values = append(values, c)
	}
	if op == "concat" && constants { // the steps' numbers
		return w.reckon(x, w.numbers(name, x.Shape(), values...)), nil
	}
	for _, y := range x.Ins() {
		v, err := w.reckoned(l, path, y)
		if err != nil {
			return nil, err
		}
		in = append(in, v.name)
	}
	float := []attribute{{"to", int(codeOf(w.float))}}
	switch op {
	case "const":
		v, _ := x.Value()
		return w.reckon(x, w.number(name, v)), nil
	case "broadcast":
		return w.reckon(x, in[0]), nil
	case "reshape":
		return w.reckon(x, w.node("Reshape", name, []string{in[0], w.wholes(name+"/shape", append([]int{-1}, x.Shape()[1:]...)...)}, nil)), nil
	case "to_float":
		return w.reckon(x, w.node("Cast", name, in, float)), nil
	case "to_int":
		return w.reckon(x, w.node("Cast", name, in, []attribute{{"to", 6}})), nil
	case "equal", "greater":
		y := w.node(map[string]string{"equal": "Equal", "greater": "Greater"}[op], name, in, nil)
		return w.reckon(x, w.node("Cast", name+"/number", []string{y}, float)), nil
	case "min", "max":
		return w.reckon(x, w.node(map[string]string{"min": "Min", "max": "Max"}[op], name, in, nil)), nil
	case "select":
		c, err := w.truth(l, path, x.In(0))
		if err != nil {
			return nil, err
		}
		return w.reckon(x, w.node("Where", name, []string{c, in[1], in[2]}, nil)), nil
	case "reduce_max":
		at := x.Attr().(kinds.ReduceAttr)
		var axes []int
		for i := range x.In(0).Rank() {
			if at.Axes>>i&1 == 1 {
				axes = append(axes, i)
			}
		}
		keep := 0
		if at.Keep {
			keep = 1
		}
		return w.reckon(x, w.node("ReduceMax", name, in, []attribute{{"axes", axes}, {"keepdims", keep}})), nil
	case "concat":
		if !slices.ContainsFunc(x.Ins(), func(y kinds.Node) bool { return y.Op().Name == "broadcast" }) {
			return w.reckon(x, w.node("Concat", name, in, []attribute{{"axis", x.Attr().(int)}})), nil
		}
	}
	return nil, unsent(l, path, "which of its steps count is computed in a way (%s) that this version does not write for ONNX", op)
}

func (w *writer) reckon(x kinds.Node, name string) *sent {
	v := &sent{name: name, kind: x.Type().Kind}
	if x.Rank() > 0 {
		v.shape = x.Shape()[1:]
	}
	w.masks[x.ID()] = v
	return v
}

// zeroed is a layer that makes steps 0: Where, on the condition that its result in nn's graph is
// selected by.
func (w *writer) zeroed(l nn.Layer, a param.Applied, x *sent) (*sent, error) {
	if a.Out.Op().Name != "select" {
		return nil, unsent(l, a.Path, "it is computed in a way (%s) that this version does not write for ONNX", a.Out.Op().Name)
	}
	c, err := w.truth(l, a.Path, a.Out.In(0))
	if err != nil {
		return nil, err
	}
	x = w.as(w.floated(x), plainOrder)
	y := *x
	y.name = w.node("Where", a.Name, []string{c, x.name, w.number(a.Name+"/zero", 0)}, nil)
	return &y, nil
}

// maskedMean is the mean over the steps that count, of which mask (N, steps) says.
func (w *writer) maskedMean(l nn.GlobalAveragePooling1D, a param.Applied, x *sent, mask string) *sent {
	x = w.as(w.floated(x), plainOrder)
	name := a.Name
	wide := w.node("Unsqueeze", name+"/mask", []string{mask, w.wholes(name+"/channel", 2)}, nil)
	number := w.node("Cast", name+"/counts", []string{wide}, []attribute{{"to", int(codeOf(w.float))}})
	axis := w.wholes(name+"/steps", 1)
	keep := 0
	if l.Keep {
		keep = 1
	}
	sum := func(of, as string) string {
		return w.node("ReduceSum", as, []string{of, axis}, []attribute{{"keepdims", keep}})
	}
	kept := w.node("Where", name+"/kept", []string{wide, x.name, w.number(name+"/zero", 0)}, nil)
	count := w.node("Max", name+"/some", []string{sum(number, name+"/count"), w.number(name+"/one", 1)}, nil)
	return &sent{kind: kinds.Float, shape: a.Out.Shape()[1:], name: w.node("Div", name, []string{sum(kept, name+"/sum"), count}, nil)}
}

// A maskedSteps is which steps of sequences count, for a layer that is written step by step.
type maskedSteps struct {
	counts []string // (1, N, 1) truth values each, nil where all steps count
	zero   bool     // the output is 0 at others
	given  bool     // the state to begin with is not 0: it is shown nowhere before the first
}

// stepsMask takes a mask (N, steps) apart.
func (w *writer) stepsMask(name, mask string, steps int, zero, given bool) maskedSteps {
	if mask == "" {
		return maskedSteps{}
	}
	m := maskedSteps{zero: zero, given: given, counts: make([]string, steps)}
	turned := w.node("Transpose", name+"/mask_steps", []string{mask}, []attribute{{"perm", []int{1, 0}}})
	wide := w.node("Unsqueeze", name+"/mask", []string{turned, w.wholes(name+"/mask_axis", 2)}, nil)
	for t := range m.counts {
		m.counts[t] = w.fresh(fmt.Sprintf("%s/counts%d", name, t))
	}
	w.nodes = append(w.nodes, &written{"Split", name + "/counts", []string{wide}, m.counts, []attribute{{"axis", 0}}})
	return m
}

// kept is next where step t counts, else before, which is 0 where it is empty.
func (w *writer) kept(m maskedSteps, as string, t int, next, before string) string {
	if m.counts == nil {
		return next
	}
	if before == "" {
		before = w.number(as+"/nothing", 0)
	}
	return w.node("Where", as, []string{m.counts[t], next, before}, nil)
}

// shown is the output at step t of the state h. seen is whether a step before counted, and is
// that of this one after it.
func (w *writer) shown(m maskedSteps, as string, t int, h string, seen *string) string {
	if m.counts == nil || !m.zero && !m.given {
		return h
	}
	at := m.counts[t]
	if !m.zero {
		if *seen != "" {
			at = w.node("Or", as+"/seen", []string{at, *seen}, nil)
		}
		*seen = at
	}
	return w.node("Where", as, []string{at, h, w.number(as+"/hidden", 0)}, nil)
}
