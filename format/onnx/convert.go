package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A value is what a name of the graph stands for: a constant, whole numbers that
// follow from shapes, or the result of a layer.
type value struct {
	k *constant
	// vec are whole numbers, where batch stands for the number of samples.
	vec    []int
	scalar bool // vec is one number without an axis
	each   int  // how many steps each sample had that are samples of their own, in each.go
	rows   int  // of a constant, the axis that is the batch's, from 1
	shared sharing

	layer string
	code  int64
	// shape is that of the graph. The batch's axis is −1.
	shape []int
	// perm says which axis of the graph each axis of the layer's result is. The
	// first is the batch's.
	perm []int
	// joined is how many of the axes each of the graph's is made of, in merge.go; nil where
	// each is one.
	joined []int
	// order is that of the features of a flattened value, nil where it is the graph's.
	order *order
}

// sharing says that the graph has one value for all samples of a batch, such as a mean over
// them: here each has it.
type sharing int

const (
	sole      sharing = iota // each sample has its own
	stretched                // the batch's axis has length 1 in the graph, and is stretched by what is joined to it
	bare                     // the graph has no axis for the batch
)

// An order says how the features of a flattened value stand: axis j of what was
// flattened is axis to[j] of dims, which is what the graph flattens.
type order struct{ dims, to []int }

// A weighed is the use of a weight by a node.
type weighed struct {
	n    *node
	name string
}

// batch stands for the number of samples in whole numbers.
const batch = math.MinInt

func (v *value) isAct() bool { return v != nil && v.k == nil && v.vec == nil }

// rank is the number of axes of a layer's result.
func (v *value) rank() int { return len(v.shape) }

// sample is the number of elements of a sample.
func (v *value) sample() int {
	n := 1
	for _, d := range v.shape {
		if d >= 0 {
			n *= d
		}
	}
	return n
}

// A converter makes layers of what the outputs of a graph are computed of.
type converter struct {
	m     *model
	file  *format.File
	made  map[string]*node // by what it makes
	init  map[string]*constant
	in    map[string]valueInfo
	uses  map[string][]*node
	told  []data.Field // what the inputs are, where the graph leaves it open
	from  string       // the value that is taken for the input, if one is named
	whole bool         // the graph has no axis for a batch: its axes are those of a sample

	values  map[string]*value
	failed  map[string]error
	steps   map[*node]*value // the layers that go over steps
	busy    map[*node]bool
	depth   int
	rows    int                // the number of samples, where the graph fixes it
	filled  int                // elements of constants that are only described
	there   int                // elements of the file's tensors
	worked  int                // elements of constants that were computed
	taken   int                // elements of all weights, each as often as it is used
	weighs  map[weighed]bool   // which those are
	small   int                // elements of constants that were made at once
	lazy    map[*constant]int  // how many that are not follow one another
	outputs map[string]bool    // names of the graph's outputs
	zeros   map[*constant]bool // whether all of a constant is 0, where that was asked
	effort  int                // operations that the layers become
	held    map[string]bool    // tensors of the file, by name

	sketch    format.Sketch
	orders    map[string][]int   // of the inputs' axes, and the outputs'
	inputName map[string]string  // of an input of the graph: the model's
	shared    map[string]sharing // outputs
	warnings  []string
}

func refuse(n *node, msg string, args ...any) error {
	return &format.Unsupported{What: n.what(), Msg: fmt.Sprintf(msg, args...)}
}

