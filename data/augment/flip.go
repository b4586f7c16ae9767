package augment

import (
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_flip", Flip{}, spec.Alias("flip"), spec.Doc("mirrors every other picture"))
}

// Flip mirrors a picture with probability one half: left and right, top and
// bottom, or each by itself. (Keras' RandomFlip does both unless told; here it is
// left and right, since few things look the same upside down.)
type Flip struct {
	Mode string `spec:"mode,scalar" default:"horizontal" doc:"horizontal, vertical or horizontal_and_vertical"`
}

// Validate refuses other words.
func (t Flip) Validate() error {
	switch t.Mode {
	case "", "horizontal", "vertical", "horizontal_and_vertical":
		return nil
	}
	return spec.Field("mode", "want horizontal, vertical or horizontal_and_vertical, got %q", t.Mode)
}

func (t Flip) stage() stage {
	return stage{place: func(r *rng.Stream, _, _ int) affine {
		m := same
		if t.Mode != "vertical" && r.Uint32()&1 == 1 {
			m.a = -1
		}
		if t.Mode != "" && t.Mode != "horizontal" && r.Uint32()&1 == 1 {
			m.d = -1
		}
		return m
	}}
}
