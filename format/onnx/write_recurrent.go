package onnx

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	kinds "github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A steps is a recurrent layer as ONNX has them.
type steps struct {
	op                string
	units             int
	gate, act         act.Activation
	bias, after       bool // after: GRU's reset after the product
	sequences, around bool
	path              string
	learned           bool // the state that it begins with
	cell              nn.LSTM
	zero              bool    // the output is 0 at steps that a mask leaves out
	clip              float64 // what goes into the gates' functions is cut to ± this
}

// stepsOf takes a recurrent layer apart.
func stepsOf(l nn.Layer, path string) (steps, bool) {
	switch l := l.(type) {
	case nn.LSTM:
		return steps{"LSTM", l.Units, l.RecurrentAct, l.Act, !l.NoBias, false, l.Sequences, l.Backwards, path, l.LearnState, l, l.ZeroMasked, l.GateClip}, true
	case nn.GRU:
		return steps{"GRU", l.Units, l.RecurrentAct, l.Act, !l.NoBias, !l.ResetBefore, l.Sequences, l.Backwards, path, l.LearnState, nn.LSTM{}, l.ZeroMasked, l.GateClip}, true
	case nn.SimpleRNN:
		return steps{"RNN", l.Units, nil, l.Act, !l.NoBias, false, l.Sequences, l.Backwards, path, l.LearnState, nn.LSTM{}, l.ZeroMasked, l.GateClip}, true
	}
	return steps{}, false
}

// gateName is what ONNX calls an activation within recurrent layers, with its alpha and beta.
func gateName(a, otherwise act.Activation) (name string, alpha, beta float64, ok bool) {
	if a == nil {
		a = otherwise
	}
	switch a := a.(type) {
	case act.Linear:
		return "Affine", 1, 0, true
	case act.Tanh:
		return "Tanh", 0, 0, true
	case act.Sigmoid:
		return "Sigmoid", 0, 0, true
	case act.Softsign:
		return "Softsign", 0, 0, true
	case act.Softplus:
		return "Softplus", 0, 0, true
	case act.HardSigmoid:
		return "HardSigmoid", spec.Or(a.Slope, 1.0/6), 0.5, true
	case act.ELU:
		return "Elu", spec.Or(a.Alpha, 1), 0, true
	case act.LeakyReLU:
		return "LeakyRelu", spec.Or(a.Slope, 0.2), 0, true
	case act.ReLU:
		if a == (act.ReLU{}) {
			return "Relu", 0, 0, true
		}
	}
	return "", 0, 0, false
}