func newConverter(m *model, f *format.File, folder string) (*converter, error) {
	c := &converter{m: m, file: f, made: map[string]*node{}, init: map[string]*constant{}, in: map[string]valueInfo{}, uses: map[string][]*node{},
		values: map[string]*value{}, failed: map[string]error{}, steps: map[*node]*value{}, busy: map[*node]bool{}, outputs: map[string]bool{}, orders: map[string][]int{}, inputName: map[string]string{}, shared: map[string]sharing{}}
	for _, t := range m.graph.tensors {
		if t.name == "" || c.init[t.name] != nil {
			return nil, fmt.Errorf("two tensors of the graph are called %q", t.name)
		}
		t.folder = folder
		c.init[t.name] = known(t)
		c.init[t.name].learned = true
	}
	var err error
	if c.there, err = m.numbers(); err != nil {
		return nil, err
	}
	for _, v := range m.graph.outputs {
		c.outputs[v.name] = true
	}
	for _, v := range m.graph.inputs {
		if _, twice := c.in[v.name]; twice {
			return nil, fmt.Errorf("two inputs of the graph are called %q", v.name)
		}
		c.in[v.name] = v
	}
	for _, n := range m.graph.nodes {
		for _, a := range n.attrs {
			if a.t != nil {
				a.t.folder = folder
			}
		}
		for _, out := range n.out {
			if out == "" {
				continue
			}
			if c.made[out] != nil || c.init[out] != nil {
				return nil, fmt.Errorf("two nodes of the graph make %q", out)
			}
			c.made[out] = n
		}
		for _, in := range n.in {
			if in != "" {
				c.uses[in] = append(c.uses[in], n)
			}
		}
	}
	return c, nil
}

func (c *converter) warn(msg string, args ...any) {
	if text := fmt.Sprintf(msg, args...); !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}

// value finds what a name stands for.
func (c *converter) value(name string) (*value, error) {
	if v := c.values[name]; v != nil {
		return v, nil
	}
	if err := c.failed[name]; err != nil {
		return nil, err
	}
	v, err := c.find(name)
	if err != nil {
		c.failed[name] = err
		return nil, err
	}
	c.values[name] = v
	return v, nil
}

func (c *converter) find(name string) (*value, error) {
	n := c.made[name]
	switch in, isInput := c.in[name]; {
	case c.from == name:
		if n != nil {
			return c.input(valueInfo{name: name, code: 1, tensor: true})
		}
		return c.input(in)
	case c.init[name] != nil:
		return &value{k: c.init[name]}, nil
	case n != nil:
	case isInput && c.from != "":
		return nil, &format.Unsupported{What: fmt.Sprintf("input %q", name), Msg: "it is fed, but is not the input that was named"}
	case isInput:
		return c.input(in)
	default:
		return nil, fmt.Errorf("the graph has no value %q, which is asked for", name)
	}
	if c.busy[n] {
		return nil, fmt.Errorf("%s: what it is computed of leads back to it", n.what())
	}
	if c.depth >= maxDepth {
		return nil, fmt.Errorf("more than %d operations follow one another", maxDepth)
	}
	c.busy[n] = true
	c.depth++
	defer func() { delete(c.busy, n); c.depth-- }()
	return c.compute(n, slices.Index(n.out, name))
}

// compute makes a layer or a constant of a node.
func (c *converter) compute(n *node, out int) (*value, error) {
	if n.domain != "" {
		return nil, refuse(n, "operations of domain %q are not read", n.domain)
	}
	o, layer := ops[n.op]
	k, folds := folded[n.op]
	if !layer && !folds {
		return nil, refuse(n, "there is no layer for this operation; output.node= names a value before it, where that is what is wanted")
	}
	for _, a := range n.attrs {
		if a.graph {
			return nil, refuse(n, "it holds graphs of its own")
		}
	}
	if n.op == "Mul" && len(n.out) == 1 {
		if of, kind := c.gelus(n); kind != "" {
			v, err := c.value(of)
			if err != nil {
				return nil, err
			}
			return c.activate(n, []*value{v}, spec.Str(kind))
		}
	}
	args := make([]*value, len(n.in))
	live := false
	for i, in := range n.in {
		if in == "" {
			continue
		}
		v, err := c.value(in)
		if err != nil {
			return nil, err
		}
		args[i] = v
		live = live || v.isAct()
	}
	if slices.ContainsFunc(args, func(v *value) bool { return v != nil && v.shared != sole }) && n.op != "Expand" {
		return c.beside(n, args, o)
	}
	if slices.ContainsFunc(args, func(v *value) bool { return v != nil && v.joined != nil }) && n.op != "Shape" {
		v, err := c.merged(n, args, out)
		if err == nil {
			err = c.bounded(n, v)
		}
		return v, err
	}
	if err := c.rowed(n, args); err != nil {
		return nil, err
	}
	if !perStep[n.op] && !ofOne(n.op) && slices.ContainsFunc(args, func(v *value) bool { return v != nil && v.each > 0 }) {
		return nil, refuse(n, "it takes steps that were made samples of their own")
	}
	if out > 0 && !several[n.op] {
		return nil, refuse(n, "its output %d, %q, is used; only the first is made", out+1, n.out[out])
	}
	if live && !emptily[n.op] && slices.ContainsFunc(args, func(v *value) bool { return v.isAct() && v.sample() == 0 }) {
		return nil, refuse(n, "it takes values of no elements")
	}
	if live && c.whole && !wholly[n.op] && !ofOne(n.op) {
		return nil, refuse(n, "the graph has no axis for a batch")
	}
	if live && n.op != "Shape" && n.op != "Size" {
		if !layer {
			return nil, refuse(n, "there is no layer for this operation; it is computed of constants alone")
		}
		if err := o.check(n, args); err != nil {
			return nil, err
		}
		v, err := o.make(c, n, args, out)
		if err == nil {
			err = c.bounded(n, v)
		}
		return v, err
	}
	if !folds {
		return nil, refuse(n, "it is computed of constants alone, which is not done for this operation")
	}
	return k(c, n, args)
}

