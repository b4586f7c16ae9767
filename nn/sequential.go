package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

// Sequential applies layers one after the other. m[:4] is a model's lower
// part; append(m[:5:5], head) has another head.
type Sequential []Layer

// Apply traces the layers, each under a name of its own.
func (m Sequential) Apply(s *Scope, x graph.Node) graph.Node {
	for _, l := range m {
		if l == nil {
			s.B.Fail("a layer is nil")
			return graph.Node{}
		}
		y := s.Sub(nameIn(s, l), l, x)
		if bare(l) {
			s.KeepMask(y, x)
		}
		x = y
	}
	return x
}

// MarshalSpec writes a list of layers.
func (m Sequential) MarshalSpec() (spec.Value, error) { return encodeLayers(m) }

// Ports is one input, whose shape is that of an Input layer in front, and one
// output.
func (m Sequential) Ports() (in, out []Port) {
	p := Port{Name: "input"}
	if len(m) > 0 {
		if i, ok := m[0].(Input); ok {
			p.Shape = i.Shape
		}
	}
	name := "output"
	if len(m) > 0 {
		if n := NameOf(m[len(m)-1]); n != "" {
			name = n
		}
	}
	return []Port{p}, []Port{{Name: name}}
}

// Trace applies the layers to the one input.
func (m Sequential) Trace(s *Scope, in []graph.Node) []graph.Node {
	if len(in) != 1 {
		s.B.Fail("a sequence of layers has one input, got %d", len(in))
		return []graph.Node{{}}
	}
	if len(m) == 0 {
		s.B.Fail("the model has no layers")
		return []graph.Node{{}}
	}
	return []graph.Node{m.Apply(s, in[0])}
}
