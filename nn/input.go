package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("input", Input{}, spec.Alias("input_layer"), spec.Doc("says what shape a sample has"))
}

// Input says what shape a sample has. It changes nothing.
type Input struct {
	Shape tensor.Shape `spec:"shape,required,scalar" doc:"shape of one sample, such as 28x28x1"`
	Name  string       `spec:"name" doc:"name of the layer"`
}

// standIn stands for samples of a shape that a layer says and did not get, so
// that the layers behind it are checked as well.
func standIn(s *Scope, x graph.Node, shape tensor.Shape) graph.Node {
	return s.B.Input(s.Path()+" as declared", x.Type().Kind, append(tensor.Shape{x.Dim(0)}, shape...)...)
}

// Apply checks the shape.
func (i Input) Apply(s *Scope, x graph.Node) graph.Node {
	switch {
	case !x.Valid() || x.Rank() > 0 && x.Shape()[1:].Equal(i.Shape):
		return x
	case x.Rank() == 0:
		return s.B.Fail("wants a batch of samples, got %v", x.Type())
	}
	s.B.Misfit("samples have shape %v, the model wants %v", x.Shape()[1:], i.Shape)
	return standIn(s, x, i.Shape)
}
