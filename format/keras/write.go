package keras

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// The versions of Keras whose words are written: .h5 those of Keras 2, which Keras
// 3 reads, too.
const (
	version2 = "2.15.0"
	version3 = "3.3.3"
)

func init() {
	for _, f := range []struct {
		as     Format
		ending string
	}{{H5, ".h5"}, {Weights, ".weights.h5"}, {Archive, ".keras"}} {
		format.RegisterExporter(format.Exporter{Name: named[f.as], Ending: f.ending,
			Write: func(w io.Writer, m *format.Model) (*format.Report, error) { return Write(w, m, f.as) },
			Check: check})
	}
}

// A written is a layer's weights as they are written.
type written struct {
	layer  string   // what Keras calls the layer
	top    string   // the layer of the outermost model that it lies in
	tree   string   // its place in the object graph
	from   []string // our parameters
	leaves []string
	values []*tensor.Tensor
}

// A speller puts a model into Keras' words.
type speller struct {
	model   *format.Model
	keras3  bool
	names   []string // of our parameters
	values  []*tensor.Tensor
	written []written
	tops    []string // layers of the outermost model
	report  *format.Report
}

// Write writes a model in the format H5, Weights or Archive: all its layers,
// the preprocessing first. What Keras has no layer for is a [*format.Unsupported].
// Equal models give equal bytes.
func Write(w io.Writer, m *format.Model, as Format) (*format.Report, error) {
	if as != H5 && as != Weights && as != Archive {
		return nil, fmt.Errorf("keras: files of the format %q are not written; %q, %q and %q are", as, H5, Weights, Archive)
	}
	s, config, err := spell(m, as)
	if err != nil {
		return nil, err
	}
	switch as {
	case H5:
		err = hdf5.Write(w, s.byName(config))
	case Weights:
		err = hdf5.Write(w, s.byNumber())
	default:
		err = s.archive(w, config)
	}
	return s.report, err
}

// spell makes the configuration, and lays out the weights.
func spell(m *format.Model, as Format) (*speller, spec.Value, error) {
	s := &speller{model: m, keras3: as != H5, report: &format.Report{Format: named[as]}}
	var none spec.Value
	if f, ok := m.Net.(nn.Functional); ok {
		return s.functional(f, none)
	}
	net, ok := m.Net.(nn.Sequential)
	if !ok || len(m.Data.Inputs) != 1 {
		return nil, none, &format.Unsupported{What: fmt.Sprintf("a model that is a %T of %d inputs", m.Net, len(m.Data.Inputs)), Msg: "for Keras sequences with one input are written, and models whose layers name theirs; .npz, .pt and .safetensors take others"}
	}
	var err error
	if s.names, s.values, err = format.Parameters(m); err != nil {
		return nil, none, err
	}
	taken := map[string]bool{"input": true}
	t := &tree{count: map[string]int{}}
	prep, err := s.list(m.Preprocess, "preprocess/", "", t, taken)
	if err != nil {
		return nil, none, err
	}
	// The net keeps its names; what stands before it gives way.
	items, err := s.list(net, "", "", t, taken)
	if err != nil {
		return nil, none, err
	}
	if err := s.complete(); err != nil {
		return nil, none, err
	}
	shape := batched(m.Data.Inputs[0].Shape)
	input := s.input("input", m.Data.Inputs[0])
	layers := spec.Value{Kind: spec.List, Items: slices.Concat([]spec.Value{input}, prep, items)}
	config := format.Map("name", "sequential").With("layers", layers).With("build_input_shape", shape)
	return s, s.object("Sequential", config), nil
}

// input is the layer that stands for an input of the model.
func (s *speller) input(name string, f data.Field) spec.Value {
	dtype := "float32"
	if !f.DType.IsFloat() && f.DType != tensor.Uint8 {
		dtype = "int32"
	}
	key := "batch_input_shape"
	if s.keras3 {
		key = "batch_shape"
	}
	return s.object("InputLayer", format.Map(key, batched(f.Shape), "dtype", dtype, "name", name))
}

