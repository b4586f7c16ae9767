package format

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// Fields finds the field of the schema for each input of a model and the
// target for each output: by name, or the only one there is. An output without
// any target has -1.
func Fields(m nn.Model, s data.Schema) (in, out []int, err error) {
	var errs []error
	pick := func(what string, p nn.Port, fields []data.Field) int {
		for i, f := range fields {
			if f.Name == p.Name {
				return i
			}
		}
		if len(fields) == 1 {
			return 0
		}
		var have []string
		for _, f := range fields {
			have = append(have, f.Name)
		}
		errs = append(errs, fmt.Errorf("%s %q of the model: the data has no field of that name; it has %s", what, p.Name, strings.Join(have, ", ")))
		return -1
	}
	if len(s.Inputs) == 0 {
		return nil, nil, errors.New("the data has no inputs")
	}
	ins, outs := m.Ports()
	for _, p := range ins {
		in = append(in, pick("input", p, s.Inputs))
	}
	for _, p := range outs {
		t := -1
		if len(s.Targets) > 0 {
			t = pick("output", p, s.Targets)
		}
		out = append(out, t)
	}
	return in, out, errors.Join(errs...)
}

// InputName is what a graph calls the input for a port of the model. It cannot
// meet a parameter's name.
func InputName(port string) string { return "input:" + port }

// Trace adds preprocessing and model to the scope's graph, for rows of the
// schema, and yields the outputs.
func Trace(s *param.Scope, m nn.Model, prep nn.Sequential, d data.Schema, rows int) []graph.Node {
	return TraceAltered(s, m, prep, d, rows, func(x graph.Node) graph.Node { return x })
}

// TraceAltered is Trace with every input altered before preprocessing, as
// training does where it blends rows.
func TraceAltered(s *param.Scope, m nn.Model, prep nn.Sequential, d data.Schema, rows int, alter func(graph.Node) graph.Node) []graph.Node {
	ins, outs := m.Ports()
	fields, _, err := Fields(m, d)
	if err != nil {
		s.B.Fail("%w", err)
		return make([]graph.Node, len(outs))
	}
	var xs []graph.Node
	for i, p := range ins {
		f := d.Inputs[fields[i]]
		kind := graph.KindOf(f.DType)
		if kind == 0 {
			s.B.Fail("input %q: data of type %v cannot be computed with", f.Name, f.DType)
			return make([]graph.Node, len(outs))
		}
		x := s.B.Input(InputName(p.Name), kind, append(tensor.Shape{rows}, f.Shape...)...)
		x = alter(x)
		if len(prep) > 0 {
			name := "preprocess"
			if len(ins) > 1 {
				name += "_" + p.Name
			}
			x = s.Sub(name, nn.Block{Layers: prep}, x)
		}
		xs = append(xs, x)
	}
	return m.Trace(s, xs)
}

// Rowwise refuses a traced model of which a layer makes of a sample what depends on the
// others of its batch, for formats that have no words for that.
func Rowwise(s *param.Scope) error {
	for _, l := range s.Layers() {
		if _, ok := l.Layer.(nn.Batchwise); ok {
			return &Unsupported{What: fmt.Sprintf("layer %q (%s)", l.Path, nn.KindOf(l.Layer)), Msg: "what it makes of a sample depends on the others of its batch, which this format has no words for; .onnx and .safetensors take it"}
		}
	}
	return nil
}
