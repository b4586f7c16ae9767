package nn

import (
	"fmt"
	"reflect"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// Zero is a real 0 in a field whose zero value means the default. It is
// written to text as 0.
const Zero = spec.Zero

// A Scope is the place in a model where a layer is applied.
type Scope = param.Scope

// A Layer maps a node (N, …) to another. It owns nothing; its parameters are
// declared in the scope. A layer with a string field Name is called that, any
// other by its kind and a number.
type Layer interface {
	Apply(s *Scope, x graph.Node) graph.Node
}

// A Joiner is a layer that takes several inputs.
type Joiner interface {
	Layer
	Join(s *Scope, xs []graph.Node) graph.Node
}

// A Model maps inputs to outputs, each with a name.
type Model interface {
	// Ports names the inputs and outputs.
	Ports() (in, out []Port)
	// Trace adds the model to the scope's graph. It is given a node for each
	// input and yields one for each output.
	Trace(s *Scope, in []graph.Node) []graph.Node
}

// A Port is an input or output of a model. Shape is that of one sample, nil
// where the data decides.
type Port struct {
	Name  string
	Shape tensor.Shape
}

// Layers holds every layer by its kind. The name of an activation is a layer,
// too.
var Layers = spec.NewRegistry[Layer]("layer", spec.KindStyle)

func init() { Layers.Fallback(act.Registry, Activation{}) }

// KindOf is the name that a layer has in a file, or its Go type's where it is
// not registered.
func KindOf(l Layer) string {
	if k := Layers.NameOf(wrap(l)); k != "" {
		return k
	}
	t := reflect.TypeOf(l)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// NameOf is the layer's own name, "" where it has none.
func NameOf(l Layer) string {
	v := reflect.ValueOf(l)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	f := v.FieldByName("Name")
	if !f.IsValid() || f.Kind() != reflect.String {
		return ""
	}
	return f.String()
}

// wrap makes a bare activation the layer that it is written as.
func wrap(l Layer) Layer {
	if bare(l) {
		return Activation{Act: l.(act.Activation)}
	}
	return l
}

// bare reports whether l is an activation that stands as a layer.
func bare(l Layer) bool {
	a, ok := l.(act.Activation)
	return ok && act.Registry.NameOf(a) != ""
}

// nameIn is the name that a layer gets within a scope.
func nameIn(s *Scope, l Layer) string {
	if n := NameOf(l); n != "" {
		return n
	}
	return s.AutoName(KindOf(l))
}

// activate applies an activation that may be nil, which is linear.
func activate(s *Scope, a act.Activation, x graph.Node) graph.Node {
	if a == nil {
		return x
	}
	return a.Apply(s, x)
}

// penalize adds what a regularizer that may be nil makes of a weight.
func penalize(s *Scope, r regular.Regularizer, w graph.Node) {
	if r != nil {
		s.AddLoss(r.Penalty(w))
	}
}

// positive records an error where a count that a person gave is below 1.
func positive(key string, v int) error {
	if v < 1 {
		return spec.Field(key, "want a whole number above 0, got %d", v)
	}
	return nil
}

// fraction records an error where a share lies outside [0, 1).
func fraction(key string, v float64) error {
	if !(v >= 0 && v < 1) {
		return spec.Field(key, "want a number from 0 to below 1, got %g", v)
	}
	return nil
}

// allButLast lists the axes of x except the last: those that statistics of a
// feature go over.
func allButLast(x graph.Node) []int {
	axes := make([]int, max(0, x.Rank()-1))
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// check records a layer's own complaint in the graph. It reports whether there
// was none.
func check(s *Scope, err error) bool {
	if err != nil {
		s.B.Fail("%w", err)
	}
	return err == nil
}

func errNotSpec(l any) error {
	return fmt.Errorf("%T is not registered with nn.Layers: it can be trained, but not saved as text", l)
}
