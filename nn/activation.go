package nn

import (
	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("activation", Activation{}, spec.Doc("an activation as a layer of its own"))
}

// Activation is an activation as a layer of its own. In a file its kind may
// also be the activation's name.
type Activation struct {
	Act  act.Activation `spec:"activation,required,scalar" doc:"the activation"`
	Name string         `spec:"name" doc:"name of the layer"`
}

// Validate refuses a layer without an activation.
func (a Activation) Validate() error {
	if a.Act == nil {
		return spec.Field("activation", "there is none; say linear for x itself")
	}
	return nil
}

// Apply applies the activation.
func (a Activation) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, a.Validate()) {
		return graph.Node{}
	}
	return s.KeepMask(a.Act.Apply(s, x.ToFloat()), x)
}
