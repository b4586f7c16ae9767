package augment

import (
	"errors"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_translation", Translation{}, spec.Alias("shift", "translation"), spec.Doc("moves the picture down and to the right"))
}

// Translation moves a picture by shares of its height and width, down and to
// the right where they are above 0 (as Keras' RandomTranslation).
type Translation struct {
	Height Range `spec:"height_factor,scalar" default:"0.1" doc:"share of the height to move down by"`
	Width  Range `spec:"width_factor" default:"that of the height" doc:"share of the width to move right by"`
	Fill   `spec:",inline"`
}

// Validate refuses shares outside [−1, 1].
func (t Translation) Validate() error {
	return errors.Join(t.Height.check("height_factor", -1, 1), t.Width.check("width_factor", -1, 1), t.check())
}

func (t Translation) stage() stage {
	height := t.Height.or(Within(0.1))
	width := t.Width.or(height)
	return stage{fill: t.Fill, place: func(r *rng.Stream, h, w int) affine {
		m := same
		m.dy = -height.draw(r) * float64(h)
		m.dx = -width.draw(r) * float64(w)
		return m
	}}
}
