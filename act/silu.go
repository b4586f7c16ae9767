package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("silu", SiLU{}, spec.Alias("swish"), spec.Doc("x·sigmoid(x)")) }

// SiLU is x·σ(x), known as swish too (Elfwing, Uchibe and Doya,
// "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
// Reinforcement Learning", 2018; Ramachandran, Zoph and Le, "Searching for
// Activation Functions", 2017).
type SiLU struct{ rectifier }

// Apply adds the ops.
func (SiLU) Apply(_ *param.Scope, x graph.Node) graph.Node { return x.Mul(x.Sigmoid()) }
