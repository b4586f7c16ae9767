package keras

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A net is a Keras configuration that becomes one of our models.
type net struct {
	file     *File
	v1       bool // Keras 1 spelled many things otherwise
	keras3   bool
	warnings []string
	parts    []part
	used     map[string]int          // names of layers, and the number that each was made another one with last
	axes     map[string]string       // of normalizations, counted from the front
	first    map[int]bool            // how many axes the samples have that some layer wants with channels first
	kept     map[string]bool         // layers that make vectors in Keras' order
	theano   bool                    // kernels are turned around
	masking  bool                    // some layer masks steps
	shapes   map[string]tensor.Shape // of a sample that a layer is given, by its path
	outs     map[string]tensor.Shape // of what it gives
}

// A part is a layer that may have weights: what it is called here, and where the
// file keeps them.
type part struct {
	path string // of its parameters in our model
	name string // of the layer in Keras, for the formats that go by names
	tree string // its place in the object graph, for those that go by paths

	kind   string
	first  bool         // its channels are first in Keras
	turned int          // axes of the samples that its weights are turned for
	flat   string       // the layer whose vectors, in another order than Keras', its weights are for
	vector bool         // it is given vectors, where Keras would put channels last
	cudnn  int          // gates of its weights where they lie as cuDNN has them, else 0
	output tensor.Shape // of a sample, where the configuration says it
	// moments are the mean and variance that the configuration gives, nil where the
	// file holds them.
	moments *[2][]float64
}

// blueprint makes a model of the file's configuration.
func blueprint(k *File, o format.Options) (*format.Blueprint, error) {
	v, err := k.description()
	if err != nil {
		return nil, err
	}
	v = plain(v)
	kept := map[string]bool{}
	for {
		b, err := draw(k, v, o, kept)
		if e, ok := errors.AsType[inOrder](err); ok && !kept[e.flatten] {
			kept[e.flatten] = true // one more each time: this ends
			if len(kept) > 16 {
				kept[all] = true // soon
			}
			continue
		}
		return b, err
	}
}

// all stands for every layer that makes vectors. It is no path.
const all = "/"

// draw is blueprint where the layers that make vectors in Keras' order are known.
func draw(k *File, v spec.Value, o format.Options, kept map[string]bool) (*format.Blueprint, error) {
	n := &net{file: k, v1: strings.HasPrefix(k.Version(), "1."), keras3: strings.HasPrefix(k.Version(), "3."), used: map[string]int{}, first: map[int]bool{}, kept: kept}
	n.scan(v)
	n.theano = k.theano()
	class, config := classOf(v)
	var err error
	var text spec.Value
	var inputs []data.Field
	switch class {
	case "Sequential":
		text, inputs, err = n.sequential(v, config, o)
	case "Model", "Functional":
		text, inputs, err = n.functional(config, o)
	default:
		return nil, custom(v, "the model")
	}
	if err != nil {
		return nil, err
	}
	m := &format.Model{Extra: map[string]string{}}
	m.Data.Inputs = inputs
	if m.Net, err = format.Network(text); err != nil {
		return nil, err
	}
	if m.Losses, err = n.losses(v, m.Net); err != nil {
		return nil, err
	}
	b := &format.Blueprint{Model: m}
	if b.Places, err = n.places(m); err != nil {
		return nil, err
	}
	if n.theano && k.Backend() == "" {
		n.warn("nothing says which backend computed the model: its weights are named as Theano names them, and kernels of convolutions are turned around as Theano's are")
	}
	b.Warnings = n.warnings
	return b, nil
}

// plain makes lists of what Python's JSON wraps, tuples and shapes.
func plain(v spec.Value) spec.Value {
	if class, _ := v.Get("class_name"); class.Text == "__tuple__" || class.Text == "TensorShape" {
		items, _ := v.Get("items")
		v = items
	}
	if len(v.Items) > 0 {
		items := make([]spec.Value, len(v.Items))
		for i, x := range v.Items {
			items[i] = plain(x)
		}
		v.Items = items
	}
	if len(v.Entries) > 0 {
		entries := slices.Clone(v.Entries)
		for i := range entries {
			entries[i].Value = plain(entries[i].Value)
		}
		v.Entries = entries
	}
	return v
}

