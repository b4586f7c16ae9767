package initial

import (
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Registry.Register("zeros", Zeros{}, spec.Alias("zero"))
	Registry.Register("ones", Ones{}, spec.Alias("one"))
	Registry.Register("constant", Constant{}, spec.Doc("every element the same value"))
}

// Zeros sets every element to 0: what a bias starts with.
type Zeros struct{}

// Fill sets every element.
func (Zeros) Fill(dst *tensor.Tensor, _ param.Rand) { Constant{}.Fill(dst, nil) }

// Deviation is 0.
func (Zeros) Deviation(tensor.Shape) float64 { return 0 }

// Ones sets every element to 1: what a normalization's scale starts with.
type Ones struct{}

// Fill sets every element.
func (Ones) Fill(dst *tensor.Tensor, _ param.Rand) { Constant{1}.Fill(dst, nil) }

// Deviation is 0.
func (Ones) Deviation(tensor.Shape) float64 { return 0 }

// Constant sets every element to one value. A kernel of equal weights never
// breaks the symmetry between units; a bias may be anything.
type Constant struct {
	Value float64 `spec:"value,plain" default:"0"`
}

// Fill sets every element.
func (c Constant) Fill(dst *tensor.Tensor, _ param.Rand) {
	fill(dst, func() float64 { return c.Value })
}

// Deviation is 0.
func (Constant) Deviation(tensor.Shape) float64 { return 0 }
