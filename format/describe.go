package format

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// Network reads a network that is described as text, as [nn.Decode] takes it. What
// nn has no layer or field for is an [*Unsupported].
func Network(v spec.Value) (nn.Model, error) {
	m, err := nn.Decode(v)
	if err != nil {
		return nil, &Unsupported{What: "the network", Msg: err.Error()}
	}
	return m, nil
}

// Map makes a mapping of keys and values, in order: Map("units", spec.Num(3)). A
// null value is left out.
func Map(pairs ...any) spec.Value {
	v := spec.Value{Kind: spec.Map}
	for i := 0; i+1 < len(pairs); i += 2 {
		var x spec.Value
		switch p := pairs[i+1].(type) {
		case spec.Value:
			x = p
		case string:
			x = spec.Str(p)
		case int:
			x = spec.Num(float64(p))
		case float64:
			x = spec.Num(p)
		case bool:
			x = spec.Flag(p)
		case []int:
			x = List(p...)
		case tensor.Shape:
			x = List(p...)
		default:
			panic(fmt.Sprintf("format.Map: %T has no text", p))
		}
		if x.Kind != spec.Null {
			v.Entries = append(v.Entries, spec.Entry{Key: pairs[i].(string), Value: x})
		}
	}
	return v
}

// List makes a list of numbers.
func List(numbers ...int) spec.Value {
	v := spec.Value{Kind: spec.List}
	for _, n := range numbers {
		v.Items = append(v.Items, spec.Num(float64(n)))
	}
	return v
}

// Declared lists the names and shapes of the parameters of a blueprint's model,
// in order, taking no memory for them: what a format finds the places of.
func Declared(m *Model) (names []string, shapes map[string]tensor.Shape, err error) {
	declared, err := m.declared()
	if err != nil {
		return nil, nil, err
	}
	shapes = map[string]tensor.Shape{}
	for _, d := range declared {
		names = append(names, d.name)
		shapes[d.name] = d.shape
	}
	return names, shapes, nil
}

// Layers are the layers of a model, those within others too, by the path of their
// parameters.
func Layers(m *Model) (map[string]nn.Layer, error) {
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	Trace(s, m.Net, m.Preprocess, m.Data, 2)
	if err := b.Err(); err != nil {
		return nil, err
	}
	out := map[string]nn.Layer{}
	for _, a := range s.Layers() {
		if _, known := out[a.Path]; !known {
			out[a.Path] = a.Layer
		}
	}
	return out, nil
}