// scanned writes one node that goes over steps, one way or two ways. in are the sequences,
// and the states that each way begins with. Its results are Y, (steps, directions, N, units),
// and of the last step the output and the cell, (directions, N, units).
func (w *writer) scanned(l nn.Layer, name string, in []*sent, ways []steps, direction string, out param.Applied) (all, last, cell string, err error) {
	first := ways[0]
	for _, k := range ways {
		switch {
		case k.cell.Peephole != first.cell.Peephole || k.cell.ReturnCell != first.cell.ReturnCell || k.learned != first.learned || k.clip != first.clip || k.zero != first.zero ||
			k.cell.Projection != first.cell.Projection:
			return "", "", "", unsent(l, k.path, "its two layers differ in more than their way")
		}
	}
	x := w.as(w.floated(in[0]), stepsFirst)
	states := 1
	if first.op == "LSTM" {
		states = 2
	}
	// begin is part i of the states to begin with, empty where they are zeros.
	begin := func(i int) string {
		switch {
		case first.learned:
			return w.learned(name, x, ways, i, states)
		case len(in) > 1:
			return w.begun(name, in[1:], len(ways), i, states)
		}
		return ""
	}
	truth, err := w.maskOf(l, out)
	if err != nil {
		return "", "", "", err
	}
	mask := w.stepsMask(name, truth, x.shape[0], first.zero, first.learned || len(in) > 1)
	if slices.ContainsFunc(ways, steps.odd) {
		return w.spelledOut(l, name, x, ways, begin, mask, out)
	}
	attrs := []attribute{{"hidden_size", first.units}}
	if first.clip > 0 {
		attrs = append(attrs, attribute{"clip", first.clip})
	}
	if direction != "forward" {
		attrs = append(attrs, attribute{"direction", direction})
	}
	var names []string
	var alphas, betas []float64
	plain := true
	for _, k := range ways {
		acts := []act.Activation{k.act}
		switch k.op {
		case "LSTM":
			acts = []act.Activation{orGate(k.gate), k.act, k.act}
		case "GRU":
			acts = []act.Activation{orGate(k.gate), k.act}
		}
		for _, a := range acts {
			n, alpha, beta, ok := gateName(a, act.Tanh{})
			if !ok {
				return "", "", "", unsent(l, k.path, "ONNX's recurrent operations have no activation %s", act.Registry.NameOf(a))
			}
			names, alphas, betas = append(names, n), append(alphas, alpha), append(betas, beta)
			plain = plain && (n == "Tanh" || n == "Sigmoid")
		}
	}
	attrs = append(attrs, attribute{"activations", names})
	if !plain {
		attrs = append(attrs, attribute{"activation_alpha", alphas}, attribute{"activation_beta", betas})
	}
	if first.after {
		attrs = append(attrs, attribute{"linear_before_reset", 1})
	}
	each := first.cell.ReturnCell && first.sequences && !w.lastCell(out, ways)
	from := []string{x.name, w.gated(ways, "kernel", x.shape[1]), w.gated(ways, "recurrent_kernel", first.units), "", "", "", "", ""}
	if first.bias {
		from[3] = w.gatedBias(ways)
	}
	for i := range states {
		from[5+i] = begin(i)
	}
	if first.cell.Peephole { // in the order i, o, f
		from[7] = w.stacked(ways, "peephole", format.Turn(gatesOf([]int{0, 2, 1})), 3*first.units)
	}
	for from[len(from)-1] == "" {
		from = from[:len(from)-1]
	}
	if each || mask.counts != nil {
		all, last, cell = w.stepByStep(name, x, ways, from, attrs, mask)
		return all, last, cell, nil
	}
	all, last = w.fresh(name+"/steps"), w.fresh(name+"/last")
	makes := []string{all, last}
	if first.cell.ReturnCell {
		cell = w.fresh(name + "/cell")
		makes = append(makes, cell)
	}
	w.nodes = append(w.nodes, &written{first.op, name, from, makes, attrs})
	if cell != "" && first.sequences { // as if each step had the last one's
		wide := w.node("Unsqueeze", name+"/cell_step", []string{cell, w.wholes(name+"/step_axis", 0)}, nil)
		wide = w.node("Expand", name+"/cell_steps", []string{wide, w.wholes(name+"/step_count", x.shape[0], 1, 1, 1)}, nil)
		all, cell = w.node("Concat", name+"/and_cells", []string{all, wide}, []attribute{{"axis", 3}}), ""
	}
	return all, last, cell, nil
}

// odd reports whether an LSTM is such as ONNX's operation cannot be: with a state that is cut, or
// with activations that it has no names for.
func (k steps) odd() bool {
	if k.op != "LSTM" {
		return false
	}
	_, _, _, gate := gateName(orGate(k.gate), nil)
	_, _, _, own := gateName(k.act, act.Tanh{})
	return k.cell.CellClip > 0 || k.cell.Projection > 0 || !gate || !own
}

