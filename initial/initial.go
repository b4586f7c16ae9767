package initial

import (
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// Registry holds every initializer by name.
var Registry = spec.NewRegistry[param.Init]("initializer")

// fill sets every element in order.
func fill(dst *tensor.Tensor, next func() float64) {
	for i := range dst.Len() {
		dst.SetFlat(i, next())
	}
}

// normals sets every element in order to what f makes of a standard normal number, drawn
// again where it lies further than two deviations from 0 if truncated. Streams that can
// draw many at once do.
func normals(dst *tensor.Tensor, r param.Rand, truncated bool, f func(z float64) float64) {
	var many func([]float64)
	if s, ok := r.(interface {
		Norms(dst []float64)
		TruncNorms(dst []float64)
	}); ok {
		if many = s.Norms; truncated {
			many = s.TruncNorms
		}
	} else {
		one := r.Norm
		if truncated {
			one = r.TruncNorm
		}
		many = func(z []float64) {
			for i := range z {
				z[i] = one()
			}
		}
	}
	const stretch = 1 << 15
	z := make([]float64, min(dst.Len(), stretch))
	for lo := 0; lo < dst.Len(); lo += stretch {
		z := z[:min(stretch, dst.Len()-lo)]
		many(z)
		if dst.DType() == tensor.Float32 {
			x := tensor.Data[float32](dst)[lo:]
			for i, v := range z {
				x[i] = float32(f(v))
			}
			continue
		}
		for i, v := range z {
			dst.SetFlat(lo+i, f(v))
		}
	}
}

// Deviation is the standard deviation of what an initializer draws for a shape,
// and whether it is known: of the initializers here it is.
func Deviation(init param.Init, shape tensor.Shape) (sigma float64, ok bool) {
	d, ok := init.(interface {
		Deviation(shape tensor.Shape) float64
	})
	if !ok {
		return 0, false
	}
	return d.Deviation(shape), true
}
