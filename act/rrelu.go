package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("rrelu", RReLU{}, spec.Doc("leaky ReLU with a random slope in training"))
}

// RReLU is a leaky ReLU whose slope is drawn for each element at each training
// step from U(lower, upper), and is their mean (lower + upper)/2 otherwise, as
// in PyTorch: a regularizer (Xu, Wang, Chen and Li, "Empirical Evaluation of
// Rectified Activations in Convolution Network", 2015).
//
// The paper draws what x is divided by, from U(1/upper, 1/lower) = U(3, 8), and
// divides by the mean, 5.5, otherwise: Paper does so.
type RReLU struct {
	rectifier
	Lower float64 `spec:"lower" default:"1/8" doc:"smallest slope"`
	Upper float64 `spec:"upper" default:"1/3" doc:"largest slope"`
	Paper bool    `spec:"paper" default:"false" doc:"draw the divisor instead of the slope"`
}

func (r RReLU) bounds() (lower, upper float64) {
	return spec.Or(r.Lower, 1.0/8), spec.Or(r.Upper, 1.0/3)
}

// Validate refuses slopes that are not in order within [0, 1].
func (r RReLU) Validate() error {
	lower, upper := r.bounds()
	if err := checkSlope("lower", lower); err != nil {
		return err
	}
	if lower > upper || r.Paper && lower == 0 {
		return spec.Field("lower", "want a slope of at most upper and, by the paper, above 0, got %g and %g", lower, upper)
	}
	return checkSlope("upper", upper)
}

// Apply adds the ops.
func (r RReLU) Apply(s *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	lo, hi := r.bounds()
	if r.Paper {
		lo, hi = 1/hi, 1/lo
	}
	if !s.Training() {
		mean := (lo + hi) / 2
		if r.Paper {
			mean = 1 / mean
		}
		return leaky(x, mean)
	}
	slope := s.B.Uniform(x.Shape()...).Scale(hi - lo).AddScalar(lo)
	leak := x.Mul(slope)
	if r.Paper {
		leak = x.Div(slope)
	}
	return x.Greater(zero(x)).Select(x, leak)
}
