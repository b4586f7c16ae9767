package onnx

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/format"
	kinds "github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.RegisterExporter(format.Exporter{Name: "onnx", Ending: ".onnx", Write: Write, Check: check})
}

// What is written: the version of the format, and the operators' set.
const (
	writtenIR    = 8
	writtenOpset = 17
)

// labelsKey is the entry of a model's metadata that holds the names of its classes, a
// list as JSON.
const labelsKey = "labels"

// An axesOrder says how the axes of a value stand in the graph.
type axesOrder int

const (
	plainOrder    axesOrder = iota // as nn has them: the batch first, channels last
	channelsFirst                  // (N, C, …)
	stepsFirst                     // (steps, N, features)
)

// A sent is a value of the graph that is written, and what it is in nn's terms.
type sent struct {
	name  string
	shape tensor.Shape // of a sample, as nn has it
	kind  kinds.Kind
	order axesOrder
	// flat is the value that a flatten, which is not written yet, makes vectors of:
	// whoever takes them says in which order.
	flat *sent
}

// perm lists the axes of nn, the batch's being 0, as the graph has them.
func (o axesOrder) perm(rank int) []int {
	switch p := natural(rank); {
	case o == channelsFirst && rank > 2:
		return append([]int{0, rank - 1}, p[1:rank-1]...)
	case o == stepsFirst && rank == 3:
		return []int{1, 0, 2}
	default:
		return p
	}
}

func (v *sent) perm() []int { return v.order.perm(len(v.shape) + 1) }

// A held is an initializer: a parameter of the model as it is written, or a constant.
type held struct {
	name  string
	from  string // the parameter, empty where it is none
	value *tensor.Tensor
	shape tensor.Shape // as it is written
	turn  format.Turn
}

func (h *held) tensor() (*tensor.Tensor, error) {
	if h.turn == nil {
		return h.value.Reshape(h.shape...)
	}
	t, err := h.turn([]*tensor.Tensor{h.value})
	if err == nil {
		t, err = t.Reshape(h.shape...)
	}
	if err != nil {
		return nil, fmt.Errorf("onnx: parameter %q: %w", h.from, err)
	}
	return t, nil
}

// A writer makes nodes of a model's layers.
type writer struct {
	model  *format.Model
	values map[string]*tensor.Tensor // the model's parameters
	float  tensor.DType
	layers []param.Applied
	given  map[int]bool      // nodes of the trace that are outputs
	scope  *param.Scope      // of the trace
	at     map[int]*sent     // by the node of the trace that it stands for
	masks  map[int]*sent     // what masks are computed of, in the same way
	turned map[string]*sent  // values in another order, by name and order
	taken  map[string]bool   // names of values and initializers
	params map[string]string // initializers that are parameters, by those and their order
	renew  map[string]string // values that get another name at the end: the outputs
	nodes  []*written
	held   []*held
	ins    []port
	outs   []port
	report *format.Report
}

// A port is an input or output of the graph.
type port struct {
	name string
	code int64
	dims tensor.Shape // behind the batch's
}

// A written is a node.
type written struct {
	op, name string
	in, out  []string
	attrs    []attribute
}

// An attribute is one of a node: a number, numbers, a text or texts.
type attribute struct {
	key   string
	value any
}

func unsent(layer nn.Layer, path, msg string, args ...any) error {
	return &format.Unsupported{What: fmt.Sprintf("layer %q (%s)", path, nn.KindOf(layer)), Msg: fmt.Sprintf(msg, args...)}
}

