package initial

import (
	"math"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Registry.Register("identity", Identity{}, spec.Alias("eye"), spec.Doc("ones on the diagonal: a layer that changes nothing"))
}

// Identity is the gain on the diagonal of a kernel (…, in, out), seen as a matrix
// of out columns, and 0 elsewhere.
type Identity struct {
	Gain float64 `spec:"gain" default:"1" doc:"the diagonal"`
}

// Validate refuses a gain that is not finite.
func (d Identity) Validate() error {
	if math.IsNaN(d.Gain) || math.IsInf(d.Gain, 0) {
		return spec.Field("gain", "want a number, got %g", d.Gain)
	}
	return nil
}

// Deviation is that of the elements about 0.
func (d Identity) Deviation(shape tensor.Shape) float64 {
	rows, cols := matrix(shape)
	return math.Abs(spec.Or(d.Gain, 1)) / math.Sqrt(float64(max(1, rows, cols)))
}

// Fill sets every element.
func (d Identity) Fill(dst *tensor.Tensor, _ param.Rand) {
	_, cols := matrix(dst.Shape())
	for i := range dst.Len() {
		v := 0.0
		if i/cols == i%cols {
			v = spec.Or(d.Gain, 1)
		}
		dst.SetFlat(i, v)
	}
}
