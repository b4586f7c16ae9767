package augment

import (
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("gaussian_noise", GaussianNoise{}, spec.Alias("noise"), spec.Doc("adds normal noise to every value"))
}

// GaussianNoise adds draws from N(0, stddev²) to every value. The deviation is a
// share of the full scale, 255 for bytes and 1 for floats, so that it is what
// the layer of this name adds behind a rescaling to [0, 1].
type GaussianNoise struct {
	Stddev float64 `spec:"stddev,scalar" default:"0.05" doc:"deviation, as a share of the full scale"`
}

// Validate refuses a deviation below 0 or above 100.
func (t GaussianNoise) Validate() error {
	if s := spec.Or(t.Stddev, 0.05); !(s >= 0 && s <= 100) {
		return spec.Field("stddev", "want a number from 0 to 100, got %g", s)
	}
	return nil
}

func (t GaussianNoise) stage() stage {
	stddev := float32(spec.Or(t.Stddev, 0.05))
	return stage{values: func(p *picture, r *rng.Stream) {
		s := stddev * p.full
		noise := p.room[:len(p.x)]
		kernel.Normal(noise, [2]uint32{r.Uint32(), r.Uint32()}, 0, 0, 0)
		for i, v := range p.x {
			p.x[i] = v + float32(s*noise[i])
		}
		p.limit()
	}}
}
