package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("relu", ReLU{}, spec.Doc("max(x, 0)")) }

// ReLU is max(x, 0), derivative 0 at 0 (Nair and Hinton, "Rectified Linear
// Units Improve Restricted Boltzmann Machines", ICML 2010). It does not
// saturate for x > 0, and a unit whose x is negative for every example is dead.
type ReLU struct{ rectifier }

// Apply adds the op.
func (ReLU) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Relu() }