// newWriter makes the graph. Nothing is written yet, and no parameter copied.
func newWriter(m *format.Model) (*writer, error) {
	names, values, err := format.Parameters(m)
	if err != nil {
		return nil, err
	}
	w := &writer{model: m, values: map[string]*tensor.Tensor{}, float: m.Params.Float(), at: map[int]*sent{}, masks: map[int]*sent{}, turned: map[string]*sent{}, taken: map[string]bool{},
		params: map[string]string{}, renew: map[string]string{}, report: &format.Report{Format: "onnx"}}
	for i, n := range names {
		w.values[n] = values[i]
	}
	b := kinds.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	outs := format.Trace(s, m.Net, m.Preprocess, m.Data, 2)
	if err := b.Err(); err != nil {
		return nil, err
	}
	w.scope = s
	w.layers, w.given = s.Layers(), map[int]bool{}
	for _, y := range outs {
		w.given[y.ID()] = true
	}
	fields, _, err := format.Fields(m.Net, m.Data)
	if err != nil {
		return nil, err
	}
	for i, x := range b.Inputs() {
		if s := x.Shape()[1:]; s.Len() == 0 {
			return nil, &format.Unsupported{What: fmt.Sprintf("input %q", strings.TrimPrefix(x.Name(), format.InputName(""))), Msg: fmt.Sprintf("its samples of shape %v have no elements", s)}
		}
		w.input(x, m.Data.Inputs[fields[i]].DType)
	}
	if _, err := w.run(0, len(w.layers), -1); err != nil {
		return nil, err
	}
	_, ports := m.Net.Ports()
	for i, y := range outs {
		if err := w.output(ports[i].Name, y); err != nil {
			return nil, err
		}
	}
	w.rename()
	for _, n := range names {
		if !slices.ContainsFunc(w.held, func(h *held) bool { return h.from == n }) {
			return nil, fmt.Errorf("onnx: parameter %q has no place in the graph", n)
		}
	}
	return w, nil
}

// input adds an input of the graph. Bytes, which are pictures', are taken as floats.
func (w *writer) input(x kinds.Node, dt tensor.DType) {
	name := w.fresh(strings.TrimPrefix(x.Name(), format.InputName("")))
	v := &sent{name: name, shape: x.Shape()[1:], kind: x.Type().Kind}
	if dt == tensor.Uint8 {
		v.kind = kinds.Float
	}
	w.at[x.ID()] = v
	w.ins = append(w.ins, port{name, w.code(v.kind), v.shape})
}

func (w *writer) code(k kinds.Kind) int64 {
	if k != kinds.Float {
		return 6 // whole numbers of 32 bits
	}
	return codeOf(w.float)
}

// codeOf is ONNX's number for a type.
func codeOf(dt tensor.DType) int64 {
	return int64(slices.IndexFunc(types, func(t struct {
		name  string
		dtype tensor.DType
	}) bool {
		return t.dtype == dt
	}))
}

// output makes a value one of the graph's outputs: what the model predicts.
func (w *writer) output(name string, y kinds.Node) error {
	v := w.at[y.ID()]
	if v == nil {
		return &format.Unsupported{What: fmt.Sprintf("output %q", name), Msg: fmt.Sprintf("it is made by no layer but by Go code (%s)", y.Op().Name)}
	}
	v = w.as(w.firm(v), plainOrder)
	for _, l := range w.model.Losses {
		if l.Name != name {
			continue
		}
		p := loss.Predict(l.Loss, y)
		if p == y {
			break
		}
		op := map[string]string{"softmax": "Softmax", "sigmoid": "Sigmoid", "exp": "Exp"}[p.Op().Name]
		if op == "" {
			return &format.Unsupported{What: fmt.Sprintf("output %q", name), Msg: fmt.Sprintf("what its loss makes of it (%s) is not written", p.Op().Name)}
		}
		var attrs []attribute
		if op == "Softmax" {
			attrs = append(attrs, attribute{"axis", -1})
		}
		v = w.like(v, op, name+"/"+strings.ToLower(op), attrs)
	}
	fed := slices.ContainsFunc(w.ins, func(p port) bool { return p.name == v.name })
	_, twice := w.renew[v.name]
	if fed || twice {
		v = w.like(v, "Identity", name, nil)
	}
	w.renew[v.name] = name
	w.outs = append(w.outs, port{name, w.code(v.kind), v.shape})
	return nil
}

