package initial

import (
	"fmt"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Mode says which fan the variance is divided by.
type Mode uint8

// The modes. In text the upper-case names of TensorFlow 1 are read too.
const (
	FanIn  Mode = iota // connections into a unit
	FanOut             // connections out of a unit
	FanAvg             // the mean of both
)

var modes = []string{"fan_in", "fan_out", "fan_avg"}

// String is the mode's name.
func (m Mode) String() string { return modes[min(m, FanAvg)] }

// MarshalText is the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a mode's name.
func (m *Mode) UnmarshalText(text []byte) error {
	return choose((*uint8)(m), "mode", strings.ToLower(string(text)), modes)
}

// A Dist is the shape of a distribution.
type Dist uint8

// The distributions.
const (
	// TruncatedNormal is normal, cut at two deviations and stretched so that
	// the deviation is the one asked for.
	TruncatedNormal Dist = iota
	UntruncatedNormal
	Uniform
)

var dists = []string{"truncated_normal", "untruncated_normal", "uniform"}

// String is the distribution's name.
func (d Dist) String() string { return dists[min(d, Uniform)] }

// MarshalText is the distribution's name.
func (d Dist) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a distribution's name. Keras' "normal" is the truncated
// one.
func (d *Dist) UnmarshalText(text []byte) error {
	name := string(text)
	if name == "normal" {
		name = dists[TruncatedNormal]
	}
	return choose((*uint8)(d), "distribution", name, dists)
}

func choose(dst *uint8, what, name string, names []string) error {
	for i, n := range names {
		if n == name {
			*dst = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("unknown %s %q; want one of %s", what, name, strings.Join(names, ", "))
}

// VarianceScaling draws with mean 0 and variance scale/n, where n is a fan of
// the parameter's shape ([param.Fans]). A uniform draw lies within ±√(3·scale/n).
//
// With scale 1 and fan_in, its defaults, it is LeCun's rule, as in Keras; the
// function of the same name in TensorFlow's contrib library had scale 2, which
// is He's.
type VarianceScaling struct {
	Scale float64 `spec:"scale" default:"1" doc:"variance times the fan"`
	Mode  Mode    `spec:"mode" default:"fan_in" doc:"fan_in, fan_out or fan_avg"`
	Dist  Dist    `spec:"distribution" default:"truncated_normal" doc:"truncated_normal, untruncated_normal or uniform"`
}

// The named settings of VarianceScaling, truncated normal unless they say
// otherwise: Glorot and Bengio, "Understanding the difficulty of training deep
// feedforward neural networks" (AISTATS 2010), variance 2/(in + out); He,
// Zhang, Ren and Sun, "Delving Deep into Rectifiers" (ICCV 2015), 2/in; LeCun,
// Bottou, Orr and Müller, "Efficient BackProp" (1998), 1/in.
var (
	Glorot        = VarianceScaling{1, FanAvg, TruncatedNormal}
	GlorotUniform = VarianceScaling{1, FanAvg, Uniform}
	He            = VarianceScaling{2, FanIn, TruncatedNormal}
	HeUniform     = VarianceScaling{2, FanIn, Uniform}
	LeCun         = VarianceScaling{1, FanIn, TruncatedNormal}
	LeCunUniform  = VarianceScaling{1, FanIn, Uniform}
)

func init() {
	Registry.Register("glorot_uniform", GlorotUniform, spec.Alias("xavier_uniform"), spec.Doc("uniform, variance 2/(fan_in + fan_out)"))
	Registry.Register("glorot_normal", Glorot, spec.Alias("xavier_normal", "glorot", "xavier"), spec.Doc("truncated normal, variance 2/(fan_in + fan_out)"))
	Registry.Register("he_normal", He, spec.Alias("he", "kaiming_normal", "kaiming"), spec.Doc("truncated normal, variance 2/fan_in"))
	Registry.Register("he_uniform", HeUniform, spec.Alias("kaiming_uniform"), spec.Doc("uniform, variance 2/fan_in"))
	Registry.Register("lecun_normal", LeCun, spec.Alias("lecun"), spec.Doc("truncated normal, variance 1/fan_in"))
	Registry.Register("lecun_uniform", LeCunUniform, spec.Doc("uniform, variance 1/fan_in"))
	Registry.Register("variance_scaling", VarianceScaling{}, spec.Doc("variance scale/fan; LeCun's rule unless told otherwise"))
}

// Validate refuses a scale that is not above 0.
func (v VarianceScaling) Validate() error {
	if s := v.scale(); !(s > 0) || math.IsInf(s, 1) {
		return spec.Field("scale", "want a number above 0, got %g", s)
	}
	return nil
}

func (v VarianceScaling) scale() float64 { return spec.Or(v.Scale, 1) }

// Deviation is √(scale/fan).
func (v VarianceScaling) Deviation(shape tensor.Shape) float64 {
	in, out := param.Fans(shape)
	n := float64(in)
	switch v.Mode {
	case FanOut:
		n = float64(out)
	case FanAvg:
		n = (float64(in) + float64(out)) / 2
	}
	return math.Sqrt(v.scale() / max(1, n))
}

// Limit is the largest magnitude of a draw: two deviations before stretching
// for a truncated normal, √3 deviations for a uniform, infinite otherwise.
func (v VarianceScaling) Limit(shape tensor.Shape) float64 {
	switch sigma := v.Deviation(shape); v.Dist {
	case TruncatedNormal:
		return 2 * sigma / truncatedDeviation
	case Uniform:
		return math.Sqrt(3) * sigma
	}
	return math.Inf(1)
}

// truncatedDeviation is the deviation of a standard normal that is cut at ±2.
const truncatedDeviation = 0.87962566103423978

// Fill draws every element.
func (v VarianceScaling) Fill(dst *tensor.Tensor, r param.Rand) {
	sigma := v.Deviation(dst.Shape())
	switch v.Dist {
	case TruncatedNormal:
		normals(dst, r, true, func(z float64) float64 { return z * sigma / truncatedDeviation })
	case UntruncatedNormal:
		normals(dst, r, false, func(z float64) float64 { return z * sigma })
	default:
		limit := v.Limit(dst.Shape())
		fill(dst, func() float64 { return (2*r.Float64() - 1) * limit })
	}
}
