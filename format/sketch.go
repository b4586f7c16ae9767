package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Sketch is a network that a format draws layer by layer, each with the tensors
// that its parameters are made of. Values are named by the input or layer that they
// come from.
type Sketch struct {
	Inputs []data.Field
	Layers []*Sketched
	taken  map[string]bool
	next   map[string]int // the number that a name which is taken is tried with next

	// Of the first so many layers: each by its name, and the values that they take.
	known int
	named map[string]*Sketched
	used  map[string]bool
}

// Bias is the kind of a layer that adds a vector along the last axis, its part bias.
// Fuse makes it part of the layer before it, or a layer of its own, which keeps the field
// trainable.
const Bias = "+bias"

// A Sketched is a layer of a Sketch.
type Sketched struct {
	Kind, Name string
	Fields     spec.Value
	In         []string
	Parts      []Part
	shares     string // the layer before it that is applied once more in its place
}

// A Part is a parameter of a layer, such as kernel, and the tensors that it is made of.
type Part struct {
	Leaf string
	From []string
	Make Turn
	Move *Move // in the place of Make
}

// Input adds an input of that shape, one sample's, and gives its name.
func (s *Sketch) Input(name string, shape tensor.Shape) string {
	name = s.Name(name)
	s.Inputs = append(s.Inputs, data.Field{Name: name, DType: tensor.Float32, Shape: shape.Clone()})
	return name
}

// Add adds a layer and gives it. The name is changed where it is taken, or has what
// names of layers cannot have.
func (s *Sketch) Add(kind, name string, fields spec.Value, in []string, parts ...Part) *Sketched {
	fields.Kind = spec.Map
	l := &Sketched{Kind: kind, Name: s.Name(name), Fields: fields, In: in, Parts: parts}
	s.Layers = append(s.Layers, l)
	return l
}

// Layer is the layer of a name, nil where it is an input.
func (s *Sketch) Layer(name string) *Sketched {
	s.look()
	return s.named[name]
}

// Used reports whether a layer takes the value of that name.
func (s *Sketch) Used(name string) bool {
	s.look()
	return s.used[name]
}

// look has what is known of layers include those that were added since.
func (s *Sketch) look() {
	if s.known > len(s.Layers) || s.named == nil {
		s.known, s.named, s.used = 0, map[string]*Sketched{}, map[string]bool{}
	}
	for _, l := range s.Layers[s.known:] {
		s.named[l.Name] = l
		for _, in := range l.In {
			s.used[in] = true
		}
	}
	s.known = len(s.Layers)
}

// changed has all layers looked at anew.
func (s *Sketch) changed() { s.named = nil }

// Taken reports whether a layer or input has that name.
func (s *Sketch) Taken(name string) bool { return s.taken[name] }

// Name makes a name that no other layer has of one that a file has, and takes it.
func (s *Sketch) Name(want string) string {
	want = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '.':
			return '.'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return r
		}
		return '_'
	}, want)
	if want = strings.Trim(want, "."); want == "" {
		want = "layer"
	}
	name := want
	if s.taken == nil {
		s.taken, s.next = map[string]bool{}, map[string]int{}
	}
	for s.taken[name] {
		s.next[want]++
		name = fmt.Sprintf("%s_%d", want, s.next[want])
	}
	s.taken[name] = true
	return name
}

// Has reports whether a layer has a parameter.
func (l *Sketched) Has(leaf string) bool {
	return slices.ContainsFunc(l.Parts, func(p Part) bool { return p.Leaf == leaf })
}

// kernels are the layers that take a bias and an activation.
var kernels = map[string]bool{"dense": true, "conv1d": true, "conv2d": true, "conv3d": true, "depthwise_conv1d": true, "depthwise_conv2d": true,
	"conv1d_transpose": true, "conv2d_transpose": true, "conv3d_transpose": true, "separable_conv1d": true, "separable_conv2d": true}