// functional spells a model whose layers name their inputs.
func (s *speller) functional(f nn.Functional, none spec.Value) (*speller, spec.Value, error) {
	ins, outs := f.Ports()
	fields, _, err := format.Fields(f, s.model.Data)
	if err != nil {
		return nil, none, err
	}
	if len(s.model.Preprocess) > 0 && len(ins) > 1 {
		return nil, none, &format.Unsupported{What: "a model with several inputs and preprocessing", Msg: "this version does not write that for Keras; .npz, .pt and .safetensors take it"}
	}
	if s.names, s.values, err = format.Parameters(s.model); err != nil {
		return nil, none, err
	}
	layers := spec.Value{Kind: spec.List}
	// A use is one of a layer, which may be applied more than once.
	type use struct {
		layer string
		node  int
	}
	taken, at, t := map[string]bool{}, map[string]use{}, &tree{count: map[string]int{}}
	nodes := func(uses ...use) spec.Value {
		out := spec.Value{Kind: spec.List}
		for _, u := range uses {
			out.Items = append(out.Items, spec.Value{Kind: spec.List, Items: []spec.Value{spec.Str(u.layer), spec.Num(float64(u.node)), spec.Num(0)}})
		}
		return out
	}
	// chain applies the layers that one of ours became, which are added where they are new, and
	// gives what the last one makes.
	chain := func(items []spec.Value, from []use) use {
		for _, x := range items {
			_, c := classOf(x)
			n, _ := c.Get("name")
			in := nodes(from...)
			for i := range in.Items {
				in.Items[i].Items = append(in.Items[i].Items, spec.Value{Kind: spec.Map})
			}
			i := slices.IndexFunc(layers.Items, func(l spec.Value) bool { m, _ := l.Get("name"); return m.Text == n.Text })
			if i < 0 {
				i = len(layers.Items)
				layers.Items = append(layers.Items, x.With("name", n).With("inbound_nodes", spec.Value{Kind: spec.List}))
			}
			inbound, _ := layers.Items[i].Get("inbound_nodes")
			from = []use{{n.Text, len(inbound.Items)}}
			inbound.Items = append(slices.Clone(inbound.Items), in)
			layers.Items[i] = layers.Items[i].Without("inbound_nodes").With("inbound_nodes", inbound)
		}
		return from[0]
	}
	var first []use
	for i, p := range ins {
		name := fresh(p.Name, taken)
		at[p.Name] = use{layer: name}
		first = append(first, at[p.Name])
		layers.Items = append(layers.Items, s.input(name, s.model.Data.Inputs[fields[i]]).With("name", spec.Str(name)).With("inbound_nodes", spec.Value{Kind: spec.List}))
	}
	var list nn.Sequential
	for i, e := range f.Layers {
		if e.Share != "" {
			continue
		}
		if kind := nn.KindOf(e.Layer); len(e.Inputs) > 1 && (recurrent(kind) || kind == "bidirectional") {
			return nil, none, unspelled(nn.NameOf(e.Layer), kind, "it begins with states that other layers make, which this version does not write for Keras")
		}
		list = append(list, f.Layers[i].Layer)
	}
	names, err := nn.Names(list)
	if err != nil {
		return nil, none, err
	}
	for _, n := range names { // what stands before the net gives way to its names
		taken[n] = true
	}
	prep, err := s.groups(s.model.Preprocess, "preprocess/", "", t, taken)
	if err != nil {
		return nil, none, err
	}
	for _, g := range prep {
		at[ins[0].Name] = chain(g, []use{at[ins[0].Name]})
	}
	for _, n := range names {
		delete(taken, n)
	}
	groups, err := s.groups(list, "", "", t, taken)
	if err != nil {
		return nil, none, err
	}
	last := ins[0].Name
	own := map[string][]spec.Value{} // what became of each of our layers
	for k, n := range names {
		own[n] = groups[k]
	}
	auto := map[string]int{}
	for _, e := range f.Layers {
		of, name := e.Share, e.Name
		if of == "" {
			name, names = names[0], names[1:]
			of = name
		} else if name == "" { // as a trace calls it
			auto[of]++
			name = of + "_" + strconv.Itoa(auto[of])
		}
		var from []use
		for _, n := range e.Inputs {
			from = append(from, at[n])
		}
		if len(from) == 0 {
			from = []use{at[last]}
		}
		if len(own[of]) == 0 && len(from) > 0 {
			at[name] = from[0]
		} else {
			at[name] = chain(own[of], from)
		}
		last = name
	}
	if err := s.complete(); err != nil {
		return nil, none, err
	}
	var ends []use
	if len(f.Out) == 0 {
		ends = []use{at[last]}
	} else {
		for _, p := range outs {
			ends = append(ends, at[p.Name])
		}
	}
	config := format.Map("name", cmp.Or(f.Name, "model")).With("layers", layers).With("input_layers", nodes(first...)).With("output_layers", nodes(ends...))
	return s, s.object("Functional", config), nil
}