// spelledOut writes an LSTM as what it is computed of, step by step. Its results are as those of
// scanned, with the cell beside the output where the layer gives it.
func (w *writer) spelledOut(l nn.Layer, name string, x *sent, ways []steps, begin func(i int) string, mask maskedSteps, out param.Applied) (all, last, cell string, err error) {
	if ways[0].learned {
		return "", "", "", unsent(l, ways[0].path, "ONNX's LSTM cannot be what it is, and step by step the state that it has learned to begin with has no place")
	}
	units := ways[0].units
	var starts [2]string
	for i := range starts {
		starts[i] = begin(i)
	}
	join := func(as string, axis int, list []string) string {
		if len(list) == 1 {
			return list[0]
		}
		return w.node("Concat", as, list, []attribute{{"axis", axis}})
	}
	var sequences, outputs, cells []string
	for d, k := range ways {
		at := fmt.Sprintf("%s/%d", name, d)
		if _, ok := k.act.(act.PReLU); ok {
			return "", "", "", unsent(l, k.path, "its activation has weights of its own")
		}
		// (steps, N, 4·units), gates in the order i, f, c, o
		z := w.node("MatMul", at+"/inputs", []string{x.name, w.param(k.path+"/kernel", "", nil, x.shape[1], 4*units)}, nil)
		if k.bias {
			z = w.node("Add", at+"/biased", []string{z, w.param(k.path+"/bias", "", nil, 4*units)}, nil)
		}
		each := make([]string, x.shape[0])
		for t := range each {
			each[t] = w.fresh(fmt.Sprintf("%s/step%d", at, t))
		}
		w.nodes = append(w.nodes, &written{"Split", at + "/each", []string{z}, each, []attribute{{"axis", 0}}})
		width := units
		var projection string
		if p := k.cell.Projection; p > 0 {
			width, projection = p, w.param(k.path+"/projection", "", nil, units, p)
		}
		recurrent := w.param(k.path+"/recurrent_kernel", "", nil, width, 4*units)
		var holes [3]string
		if k.cell.Peephole {
			both := w.param(k.path+"/peephole", "", nil, 3, units)
			for i := range holes {
				holes[i] = w.node("Slice", fmt.Sprintf("%s/hole%d", at, i), []string{both, w.wholes(at+"/hole_from", i), w.wholes(at+"/hole_to", i+1), w.wholes(at+"/hole_axis", 0)}, nil)
			}
		}
		var state [2]string // h and c, (1, N, units) each
		for i, s := range starts {
			if state[i] = s; s != "" && len(ways) > 1 {
				state[i] = w.node("Slice", fmt.Sprintf("%s/begin%d", at, i), []string{s, w.wholes(at+"/from_way", d), w.wholes(at+"/to_way", d+1), w.wholes(at+"/way_axis", 0)}, nil)
			}
		}
		made := make([]string, len(each))
		var seen, ends string
		for i := range each {
			t := i
			if k.around {
				t = len(each) - 1 - i
			}
			as := fmt.Sprintf("%s/%d", at, t)
			z := each[t]
			if state[0] != "" {
				z = w.node("Add", as+"/z", []string{z, w.node("MatMul", as+"/recurrent", []string{state[0], recurrent}, nil)}, nil)
			}
			active := func(of string, f act.Activation, seen string, hole int, clips bool) (string, error) {
				if seen != "" && holes[hole] != "" {
					of = w.node("Add", of+"/sees", []string{of, w.node("Mul", of+"/hole", []string{seen, holes[hole]}, nil)}, nil)
				}
				if k.clip > 0 && clips {
					of = w.node("Clip", of+"/within", []string{of, w.number(of+"/least", -k.clip), w.number(of+"/most", k.clip)}, nil)
				}
				y, err := w.activate(f, out, &sent{name: of, shape: tensor.Shape{units}, kind: kinds.Float}, of+"/active")
				if err != nil {
					return "", err
				}
				return y.name, nil
			}
			parts := make([]string, 4)
			for g := range parts {
				parts[g] = w.fresh(fmt.Sprintf("%s/gate%d", as, g))
			}
			w.nodes = append(w.nodes, &written{"Split", as + "/gates", []string{z}, parts, []attribute{{"axis", 2}}})
			own := k.act
			if own == nil {
				own = act.Tanh{}
			}
			enter, err := active(parts[0], orGate(k.gate), state[1], 0, true)
			if err != nil {
				return "", "", "", err
			}
			fresh, err := active(parts[2], own, "", 0, true)
			if err != nil {
				return "", "", "", err
			}
			next := w.node("Mul", as+"/fresh", []string{enter, fresh}, nil)
			if state[1] != "" {
				keep, err := active(parts[1], orGate(k.gate), state[1], 1, true)
				if err != nil {
					return "", "", "", err
				}
				next = w.node("Add", as+"/next", []string{w.node("Mul", as+"/kept", []string{keep, state[1]}, nil), next}, nil)
			}
			if clip := k.cell.CellClip; clip > 0 {
				next = w.node("Clip", as+"/cut", []string{next, w.number(as+"/least", -clip), w.number(as+"/most", clip)}, nil)
			}
			leave, err := active(parts[3], orGate(k.gate), next, 2, true)
			if err != nil {
				return "", "", "", err
			}
			shown, err := active(next, own, "", 0, false)
			if err != nil {
				return "", "", "", err
			}
			h := w.node("Mul", as+"/output", []string{leave, shown}, nil)
			if projection != "" {
				h = w.node("MatMul", as+"/projected", []string{h, projection}, nil)
				if most := k.cell.ProjectionClip; most > 0 {
					h = w.node("Clip", as+"/projected_cut", []string{h, w.number(as+"/projected_least", -most), w.number(as+"/projected_most", most)}, nil)
				}
			}
			state = [2]string{w.kept(mask, as+"/state", t, h, state[0]), w.kept(mask, as+"/cell", t, next, state[1])}
			ends = w.shown(mask, as+"/shown", t, state[0], &seen)
			made[t] = ends
			if k.cell.ReturnCell && k.sequences {
				made[t] = join(as+"/and_cell", 2, []string{ends, state[1]})
			}
		}
		sequences = append(sequences, w.node("Unsqueeze", at+"/direction", []string{join(at+"/steps", 0, made), w.wholes(at+"/new_way", 1)}, nil))
		outputs, cells = append(outputs, ends), append(cells, state[1])
	}
	all, last = join(name+"/all", 1, sequences), join(name+"/last", 0, outputs)
	if ways[0].cell.ReturnCell && !ways[0].sequences {
		cell = join(name+"/cells", 0, cells)
	}
	return all, last, cell, nil
}

