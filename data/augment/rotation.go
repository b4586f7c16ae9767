package augment

import (
	"errors"
	"math"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_rotation", Rotation{}, spec.Alias("rotate", "rotation"), spec.Doc("turns the picture about its middle"))
}

// Rotation turns a picture about its middle by a share of a whole turn, against
// the clock where it is above 0 (as Keras' RandomRotation).
type Rotation struct {
	Factor Range `spec:"factor,scalar" default:"0.05" doc:"share of a whole turn: 0.05 is 18 degrees"`
	Fill   `spec:",inline"`
}

// Validate refuses shares outside [−1, 1].
func (t Rotation) Validate() error {
	return errors.Join(t.Factor.check("factor", -1, 1), t.check())
}

func (t Rotation) stage() stage {
	factor := t.Factor.or(Within(0.05))
	return stage{fill: t.Fill, place: func(r *rng.Stream, _, _ int) affine {
		sin, cos := math.Sincos(2 * math.Pi * factor.draw(r))
		return affine{a: cos, b: -sin, c: sin, d: cos}
	}}
}