// batched is a sample's shape with the batch's axis before it.
func batched(shape tensor.Shape) spec.Value {
	v := format.List(shape...)
	v.Kind = spec.List
	v.Items = append([]spec.Value{{}}, v.Items...)
	return v
}

// object is a serialized layer.
func (s *speller) object(class string, config spec.Value) spec.Value {
	v := spec.Value{Kind: spec.Map}
	if s.keras3 {
		module := "keras.layers"
		switch class {
		case "Sequential":
			module = "keras"
		case "Functional":
			module = "keras.src.models.functional"
		}
		v = v.With("module", spec.Str(module))
	}
	v = v.With("class_name", spec.Str(class)).With("config", config)
	if s.keras3 {
		v = v.With("registered_name", spec.Value{})
	}
	return v
}

// list spells layers. Their parameters' names begin with path; top is the layer of
// the outermost model, empty there.
func (s *speller) list(layers nn.Sequential, path, top string, t *tree, taken map[string]bool) ([]spec.Value, error) {
	groups, err := s.groups(layers, path, top, t, taken)
	return slices.Concat(groups...), err
}

// groups are what each of the layers becomes: one layer of Keras, two, or none.
func (s *speller) groups(layers nn.Sequential, path, top string, t *tree, taken map[string]bool) ([][]spec.Value, error) {
	names, err := nn.Names(layers)
	if err != nil {
		return nil, err
	}
	out := make([][]spec.Value, len(layers))
	for i, l := range layers {
		v, err := spec.Encode(l)
		if err != nil {
			return nil, err
		}
		kind, fields := v.Text, spec.Value{Kind: spec.Map}
		if v.Kind == spec.Map && len(v.Entries) == 1 {
			kind, fields = v.Entries[0].Key, v.Entries[0].Value
		}
		if kind == "input" {
			continue
		}
		name := fresh(names[i], taken)
		outer := cmp.Or(top, name)
		prefix := path + names[i] + "/"
		if b, ok := l.(nn.Block); ok && kind == "sequential" {
			if top == "" {
				s.tops = append(s.tops, name)
			}
			place := t.next("Sequential")
			inner, err := s.list(b.Layers, prefix, outer, &tree{path: place + "/", count: map[string]int{}}, map[string]bool{})
			if err != nil {
				return nil, err
			}
			out[i] = []spec.Value{s.object("Sequential", format.Map("name", name).With("layers", spec.Value{Kind: spec.List, Items: inner}))}
			continue
		}
		items, err := s.layer(kind, name, fields, prefix, outer, t, taken)
		if err != nil {
			return nil, err
		}
		out[i] = items
		if top == "" {
			for _, x := range items {
				_, c := classOf(x)
				n, _ := c.Get("name")
				s.tops = append(s.tops, n.Text)
			}
		}
	}
	return out, nil
}

// fresh is a name that is not taken yet.
func fresh(name string, taken map[string]bool) string {
	as := name
	for i := 1; taken[as]; i++ {
		as = name + "_" + strconv.Itoa(i)
	}
	taken[as] = true
	return as
}