// lastCell reports whether of the cells of all steps, which an LSTM gives beside its outputs,
// nothing but that of each way's last one is taken: then one operation gives it.
func (w *writer) lastCell(a param.Applied, ways []steps) bool {
	steps, units := a.Out.Dim(1), ways[0].units
	if a.Out.Dim(2) != 2*units*len(ways) {
		return false // joined otherwise than side by side
	}
	free := func(place int) bool {
		t, f := place/a.Out.Dim(2), place%a.Out.Dim(2)
		way := f / (2 * units)
		last := steps - 1
		if len(ways) == 2 && ways[way].around { // which are in the order of the steps
			last = 0
		}
		return f%(2*units) < units || t == last
	}
	// Which places of the result what is made of it has, as long as it is but put elsewhere.
	places := map[int][]int{a.Out.ID(): natural(a.Out.Shape()[1:].Len())}
	ok := func(of []int) bool { return !slices.ContainsFunc(of, func(p int) bool { return !free(p) }) }
	for id, of := range places {
		if w.given[id] && !ok(of) {
			return false
		}
	}
	for _, l := range w.layers {
		for _, x := range l.In {
			of, from := places[x.ID()]
			if !from {
				continue
			}
			shape, kept := x.Shape()[1:], of
			switch k := l.Layer.(type) {
			case nn.Reshape, nn.Flatten:
			case nn.Slice:
				if k.Step > 1 {
					return false
				}
				axis := axisOf(k.Axis, &sent{shape: shape})
				kept = along(of, shape, axis-1, k.Begin, l.Out.Dim(axis))
			case nn.Cropping1D:
				kept = along(of, shape, 0, sidesOf(k.Cropping, 1)[0][0], l.Out.Dim(1))
			default:
				if !ok(of) {
					return false
				}
				continue
			}
			if places[l.Out.ID()] = kept; w.given[l.Out.ID()] && !ok(kept) {
				return false
			}
		}
	}
	return true
}

// along are n places of an axis of what has that shape, from one on.
func along(of []int, shape tensor.Shape, axis, from, n int) []int {
	inner := shape[axis+1:].Len()
	var out []int
	for o := range shape[:axis].Len() {
		begin := (o*shape[axis] + from) * inner
		out = append(out, of[begin:begin+n*inner]...)
	}
	return out
}

