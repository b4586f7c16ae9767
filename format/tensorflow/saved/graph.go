package saved

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A writer makes a GraphDef of a model's graph.
//
// A graph of ours has a batch of a fixed size, one of TensorFlow's of any. The model is
// traced for two and for three samples, and what differs between the two graphs, which are
// equal but for that, goes with the batch.
type writer struct {
	two, three *graph.Builder
	layers     map[int]param.Applied // those that TensorFlow has an operation for, by the node of their result
	params     *param.Set
	float      int // type of the parameters

	def    message           // the GraphDef
	taken  map[string]bool   // names of nodes
	refs   map[int]string    // of a node of ours: the tensor
	bools  map[int]bool      // tensors that are truth values where ours are 0 and 1
	consts map[string]string // constants that are there already
	vars   []variable
	batch  string // the tensor that holds the number of samples
	inputs []input
}

// A variable is a parameter in the graph.
type variable struct {
	name, node, read, initial string // its own name, and nodes: its handle, what reads it, what it begins with
	trainable                 bool
}

// An input is a placeholder.
type input struct {
	name, node string
	code       int
	shape      []int // with the batch's axis
}

// An axis is a length of a shape: n, or n times the number of samples.
type axis struct {
	n     int
	batch bool
}

// newWriter traces a model.
func newWriter(m *format.Model) (*writer, error) {
	w := &writer{params: m.Params, layers: map[int]param.Applied{}, taken: map[string]bool{}, refs: map[int]string{}, bools: map[int]bool{}, consts: map[string]string{}}
	w.float = typeFloat
	if m.Params.Float() == tensor.Float64 {
		w.float = typeDouble
	}
	ins, ports := m.Net.Ports()
	for n, b := range map[int]**graph.Builder{2: &w.two, 3: &w.three} {
		*b = graph.New()
		s := param.NewScope(*b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
		outs := format.Trace(s, m.Net, m.Preprocess, m.Data, n)
		if err := (*b).Err(); err != nil {
			return nil, err
		}
		if err := format.Rowwise(s); err != nil {
			return nil, err
		}
		for i, y := range outs {
			(*b).Output(ports[i].Name, y)
		}
		if err := (*b).Err(); err != nil {
			return nil, err
		}
		if n == 2 {
			for _, l := range s.Layers() {
				if l.Out.Valid() {
					if idiomatic(l) {
						w.layers[l.Out.ID()] = l
					}
				}
			}
		}
	}
	if w.two.Len() != w.three.Len() {
		return nil, &format.Unsupported{What: "the model", Msg: "its graph is another one for another number of samples"}
	}
	// Inputs come in the model's order, asked for or not.
	for i, x := range w.two.Inputs() {
		w.placeholder(ins[i].Name, x)
	}
	return w, nil
}

// placeholder adds an input. Bytes are fed as numbers: that is what who serves a model sends.
func (w *writer) placeholder(name string, x graph.Node) {
	p := input{name: name, code: w.float, shape: append([]int{-1}, x.Shape()[1:]...)}
	if x.Type().Kind == graph.Int {
		p.code = typeInt32
	}
	p.node = w.add(p.name, "Placeholder", nil, typeAttr("dtype", p.code), shapeAttr("shape", p.shape))
	w.inputs = append(w.inputs, p)
	w.refs[x.ID()] = p.node
}

var odd = regexp.MustCompile(`[^A-Za-z0-9_.\-/]`)

// name makes a name that TensorFlow takes, once.
func (w *writer) name(want string) string {
	want = strings.Trim(odd.ReplaceAllString(want, "_"), "/")
	if want == "" || !(want[0] == '.' || want[0] >= '0' && want[0] <= '9' || want[0]|0x20 >= 'a' && want[0]|0x20 <= 'z') {
		want = "x" + want
	}
	name := want
	for i := 1; w.taken[name]; i++ {
		name = fmt.Sprintf("%s_%d", want, i)
	}
	w.taken[name] = true
	return name
}

// add adds a node and gives its name, which is that of its first result, too.
func (w *writer) add(name, op string, in []string, attrs ...attribute) string {
	name = w.name(name)
	w.def.bytes(1, nodeProto(name, op, in, attrs))
	return name
}

// op adds an operation of a layer on tensors of the parameters' type, called by its path.
func (w *writer) op(path, op string, in []string, attrs ...attribute) string {
	return w.add(path+"/"+op, op, in, append(attrs, typeAttr("T", w.float))...)
}

// number is a constant of the parameters' type.
func (w *writer) number(v float64) string {
	t := tensor.New(w.params.Float())
	t.SetFlat(0, v)
	return w.constant(w.float, t)
}

// ints is a constant list of whole numbers, whole one alone.
func (w *writer) ints(v ...int) string {
	t := tensor.New(tensor.Int32, len(v))
	for i, x := range v {
		t.SetFlat(i, float64(x))
	}
	return w.constant(typeInt32, t)
}

func (w *writer) whole(v int) string {
	t := tensor.New(tensor.Int32)
	t.SetFlat(0, float64(v))
	return w.constant(typeInt32, t)
}

func (w *writer) constant(code int, t *tensor.Tensor) string {
	proto := numbersProto(code, t)
	name, ok := w.consts[string(proto)]
	if !ok {
		name = w.add("Const", "Const", nil, typeAttr("dtype", code), tensorAttr("value", proto))
		w.consts[string(proto)] = name
	}
	return name
}

// texts is a constant of texts.
func (w *writer) texts(name string, list bool, texts ...string) string {
	return w.add(name, "Const", nil, typeAttr("dtype", typeString), tensorAttr("value", textsProto(list, texts...)))
}

// axes is the shape of a node.
func (w *writer) axes(x graph.Node) ([]axis, error) {
	a, b := x.Shape(), w.three.Node(x.ID()).Shape()
	out := make([]axis, len(a))
	for i := range a {
		out[i] = axis{n: a[i]}
		if a[i] != b[i] {
			out[i] = axis{b[i] - a[i], true}
			if a[i] != 2*out[i].n {
				return nil, &format.Unsupported{What: fmt.Sprintf("layer %q", x.Path()), Msg: "the length of an axis is no multiple of the number of samples"}
			}
		}
	}
	return out, nil
}

// samples is the tensor that holds the number of samples.
func (w *writer) samples() string {
	if w.batch == "" {
		shape := w.add("batch/Shape", "Shape", []string{w.inputs[0].node}, typeAttr("T", w.inputs[0].code), typeAttr("out_type", typeInt32))
		w.batch = w.add("batch/strided_slice", "StridedSlice", []string{shape, w.ints(0), w.ints(1), w.ints(1)},
			typeAttr("T", typeInt32), typeAttr("Index", typeInt32), intAttr("shrink_axis_mask", 1))
	}
	return w.batch
}

// shape is a tensor that holds a shape.
func (w *writer) shape(path string, s []axis) string {
	var fixed []int
	var parts []string
	for _, a := range s {
		switch {
		case !a.batch:
			fixed = append(fixed, a.n)
			parts = append(parts, w.whole(a.n))
		case a.n == 1:
			parts = append(parts, w.samples())
		default:
			parts = append(parts, w.add(path+"/mul", "Mul", []string{w.samples(), w.whole(a.n)}, typeAttr("T", typeInt32)))
		}
	}
	if len(fixed) == len(s) {
		return w.ints(fixed...)
	}
	return w.add(path+"/shape", "Pack", parts, typeAttr("T", typeInt32), intAttr("N", len(parts)), intAttr("axis", 0))
}

// reshaped gives a tensor another shape. The axis that goes with the batch takes what is left.
func (w *writer) reshaped(path, x string, code int, to []axis) string {
	var list []int
	open := 0
	for _, a := range to {
		if a.batch {
			open++
			a.n = -1
		}
		list = append(list, a.n)
	}
	shape := w.ints(list...)
	if open > 1 {
		shape = w.shape(path, to)
	}
	return w.add(path+"/Reshape", "Reshape", []string{x, shape}, typeAttr("T", code), typeAttr("Tshape", typeInt32))
}

// code is the type of a node's elements in TensorFlow.
func (w *writer) code(x graph.Node) int {
	if x.Type().Kind == graph.Int {
		return typeInt32
	}
	return w.float
}

// ref is the tensor of a node, made where it is not there yet. Truth values are numbers.
func (w *writer) ref(x graph.Node) (string, error) {
	r, err := w.raw(x)
	if err != nil || !w.bools[x.ID()] {
		return r, err
	}
	key := "cast " + r
	if _, ok := w.consts[key]; !ok {
		w.consts[key] = w.add(x.Path()+"/Cast", "Cast", []string{r}, typeAttr("SrcT", typeBool), typeAttr("DstT", w.float))
	}
	return w.consts[key], nil
}

// raw is ref where truth values stay what they are.
func (w *writer) raw(x graph.Node) (string, error) {
	if r, ok := w.refs[x.ID()]; ok {
		return r, nil
	}
	// What lies before comes first; without recursion, since nets may be deep.
	for todo := []graph.Node{x}; len(todo) > 0; {
		x := todo[len(todo)-1]
		before := x.Ins()
		l, idiom := w.layers[x.ID()]
		if idiom {
			before = l.In
		}
		ready := true
		for _, in := range before {
			if _, ok := w.refs[in.ID()]; !ok {
				todo, ready = append(todo, in), false
			}
		}
		if !ready {
			continue
		}
		todo = todo[:len(todo)-1]
		if _, ok := w.refs[x.ID()]; ok {
			continue
		}
		var r string
		var err error
		if idiom {
			r, err = w.idiom(l, x)
		} else {
			r, err = w.node(x)
		}
		if err != nil {
			return "", err
		}
		w.refs[x.ID()] = r
	}
	return w.refs[x.ID()], nil
}

// in are the tensors that a node is computed of.
func (w *writer) in(x graph.Node) ([]string, error) {
	var out []string
	for _, in := range x.Ins() {
		r, err := w.ref(in)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// parameter adds a variable, with what makes and reads it.
func (w *writer) parameter(name string) (string, error) {
	if i := slices.IndexFunc(w.vars, func(v variable) bool { return v.name == name }); i >= 0 {
		return w.vars[i].read, nil
	}
	p := w.params.Get(name)
	if p == nil {
		return "", fmt.Errorf("parameter %q is missing", name)
	}
	shape := p.Value.Shape()
	zero := w.add(name+"/Initializer/zeros", "Fill", []string{w.ints(shape...), w.number(0)}, typeAttr("T", w.float), typeAttr("index_type", typeInt32))
	handle := w.add(name, "VarHandleOp", nil, typeAttr("dtype", w.float), shapeAttr("shape", shape), textAttr("shared_name", name), textAttr("container", ""))
	w.add(handle+"/Assign", "AssignVariableOp", []string{handle, zero}, typeAttr("dtype", w.float))
	read := w.add(handle+"/Read/ReadVariableOp", "ReadVariableOp", []string{handle}, typeAttr("dtype", w.float))
	w.vars = append(w.vars, variable{name, handle, read, zero, p.Kind == param.Weight && !p.Frozen})
	return read, nil
}