// layer spells a layer, and behind it as one of its own an activation that is more
// than a name.
func (s *speller) layer(kind, name string, fields spec.Value, prefix, top string, t *tree, taken map[string]bool) ([]spec.Value, error) {
	fields = fields.Without("name")
	a, _ := fields.Get("activation")
	if _, isLayer := layerKinds()[kind]; !isLayer { // the kind is an activation's name
		a = fields.With("name", spec.Str(kind))
		kind = "activation"
	}
	if pads, rest, ok := padded(kind, fields); ok { // by a layer of its own
		as := fresh(name+"_padding", taken)
		outer := top
		if top == name {
			outer = as
		}
		before, err := s.layer("zero_padding"+kind[len(kind)-2:], as, format.Map("padding", pads), as+"/", outer, t, taken)
		if err != nil {
			return nil, err
		}
		items, err := s.layer(kind, name, rest, prefix, top, t, taken)
		return append(before, items...), err
	} else if rest.Kind == spec.Map {
		fields = rest
	}
	var after spec.Value
	config := format.Map("name", name)
	class := classes[kind]
	switch {
	case kind == "activation":
		var err error
		if class, config, err = s.activation(name, a); err != nil {
			return nil, err
		}
	case class == "":
		return nil, unspelled(name, kind, "Keras has no layer for it that this version writes")
	default:
		for _, e := range fields.Entries {
			if _, ok := s.function(e.Value); e.Key == "activation" && !ok && !recurrent(kind) {
				after = e.Value
				continue
			}
			v, err := s.field(name, kind, e.Key, e.Value)
			if err != nil {
				return nil, err
			}
			if v.Kind != spec.Null {
				config = config.With(e.Key, v)
			}
		}
	}
	place := t.next(class)
	w := written{layer: name, top: top, tree: place}
	if recurrent(kind) {
		w.tree += "/cell"
	}
	split := -1
	for i, n := range s.names {
		leaf, ok := strings.CutPrefix(n, prefix)
		switch {
		case !ok:
			continue
		case strings.Contains(leaf, "/"):
			return nil, unspelled(name, kind, "layers lie in it, and this version writes it without them")
		case leaf == "alpha" && after.Kind != spec.Null:
			split = i
			continue
		}
		w.from, w.leaves, w.values = append(w.from, n), append(w.leaves, leaf), append(w.values, s.values[i])
	}
	switch kind {
	case "batch_normalization", "layer_normalization", "group_normalization":
		switch kind {
		case "batch_normalization":
			config = withDefault(config, "momentum", 0.99)
		case "group_normalization":
			config = withDefault(config, "groups", 32)
		}
		config = withDefault(config, "epsilon", 0.001)
	case "lstm", "gru", "simple_rnn":
		for _, own := range [][2]string{{"cell_clip", "its state is cut at each step"}, {"peephole", "its gates see the cell's state"}, {"return_cell", "it gives the cell's state beside the output"},
			{"learn_state", "it has learned the state that it begins with"}, {"gate_clip", "what goes into its gates is cut"}, {"proj_size", "its output is projected"}} {
			if _, ok := config.Get(own[0]); ok {
				return nil, unspelled(name, kind, own[1]+", which Keras' layer does not do")
			}
		}
		if _, ok := config.Get("reset_after"); kind == "gru" && !ok { // Keras 2 and 3 do, Keras 1 did not
			config = config.With("reset_after", spec.Value{Kind: spec.Bool, Text: "true"})
		}
	case "standardize":
		config = config.Without("floor") // Keras has its own
		if _, ok := config.Get("axis"); !ok {
			if len(w.values) == 0 || len(w.values[0].Shape()) != 1 {
				return nil, unspelled(name, kind, "it standardizes each element of samples with several axes, Keras' Normalization each channel, as axis=-1 does; or flatten the samples before it")
			}
			config = config.With("axis", spec.Num(-1))
		}
		w.leaves, w.values = append(w.leaves, "count"), append(w.values, tensor.New(tensor.Int64))
	}
	s.written = append(s.written, w)
	if strings.HasSuffix(kind, "dropout") || kind == "gaussian_noise" {
		s.written = append(s.written, written{tree: place + "/seed_generator", leaves: []string{"seed"}, values: []*tensor.Tensor{tensor.New(tensor.Int64, 2)}})
	}
	out := []spec.Value{s.object(class, config)}
	if after.Kind == spec.Null {
		return out, nil
	}
	as := fresh(name+"_activation", taken)
	class, config, err := s.activation(as, after)
	if err != nil {
		return nil, err
	}
	if top == name {
		top = as
	}
	w = written{layer: as, top: top, tree: t.next(class)}
	if split >= 0 {
		w.from, w.leaves, w.values = s.names[split:split+1], []string{"alpha"}, s.values[split:split+1]
	}
	s.written = append(s.written, w)
	return append(out, s.object(class, config)), nil
}

