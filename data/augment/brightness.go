package augment

import (
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_brightness", Brightness{}, spec.Alias("brightness"), spec.Doc("adds the same to every value"))
}

// Brightness adds a share of the distance between black and white to every
// value (as Keras' RandomBrightness): 255 for bytes, 1 for floats.
type Brightness struct {
	Factor Range `spec:"factor,scalar" default:"0.2" doc:"share of the full scale that is added"`
}

// Validate refuses shares outside [−1, 1].
func (t Brightness) Validate() error { return t.Factor.check("factor", -1, 1) }

func (t Brightness) stage() stage {
	factor := t.Factor.or(Within(0.2))
	return stage{values: func(p *picture, r *rng.Stream) {
		add := float32(factor.draw(r)) * p.full
		for i := range p.x {
			p.x[i] += add
		}
		p.limit()
	}}
}