// stepByStep writes an operation for each step of each way, for outputs and cells of all, or
// with a mask, which ONNX's operations do not take. Its results are as those of scanned, with the
// cell beside the output where the layer gives both at every step.
func (w *writer) stepByStep(name string, x *sent, ways []steps, from []string, attrs []attribute, mask maskedSteps) (all, last, cell string) {
	op := ways[0].op
	both, single := ways[0].cell.ReturnCell && ways[0].sequences, ways[0].cell.ReturnCell && !ways[0].sequences
	join := func(as string, axis int, list []string) string {
		if len(list) == 1 {
			return list[0]
		}
		return w.node("Concat", as, list, []attribute{{"axis", axis}})
	}
	var each []string
	for t := range x.shape[0] {
		each = append(each, w.fresh(fmt.Sprintf("%s/step%d", name, t)))
	}
	w.nodes = append(w.nodes, &written{"Split", name + "/each", []string{x.name}, each, []attribute{{"axis", 0}}})
	var sequences, outputs, cells []string
	for d, k := range ways {
		part := func(of string) string { // one way's
			if of == "" || len(ways) == 1 {
				return of
			}
			return w.node("Slice", fmt.Sprintf("%s/way%d", of, d), []string{of, w.wholes(name+"/from_way", d), w.wholes(name+"/to_way", d+1), w.wholes(name+"/way_axis", 0)}, nil)
		}
		own := slices.Clone(from)
		for len(own) < 8 {
			own = append(own, "")
		}
		for i := range own[1:] {
			own[i+1] = part(own[i+1])
		}
		made := make([]string, len(each))
		var seen, ends string
		for i := range each {
			t := i
			if k.around {
				t = len(each) - 1 - i
			}
			at := fmt.Sprintf("%s/%d/%d", name, d, t)
			own[0] = each[t]
			in := slices.Clone(own)
			for in[len(in)-1] == "" {
				in = in[:len(in)-1]
			}
			makes := []string{"", w.fresh(at + "/output")}
			if op == "LSTM" {
				makes = append(makes, w.fresh(at+"/cell"))
			}
			w.nodes = append(w.nodes, &written{op, at, in, makes, oneWayOf(attrs, d, len(ways))})
			own[5] = w.kept(mask, at+"/state", t, makes[1], own[5])
			if op == "LSTM" {
				own[6] = w.kept(mask, at+"/cell_state", t, makes[2], own[6])
			}
			ends = w.shown(mask, at+"/shown", t, own[5], &seen)
			if made[t] = ends; both {
				made[t] = w.node("Concat", at+"/both", []string{ends, own[6]}, []attribute{{"axis", 2}})
			}
		}
		sequences = append(sequences, w.node("Unsqueeze", fmt.Sprintf("%s/%d/direction", name, d), []string{join(fmt.Sprintf("%s/%d/steps", name, d), 0, made), w.wholes(name+"/new_way", 1)}, nil))
		outputs, cells = append(outputs, ends), append(cells, own[6])
	}
	if ways[0].sequences { // nobody asks for what is last
		return join(name+"/directions", 1, sequences), "", ""
	}
	if single {
		cell = join(name+"/cells", 0, cells)
	}
	return "", join(name+"/last", 0, outputs), cell
}

// oneWayOf are the attributes of one way of an operation that has several.
func oneWayOf(attrs []attribute, way, ways int) []attribute {
	var out []attribute
	for _, a := range attrs {
		switch v := a.value.(type) {
		case []string:
			n := len(v) / ways
			a.value = v[way*n : way*n+n]
		case []float64:
			n := len(v) / ways
			a.value = v[way*n : way*n+n]
		}
		if a.key != "direction" {
			out = append(out, a)
		}
	}
	return out
}

// gatesOf is the Turn that puts the rows of a matrix into another order.
func gatesOf(order []int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		out, err := tensor.TryNew(t.DType(), t.Shape()...)
		if err != nil {
			return nil, err
		}
		n := t.Len() / len(order)
		for g, of := range order {
			for u := range n {
				out.SetFlat(g*n+u, t.Flat(of*n+u))
			}
		}
		return out, nil
	}
}

// begun joins the states that the ways begin with, part i of each: (directions, N, units).
func (w *writer) begun(name string, states []*sent, ways, i, parts int) string {
	var all []string
	for k := range ways {
		h := w.as(w.floated(states[k*parts+i]), plainOrder)
		all = append(all, w.node("Unsqueeze", fmt.Sprintf("%s/state%d_%d", name, k, i), []string{h.name, w.wholes(name+"/direction", 0)}, nil))
	}
	if ways == 1 {
		return all[0]
	}
	return w.node("Concat", fmt.Sprintf("%s/states%d", name, i), all, []attribute{{"axis", 0}})
}