// rename gives the outputs the names that the model has for them.
func (w *writer) rename() {
	final := map[string]string{}
	for from, to := range w.renew {
		if from != to {
			final[from] = to
			if w.taken[to] { // whoever has it is called otherwise
				final[to] = w.fresh(to)
			}
		}
	}
	for from, to := range w.renew { // one output may have been called as another is now
		final[from] = to
	}
	for i, p := range w.ins {
		if to, ok := final[p.name]; ok {
			w.ins[i].name = to
		}
	}
	for _, n := range w.nodes {
		for _, list := range [][]string{n.in, n.out} {
			for i, name := range list {
				if to, ok := final[name]; ok {
					list[i] = to
				}
			}
		}
	}
	for _, h := range w.held {
		if to, ok := final[h.name]; ok {
			h.name = to
		}
	}
}

// fresh is a name that nothing has yet.
func (w *writer) fresh(want string) string {
	name := want
	for i := 1; w.taken[name]; i++ {
		name = fmt.Sprintf("%s_%d", want, i)
	}
	w.taken[name] = true
	return name
}

// node adds a node of one output and gives its name.
func (w *writer) node(op, name string, in []string, attrs []attribute) string {
	out := w.fresh(name)
	w.nodes = append(w.nodes, &written{op, out, in, []string{out}, attrs})
	return out
}

// like adds a node whose result is as v but for its numbers.
func (w *writer) like(v *sent, op, name string, attrs []attribute, more ...string) *sent {
	out := *v
	out.name = w.node(op, name, append([]string{v.name}, more...), attrs)
	return &out
}

// floated makes whole numbers floats.
func (w *writer) floated(v *sent) *sent {
	v = w.firm(v)
	if v.kind == kinds.Float {
		return v
	}
	key := v.name + " as floats"
	if w.turned[key] == nil {
		out := w.like(v, "Cast", v.name+"/float", []attribute{{"to", int(codeOf(w.float))}})
		out.kind = kinds.Float
		w.turned[key] = out
	}
	return w.turned[key]
}

// firm writes a flatten that waits, in nn's order.
func (w *writer) firm(v *sent) *sent {
	if v.flat == nil {
		return v
	}
	return w.flattened(w.as(v.flat, plainOrder), v.name)
}

// flattened makes vectors of samples, in the order in which they stand.
func (w *writer) flattened(v *sent, name string) *sent {
	key := v.name + " flat"
	if w.turned[key] == nil {
		w.turned[key] = &sent{name: w.node("Flatten", name, []string{v.name}, []attribute{{"axis", 1}}), shape: tensor.Shape{v.shape.Len()}, kind: v.kind}
	}
	return w.turned[key]
}

// as gives a value's axes an order, once.
func (w *writer) as(v *sent, o axesOrder) *sent {
	v = w.firm(v)
	rank := len(v.shape) + 1
	from, to := v.perm(), o.perm(rank)
	if slices.Equal(from, to) {
		return v
	}
	key := fmt.Sprint(v.name, to)
	if w.turned[key] == nil {
		perm := make([]int, rank)
		for i, a := range to {
			perm[i] = slices.Index(from, a)
		}
		name := v.name + "/" + map[axesOrder]string{plainOrder: "channels_last", channelsFirst: "channels_first", stepsFirst: "steps_first"}[o]
		if v.order == stepsFirst && o == plainOrder {
			name = v.name + "/batch_first"
		}
		out := w.like(v, "Transpose", name, []attribute{{"perm", perm}})
		out.order = o
		w.turned[key] = out
		w.turned[fmt.Sprint(out.name, from)] = v
	}
	return w.turned[key]
}

// param adds a parameter as an initializer; how says in which order it is written. One
// that is written in two orders has two names.
func (w *writer) param(path, how string, turn format.Turn, shape ...int) string {
	key := path + "#" + how
	if name, ok := w.params[key]; ok {
		return name
	}
	w.params[key] = w.hold(&held{name: path, from: path, value: w.values[path], turn: turn, shape: shape})
	return w.params[key]
}

func (w *writer) hold(h *held) string {
	h.name = w.fresh(h.name)
	if h.from != "" {
		w.report.Tensors = append(w.report.Tensors, format.Link{From: h.from, To: h.name})
	}
	w.held = append(w.held, h)
	return h.name
}

