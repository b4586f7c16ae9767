package param

import "github.com/nadir-ml/nadir/tensor"

// An Init fills a new parameter.
type Init interface {
	// Fill sets every element of dst, a float tensor.
	Fill(dst *tensor.Tensor, r Rand)
}

// Rand is the random numbers that an Init draws from: a sequence that depends
// on the seed and on the parameter's name alone.
type Rand interface {
	Float64() float64   // uniform in [0, 1)
	Norm() float64      // standard normal
	TruncNorm() float64 // standard normal within two deviations
}

// Fans is the number of connections into and out of a unit whose kernel has
// this shape: (in, out), or (…receptive field, in, out). A vector counts its
// length for both.
func Fans(shape tensor.Shape) (in, out int) {
	switch n := len(shape); n {
	case 0:
		return 1, 1
	case 1:
		return shape[0], shape[0]
	default:
		field := shape[:n-2].Len()
		return shape[n-2] * field, shape[n-1] * field
	}
}
