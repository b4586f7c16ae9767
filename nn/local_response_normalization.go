package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("local_response_normalization", LocalResponseNorm{}, spec.Alias("lrn"), spec.Doc("divides by the energy of neighbouring channels"))
}

// LocalResponseNorm divides each number by the energy of the channels around its
// own, at the same place (Krizhevsky, Sutskever and Hinton, "ImageNet
// Classification with Deep Convolutional Neural Networks", NIPS 2012, section
// 3.3):
//
//	y = x/(bias + alpha/size·Σ x²)^beta
//
// over size channels, ⌊(size − 1)/2⌋ of them before its own and the rest behind
// it, x being (N, …, C). This is Caffe's, PyTorch's and ONNX's formula;
// TensorFlow's has a size of 2·depth_radius + 1, and its alpha is alpha/size.
type LocalResponseNorm struct {
	Size  int     `spec:"size" default:"5" doc:"channels that count, its own among them"`
	Alpha float64 `spec:"alpha" default:"0.0001" doc:"factor of the mean energy"`
	Beta  float64 `spec:"beta" default:"0.75" doc:"power of the divisor"`
	Bias  float64 `spec:"bias" default:"1" doc:"added to the energy"`
	Name  string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a negative size and a divisor that may be 0.
func (l LocalResponseNorm) Validate() error {
	switch {
	case l.Size < 0:
		return positive("size", l.Size)
	case !(spec.Or(l.Bias, 1) > 0):
		return spec.Field("bias", "want a number above 0, got %g", spec.Or(l.Bias, 1))
	case !(spec.Or(l.Alpha, 1e-4) >= 0):
		return spec.Field("alpha", "want a number not below 0, got %g", spec.Or(l.Alpha, 1e-4))
	}
	return nil
}

// Apply adds the sum over shifted squares and divides.
func (l LocalResponseNorm) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = x.ToFloat()
	if x.Rank() < 2 {
		return s.B.Fail("wants samples with channels, (N, …, C), got %v", x.Type())
	}
	n, size := x.Dim(-1), l.Size
	if size == 0 {
		size = 5
	}
	before, after := min((size-1)/2, n-1), min(size/2, n-1)
	squares := x.Square().Pad(-1, before, after)
	energy := squares.Slice(-1, 0, n)
	for i := 1; i <= before+after; i++ {
		energy = energy.Add(squares.Slice(-1, i, i+n))
	}
	divisor := energy.Scale(spec.Or(l.Alpha, 1e-4) / float64(size)).AddScalar(spec.Or(l.Bias, 1))
	return x.Mul(divisor.Pow(s.B.Const(-spec.Or(l.Beta, 0.75))))
}