// learned is part i of the states that the ways have learned to begin with, for as many
// samples as there are: (directions, N, units).
func (w *writer) learned(name string, x *sent, ways []steps, i, parts int) string {
	units := ways[0].units
	both := w.stacked(ways, "initial_state", nil, parts, units) // (directions, parts, units)
	part := w.node("Slice", fmt.Sprintf("%s/state%d", name, i), []string{both, w.wholes(name+"/from", i), w.wholes(name+"/to", i+1), w.wholes(name+"/parts", 1)}, nil)
	samples := w.node("Shape", fmt.Sprintf("%s/samples%d", name, i), []string{x.name}, []attribute{{"start", 1}, {"end", 2}})
	shape := w.node("Concat", fmt.Sprintf("%s/shape%d", name, i), []string{w.wholes(name+"/ways", len(ways)), samples, w.wholes(name+"/units", units)}, []attribute{{"axis", 0}})
	return w.node("Expand", fmt.Sprintf("%s/states%d", name, i), []string{part, shape}, nil)
}

func orGate(a act.Activation) act.Activation {
	if a == nil {
		return act.Sigmoid{}
	}
	return a
}

// gated adds kernels (in, gates·units), one for each way, as (ways, gates·units, in).
func (w *writer) gated(ways []steps, leaf string, in int) string {
	gates, units := cells[ways[0].op].gates, ways[0].units
	turn := func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		out, err := tensor.TryNew(t.DType(), len(gates)*units, in)
		if err != nil {
			return nil, err
		}
		for g, of := range gates {
			for u := range units {
				for i := range in {
					out.SetFlat((of*units+u)*in+i, t.Flat(i*len(gates)*units+g*units+u))
				}
			}
		}
		return out, nil
	}
	return w.stacked(ways, leaf, turn, len(gates)*units, in)
}

// gatedBias adds biases, that of the input and that of the state one after the other. Where
// the layer has one, it is the input's; the other is −0, which changes no number.
func (w *writer) gatedBias(ways []steps) string {
	gates, units := cells[ways[0].op].gates, ways[0].units
	turn := func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t, n := from[0], len(gates)*units
		out, err := tensor.TryNew(t.DType(), 2*n)
		if err != nil {
			return nil, err
		}
		for g, of := range gates {
			for u := range units {
				a, b := t.Flat(g*units+u), negativeZero
				if t.Len() == 2*n {
					b = t.Flat(n + g*units + u)
				}
				out.SetFlat(of*units+u, a)
				out.SetFlat(n+of*units+u, b)
			}
		}
		return out, nil
	}
	return w.stacked(ways, "bias", turn, 2*len(gates)*units)
}

// stacked adds a parameter of each way, one after the other.
func (w *writer) stacked(ways []steps, leaf string, turn format.Turn, shape ...int) string {
	if len(ways) == 1 {
		return w.param(ways[0].path+"/"+leaf, "", turn, append([]int{1}, shape...)...)
	}
	var parts []string
	for _, k := range ways {
		parts = append(parts, w.param(k.path+"/"+leaf, "", turn, append([]int{1}, shape...)...))
	}
	return w.node("Concat", fmt.Sprintf("%s/both", parts[0]), parts, []attribute{{"axis", 0}})
}

// oneWay writes a recurrent layer.
func (w *writer) oneWay(l nn.Layer, a param.Applied, in []*sent) (*sent, error) {
	k, _ := stepsOf(l, a.Path)
	direction := "forward"
	if k.around {
		direction = "reverse"
	}
	all, last, cell, err := w.scanned(l, a.Name, in, []steps{k}, direction, a)
	if err != nil {
		return nil, err
	}
	out := a.Out.Shape()[1:]
	if !k.sequences {
		if cell != "" { // beside the output
			last = w.node("Concat", a.Name+"/and_cell", []string{last, cell}, []attribute{{"axis", 2}})
		}
		return &sent{kind: kinds.Float, name: w.node("Squeeze", a.Name+"/state", []string{last, w.wholes(a.Name+"/direction", 0)}, nil), shape: out}, nil
	}
	y := &sent{kind: kinds.Float, name: w.node("Squeeze", a.Name+"/sequence", []string{all, w.wholes(a.Name+"/direction", 1)}, nil), shape: out, order: stepsFirst}
	if k.around { // in the order in which they were made
		y = w.reversed(y, a.Name+"/turned", 0)
	}
	return y, nil
}

