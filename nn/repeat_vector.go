package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("repeat_vector", RepeatVector{}, spec.Doc("a vector as each step of a sequence"))
}

// RepeatVector makes a vector each step of a sequence: x (N, features), y (N, n,
// features).
type RepeatVector struct {
	N    int    `spec:"n,required,scalar" doc:"number of steps"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Validate refuses a number below 1.
func (l RepeatVector) Validate() error { return positive("n", l.N) }

// Apply repeats.
func (l RepeatVector) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	if x = x.ToFloat(); x.Rank() != 2 {
		return s.B.Misfit("wants vectors (N, features), got %v", x.Type())
	}
	n, f := x.Dim(0), x.Dim(1)
	return x.Reshape(n, 1, f).BroadcastTo(n, l.N, f)
}