func (n *net) warn(format string, args ...any) {
	n.warnings = append(n.warnings, fmt.Sprintf(format, args...))
}

// classOf is the class of a serialized object and its configuration.
func classOf(v spec.Value) (class string, config spec.Value) {
	c, _ := v.Get("class_name")
	config, _ = v.Get("config")
	class = c.Text
	// registered_name tells apart a user's class from Keras' own.
	if r, _ := v.Get("registered_name"); r.Kind == spec.String && strings.Contains(r.Text, ">") {
		class = r.Text
	}
	return class, config
}

// custom says that a class is the user's own.
func custom(v spec.Value, what string) error {
	class, config := classOf(v)
	name, _ := config.Get("name")
	if what == "" {
		what = fmt.Sprintf("layer %q", name.Text)
	}
	msg := fmt.Sprintf("no class of Keras that is known here is called %q. Its code is not in the file; register a layer of that kind with nn.Layers.Register(%q, …), or save the weights alone and name a net for them with model=", class, kindOf(class))
	if class == "Lambda" {
		msg = "a Lambda layer holds Python code, which is never run; replace it by a layer of Keras and save the model again"
	}
	return &format.Unsupported{What: fmt.Sprintf("%s (class %s)", what, class), Msg: msg}
}

// Words of a class's name, as Keras' own rule takes them apart.
var (
	wordStart = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	wordEnd   = regexp.MustCompile(`([a-z])([A-Z])`)
	notWord   = regexp.MustCompile(`\W+`)
)

// snake is the name of a class as Keras writes it in a path.
func snake(class string) string {
	s := notWord.ReplaceAllString(class, "")
	s = wordStart.ReplaceAllString(s, "${1}_${2}")
	return strings.ToLower(wordEnd.ReplaceAllString(s, "${1}_${2}"))
}

// kindOf is the kind of our layer that a class stands for: its name in snake case
// but for these.
func kindOf(class string) string {
	if _, own, ok := strings.Cut(class, ">"); ok {
		class = own
	}
	switch class {
	case "ReLU":
		return "relu"
	case "LeakyReLU":
		return "leaky_relu"
	case "PReLU":
		return "prelu"
	case "ThresholdedReLU":
		return "thresholded_relu"
	case "InputLayer":
		return "input"
	case "Merge":
		return "concatenate"
	case "Normalization":
		return "standardize"
	case "Convolution1D", "Convolution2D", "Convolution3D":
		return "conv" + strings.ToLower(class[len(class)-2:])
	case "Deconvolution2D", "Convolution2DTranspose":
		return "conv2d_transpose"
	case "SeparableConvolution2D":
		return "separable_conv2d"
	case "AtrousConvolution1D", "AtrousConvolution2D":
		return "conv" + strings.ToLower(class[len(class)-2:])
	case "TimeDistributedDense":
		return "dense"
	case "CuDNNLSTM":
		return "lstm"
	case "CuDNNGRU":
		return "gru"
	case "BatchNormalizationV1", "BatchNormalizationV2":
		return "batch_normalization"
	}
	return snake(class)
}

// name makes a layer's name one that our models take, once.
func (n *net) name(want string) string {
	base := unfit.Replace(want)
	if base == "" {
		base = "layer"
	}
	name := base
	i, taken := n.used[name]
	for taken {
		i++
		name = base + "_" + strconv.Itoa(i)
		_, taken = n.used[name]
	}
	n.used[name], n.used[base] = 0, i
	return name
}

// unfit are the letters that names of layers cannot have.
var unfit = strings.NewReplacer("/", ".", "#", "_", ",", "_", "!", "_", "*", "_", "?", "_", "[", "_", "]", "_", "{", "_", "}", "_")

// A tree numbers the layers of a container by their class, as Keras names their
// places in a file.
type tree struct {
	path  string
	count map[string]int
}

func (t *tree) next(class string) string {
	if _, own, ok := strings.Cut(class, ">"); ok {
		class = own
	}
	name := snake(class)
	i := t.count[name]
	t.count[name]++
	if i > 0 {
		name += "_" + strconv.Itoa(i)
	}
	return t.path + "layers/" + name
}

// layersOf lists the layers of a model's configuration. That of Keras 1's
// Sequential is the list itself.
func layersOf(config spec.Value) []spec.Value {
	if config.Kind == spec.List {
		return config.Items
	}
	l, _ := config.Get("layers")
	return l.Items
}