// wholes adds a constant list of whole numbers.
func (w *writer) wholes(name string, v ...int) string {
	t := tensor.New(tensor.Int64, len(v))
	for i, n := range v {
		t.SetFlat(i, float64(n))
	}
	return w.hold(&held{name: name, value: t, shape: t.Shape()})
}

// number adds a constant number.
func (w *writer) number(name string, v float64) string { return w.numbers(name, tensor.Shape{}, v) }

// numbers adds a constant, filled with one number or of several.
func (w *writer) numbers(name string, shape tensor.Shape, v ...float64) string {
	t := tensor.New(w.float, shape...)
	for i := range t.Len() {
		t.SetFlat(i, v[i%len(v)])
	}
	return w.hold(&held{name: name, value: t, shape: shape})
}

// beside adds a parameter that goes with the elements of v: shape is that of a
// sample, with 1 where all share a number.
func (w *writer) beside(v *sent, path string, shape tensor.Shape) string {
	if v.order == plainOrder || len(v.shape) < 2 {
		for len(shape) > 1 && shape[0] == 1 {
			shape = shape[1:]
		}
		return w.param(path, "", nil, shape...)
	}
	whole := append(tensor.Shape{1}, shape...)
	perm := v.perm()
	out := make(tensor.Shape, len(whole))
	for i, a := range perm {
		out[i] = whole[a]
	}
	var turn format.Turn
	if !slices.IsSorted(moved(perm, whole)) {
		turn = format.Reshape(whole...).Then(format.Permute(perm...))
	}
	for len(out) > 1 && out[0] == 1 {
		out = out[1:]
	}
	return w.param(path, fmt.Sprint(out), turn, out...)
}

// moved are the axes longer than 1 in the order of perm.
func moved(perm []int, shape tensor.Shape) []int {
	var out []int
	for _, a := range perm {
		if shape[a] != 1 {
			out = append(out, a)
		}
	}
	return out
}

