package initial

import (
	"math"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Registry.Register("random_normal", RandomNormal{}, spec.Alias("normal"), spec.Doc("normal of a given deviation, whatever the shape"))
	Registry.Register("random_uniform", RandomUniform{}, spec.Alias("uniform"), spec.Doc("uniform between two bounds, whatever the shape"))
	Registry.Register("truncated_normal", Truncated{}, spec.Doc("normal cut at two deviations, not stretched"))
}

// RandomNormal draws normal numbers of a deviation that does not depend on the
// shape: with stddev 1 what deep nets were started with before 2010, and why
// they saturated.
type RandomNormal struct {
	Mean   float64 `spec:"mean,plain" default:"0"`
	Stddev float64 `spec:"stddev" default:"0.05"`
}

// Validate refuses a negative deviation.
func (n RandomNormal) Validate() error { return checkDeviation(n.Stddev) }

func checkDeviation(stddev float64) error {
	if s := spec.Or(stddev, 0.05); !(s >= 0) || math.IsInf(s, 1) {
		return spec.Field("stddev", "want a number, 0 or more, got %g", s)
	}
	return nil
}

// Deviation is stddev.
func (n RandomNormal) Deviation(tensor.Shape) float64 { return spec.Or(n.Stddev, 0.05) }

// Fill draws every element.
func (n RandomNormal) Fill(dst *tensor.Tensor, r param.Rand) {
	sigma := spec.Or(n.Stddev, 0.05)
	normals(dst, r, false, func(z float64) float64 { return n.Mean + sigma*z })
}

// Truncated draws normal numbers and draws again whatever lies further than two
// deviations from the mean. As in Keras' TruncatedNormal it is not stretched:
// the deviation of what comes out is 0.8796·stddev.
type Truncated struct {
	Mean   float64 `spec:"mean,plain" default:"0"`
	Stddev float64 `spec:"stddev" default:"0.05" doc:"before the cut"`
}

// Validate refuses a negative deviation.
func (n Truncated) Validate() error { return checkDeviation(n.Stddev) }

// Deviation is 0.8796·stddev.
func (n Truncated) Deviation(tensor.Shape) float64 {
	return truncatedDeviation * spec.Or(n.Stddev, 0.05)
}

// Fill draws every element.
func (n Truncated) Fill(dst *tensor.Tensor, r param.Rand) {
	sigma := spec.Or(n.Stddev, 0.05)
	normals(dst, r, true, func(z float64) float64 { return n.Mean + sigma*z })
}

// RandomUniform draws uniform numbers between two bounds.
type RandomUniform struct {
	Min float64 `spec:"minval,alias=min" default:"-0.05"`
	Max float64 `spec:"maxval,alias=max" default:"0.05"`
}

func (u RandomUniform) bounds() (lo, hi float64) {
	return spec.Or(u.Min, -0.05), spec.Or(u.Max, 0.05)
}

// Validate refuses bounds in the wrong order.
func (u RandomUniform) Validate() error {
	if lo, hi := u.bounds(); !(lo <= hi) || math.IsInf(hi-lo, 1) {
		return spec.Field("minval", "want a number not above maxval, got %g and %g", lo, hi)
	}
	return nil
}

// Deviation is (max − min)/√12.
func (u RandomUniform) Deviation(tensor.Shape) float64 {
	lo, hi := u.bounds()
	return (hi - lo) / math.Sqrt(12)
}

// Fill draws every element.
func (u RandomUniform) Fill(dst *tensor.Tensor, r param.Rand) {
	lo, hi := u.bounds()
	fill(dst, func() float64 { return lo + (hi-lo)*r.Float64() })
}