// sequential is a list of layers.
func (n *net) sequential(v, config spec.Value, o format.Options) (spec.Value, []data.Field, error) {
	out := spec.Value{Kind: spec.List}
	layers := layersOf(config)
	if len(layers) == 0 {
		return out, nil, fmt.Errorf("the configuration has no layers")
	}
	_, first := classOf(layers[0])
	field := data.Field{Name: "input", DType: typeOf(layers, 0)}
	var known bool
	for _, from := range []func() spec.Value{
		func() spec.Value { return inputShape(first) },
		func() spec.Value { x, _ := config.Get("build_input_shape"); return x },
		func() spec.Value {
			b, _ := v.Get("build_config")
			x, _ := b.Get("input_shape")
			return x
		},
	} {
		if s := from(); s.Kind == spec.List {
			if field.Shape, known = sample(s); known {
				break
			}
		}
	}
	var at layout
	switch {
	case known:
		field.Shape, at = n.given(field.Shape)
	case len(o.Inputs) == 1:
		if field.Shape = o.Inputs[0].Shape; n.first[len(field.Shape)] {
			at.turned = len(field.Shape)
		}
	default:
		// What there is nothing for is said first.
		if _, _, err := n.list(layers, "", &tree{count: map[string]int{}}, at); err != nil {
			return out, nil, err
		}
		return out, nil, &format.Choice{Key: "input", Msg: "the file does not say what shape a sample has: say it with input=, such as input=28x28"}
	}
	items, at, err := n.list(layers, "", &tree{count: map[string]int{}}, at)
	if err == nil {
		err = n.ends(at)
	}
	out.Items = items
	return out, []data.Field{field}, err
}

// list is the layers of a sequence that is given values of a layout, and the layout of
// what it gives.
func (n *net) list(layers []spec.Value, prefix string, t *tree, at layout) ([]spec.Value, layout, error) {
	var out []spec.Value
	for _, l := range layers {
		class, config := classOf(l)
		place := t.next(class)
		switch class {
		case "InputLayer":
			if s, ok := sample(inputShape(config)); ok {
				if at.turned == len(s) && at.turned > 0 {
					s = append(s[1:].Clone(), s[0])
				}
				out = append(out, one("input", format.Map("shape", s)))
			}
			continue
		case "Sequential", "Model", "Functional":
			inner, to, err := n.inner(l, prefix, place, at)
			if err != nil {
				return nil, at, err
			}
			out, at = append(out, inner), to
			continue
		case "Merge":
			if branches, _ := config.Get("layers"); len(branches.Items) > 0 {
				return nil, at, &format.Unsupported{What: fmt.Sprintf("layer %q (class Merge)", nameOf(l)), Msg: "a sequence begins with models that it joins; save it as a functional model"}
			}
		}
		x, err := n.layer(l, prefix, place, []layout{at})
		if err != nil {
			return nil, at, err
		}
		if x.before[0] != nil {
			out = append(out, n.permute(x.before[0]))
		}
		out, at = append(out, x.layers...), x.out
	}
	return out, at, nil
}

// permute is a layer that reorders axes.
func (n *net) permute(dims []int) spec.Value {
	return one("permute", format.Map("dims", dims, "name", n.name("permute")))
}

// inner is a model within a sequence: a layer of layers. One with branches has no
// place there.
func (n *net) inner(l spec.Value, prefix, place string, at layout) (spec.Value, layout, error) {
	class, config := classOf(l)
	layers := layersOf(config)
	name := n.name(nameOf(l))
	if class != "Sequential" {
		for i, x := range layers {
			calls, err := n.calls(x)
			if err != nil {
				return spec.Value{}, at, err
			}
			if i > 0 && (len(calls) != 1 || len(calls[0]) != 1 || calls[0][0].name != nameOf(layers[i-1])) {
				return spec.Value{}, at, &format.Unsupported{What: fmt.Sprintf("model %q within a sequence", name), Msg: "it has branches, and in a sequence a layer has none; make the outer model a functional one"}
			}
		}
	}
	before := n.used
	n.used = map[string]int{}
	first := len(n.parts)
	items, out, err := n.list(layers, prefix+name+"/", &tree{path: place + "/", count: map[string]int{}}, at)
	n.used = before
	if err != nil {
		return spec.Value{}, at, err
	}
	n.nest(first, nameOf(l))
	return one("sequential", format.Map("layers", spec.Value{Kind: spec.List, Items: items}, "name", name)), out, nil
}

