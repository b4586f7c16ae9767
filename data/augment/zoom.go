package augment

import (
	"errors"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_zoom", Zoom{}, spec.Alias("scale", "zoom"), spec.Doc("makes the picture larger or smaller"))
}

// Zoom makes what is shown smaller by a share where that is above 0, larger
// where it is below (as Keras' RandomZoom): at 0.25 the picture shows what lay
// within 1.25 times its height. Without a factor for the width the picture keeps
// its proportions.
type Zoom struct {
	Height Range `spec:"height_factor,scalar" default:"0.1" doc:"share that the height shown grows by"`
	Width  Range `spec:"width_factor" default:"what is drawn for the height" doc:"share that the width shown grows by"`
	Fill   `spec:",inline"`
}

// Validate refuses shares outside (−1, 10].
func (t Zoom) Validate() error {
	const most = -0.99 // all but one pixel in a hundred is cut off
	return errors.Join(t.Height.check("height_factor", most, 10), t.Width.check("width_factor", most, 10), t.check())
}

func (t Zoom) stage() stage {
	height := t.Height.or(Within(0.1))
	return stage{fill: t.Fill, place: func(r *rng.Stream, _, _ int) affine {
		m := affine{d: 1 + height.draw(r)}
		if m.a = m.d; t.Width != (Range{}) {
			m.a = 1 + t.Width.or(Range{}).draw(r)
		}
		return m
	}}
}
