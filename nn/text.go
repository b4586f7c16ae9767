package nn

import (
	"errors"
	"fmt"

	"github.com/nadir-ml/nadir/spec"
)

// Decode reads a model: a list of layers, or a mapping with layers and
// optionally name, inputs and outputs. Mistakes are [spec.Error]s, joined.
func Decode(v spec.Value) (Model, error) {
	switch v.Kind {
	case spec.List:
		var m Sequential
		if err := spec.Decode(v, &m); err != nil {
			return nil, err
		}
		if len(m) == 0 {
			return nil, at(v, "a model needs at least one layer")
		}
		return m, nil
	case spec.Map:
		return decodeFunctional(v)
	}
	return nil, at(v, "a model is a list of layers, or a mapping with layers, inputs and outputs")
}

// Encode writes a model as text that Decode reads.
func Encode(m Model) (spec.Value, error) {
	switch m := m.(type) {
	case Sequential:
		return encodeLayers(m)
	case Functional:
		return encodeFunctional(m)
	}
	return spec.Value{}, fmt.Errorf("a model that is %v cannot be written as text; use Sequential or Functional", m)
}

func at(v spec.Value, format string, args ...any) error {
	return &spec.Error{Pos: v.Pos, Msg: fmt.Sprintf(format, args...)}
}

func encodeLayers(m Sequential) (spec.Value, error) {
	out := spec.Value{Kind: spec.List}
	for _, l := range m {
		v, err := encodeLayer(l)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

func encodeLayer(l Layer) (spec.Value, error) {
	l = wrap(l)
	if Layers.NameOf(l) == "" {
		return spec.Value{}, errNotSpec(l)
	}
	return spec.Encode(l)
}

// functional is the mapping's own shape; layers are taken apart by hand since
// inputs stand among a layer's fields.
type functional struct {
	Name    string       `spec:"name"`
	Inputs  spec.Value   `spec:"inputs"`
	Layers  []spec.Value `spec:"layers,required"`
	Outputs []string     `spec:"outputs"`
}

type share struct {
	Of   string `spec:"of,required,scalar"`
	Name string `spec:"name"`
}

func decodeFunctional(v spec.Value) (Model, error) {
	var f functional
	if err := spec.Decode(v, &f); err != nil {
		return nil, err
	}
	m := Functional{Name: f.Name, Out: f.Outputs}
	var errs []error
	switch f.Inputs.Kind {
	case spec.Null:
	case spec.Map:
		for _, e := range f.Inputs.Entries {
			p := Port{Name: e.Key}
			if e.Value.Kind != spec.Null {
				errs = append(errs, spec.Decode(e.Value, &p.Shape))
			}
			m.In = append(m.In, p)
		}
	case spec.List:
		for _, e := range f.Inputs.Items {
			if e.Kind != spec.String {
				errs = append(errs, at(e, "inputs: want names, or a mapping of names to shapes, such as {a: 28x28}"))
			}
			m.In = append(m.In, Port{Name: e.Text})
		}
	default:
		errs = append(errs, at(f.Inputs, "inputs: want a mapping of names to shapes, such as {a: 28x28}"))
	}
	if len(f.Layers) == 0 {
		errs = append(errs, at(v, "a model needs at least one layer"))
	}
	for _, lv := range f.Layers {
		e, err := decodeEntry(lv)
		errs = append(errs, err)
		m.Layers = append(m.Layers, e)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

func decodeEntry(v spec.Value) (e Entry, err error) {
	if v.Kind == spec.Map && len(v.Entries) == 1 {
		entry := v.Entries[0]
		if in, ok := entry.Value.Get("inputs"); ok {
			if in.Kind == spec.String {
				in = spec.Value{Kind: spec.List, Pos: in.Pos, Items: []spec.Value{in}}
			}
			if err := spec.Decode(in, &e.Inputs); err != nil {
				return e, err
			}
			if entry.Value = entry.Value.Without("inputs"); len(entry.Value.Entries) == 0 {
				v = spec.Value{Kind: spec.String, Pos: entry.Pos, Text: entry.Key}
			} else {
				v.Entries = []spec.Entry{entry}
			}
		}
		if entry.Key == "share" {
			var s share
			err := spec.Decode(entry.Value, &s)
			if err == nil && s.Of == "" {
				err = at(entry.Value, "share: of: want the name of a layer before it")
			}
			e.Share, e.Name = s.Of, s.Name
			return e, err
		}
	}
	err = spec.Decode(v, &e.Layer)
	return e, err
}

func encodeFunctional(m Functional) (spec.Value, error) {
	out := spec.Value{Kind: spec.Map}
	put := func(key string, v spec.Value) { out.Entries = append(out.Entries, spec.Entry{Key: key, Value: v}) }
	if m.Name != "" {
		put("name", spec.Str(m.Name))
	}
	if len(m.In) > 0 {
		ins := spec.Value{Kind: spec.Map}
		for _, p := range m.In {
			v, err := spec.Encode(p.Shape)
			if err != nil {
				return out, err
			}
			ins.Entries = append(ins.Entries, spec.Entry{Key: p.Name, Value: v})
		}
		put("inputs", ins)
	}
	layers := spec.Value{Kind: spec.List}
	for _, e := range m.Layers {
		v, err := encodeEntry(e)
		if err != nil {
			return out, err
		}
		layers.Items = append(layers.Items, v)
	}
	put("layers", layers)
	if len(m.Out) > 0 {
		put("outputs", texts(m.Out))
	}
	return out, nil
}

func texts(list []string) spec.Value {
	v := spec.Value{Kind: spec.List}
	for _, s := range list {
		v.Items = append(v.Items, spec.Str(s))
	}
	return v
}

func encodeEntry(e Entry) (spec.Value, error) {
	if e.Share != "" {
		body := spec.Value{Kind: spec.Map}.With("of", spec.Str(e.Share))
		if e.Name != "" {
			body = body.With("name", spec.Str(e.Name))
		}
		if len(e.Inputs) > 0 {
			body = body.With("inputs", texts(e.Inputs))
		}
		return spec.Value{Kind: spec.Map}.With("share", body), nil
	}
	v, err := encodeLayer(e.Layer)
	if err != nil || len(e.Inputs) == 0 {
		return v, err
	}
	if v.Kind == spec.String {
		v = spec.Value{Kind: spec.Map, Entries: []spec.Entry{{Key: v.Text, Value: spec.Value{Kind: spec.Map}}}}
	}
	body := v.Entries[0].Value
	if body.Kind != spec.Map {
		return v, fmt.Errorf("%s: a layer that is written as one value cannot name its inputs", v.Entries[0].Key)
	}
	return v.With(v.Entries[0].Key, body.With("inputs", texts(e.Inputs))), nil
}
