package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/loss"
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
}

// A Sketched is a layer of a Sketch.
type Sketched struct {
	Kind, Name string
	Fields     spec.Value
	In         []string
	Parts      []Part
}

// A Part is a parameter of a layer, such as kernel, and the tensors that it is made of.
type Part struct {
	Leaf string
	From []string
	Make Turn
}

// Input adds an input of that shape, one sample's, and gives its name.
func (s *Sketch) Input(name string, shape tensor.Shape) string {
	name = s.unique(name)
	s.Inputs = append(s.Inputs, data.Field{Name: name, DType: tensor.Float32, Shape: shape.Clone()})
	return name
}

// Add adds a layer and gives it. The name is changed where it is taken, or has what
// names of layers cannot have.
func (s *Sketch) Add(kind, name string, fields spec.Value, in []string, parts ...Part) *Sketched {
	fields.Kind = spec.Map
	l := &Sketched{Kind: kind, Name: s.unique(name), Fields: fields, In: in, Parts: parts}
	s.Layers = append(s.Layers, l)
	return l
}

// Layer is the layer of a name, nil where it is an input.
func (s *Sketch) Layer(name string) *Sketched {
	for i := len(s.Layers) - 1; i >= 0; i-- {
		if s.Layers[i].Name == name {
			return s.Layers[i]
		}
	}
	return nil
}

// Used reports whether a layer takes the value of that name.
func (s *Sketch) Used(name string) bool {
	return slices.ContainsFunc(s.Layers, func(l *Sketched) bool { return slices.Contains(l.In, name) })
}

func (s *Sketch) unique(want string) string {
	want = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '.':
			return '.'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return r
		}
		return '_'
	}, want)
	if want == "" {
		want = "layer"
	}
	name := want
	for i := 1; s.taken[name]; i++ {
		name = fmt.Sprintf("%s_%d", want, i)
	}
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	s.taken[name] = true
	return name
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
	s.Inputs = slices.DeleteFunc(s.Inputs, func(f data.Field) bool { return !need[f.Name] })
}

// text is the network in the words of nn: a list where each layer takes what the one
// before gives, else a mapping.
func (s *Sketch) text(outs []string) spec.Value {
	layers := spec.Value{Kind: spec.List}
	plain := len(s.Inputs) == 1 && len(outs) == 1
	if plain {
		last := s.Inputs[0].Name
		for _, l := range s.Layers {
			plain = plain && len(l.In) == 1 && l.In[0] == last
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
		f := l.Fields.With("name", spec.Str(l.Name))
		if !plain {
			f = f.With("inputs", names(l.In))
		}
		layers.Items = append(layers.Items, Map(l.Kind, f))
	}
	if plain {
		return layers
	}
	ins := spec.Value{Kind: spec.Map}
	for _, f := range s.Inputs {
		ins = ins.With(f.Name, List(f.Shape...))
	}
	return spec.Value{Kind: spec.Map}.With("inputs", ins).With("layers", layers).With("outputs", names(outs))
}

// Blueprint is the part of the network that the outputs need. An output whose
// activation is softmax, or that is named in logits, has the loss of classification.
func (s *Sketch) Blueprint(outs []string, logits ...string) (*Blueprint, error) {
	s.keep(outs)
	if len(s.Layers) == 0 {
		return nil, &Unsupported{What: "the network", Msg: "no layer lies between its input and its output"}
	}
	b := &Blueprint{Model: &Model{Extra: map[string]string{}}}
	b.Model.Data.Inputs = s.Inputs
	var err error
	if b.Model.Net, err = Network(s.text(outs)); err != nil {
		return nil, err
	}
	_, ports := b.Model.Net.Ports()
	for i, o := range outs {
		l := s.Layer(o)
		if l == nil || len(outs) != 1 || i >= len(ports) {
			continue
		}
		if a, ok := l.Fields.Get("activation"); ok && a.Text == "softmax" || slices.Contains(logits, o) {
			b.Model.Losses = append(b.Model.Losses, Output{Name: ports[i].Name, Loss: loss.CrossEntropy{}, Weight: 1})
		}
	}
	declared, _, err := Declared(b.Model)
	if err != nil {
		return nil, err
	}
	for _, l := range s.Layers {
		for _, p := range l.Parts {
			to := ""
			for _, d := range declared {
				if strings.HasPrefix(d, l.Name+"/") && (strings.HasSuffix(d, "/"+p.Leaf) || strings.HasSuffix(d, "_"+p.Leaf)) {
					to = d
					break
				}
			}
			if to == "" {
				return nil, fmt.Errorf("layer %q: it has no parameter %q", l.Name, p.Leaf)
			}
			b.Places = append(b.Places, Place{To: to, From: p.From, Make: p.Make})
		}
	}
	return b, nil
}
