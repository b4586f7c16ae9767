package nn

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("standardize", Standardize{}, spec.Alias("normalization"), spec.Doc("(x − mean)/std of each feature, fitted to the training data"))
}

// A Fitted layer has statistics of its input that are computed from the
// training data before the first step. They are saved with the model.
type Fitted interface {
	Layer
	// Moments names the layer's statistics that hold the mean and the
	// population variance: of each element of a sample, or, where axis is not 0,
	// of each place on that axis of the input, over all others.
	Moments() (mean, variance string, axis int)
}

// Standardize is (x − mean)/(√variance + 1e-10), with mean and population
// variance of the training data: of each element of a sample, or with an axis
// of each place on it, over all others. Axis −1 is a channel of pictures
// (N, height, width, channels).
type Standardize struct {
	Axis int `spec:"axis" default:"none" doc:"axis whose places have statistics of their own, the batch's being 0; counted from the end where negative; each element of a sample without"`
	// Floor is what a deviation is at least, as Keras has it. Without one, 1e-10 is
	// added to each.
	Floor float64 `spec:"floor" default:"none" doc:"what a standard deviation is at least; without, 1e-10 is added to each"`
	Name  string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a floor below 0.
func (l Standardize) Validate() error {
	if !(l.Floor >= 0 && l.Floor < math.Inf(1)) {
		return spec.Field("floor", "want a number not below 0, got %g", l.Floor)
	}
	return nil
}

// Moments are mean and variance.
func (l Standardize) Moments() (mean, variance string, axis int) { return "mean", "variance", l.Axis }

// Apply declares the statistics and applies them.
func (l Standardize) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	if x.Rank() == 0 {
		return s.B.Fail("wants a batch of samples, got %v", x.Type())
	}
	shape := x.Shape()[1:].Clone()
	wide := shape
	if l.Axis != 0 {
		a := l.Axis
		if a < 0 {
			a += x.Rank()
		}
		if a < 1 || a >= x.Rank() {
			return s.B.Fail("axis %d is none of a sample's in %v", l.Axis, x.Type())
		}
		wide = make(tensor.Shape, len(shape))
		for i := range wide {
			wide[i] = 1
		}
		wide[a-1], shape = shape[a-1], tensor.Shape{shape[a-1]}
	}
	mean, variance := s.Stat("mean", initial.Zeros{}, shape...), s.Stat("variance", initial.Ones{}, shape...)
	if len(wide) != len(shape) {
		mean, variance = mean.Reshape(wide...), variance.Reshape(wide...)
	}
	std := variance.Sqrt()
	if l.Floor > 0 {
		std = std.Max(s.B.Const(l.Floor))
	} else {
		std = std.AddScalar(1e-10)
	}
	return x.ToFloat().Sub(mean).Div(std)
}
