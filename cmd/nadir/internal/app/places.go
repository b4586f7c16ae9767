package app

import (
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// classified tells which targets of whole numbers are classes, several a row, such as the
// tag of each word: those whose shape is that of the model's output without its last axis,
// the classes, where the loss tells classes apart. lossOf is that of the output of a name,
// nil for the default.
func classified(m nn.Model, lossOf func(output string) loss.Loss) func(inputs []data.Field, target data.Field) bool {
	return func(inputs []data.Field, target data.Field) bool {
		_, ports := m.Ports()
		at := slices.IndexFunc(ports, func(p nn.Port) bool { return p.Name == target.Name })
		if at < 0 && len(ports) == 1 {
			at = 0
		}
		if at < 0 {
			return false
		}
		l := lossOf(ports[at].Name)
		if l != nil && !manyClasses(l) {
			return false
		}
		// Bytes are scaled before a model sees them.
		schema := data.Schema{Inputs: slices.Clone(inputs)}
		for i := range inputs {
			if inputs[i].DType == tensor.Uint8 {
				schema.Inputs[i].DType = tensor.Float32
			}
		}
		b := graph.New()
		outs := format.Trace(param.NewScope(b, param.NewSet(tensor.Float32), param.Options{}), m, nil, schema, 2)
		if b.Err() != nil { // it is said when the model is built
			return false
		}
		shape := outs[at].Shape()
		return len(shape) > 2 && shape[len(shape)-1] > 1 && shape[1:len(shape)-1].Equal(target.Shape)
	}
}

// reusing is classified where layers of another model are reused, whose output the new one's
// is like. l is the loss, nil for that model's.
func reusing(own func([]data.Field, data.Field) bool, from string, l loss.Loss) func(inputs []data.Field, target data.Field) bool {
	return func(inputs []data.Field, target data.Field) bool {
		if own(inputs, target) {
			return true
		}
		path, _, err := locate("transfer", from)
		if err != nil { // it is said when the model is read
			return false
		}
		old, _, err := format.Import(path, format.Options{})
		if err != nil {
			return false
		}
		s := &subject{Model: old}
		if l != nil {
			return classified(old.Net, func(string) loss.Loss { return l })(inputs, target)
		}
		return s.classified()(inputs, target)
	}
}

// classified of a saved model.
func (s *subject) classified() func(inputs []data.Field, target data.Field) bool {
	return classified(s.Net, func(output string) loss.Loss {
		for _, o := range s.Losses {
			if o.Name == output {
				return o.Loss
			}
		}
		return s.loss()
	})
}