// padded takes the padding of a convolution by numbers apart, which Keras has a layer for; what
// is that of "same" is called so.
func padded(kind string, fields spec.Value) (pads, rest spec.Value, ok bool) {
	v, has := fields.Get("padding")
	if !has || !strings.Contains(kind, "conv") || strings.HasSuffix(kind, "transpose") || v.Text == "valid" || v.Text == "same" || v.Text == "causal" {
		return pads, rest, false
	}
	axes := int(kind[len(kind)-2] - '0')
	sizes := func(key string) []int {
		text, _ := fields.Get(key)
		shape, err := tensor.ParseShape(cmp.Or(text.Text, "1"))
		if text.Kind == spec.List {
			shape, err = nil, nil
			for _, x := range text.Items {
				n, e := strconv.Atoi(x.Text)
				shape, err = append(shape, n), errors.Join(err, e)
			}
		}
		if err != nil || len(shape) == 0 {
			return nil
		}
		for len(shape) < axes {
			shape = append(shape, shape[0])
		}
		return shape
	}
	size, strides, dilation := sizes("kernel_size"), sizes("strides"), sizes("dilation_rate")
	each := sides(v, axes)
	if axes == 1 {
		each = spec.Value{Kind: spec.List, Items: []spec.Value{each}}
	}
	same := len(size) == axes && len(strides) == axes && len(dilation) == axes
	for i := 0; same && i < axes; i++ {
		want := strconv.Itoa((size[i] - 1) * dilation[i] / 2)
		pair := each.Items[i].Items
		same = strides[i] == 1 && (size[i]-1)*dilation[i]%2 == 0 && len(pair) == 2 && pair[0].Text == want && pair[1].Text == want
	}
	if same {
		return pads, fields.Without("padding").With("padding", spec.Str("same")), false
	}
	return v, fields.Without("padding"), true
}

// layerKinds are the kinds of layers that are not activations.
var layerKinds = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, d := range nn.Layers.Describe() {
		out[d.Name] = true
	}
	return out
})

func unspelled(name, kind, why string) error {
	return &format.Unsupported{What: fmt.Sprintf("layer %q (%s)", name, kind), Msg: why + "; .npz, .pt and .safetensors take it"}
}

// withDefault puts a key behind all others, with what it is without being said.
func withDefault(config spec.Value, key string, v float64) spec.Value {
	x, ok := config.Get(key)
	if !ok {
		x = spec.Num(v)
	}
	return config.Without(key).With(key, x)
}

// function is the activation's name in Keras, if Keras has it as a function.
func (s *speller) function(v spec.Value) (string, bool) {
	name := v.Text
	if v.Kind == spec.Map {
		n, _ := v.Get("name")
		if name = n.Text; len(v.Entries) > 1 {
			return name, false
		}
	}
	if name == "hard_sigmoid_keras2" && !s.keras3 {
		return "hard_sigmoid", true
	}
	only3, ok := functions[name]
	return name, ok && (s.keras3 || !only3)
}