// nest says that the parts from index at on lie in a model of that name: the
// formats that go by names keep them under it.
func (n *net) nest(at int, outer string) {
	if n.file.elsewhere != nil {
		return // variables go by their own layer's name
	}
	for i := range n.parts[at:] {
		n.parts[at+i].name = outer
	}
}

// one is an entry of a list of layers.
func one(kind string, fields spec.Value) spec.Value {
	if len(fields.Entries) == 0 {
		return spec.Str(kind)
	}
	return spec.Value{Kind: spec.Map, Entries: []spec.Entry{{Key: kind, Value: fields}}}
}

func nameOf(l spec.Value) string {
	if v, ok := l.Get("name"); ok {
		return v.Text
	}
	_, config := classOf(l)
	v, _ := config.Get("name")
	return v.Text
}

// inputShape is the shape with the batch's axis that a layer's configuration
// gives.
func inputShape(config spec.Value) spec.Value {
	for _, key := range []string{"batch_input_shape", "batch_shape"} {
		if v, ok := config.Get(key); ok && v.Kind == spec.List {
			return v
		}
	}
	if v, ok := config.Get("input_dim"); ok && v.Kind == spec.Number {
		return spec.Value{Kind: spec.List, Items: []spec.Value{{}, v}}
	}
	return spec.Value{}
}

// sample is a shape without the batch's axis, and whether all of it is known.
func sample(v spec.Value) (tensor.Shape, bool) {
	if v.Kind != spec.List || len(v.Items) == 0 {
		return nil, false
	}
	s := tensor.Shape{}
	for _, d := range v.Items[1:] {
		k, err := strconv.ParseFloat(d.Text, 64)
		if d.Kind != spec.Number || err != nil || !(k >= 1 && k < 1<<31) {
			return nil, false
		}
		s = append(s, int(k))
	}
	return s, true
}

// typeOf is the type of what layer i is given: numbers, or indices.
func typeOf(layers []spec.Value, i int) tensor.DType {
	for _, l := range layers[i:min(i+2, len(layers))] {
		class, config := classOf(l)
		if class == "Embedding" {
			return tensor.Int32
		}
		if class != "InputLayer" {
			break
		}
		if d, _ := config.Get("dtype"); strings.HasPrefix(d.Text, "int") {
			return tensor.Int32
		}
	}
	return tensor.Float32
}

// A call names a tensor in a functional model: an output of one use of a layer.
type call struct {
	name string
	node int
}

// calls lists, for each use of a layer, the tensors that it is applied to.
func (n *net) calls(l spec.Value) ([][]call, error) {
	nodes, _ := l.Get("inbound_nodes")
	var out [][]call
	for _, node := range nodes.Items {
		var in []call
		var err error
		if node.Kind == spec.Map { // Keras 3
			args, _ := node.Get("args")
			if err = history(args, &in); err == nil {
				kw, _ := node.Get("kwargs")
				err = history(kw.Without("mask"), &in)
			}
		} else {
			err = legacy(node, &in)
		}
		if err != nil {
			return nil, fmt.Errorf("layer %q: %w", nameOf(l), err)
		}
		out = append(out, in)
	}
	return out, nil
}

// legacy reads [name, node, tensor, …] lists.
func legacy(node spec.Value, in *[]call) error {
	if len(node.Items) >= 3 && node.Items[0].Kind == spec.String && node.Items[1].Kind == spec.Number {
		if node.Items[2].Text != "0" {
			return fmt.Errorf("it is given output %s of %q; only the first is there", node.Items[2].Text, node.Items[0].Text)
		}
		i, err := strconv.Atoi(node.Items[1].Text)
		*in = append(*in, call{node.Items[0].Text, i})
		return err
	}
	for _, x := range node.Items {
		if x.Kind != spec.List {
			return fmt.Errorf("inbound_nodes: want lists of a layer's name and numbers")
		}
		if err := legacy(x, in); err != nil {
			return err
		}
	}
	return nil
}