// bothWays writes a recurrent layer and its twin as one node, where both are of a kind.
func (w *writer) bothWays(l nn.Bidirectional, a param.Applied, in []*sent, i, end int) (*sent, error) {
	if end-i != 2 {
		return nil, unsent(l, a.Path, "it holds %d layers, want two", end-i)
	}
	there, ok := stepsOf(w.layers[i].Layer, w.layers[i].Path)
	back, ok2 := stepsOf(w.layers[i+1].Layer, w.layers[i+1].Path)
	if !ok || !ok2 {
		return nil, unsent(l, a.Path, "it holds layers that are no LSTM, GRU or simple RNN")
	}
	if there.op != back.op || there.units != back.units || there.bias != back.bias || there.after != back.after || there.around == back.around {
		return nil, unsent(l, a.Path, "its two layers differ in more than their way; ONNX's operations want one kind, one width and one of each way")
	}
	out := a.Out.Shape()[1:]
	ways := []steps{there, back}
	if there.around { // the first goes back
		ways = []steps{back, there}
		half := (len(in) + 1) / 2
		in = slices.Concat(in[:1], in[half:], in[1:half])
	}
	all, last, cell, err := w.scanned(l, a.Name, in, ways, "bidirectional", a)
	if err != nil {
		return nil, err
	}
	if cell != "" {
		last = w.node("Concat", a.Name+"/and_cell", []string{last, cell}, []attribute{{"axis", 2}})
	}
	name := a.Name
	if (l.Merge == "" || l.Merge == "concat") && !there.around { // side by side, as the result has them
		y := &sent{shape: out, kind: kinds.Float}
		if there.sequences { // (steps, 2, N, units)
			y.order = stepsFirst
			t := w.node("Transpose", name+"/side_by_side", []string{all}, []attribute{{"perm", []int{0, 2, 1, 3}}})
			y.name = w.node("Reshape", name+"/joined", []string{t, w.wholes(name+"/joined_shape", 0, 0, -1)}, nil)
		} else {
			t := w.node("Transpose", name+"/side_by_side", []string{last}, []attribute{{"perm", []int{1, 0, 2}}})
			y.name = w.node("Reshape", name+"/joined", []string{t, w.wholes(name+"/joined_shape", 0, -1)}, nil)
		}
		return y, nil
	}
	part := func(of string, k, axis int) string { // one way's result
		return w.node("Gather", fmt.Sprintf("%s/way%d", name, k), []string{of, w.index(fmt.Sprintf("%s/index%d", name, k), k)}, []attribute{{"axis", axis}})
	}
	first, second := 0, 1
	if there.around {
		first, second = 1, 0
	}
	from, axis, last2 := last, 0, 1 // (2, N, units)
	y := &sent{shape: out, kind: kinds.Float}
	if there.sequences {
		from, axis, last2 = all, 1, 2 // (steps, 2, N, units)
		y.order = stepsFirst
	}
	if there.around && there.sequences {
		return nil, unsent(l, a.Path, "its first layer goes backwards and gives whole sequences; exchange the two")
	}
	p, q := part(from, first, axis), part(from, second, axis)
	switch l.Merge {
	case "", "concat":
		y.name = w.node("Concat", name+"/joined", []string{p, q}, []attribute{{"axis", last2}})
	case "sum":
		y.name = w.node("Add", name+"/joined", []string{p, q}, nil)
	case "mul":
		y.name = w.node("Mul", name+"/joined", []string{p, q}, nil)
	case "ave":
		y.name = w.node("Mean", name+"/joined", []string{p, q}, nil)
	}
	return y, nil
}

// index adds a constant whole number.
func (w *writer) index(name string, v int) string {
	t := tensor.New(tensor.Int64)
	t.SetFlat(0, float64(v))
	return w.hold(&held{name: name, value: t, shape: tensor.Shape{}})
}
