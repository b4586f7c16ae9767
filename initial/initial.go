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