// activation spells one as a layer of its own.
func (s *speller) activation(name string, v spec.Value) (class string, config spec.Value, err error) {
	config = format.Map("name", name)
	kind, ok := s.function(v)
	if ok {
		return "Activation", config.With("activation", spec.Str(kind)), nil
	}
	get := func(key string, or float64) spec.Value {
		if x, ok := v.Get(key); ok {
			return x
		}
		return spec.Num(or)
	}
	switch kind {
	case "elu":
		return "ELU", config.With("alpha", get("alpha", 1)), nil
	case "leaky_relu":
		key := "alpha"
		if s.keras3 {
			key = "negative_slope"
		}
		return "LeakyReLU", config.With(key, get("negative_slope", 0.2)), nil
	case "prelu":
		init, ok := v.Get("alpha_initializer")
		if !ok {
			init = format.Map("name", "constant").With("value", spec.Num(0.25))
		}
		x, err := s.field(name, kind, "alpha_initializer", init)
		if err != nil {
			return "", config, err
		}
		config = config.With("alpha_initializer", x)
		if axes, ok := v.Get("shared_axes"); ok {
			config = config.With("shared_axes", axes)
		}
		return "PReLU", config, nil
	case "relu", "relu6", "thresholded_relu":
		for _, f := range []struct {
			key string
			or  float64
		}{{"max_value", 6}, {"negative_slope", 0}, {"threshold", 1}} {
			x, ok := v.Get(f.key)
			if kind == "relu6" && f.key == "max_value" || kind == "thresholded_relu" && f.key == "threshold" {
				x, ok = get(f.key, f.or), true
			}
			if ok {
				config = config.With(f.key, x)
			}
		}
		return "ReLU", config, nil
	}
	of := "Keras 2, whose words .h5 files are written in,"
	if s.keras3 {
		of = "Keras"
	}
	return "", config, unspelled(name, kind, of+" has no such activation")
}

// field spells a field of a layer; null leaves it out.
func (s *speller) field(name, kind, key string, v spec.Value) (spec.Value, error) {
	axes := 1
	if n := len(kind); n > 2 && kind[n-1] == 'd' && kind[n-2] >= '1' && kind[n-2] <= '3' {
		axes = int(kind[n-2] - '0')
	} else if strings.HasSuffix(kind, "d_transpose") {
		axes = int(kind[strings.Index(kind, "d_transpose")-1] - '0')
	}
	switch {
	case strings.HasSuffix(key, "_initializer"), strings.HasSuffix(key, "_regularizer"), strings.HasSuffix(key, "_constraint"):
		is := v.Text
		if n, ok := v.Get("name"); ok {
			is = n.Text
		}
		class := objects[is]
		if class == "" {
			s.report.Warnings = append(s.report.Warnings, fmt.Sprintf("layer %q: its %s, %s, is none of Keras'; it matters for training alone and is left out", name, key, is))
			return spec.Value{}, nil
		}
		params := spec.Value{Kind: spec.Map}
		if v.Kind == spec.Map {
			params = v.Without("name")
		}
		return format.Map("class_name", class).With("config", params), nil
	case key == "masks":
		if s.keras3 != (v.Text == "any") {
			return v, unspelled(name, kind, fmt.Sprintf("masks=%s: of inputs whose masks differ the steps count that do in all of them in Keras 2, and in any of them in Keras 3", v.Text))
		}
		return spec.Value{}, nil
	case key == "activation", key == "recurrent_activation":
		f, ok := s.function(v)
		if !ok {
			return v, unspelled(name, kind, fmt.Sprintf("%s=%s has no name in Keras", key, v.JSON()))
		}
		return spec.Str(f), nil
	case key == "padding" && strings.HasPrefix(kind, "zero_padding"), key == "cropping":
		return sides(v, axes), nil
	case key == "padding":
		if v.Text != "valid" && v.Text != "same" && v.Text != "causal" {
			return v, unspelled(name, kind, fmt.Sprintf("padding=%s: Keras has valid and same; put a zero_padding layer before it", v.JSON()))
		}
		return v, nil
	case key == "ceil_mode", key == "count_include_pad", key == "dilation_rate" && strings.Contains(kind, "pooling"), key == "groups" && strings.Contains(kind, "transpose"):
		if t := v.Text; t == "1" || t == "false" {
			return spec.Value{}, nil
		}
		return v, unspelled(name, kind, fmt.Sprintf("%s=%s is nothing that Keras' layer can do", key, v.JSON()))
	case v.Kind == spec.String && (key == "kernel_size" || key == "strides" || key == "pool_size" || key == "dilation_rate" || key == "size" || key == "output_padding" || key == "target_shape"):
		shape, err := tensor.ParseShape(v.Text)
		if err != nil {
			return v, err
		}
		for key != "target_shape" && len(shape) == 1 && len(shape) < axes {
			shape = slices.Repeat(shape, axes)
		}
		return format.List(shape...), nil
	case v.Kind == spec.String:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return spec.Num(f), nil
		}
	}
	return v, nil
}

