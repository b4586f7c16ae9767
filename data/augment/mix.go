package augment

import "github.com/nadir-ml/nadir/spec"

func init() {
	Transforms.Register("mix_up", MixUp{}, spec.Alias("mixup"), spec.Doc("blends each row of a batch and its label with another"))
	Transforms.Register("cut_mix", CutMix{}, spec.Alias("cutmix"), spec.Doc("puts a box of another picture into each, and blends the labels"))
}

// MixUp blends each row of a batch with another, λ ~ Beta(α, α) of it being its
// own (Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018). It
// is about labels as much as pictures, and so is done by training itself, with
// what [Mixing] finds; [New] passes over it.
type MixUp struct {
	Alpha float64 `spec:"alpha,scalar" default:"0.2" doc:"parameter of the distribution of λ"`
}

// Validate refuses an α that is not above 0.
func (m MixUp) Validate() error { return checkAlpha(spec.Or(m.Alpha, 0.2)) }

// CutMix puts a box of another picture into each, whose area is 1 − λ, λ ~
// Beta(α, α) (Yun et al., "CutMix: Regularization Strategy to Train Strong
// Classifiers with Localizable Features", ICCV 2019). Like [MixUp] it is done by
// training.
type CutMix struct {
	Alpha float64 `spec:"alpha,scalar" default:"1" doc:"parameter of the distribution of λ"`
}

// Validate refuses an α that is not above 0.
func (m CutMix) Validate() error { return checkAlpha(spec.Or(m.Alpha, 1)) }

func checkAlpha(a float64) error {
	if !(a > 0 && a <= 1e6) {
		return spec.Field("alpha", "want a number above 0, got %g", a)
	}
	return nil
}

func (MixUp) stage() stage  { return stage{} }
func (CutMix) stage() stage { return stage{} }

// Mixing is α of MixUp and of CutMix among the transforms, 0 for none.
func Mixing(transforms ...Transform) (mixUp, cutMix float64) {
	for _, t := range transforms {
		switch t := t.(type) {
		case MixUp:
			mixUp = spec.Or(t.Alpha, 0.2)
		case CutMix:
			cutMix = spec.Or(t.Alpha, 1)
		}
	}
	return mixUp, cutMix
}