// maxSample is how many elements a sample may have. What layers make of one may have
// maxResult, or as many times those of the inputs as maxGrowth says.
const (
	maxSample = 1 << 27
	maxResult = 1 << 22
	maxGrowth = 64
)

// bounded refuses results that a file makes large by a few numbers, such as padding.
func (c *converter) bounded(n *node, v *value) error {
	most := 0
	for _, f := range c.sketch.Inputs {
		most += f.Shape.Len()
	}
	for _, t := range c.m.graph.tensors {
		most += len(t.raw) / 4
	}
	most = min(max(most, maxResult/maxGrowth)*maxGrowth, maxSample)
	var sample tensor.Shape
	for _, d := range v.shape {
		if d >= 0 {
			sample = append(sample, d)
		}
	}
	if elems, err := sample.Elems(); err != nil || elems > most {
		return refuse(n, "a sample becomes %v, which is too large", sample)
	}
	return nil
}

// maxEffort is how many operations layers may become that a few numbers make many:
// recurrent ones, for each step, and those that take places apart.
const maxEffort = 1 << 18

// spend counts operations.
func (c *converter) spend(n *node, operations int) error {
	if c.effort += operations; c.effort > maxEffort {
		return refuse(n, "with it the graph becomes more than %d operations", maxEffort)
	}
	return nil
}

// natural is the order of axes that a graph has.
func natural(rank int) []int {
	p := make([]int, rank)
	for i := range p {
		p[i] = i
	}
	return p
}

// batchFirst is the order in which one axis stands before the others.
func batchFirst(rank, batch int) []int {
	return append([]int{batch}, slices.DeleteFunc(natural(rank), func(a int) bool { return a == batch })...)
}

// channelsLast is the order in which axis 1 stands behind the others.
func channelsLast(rank int) []int {
	p := []int{0}
	for i := 2; i < rank; i++ {
		p = append(p, i)
	}
	if rank > 1 {
		p = append(p, 1)
	}
	return p
}

// images are the operations that have channels on axis 1.
var images = map[string]bool{"Conv": true, "ConvTranspose": true, "MaxPool": true, "AveragePool": true, "GlobalAveragePool": true, "GlobalMaxPool": true,
	"BatchNormalization": true, "LRN": true}

// plain are the operations to which the order of axes is all the same.
var plain = map[string]bool{"Add": true, "Sub": true, "Mul": true, "Div": true, "Identity": true, "Cast": true, "Dropout": true, "Pad": true, "Clip": true,
	"Sum": true, "Max": true, "Min": true, "Mean": true, "Neg": true, "PRelu": true}

