package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("hard_tanh", HardTanh{}, spec.Doc("x, cut to [−1, 1]")) }

// HardTanh is x cut to [−1, 1], derivative 0 where it is cut (Collobert, "Large
// Scale Machine Learning", 2004).
type HardTanh struct{}

// Apply adds the ops.
func (HardTanh) Apply(_ *param.Scope, x graph.Node) graph.Node { return clip(x, -1, 1) }