// sides are numbers before and after each axis, as pairs.
func sides(v spec.Value, axes int) spec.Value {
	pair := func(x spec.Value) spec.Value {
		if x.Kind != spec.List {
			return spec.Value{Kind: spec.List, Items: []spec.Value{x, x}}
		}
		return x
	}
	if axes == 1 {
		if v.Kind == spec.List && len(v.Items) == 1 {
			v = v.Items[0]
		}
		return pair(v)
	}
	out := spec.Value{Kind: spec.List}
	for i := range axes {
		x := v
		if v.Kind == spec.List {
			x = v.Items[min(i, len(v.Items)-1)]
		}
		out.Items = append(out.Items, pair(x))
	}
	return out
}

// complete holds that every parameter is written, and links them.
func (s *speller) complete() error {
	n := 0
	for _, w := range s.written {
		for i, from := range w.from {
			n++
			s.report.Tensors = append(s.report.Tensors, format.Link{From: from, To: w.layer + "/" + w.leaves[i]})
		}
	}
	if n != len(s.names) {
		return fmt.Errorf("keras: %d of %d parameters have a place in the file", n, len(s.names))
	}
	return nil
}

// byName lays out an .h5 file.
func (s *speller) byName(config spec.Value) *hdf5.Node {
	root := &hdf5.Node{}
	root.Set("model_config", string(config.JSON()))
	root.Set("keras_version", version2)
	root.Set("backend", "tensorflow")
	if l := s.loss(config); l.Kind != spec.Null {
		// Keras wants an optimizer beside the loss: its own default.
		opt := format.Map("class_name", "RMSprop").With("config", format.Map("name", "RMSprop").With("learning_rate", spec.Num(0.001)))
		root.Set("training_config", string(format.Map("loss", l, "metrics", spec.Value{Kind: spec.List}).With("optimizer_config", opt).JSON()))
	}
	top := root.Group("model_weights")
	top.Set("layer_names", hdf5.Fixed(s.tops))
	top.Set("keras_version", version2)
	top.Set("backend", "tensorflow")
	for _, layer := range s.tops {
		g := top.Group(layer)
		var names []string
		for _, stat := range []bool{false, true} { // statistics stand behind all weights
			for _, w := range s.written {
				if w.layer == "" || w.top != layer {
					continue
				}
				for i, leaf := range w.leaves {
					if strings.HasPrefix(leaf, "moving_") != stat {
						continue
					}
					name := w.layer + "/" + leaf + ":0"
					names = append(names, name)
					g.Put(name, w.values[i])
				}
			}
		}
		if len(names) == 0 { // as NumPy writes no names
			g.Set("weight_names", tensor.New(tensor.Float64, 0))
			continue
		}
		g.Set("weight_names", hdf5.Fixed(names))
	}
	return root
}

