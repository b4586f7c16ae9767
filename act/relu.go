package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("relu", ReLU{}, spec.Doc("max(x, 0)"))
	Registry.Register("relu6", ReLU{MaxValue: 6}, spec.Doc("max(x, 0), at most 6"))
	Registry.Register("thresholded_relu", ReLU{Threshold: 1}, spec.Doc("x where x > threshold, else 0"))
}

// ReLU is max(x, 0), derivative 0 at 0 (Nair and Hinton, "Rectified Linear
// Units Improve Restricted Boltzmann Machines", ICML 2010). It does not
// saturate for x > 0, and a unit whose x is negative for every example is dead.
//
// In full, with Keras' fields, it is x where x > threshold, else
// slope·(x − threshold), and at most max_value.
type ReLU struct {
	rectifier
	MaxValue  float64 `spec:"max_value" default:"none" doc:"upper bound"`
	Slope     float64 `spec:"negative_slope" default:"0" doc:"slope below the threshold"`
	Threshold float64 `spec:"threshold,alias=theta" default:"0" doc:"below it the output is damped"`
}

// Validate refuses a slope outside [0, 1] and a bound that is not above 0.
func (r ReLU) Validate() error {
	if r.MaxValue != 0 {
		if err := checkPositive("max_value", spec.Or(r.MaxValue, 0)); err != nil {
			return err
		}
	}
	return checkSlope("negative_slope", spec.Or(r.Slope, 0))
}

// Apply adds the ops.
func (r ReLU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	slope, threshold := spec.Or(r.Slope, 0), spec.Or(r.Threshold, 0)
	if threshold == 0 && slope > 0 && r.MaxValue == 0 {
		return leaky(x, slope)
	}
	y := x.Relu()
	at := x.Builder().Const(threshold)
	if threshold != 0 {
		y = at.GreaterEqual(x).Select(zero(x), x)
	}
	if r.MaxValue != 0 {
		y = x.Builder().Const(r.MaxValue).Min(y)
	}
	if slope > 0 {
		y = y.Sub(at.Sub(x).Relu().Scale(slope))
	}
	return y
}
