package sched

import "github.com/nadir-ml/nadir/spec"

func init() { Registry.Register("constant", Constant{}, spec.Doc("η₀ throughout")) }

// Constant is η₀ at every step.
type Constant struct{}

// At is the rate.
func (Constant) At(p Point) float64 { return p.LR }

// String is the formula.
func (Constant) String() string { return "η₀" }