// Messages.

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func appendText(b []byte, num protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func appendInt(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

func (a attribute) message() []byte {
	b := appendText(nil, 1, a.key)
	kind := int64(0)
	float := func(num protowire.Number, v float64) {
		b = protowire.AppendFixed32(protowire.AppendTag(b, num, protowire.Fixed32Type), math.Float32bits(float32(v)))
	}
	switch v := a.value.(type) {
	case float64:
		float(2, v)
		kind = 1
	case int:
		b, kind = appendInt(b, 3, int64(v)), 2
	case string:
		b, kind = appendText(b, 4, v), 3
	case []float64:
		for _, x := range v {
			float(7, x)
		}
		kind = 6
	case []int:
		for _, x := range v {
			b = appendInt(b, 8, int64(x))
		}
		kind = 7
	case []string:
		for _, x := range v {
			b = appendText(b, 9, x)
		}
		kind = 8
	}
	return appendInt(b, 20, kind)
}

func (n *written) message() []byte {
	var b []byte
	for _, in := range n.in {
		b = appendText(b, 1, in)
	}
	for _, out := range n.out {
		b = appendText(b, 2, out)
	}
	b = appendText(appendText(b, 3, n.name), 4, n.op)
	for _, a := range n.attrs {
		b = appendBytes(b, 5, a.message())
	}
	return b
}

func (p port) message() []byte {
	shape := appendBytes(nil, 1, appendText(nil, 2, "batch"))
	for _, d := range p.dims {
		shape = appendBytes(shape, 1, appendInt(nil, 1, int64(d)))
	}
	typ := appendBytes(appendInt(nil, 1, p.code), 2, shape)
	return appendBytes(appendText(nil, 1, p.name), 2, appendBytes(nil, 1, typ))
}

// head is what stands of a tensor's message before its bytes, and how many these are.
func (h *held) head() ([]byte, int) {
	var b []byte
	for _, d := range h.shape {
		b = appendInt(b, 1, int64(d))
	}
	size := h.shape.Len() * h.value.DType().Size()
	b = appendText(appendInt(b, 2, codeOf(h.value.DType())), 8, h.name)
	return protowire.AppendVarint(protowire.AppendTag(b, 9, protowire.BytesType), uint64(size)), size
}

// Write writes the model: operator set 17, version 8 of the format. The graph takes what
// the model takes before its preprocessing, the batch's axis first and of any length,
// channels last, and gives what it predicts, classes as probabilities. A layer that ONNX
// has no operations for is a [*format.Unsupported]. Of the parameters one at a time is
// brought to the order that ONNX has it in. Equal models give equal bytes.
func Write(to io.Writer, m *format.Model) (*format.Report, error) {
	w, err := newWriter(m)
	if err != nil {
		return nil, err
	}
	// The graph's messages but for the tensors' bytes, and how long it is with them.
	var before, after []byte
	for _, n := range w.nodes {
		before = appendBytes(before, 1, n.message())
	}
	before = appendText(before, 2, "nadir")
	for _, p := range w.ins {
		after = appendBytes(after, 11, p.message())
	}
	for _, p := range w.outs {
		after = appendBytes(after, 12, p.message())
	}
	total := len(before) + len(after)
	heads, sizes := make([][]byte, len(w.held)), make([]int, len(w.held))
	for i, h := range w.held {
		head, size := h.head()
		heads[i], sizes[i] = protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.BytesType), uint64(len(head)+size)), size
		heads[i] = append(heads[i], head...)
		total += len(heads[i]) + size
	}
	meta, err := w.meta()
	if err != nil {
		return nil, err
	}
	if total+len(meta) >= maxFile-1024 {
		return nil, &format.Unsupported{What: "the model", Msg: fmt.Sprintf("its %d bytes are more than the 2 GiB that an ONNX file can hold; .safetensors takes it", total)}
	}
	out := bufio.NewWriterSize(to, 1<<16)
	head := appendText(appendInt(nil, 1, writtenIR), 2, "nadir")
	head = protowire.AppendVarint(protowire.AppendTag(head, 7, protowire.BytesType), uint64(total))
	put := func(b []byte) {
		if err == nil {
			_, err = out.Write(b)
		}
	}
	put(head)
	put(before)
	for i, h := range w.held {
		put(heads[i])
		t, terr := h.tensor()
		if terr != nil {
			return nil, terr
		}
		if len(t.Bytes()) != sizes[i] || t.DType() != h.value.DType() {
			return nil, fmt.Errorf("onnx: %q has %d bytes, want %d", h.name, len(t.Bytes()), sizes[i])
		}
		put(t.Bytes())
	}
	put(after)
	put(appendBytes(nil, 8, appendInt(appendText(nil, 1, ""), 2, writtenOpset)))
	put(meta)
	if err == nil {
		err = out.Flush()
	}
	return w.report, err
}

// meta are the entries beside the graph: the names of the classes.
func (w *writer) meta() ([]byte, error) {
	if len(w.model.Data.Classes) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(w.model.Data.Classes)
	if err != nil {
		return nil, err
	}
	return appendBytes(nil, 14, appendText(appendText(nil, 1, labelsKey), 2, string(text))), nil
}

// check reads a file that Write wrote and compares its tensors with the model's.
func check(path string, m *format.Model) (int, error) {
	w, err := newWriter(m)
	if err != nil {
		return 0, err
	}
	f, err := open(path)
	if err != nil {
		return 0, err
	}
	if len(f.Tensors) != len(w.held) {
		return 0, fmt.Errorf("read back, the file holds %d tensors; written were %d", len(f.Tensors), len(w.held))
	}
	seen := map[string]bool{}
	for i, h := range w.held {
		t := f.Tensors[i]
		if t.Name != h.name || t.Read == nil {
			return len(seen), fmt.Errorf("read back, tensor %d is %q; written was %q", i, t.Name, h.name)
		}
		got, err := t.Read()
		if err != nil {
			return len(seen), err
		}
		want, err := h.tensor()
		if err == nil {
			name := h.from
			if name == "" {
				name = h.name
			}
			err = format.Same(name, want, got)
		}
		if err != nil {
			return len(seen), err
		}
		if h.from != "" {
			seen[h.from] = true
		}
	}
	return len(seen), nil
}