// byNumber lays out a .weights.h5 file.
func (s *speller) byNumber() *hdf5.Node {
	root := &hdf5.Node{}
	root.Group("vars")
	root.Group("layers")
	for _, w := range s.written {
		vars := root.Group(w.tree + "/vars")
		if w.layer != "" {
			vars.Set("name", w.layer)
		}
		for i, v := range w.values {
			vars.Put(strconv.Itoa(i), v)
		}
	}
	return root
}

// archive writes a .keras file. Its date is that of no day: equal models give equal
// bytes.
func (s *speller) archive(w io.Writer, config spec.Value) error {
	shape, _ := config.Get("config")
	shape, _ = shape.Get("build_input_shape")
	if shape.Kind != spec.Null {
		config = config.With("build_config", format.Map("input_shape", shape))
	}
	if l := s.loss(config); l.Kind != spec.Null {
		config = config.With("compile_config", format.Map("loss", l))
	}
	var weights bytes.Buffer
	if err := hdf5.Write(&weights, s.byNumber()); err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, e := range []struct {
		name string
		raw  []byte
	}{
		{metadataName, format.Map("keras_version", version3, "date_saved", "1980-01-01@00:00:00").JSON()},
		{configName, config.JSON()},
		{weightsName, weights.Bytes()},
	} {
		f, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err == nil {
			_, err = f.Write(e.raw)
		}
		if err != nil {
			return fmt.Errorf("keras: write %s: %w", e.name, err)
		}
	}
	return z.Close()
}

// loss is the model's loss in Keras' words, null where Keras has none such.
func (s *speller) loss(config spec.Value) spec.Value {
	if len(s.model.Losses) != 1 {
		return spec.Value{}
	}
	v, err := spec.Encode[loss.Loss](s.model.Losses[0].Loss)
	if err != nil {
		return spec.Value{}
	}
	name, c := v.Text, spec.Value{Kind: spec.Map}
	if n, ok := v.Get("name"); ok {
		name, c = n.Text, v.Without("name")
	}
	class := objects[name]
	if class == "" {
		s.report.Warnings = append(s.report.Warnings, fmt.Sprintf("the loss %q is left out: Keras has none of that name", name))
		return spec.Value{}
	}
	if strings.HasSuffix(name, "cross_entropy") {
		// Logits, unless the net ends in a softmax or sigmoid.
		net, _ := config.Get("config")
		layers, _ := net.Get("layers")
		_, last := classOf(layers.Items[len(layers.Items)-1])
		a, _ := last.Get("activation")
		logits := a.Text != "softmax" && a.Text != "sigmoid"
		if _, said := c.Get("from_logits"); !said {
			c = c.With("from_logits", spec.Value{Kind: spec.Bool, Text: strconv.FormatBool(logits)})
		}
	}
	out := spec.Value{Kind: spec.Map}
	if s.keras3 {
		out = out.With("module", spec.Str("keras.losses"))
	}
	out = out.With("class_name", spec.Str(class)).With("config", c)
	if s.keras3 {
		out = out.With("registered_name", spec.Value{})
	}
	return out
}

// check reads a file that Write wrote, as the model that its configuration
// describes, and compares it with the one that was written.
func check(path string, m *format.Model) (int, error) {
	k, err := Open(path)
	if err != nil {
		return 0, err
	}
	s, config, err := spell(m, k.Format())
	if err != nil {
		k.Close()
		return 0, err
	}
	if k.Format() == Weights { // which has none
		k.config, k.version = string(config.JSON()), version3
	}
	f := k.describe()
	f.Path = path
	defer f.Close()
	back, _, err := f.Import(format.Options{Float: m.Params.Float()})
	if err != nil {
		return 0, err
	}
	names, values, err := format.Parameters(back)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, w := range s.written {
		for i, from := range w.from {
			if n == len(names) {
				return n, fmt.Errorf("read back, the file has nothing for %q", from)
			}
			if err := format.Same(from, w.values[i], values[n]); err != nil {
				return n, fmt.Errorf("%w (%q there)", err, names[n])
			}
			n++
		}
	}
	if n != len(names) {
		return n, fmt.Errorf("read back, the file has %q beside what was written", names[n])
	}
	return n, nil
}
