package nn

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("rescaling", Rescale{}, spec.Alias("rescale"), spec.Doc("x·scale + offset"))
}

// A Ratio is a number that text may write as a fraction, such as 1/255.
type Ratio float64

// UnmarshalText reads a number or a fraction of two.
func (r *Ratio) UnmarshalText(text []byte) error {
	num, den, frac := strings.Cut(string(text), "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if err == nil && frac {
		var d float64
		d, err = strconv.ParseFloat(strings.TrimSpace(den), 64)
		v /= d
	}
	if err != nil || v-v != 0 {
		return fmt.Errorf("want a number or a fraction such as 1/255, found %q", text)
	}
	*r = Ratio(v)
	return nil
}

// MarshalText writes the number so that it reads back the same.
func (r Ratio) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(r), 'g', -1, 64), nil
}

// Rescale is x·scale + offset, of bytes too: Rescale{Scale: 1.0 / 255} puts
// 8-bit images into [0, 1].
type Rescale struct {
	Scale  Ratio   `spec:"scale,required,scalar" doc:"factor, such as 1/255"`
	Offset float64 `spec:"offset,plain" default:"0" doc:"what is added then"`
	Name   string  `spec:"name" doc:"name of the layer"`
}

// Apply adds the two ops.
func (r Rescale) Apply(_ *Scope, x graph.Node) graph.Node {
	return x.ToFloat().Scale(float64(r.Scale)).AddScalar(r.Offset)
}