// history finds the tensors among the arguments of a call.
func history(v spec.Value, in *[]call) error {
	switch v.Kind {
	case spec.List:
		for _, x := range v.Items {
			if err := history(x, in); err != nil {
				return err
			}
		}
	case spec.Map:
		class, config := classOf(v)
		if class == "__keras_tensor__" {
			h, _ := config.Get("keras_history")
			return legacy(h, in)
		}
		for _, e := range v.Entries {
			if err := history(e.Value, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// functional is a mapping of inputs, layers and outputs.
func (n *net) functional(config spec.Value, o format.Options) (spec.Value, []data.Field, error) {
	g := &graphOf{net: n, at: map[call]string{}, of: map[string]*used{}, lies: map[string]layout{}, ins: spec.Value{Kind: spec.Map}, entries: spec.Value{Kind: spec.List}, options: o,
		masks: map[string]string{}, made: map[call]string{}}
	if err := g.layers(config, "", &tree{count: map[string]int{}}, nil); err != nil {
		return spec.Value{}, nil, err
	}
	outs, err := ends(config, "output_layers")
	if err != nil {
		return spec.Value{}, nil, err
	}
	names := spec.Value{Kind: spec.List}
	for _, c := range outs {
		name, ok := g.at[c]
		if !ok {
			return spec.Value{}, nil, fmt.Errorf("output %q: no layer is called so", c.name)
		}
		if err := n.ends(g.lies[name]); err != nil {
			return spec.Value{}, nil, err
		}
		names.Items = append(names.Items, spec.Str(name))
	}
	text := format.Map("inputs", g.ins, "layers", g.entries, "outputs", names)
	if name, ok := config.Get("name"); ok {
		text = format.Map("name", name).With("inputs", g.ins).With("layers", g.entries).With("outputs", names)
	}
	return text, g.fields, nil
}

// ends lists the inputs or outputs of a functional model.
func ends(config spec.Value, key string) ([]call, error) {
	v, _ := config.Get(key)
	var out []call
	if err := legacy(v, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: the configuration names none", key)
	}
	return out, nil
}

// A graphOf collects the entries of a functional model, those of models within
// it, too.
type graphOf struct {
	*net
	at      map[call]string   // what a tensor is called in our model
	of      map[string]*used  // layers that were applied
	lies    map[string]layout // of our values
	masks   map[string]string // of our values, those that layers hand on
	made    map[call]string   // by operations
	ins     spec.Value
	entries spec.Value
	fields  []data.Field
	options format.Options
	depth   int
}

// A used layer may be applied once more.
type used struct {
	names  []string // what it is made of here, one after the other
	in     []layout
	before [][]int
	out    layout
}

// layers adds those of a model. Each is applied as soon as what it is applied to
// is there. given are the tensors that a model within another is applied to.
func (g *graphOf) layers(config spec.Value, prefix string, t *tree, given []string) error {
	if g.depth++; g.depth > 16 {
		return fmt.Errorf("models lie in models, deeper than 16")
	}
	defer func() { g.depth-- }()
	ends, err := ends(config, "input_layers")
	if err != nil {
		return err
	}
	type pending struct {
		layer spec.Value
		place string
		calls [][]call
		done  int
	}
	var wait []*pending
	list := layersOf(config)
	for i, l := range list {
		class, lc := classOf(l)
		place := t.next(class)
		name := nameOf(l)
		if class == "InputLayer" {
			k := slices.IndexFunc(ends, func(c call) bool { return c.name == name })
			switch {
			case given != nil && k >= 0 && k < len(given):
				g.at[call{prefix + name, 0}] = given[k]
				continue
			case given != nil:
				return fmt.Errorf("input %q of a model within the model is given nothing", name)
			}
			if err := g.input(lc, name, typeOf(list, i)); err != nil {
				return err
			}
			continue
		}
		calls, err := g.calls(l)
		if err != nil {
			return err
		}
		wait = append(wait, &pending{layer: l, place: place, calls: calls})
	}
	if given == nil { // in the order in which the model takes them
		slices.SortStableFunc(g.fields, func(a, b data.Field) int {
			at := func(f data.Field) int {
				return slices.IndexFunc(ends, func(c call) bool { return g.at[call{c.name, 0}] == f.Name })
			}
			return at(a) - at(b)
		})
		sorted := spec.Value{Kind: spec.Map}
		for _, f := range g.fields {
			x, _ := g.ins.Get(f.Name)
			sorted = sorted.With(f.Name, x)
		}
		g.ins = sorted
	}
	for moved := true; moved; {
		moved = false
		for _, p := range wait {
			for p.done < len(p.calls) {
				if class, _ := classOf(p.layer); makesMask(class) {
					mask, ready := g.operation(p.layer, prefix, p.done)
					if !ready {
						break
					}
					g.made[call{prefix + nameOf(p.layer), p.done}] = mask
					p.done++
					moved = true
					continue
				}
				if of, given := calledWith(p.layer, prefix, p.done); given && g.made[of] == "" {
					break
				}
				var from []string
				for _, c := range p.calls[p.done] {
					if name, ok := g.at[call{prefix + c.name, c.node}]; ok {
						from = append(from, name)
					}
				}
				if len(from) < len(p.calls[p.done]) {
					break
				}
				if err := g.apply(p.layer, prefix, p.place, p.done, from); err != nil {
					return err
				}
				if err := g.follow(p.layer, prefix, p.done, from, g.at[call{prefix + nameOf(p.layer), p.done}]); err != nil {
					return err
				}
				p.done++
				moved = true
			}
		}
	}
	for _, p := range wait {
		if p.done < len(p.calls) {
			if of, given := calledWith(p.layer, prefix, p.done); given && g.made[of] == "" {
				return &format.Unsupported{What: fmt.Sprintf("layer %q", nameOf(p.layer)), Msg: fmt.Sprintf("it is called with a mask, %q, that is none of Embedding or Masking; only these are read", of.name)}
			}
			for _, c := range p.calls[p.done] {
				if g.made[call{prefix + c.name, c.node}] != "" {
					return &format.Unsupported{What: fmt.Sprintf("layer %q", nameOf(p.layer)), Msg: fmt.Sprintf("it computes with a mask, %q, which are read where layers are called with them alone", c.name)}
				}
			}
			return fmt.Errorf("layer %q: what it is applied to is not there, or depends on it", nameOf(p.layer))
		}
	}
	return nil
}

func (g *graphOf) input(config spec.Value, name string, dt tensor.DType) error {
	var at layout
	s, ok := sample(inputShape(config))
	switch {
	case ok:
		s, at = g.given(s)
	case len(g.options.Inputs) == 1:
		if s = g.options.Inputs[0].Shape; g.first[len(s)] {
			at.turned = len(s)
		}
	default:
		return &format.Choice{Key: "input", Msg: fmt.Sprintf("input %q has no fixed shape: say it with input=, such as input=28x28", name)}
	}
	as := g.name(name)
	g.at[call{name, 0}], g.lies[as] = as, at
	g.ins = g.ins.With(as, format.List(s...))
	g.fields = append(g.fields, data.Field{Name: as, DType: dt, Shape: s})
	return nil
}

// apply adds use i of a layer.
func (g *graphOf) apply(l spec.Value, prefix, place string, i int, from []string) error {
	class, config := classOf(l)
	id := prefix + nameOf(l)
	switch class {
	case "Model", "Functional":
		if i > 0 {
			return &format.Unsupported{What: fmt.Sprintf("model %q", id), Msg: "a model within the model is applied more than once"}
		}
		at := len(g.parts)
		if err := g.layers(config, id+"/", &tree{path: place + "/", count: map[string]int{}}, from); err != nil {
			return err
		}
		g.nest(at, strings.SplitN(id, "/", 2)[0])
		outs, err := ends(config, "output_layers")
		if err != nil {
			return err
		}
		if len(outs) != 1 {
			return &format.Unsupported{What: fmt.Sprintf("model %q", id), Msg: fmt.Sprintf("a model within the model has %d outputs", len(outs))}
		}
		g.at[call{id, i}] = g.at[call{id + "/" + outs[0].name, outs[0].node}]
		return nil
	}
	var in []layout
	for _, f := range from {
		in = append(in, g.lies[f])
	}
	if i > 0 { // the same layer once more
		u := g.of[id]
		if !slices.Equal(u.in, in) {
			for _, v := range append(slices.Clone(u.in), in...) {
				if v.flat != "" {
					return inOrder{v.flat}
				}
			}
			return &format.Unsupported{What: fmt.Sprintf("layer %q", id), Msg: "it is applied to samples with channels first and to others"}
		}
		from = g.permuted(from, u.before)
		for k, of := range u.names {
			as := g.name(of)
			g.entries.Items = append(g.entries.Items, one("share", format.Map("of", of, "name", as).With("inputs", strs(from))))
			from = []string{as}
			if k == len(u.names)-1 {
				g.at[call{id, i}], g.lies[as] = as, u.out
			}
		}
		return nil
	}
	u := &used{in: in}
	var layers []spec.Value
	at := len(g.parts)
	if class == "Sequential" {
		if len(in) != 1 {
			return &format.Unsupported{What: fmt.Sprintf("model %q", id), Msg: fmt.Sprintf("a sequence within the model is given %d values", len(in))}
		}
		x, out, err := g.inner(l, "", place, in[0])
		if err != nil {
			return err
		}
		layers, u.out = []spec.Value{x}, out
	} else {
		x, err := g.layer(l, "", place, in)
		if err != nil {
			return err
		}
		layers, u.before, u.out = x.layers, x.before, x.out
	}
	if prefix != "" {
		g.nest(at, strings.SplitN(prefix, "/", 2)[0])
	}
	from = g.permuted(from, u.before)
	for _, x := range layers {
		if x.Kind == spec.String {
			x = spec.Value{Kind: spec.Map, Entries: []spec.Entry{{Key: x.Text, Value: spec.Value{Kind: spec.Map}}}}
		}
		fields := x.Entries[0].Value
		name, _ := fields.Get("name")
		x.Entries[0].Value = fields.With("inputs", strs(from))
		g.entries.Items = append(g.entries.Items, x)
		u.names, from = append(u.names, name.Text), []string{name.Text}
	}
	g.of[id], g.at[call{id, i}], g.lies[from[0]] = u, from[0], u.out
	return nil
}

func strs(list []string) spec.Value {
	v := spec.Value{Kind: spec.List}
	for _, s := range list {
		v.Items = append(v.Items, spec.Str(s))
	}
	return v
}

// permuted puts permutations behind values, where there are any.
func (g *graphOf) permuted(from []string, dims [][]int) []string {
	out := slices.Clone(from)
	for k, d := range dims {
		if d == nil {
			continue
		}
		x := g.permute(d)
		name, _ := x.Entries[0].Value.Get("name")
		x.Entries[0].Value = x.Entries[0].Value.With("inputs", strs(from[k:k+1]))
		g.entries.Items = append(g.entries.Items, x)
		out[k] = name.Text
	}
	return out
}

// losses are what the model was compiled with.
func (n *net) losses(v spec.Value, m nn.Model) ([]format.Output, error) {
	_, outs := m.Ports()
	var given, weights spec.Value
	if c, ok := v.Get("compile_config"); ok {
		given, _ = c.Get("loss")
		weights, _ = c.Get("loss_weights")
	} else if t := n.file.TrainingConfig(); t != "" {
		c, err := spec.ParseJSON("training_config", []byte(t))
		if err != nil {
			return nil, err
		}
		given, _ = c.Get("loss")
		weights, _ = c.Get("loss_weights")
	}
	var list []format.Output
	for i, p := range outs {
		at := func(v spec.Value) spec.Value {
			switch {
			case v.Kind == spec.List && i < len(v.Items):
				return v.Items[i]
			case v.Kind == spec.Map:
				if _, serialized := v.Get("class_name"); !serialized {
					x, _ := v.Get(p.Name)
					return x
				}
			}
			return v
		}
		l := at(given)
		if l.Kind == spec.Null {
			return nil, nil
		}
		lv, ok := named3(l, describeLosses)
		out := format.Output{Name: p.Name, Weight: 1}
		if !ok || spec.Decode(lv, &out.Loss) != nil {
			class, _ := classOf(l)
			if class == "" {
				class = l.Text
			}
			n.warn("the loss %q is no loss of Keras; say another with loss=", class)
			return nil, nil
		}
		if w := at(weights); w.Kind == spec.Number {
			if f, err := strconv.ParseFloat(w.Text, 64); err == nil {
				out.Weight = f
			}
		}
		list = append(list, out)
	}
	return list, nil
}

func describeLosses() []spec.NameDoc { return loss.Registry.Describe() }