// wanted is the order of axes in which an input is best given: that of what takes it
// first.
func (c *converter) wanted(name string, rank int) []int {
	seen := map[string]bool{}
	queue := []string{name}
	for len(queue) > 0 && len(seen) < 64 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, n := range c.uses[name] {
			switch {
			case images[n.op] && rank > 2:
				return channelsLast(rank)
			case cells[n.op].kind != "" && rank == 3 && n.int("layout", 0) == 0 && (n.input(0) == name || n.input(5) == name || n.input(6) == name):
				return []int{1, 0, 2}
			case plain[n.op] || n.op == "Slice" || n.op == "Split" || ofOne(n.op) || n.op == "LeakyRelu":
				queue = append(queue, n.out...)
			}
		}
	}
	return natural(rank)
}

// input makes a value an input of the model.
func (c *converter) input(in valueInfo) (*value, error) {
	what := fmt.Sprintf("input %q", in.name)
	if !in.tensor {
		return nil, &format.Unsupported{What: what, Msg: "it is no tensor"}
	}
	f := data.Field{Name: c.sketch.Name(in.name), DType: tensor.Float32}
	switch dtypeOf(in.code) {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
	case tensor.Float64:
		f.DType = tensor.Float64
	case tensor.Int32, tensor.Int64:
		f.DType = tensor.Int32
	case tensor.Uint8: // pictures, as they are
		f.DType = tensor.Uint8
	case tensor.Int8, tensor.Int16, tensor.Uint16, tensor.Bool: // which floats hold
	default:
		return nil, &format.Unsupported{What: what, Msg: fmt.Sprintf("its elements are %s; floats, truth values, whole numbers of up to 16 bits, and signed ones of 32 and 64 bits are read", typeName(in.code))}
	}
	shape := slices.Clone(in.shape)
	if c.whole {
		if !in.shaped || slices.Contains(shape, -1) {
			return nil, &format.Unsupported{What: what, Msg: "its shape is open"}
		}
		f.Shape = append(tensor.Shape{}, shape...)
		if elems, err := f.Shape.Elems(); err != nil || elems > maxSample || len(shape) > maxAxes-1 {
			return nil, &format.Unsupported{What: what, Msg: fmt.Sprintf("samples of shape %v are too large", f.Shape)}
		}
		if f.Shape.Len() == 0 {
			c.warn("input %q of shape %v has no elements: where 0 stands for any length, give that axis a name in place of it and export the model again", in.name, f.Shape)
		}
		shape = append([]int{-1}, shape...)
		c.sketch.Inputs = append(c.sketch.Inputs, f)
		c.orders[f.Name], c.inputName[in.name] = natural(len(shape)), f.Name
		return &value{layer: f.Name, code: in.code, shape: shape, perm: natural(len(shape))}, nil
	}
	for i, d := range shape {
		if d == 0 { // exporters write it for any length
			shape[i] = -1
		}
	}
	var perm []int
	told := -1
	if len(c.told) > len(c.sketch.Inputs) {
		told = len(c.sketch.Inputs)
	}
	if in.shaped && len(shape) > 0 {
		perm = c.wanted(in.name, len(shape))
		if told < 0 && len(shape) == 3 && slices.Equal(perm, natural(3)) && shape[0] > 1 && shape[1] < 0 && shape[2] > 0 {
			perm = []int{1, 0, 2} // steps first: the batch is what is open
		}
		if told >= 0 && len(c.told[told].Shape) == len(shape)-1 { // as it is inside
			for j, d := range c.told[told].Shape {
				if a := perm[j+1]; shape[a] < 0 {
					shape[a] = d
				}
			}
		}
	} else if !in.shaped && told >= 0 {
		perm = c.wanted(in.name, len(c.told[told].Shape)+1)
		shape = make([]int, len(perm))
		for j, d := range c.told[told].Shape {
			shape[perm[j+1]] = d
		}
	} else if in.shaped {
		return nil, &format.Unsupported{What: what, Msg: "it is one number, without an axis for the batch"}
	} else {
		return nil, &format.Choice{Key: "input", Msg: fmt.Sprintf("input %q has no shape: say it with input=, such as input=28x28x1", in.name)}
	}
	if n := shape[perm[0]]; n > 0 && in.shaped {
		if c.rows > 0 && c.rows != n {
			return nil, &format.Unsupported{What: what, Msg: fmt.Sprintf("its batch has %d samples, that of another input %d", n, c.rows)}
		}
		c.rows = n
	}
	shape[perm[0]] = -1
	f.Shape = tensor.Shape{}
	for _, a := range perm[1:] {
		if shape[a] < 1 {
			return nil, &format.Choice{Key: "input", Msg: fmt.Sprintf("input %q has no fixed shape, %v: say it with input=, such as input=28x28x1", in.name, in.shape)}
		}
		f.Shape = append(f.Shape, shape[a])
	}
	if elems, err := f.Shape.Elems(); err != nil || elems > maxSample {
		return nil, &format.Unsupported{What: what, Msg: fmt.Sprintf("samples of shape %v are too large", f.Shape)}
	}
	if !slices.Equal(perm, natural(len(perm))) && len(perm) > 2 {
		c.warn("input %q is given in another order of axes than the graph has it: %v", in.name, f.Shape)
	}
	c.sketch.Inputs = append(c.sketch.Inputs, f)
	c.orders[f.Name], c.inputName[in.name] = perm, f.Name
	return &value{layer: f.Name, code: in.code, shape: shape, perm: perm}, nil
}