// Fuse makes biases and activations part of the layers before them, where nobody else
// takes these' results, and drops the layers that no output needs. Outputs that become
// part of another layer get its name.
func (s *Sketch) Fuse(outs []string) {
	s.keep(outs)
	users, weighs := map[string]int{}, map[string]int{}
	for _, l := range s.Layers {
		for _, in := range l.In {
			users[in]++
		}
		for _, p := range l.Parts {
			for _, from := range p.From {
				weighs[from]++
			}
		}
	}
	// A layer that is applied more than once has its activation outside: it may be another one
	// each time.
	again := func(l *Sketched) bool {
		return slices.ContainsFunc(l.Parts, func(p Part) bool {
			return slices.ContainsFunc(p.From, func(from string) bool { return weighs[from] > 1 })
		})
	}
	for _, o := range outs {
		users[o]++
	}
	by, alias := map[string]*Sketched{}, map[string]string{}
	var kept []*Sketched
	for _, l := range s.Layers {
		for i, in := range l.In {
			if a, ok := alias[in]; ok {
				l.In[i] = a
			}
		}
		var before *Sketched
		if len(l.In) == 1 {
			before = by[l.In[0]]
		}
		own := before != nil && users[l.In[0]] == 1
		if own && l.follows(before) {
			alias[l.Name] = before.Name
			users[before.Name] = users[l.Name]
			continue
		}
		active := false
		if own {
			_, active = before.Fields.Get("activation")
		}
		switch {
		case l.Kind == Bias && own && !active && kernels[before.Kind] && !before.Has("bias"):
			before.Fields = before.Fields.Without("use_bias")
			before.Parts = append(before.Parts, l.Parts...)
		case l.Kind == Bias:
			l.Kind, l.Fields = "affine", l.Fields.With("scale", spec.Flag(false))
			for i := range l.Parts {
				l.Parts[i].Leaf = "beta"
			}
			if own && l.follows(before) {
				break
			}
			kept, by[l.Name] = append(kept, l), l
			continue
		case l.Kind == "activation" && own && !active && kernels[before.Kind] && len(l.Parts) == 0 && !again(before):
			a, _ := l.Fields.Get("activation")
			before.Fields = before.Fields.With("activation", a)
		default:
			kept, by[l.Name] = append(kept, l), l
			continue
		}
		alias[l.Name] = before.Name
		users[before.Name] = users[l.Name]
	}
	s.Layers = kept
	s.changed()
	for i, o := range outs {
		if a, ok := alias[o]; ok {
			outs[i] = a
		}
	}
}

// follows makes one layer of two where both are halves of it: a factor and an offset.
func (l *Sketched) follows(before *Sketched) bool {
	field := func(l *Sketched, key string) string {
		v, _ := l.Fields.Get(key)
		return string(v.JSON())
	}
	switch {
	case l.Kind != before.Kind:
	case l.Kind == "affine" && field(l, "axes") == field(before, "axes") && field(l, "trainable") == field(before, "trainable") && !before.Has("beta") && !l.Has("gamma"):
		before.Fields = before.Fields.Without("center")
		before.Parts = append(before.Parts, l.Parts...)
		return true
	case l.Kind == "rescaling" && field(l, "scale") == "1" && field(before, "offset") == "0":
		offset, _ := l.Fields.Get("offset")
		before.Fields = before.Fields.Without("offset").With("offset", offset)
		return true
	}
	return false
}

// keep drops the layers that no output needs.
func (s *Sketch) keep(outs []string) {
	need := map[string]bool{}
	for _, o := range outs {
		need[o] = true
	}
	for i := len(s.Layers) - 1; i >= 0; i-- {
		if l := s.Layers[i]; need[l.Name] {
			for _, in := range l.In {
				need[in] = true
			}
		}
	}
	s.Layers = slices.DeleteFunc(s.Layers, func(l *Sketched) bool { return !need[l.Name] })
	s.changed()
	s.Inputs = slices.DeleteFunc(s.Inputs, func(f data.Field) bool { return !need[f.Name] })
}

// text is the network in the words of nn: a list where each layer takes what the one
// before gives, else a mapping.
func (s *Sketch) text(outs []string) spec.Value {
	layers := spec.Value{Kind: spec.List, Items: make([]spec.Value, 0, len(s.Layers)+1)}
	plain := len(s.Inputs) == 1 && len(outs) == 1
	if plain {
		last := s.Inputs[0].Name
		for _, l := range s.Layers {
			plain = plain && len(l.In) == 1 && l.In[0] == last && l.shares == ""
			last = l.Name
		}
		plain = plain && last == outs[0]
	}
	if plain {
		layers.Items = append(layers.Items, Map("input", Map("shape", s.Inputs[0].Shape)))
	}
	names := func(of []string) spec.Value {
		v := spec.Value{Kind: spec.List}
		for _, n := range of {
			v.Items = append(v.Items, spec.Str(n))
		}
		return v
	}
	for _, l := range s.Layers {
		kind, f := l.Kind, l.Fields
		if l.shares != "" {
			kind, f = "share", Map("of", l.shares)
		}
		f = f.With("name", spec.Str(l.Name))
		if !plain {
			f = f.With("inputs", names(l.In))
		}
		layers.Items = append(layers.Items, Map(kind, f))
	}
	if plain {
		return layers
	}
	ins := spec.Value{Kind: spec.Map}
	for _, f := range s.Inputs { // whose names differ
		ins.Entries = append(ins.Entries, spec.Entry{Key: f.Name, Value: List(f.Shape...)})
	}
	return spec.Value{Kind: spec.Map}.With("inputs", ins).With("layers", layers).With("outputs", names(outs))
}

// share finds layers that are the same with the same weights as one before them: that is
// applied once more. It says which weights others have in common, which are copies then.
func (s *Sketch) share() (warnings []string) {
	first, user := map[string]*Sketched{}, map[string]*Sketched{}
	for _, l := range s.Layers {
		if l.shares = ""; len(l.Parts) == 0 {
			continue
		}
		key := fmt.Sprintf("%s %s", l.Kind, l.Fields.JSON())
		same := true
		for _, p := range l.Parts {
			same = same && p.Make == nil
			key += fmt.Sprintf(" %s %q", p.Leaf, p.From)
			if p.Move != nil {
				key += fmt.Sprint(p.Move.Shape, p.Move.Strides)
			}
		}
		if before := first[key]; before != nil && same {
			l.shares = before.Name
			continue
		}
		first[key] = l
		if fixed, ok := l.Fields.Get("trainable"); ok && fixed.Text == "false" {
			continue
		}
		for _, p := range l.Parts {
			for _, from := range p.From {
				if before := user[from]; before == nil {
					user[from] = l
				} else if before != l {
					warnings = append(warnings, fmt.Sprintf("layers %q and %q have the weight %q in common: each gets its own, and in training they become different", before.Name, l.Name, from))
				}
			}
		}
	}
	return warnings
}

