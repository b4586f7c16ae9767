package augment

import (
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_contrast", Contrast{}, spec.Alias("contrast"), spec.Doc("moves the values away from their mean, or towards it"))
}

// Contrast multiplies the distance of each value from its channel's mean by a
// factor from 1 − f to 1 + f (as Keras' RandomContrast): x ← (x − mean)·c + mean.
type Contrast struct {
	Factor Range `spec:"factor,scalar" default:"0.2" doc:"what 1 is changed by"`
}

// Validate refuses changes outside [−1, 10].
func (t Contrast) Validate() error { return t.Factor.check("factor", -1, 10) }

func (t Contrast) stage() stage {
	factor := t.Factor.or(Within(0.2))
	return stage{values: func(p *picture, r *rng.Stream) {
		f := float32(1 + factor.draw(r))
		for k := range p.c {
			sum := 0.0
			for i := k; i < len(p.x); i += p.c {
				sum += float64(p.x[i])
			}
			mean := float32(sum / float64(p.h*p.w))
			for i := k; i < len(p.x); i += p.c {
				p.x[i] = float32((p.x[i]-mean)*f) + mean
			}
		}
		p.limit()
	}}
}