// called is what a layer is called: by the weights that it has, as frameworks name
// them, by its node, or by what it makes.
func (c *converter) called(n *node, weights string) string {
	for _, suffix := range []string{".weight", "/kernel", "_weight", ".kernel", "/MatMul/ReadVariableOp:0", "/Conv2D/ReadVariableOp:0", "/weights"} {
		if base, ok := strings.CutSuffix(weights, suffix); ok && base != "" {
			return c.sketch.Name(base)
		}
	}
	if n.name != "" {
		return c.sketch.Name(n.name)
	}
	if len(n.out) > 0 {
		return c.sketch.Name(n.out[0])
	}
	return c.sketch.Name(strings.ToLower(n.op))
}

// emit adds a layer and gives its result, which is like v but for what is set then.
func (c *converter) emit(n *node, kind string, fields spec.Value, v *value, params ...format.Part) *value {
	if v.each > 0 && kind != format.Bias && (kind != activation || len(params) > 0) {
		kind, fields = "time_distributed", format.Map("layer", format.Map(kind, fields))
	}
	weights := ""
	if len(params) > 0 && len(params[0].From) > 0 && kind != format.Bias {
		weights = params[0].From[0]
	}
	e := &format.Sketched{Kind: kind, Fields: fields, Name: c.called(n, weights), In: []string{v.layer}, Parts: params}
	c.sketch.Layers = append(c.sketch.Layers, e)
	out := *v
	out.layer = e.Name
	return &out
}

// arrange gives a value's axes an order.
func (c *converter) arrange(n *node, v *value, perm []int) (*value, error) {
	if v.order != nil {
		v = c.unflat(n, v)
	}
	if slices.Equal(v.perm, perm) {
		return v, nil
	}
	if v.perm[0] != perm[0] {
		return nil, refuse(n, "it would take the samples of a batch, axis %d, for something else", v.perm[0])
	}
	dims := make([]int, 0, len(perm))
	for _, a := range perm[1:] {
		dims = append(dims, slices.Index(v.perm, a))
	}
	out := c.emit(&node{name: v.layer + ".permute"}, "permute", format.Map("dims", dims), v)
	out.perm = slices.Clone(perm)
	return out, nil
}

// unflat gives the features of a flattened value the order of the graph.
func (c *converter) unflat(n *node, v *value) *value {
	o := v.order
	if o == nil {
		return v
	}
	inside, dims := make([]int, len(o.to)), make([]int, len(o.to))
	for j, a := range o.to {
		inside[j], dims[a] = o.dims[a], j+1
	}
	out := c.emit(&node{name: v.layer + ".unflatten"}, "reshape", format.Map("target_shape", inside), v)
	out = c.emit(&node{name: v.layer + ".permute"}, "permute", format.Map("dims", dims), out)
	out = c.emit(&node{name: v.layer + ".flatten"}, "flatten", spec.Value{Kind: spec.Map}, out)
	out.order = nil
	return out
}

// last is the layer that was added last.
func (c *converter) last() *format.Sketched { return c.sketch.Layers[len(c.sketch.Layers)-1] }
