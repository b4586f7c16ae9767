package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

// A Regularizer is a penalty on a weight.
type Regularizer interface {
	// Penalty is a scalar that is added to the loss.
	Penalty(w graph.Node) graph.Node
}

// Regularizers holds every regularizer by name.
var Regularizers = spec.NewRegistry[Regularizer]("regularizer")

// amount is the factor of a penalty that a field says, Keras' 0.01 without.
func amount(v float64) float64 { return spec.Or(v, 0.01) }

// checkAmount refuses a factor that would reward large weights.
func checkAmount(key string, v float64) error {
	if v = amount(v); !(v >= 0 && v <= maxAmount) {
		return spec.Field(key, "want a number from 0 to 1e30, got %g", v)
	}
	return nil
}

// Squares of weights times anything larger overflow in float32.
const maxAmount = 1e30