// Shape is the shape of the value of that name, one sample's, where those of the inputs are
// known. Those of all that it is computed of are put into known, and looked up there: each
// layer is looked at once.
func (s *Sketch) Shape(name string, known map[string]tensor.Shape) (tensor.Shape, error) {
	if shape, ok := known[name]; ok {
		return shape, nil
	}
	for _, f := range s.Inputs {
		if f.Name == name {
			return f.Shape, nil
		}
	}
	var part Sketch
	need := map[string]bool{name: true}
	open := 1 // of those, how many layers or inputs were not found yet
	for _, l := range slices.Backward(s.Layers) {
		if open == 0 {
			break
		}
		if !need[l.Name] {
			continue
		}
		open--
		if shape, ok := known[l.Name]; ok {
			part.Inputs = append(part.Inputs, data.Field{Name: l.Name, DType: tensor.Float32, Shape: shape})
			continue
		}
		c := *l
		if c.Kind == Bias {
			c.Kind, c.Fields = "activation", Map("activation", "linear")
		}
		part.Layers = append(part.Layers, &c)
		for _, in := range l.In {
			if !need[in] {
				need[in] = true
				open++
			}
		}
	}
	slices.Reverse(part.Layers)
	for _, f := range s.Inputs {
		if need[f.Name] {
			part.Inputs = append(part.Inputs, f)
		}
	}
	var outs []string
	for _, l := range part.Layers {
		outs = append(outs, l.Name)
	}
	net, err := Network(part.text(outs))
	if err != nil {
		return nil, err
	}
	b := graph.New()
	scope := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	out := Trace(scope, net, nn.Sequential{}, data.Schema{Inputs: part.Inputs}, 2)
	if err := b.Err(); err != nil {
		return nil, err
	}
	for i, y := range out {
		if i < len(outs) && y.Valid() && y.Rank() > 0 {
			known[outs[i]] = y.Shape()[1:].Clone()
		}
	}
	shape, ok := known[name]
	if !ok {
		return nil, fmt.Errorf("layer %q: its shape is not known", name)
	}
	return shape, nil
}

// Blueprint is the part of the network that the outputs need. An output whose
// activation is softmax, or that is named in logits, has the loss of classification.
func (s *Sketch) Blueprint(outs []string, logits ...string) (*Blueprint, error) {
	s.keep(outs)
	if len(s.Layers) == 0 {
		return nil, &Unsupported{What: "the network", Msg: "no layer lies between its input and its output"}
	}
	if len(s.Layers) > MaxLayers {
		return nil, Crowded()
	}
	b := &Blueprint{Model: &Model{Extra: map[string]string{}}, Warnings: s.share()}
	b.Model.Data.Inputs = s.Inputs
	var err error
	if b.Model.Net, err = Network(s.text(outs)); err != nil {
		return nil, err
	}
	_, ports := b.Model.Net.Ports()
	for i, o := range outs {
		if len(outs) != 1 || i >= len(ports) {
			continue
		}
		l := s.Layer(o)
		if l == nil {
			continue
		}
		if a, ok := l.Fields.Get("activation"); ok && a.Text == "softmax" || slices.Contains(logits, o) {
			b.Model.Losses = append(b.Model.Losses, Output{Name: ports[i].Name, Loss: loss.CrossEntropy{}, Weight: 1})
		}
	}
	t, err := b.Model.reading()
	if err != nil {
		return nil, err
	}
	of := map[string][]string{} // the parameters of a layer
	for _, d := range t.declared {
		layer, _, _ := strings.Cut(d.name, "/")
		of[layer] = append(of[layer], d.name)
	}
	for _, l := range s.Layers {
		if l.shares != "" {
			continue
		}
		for _, p := range l.Parts {
			to, ok := p.place(of[l.Name], l.Name)
			if !ok {
				return nil, fmt.Errorf("layer %q: it has no parameter %q", l.Name, p.Leaf)
			}
			b.Places = append(b.Places, Place{To: to, From: p.From, Make: p.Make, Move: p.Move})
		}
	}
	return b, nil
}

// place finds a layer's parameter: by what it is called, or what ends so, such as
// depthwise_kernel.
func (p Part) place(declared []string, layer string) (string, bool) {
	for _, suffix := range []string{"/" + p.Leaf, "_" + p.Leaf} {
		for _, d := range declared {
			if strings.HasPrefix(d, layer+"/") && strings.HasSuffix(d, suffix) {
				return d, true
			}
		}
	}
	return "", false
}
