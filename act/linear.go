package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("linear", Linear{}, spec.Alias("identity", "none"), spec.Doc("x")) }

// Linear is x.
type Linear struct{}

// Apply is x itself.
func (Linear) Apply(_ *param.Scope, x graph.Node) graph.Node { return x }
