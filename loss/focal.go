package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("categorical_focal", CategoricalFocal{}, spec.Alias("categorical_focal_crossentropy"), spec.Doc("cross_entropy that counts easy examples for little"))
	Registry.Register("binary_focal", BinaryFocal{}, spec.Alias("binary_focal_crossentropy"), spec.Doc("binary_cross_entropy that counts easy examples for little"))
}

// CategoricalFocal is −Σₖ α·(1−pₖ)^γ·tₖ·ln pₖ with p = softmax(x) for logits x
// (N, …, classes) and int labels or probabilities t: what is right already
// counts for little (Lin, Goyal, Girshick, He and Dollár, "Focal Loss for Dense
// Object Detection", ICCV 2017).
type CategoricalFocal struct {
	Alpha float64 `spec:"alpha" default:"0.25" doc:"weight of all classes"`
	Gamma float64 `spec:"gamma" default:"2" doc:"how little easy examples count"`
}

// Validate refuses an α or γ below 0.
func (f CategoricalFocal) Validate() error { return checkFocal(f.Alpha, f.Gamma) }

func checkFocal(alpha, gamma float64) error {
	if a := spec.Or(alpha, 0.25); !(a >= 0) {
		return spec.Field("alpha", "want a number, 0 or more, got %g", a)
	}
	if g := spec.Or(gamma, 2); !(g >= 0) {
		return spec.Field("gamma", "want a number, 0 or more, got %g", g)
	}
	return nil
}

// Predict is the softmax of pred.
func (CategoricalFocal) Predict(pred graph.Node) graph.Node { return CrossEntropy{}.Predict(pred) }

// Apply adds the loss.
func (f CategoricalFocal) Apply(pred, target graph.Node) graph.Node {
	pred, t := classes("categorical_focal", pred, target)
	if !t.Valid() {
		return t
	}
	x, _ := made("softmax", pred)
	hard := x.Softmax().Neg().AddScalar(1).Pow(t.Builder().Const(spec.Or(f.Gamma, 2)))
	return perExample(hard.Mul(t).Mul(x.LogSoftmax()).Sum(-1).Scale(-spec.Or(f.Alpha, 0.25)))
}

// BinaryFocal is binary cross-entropy times (1−q)^γ, where q is the probability
// that a logit x gives to its target t: σ(x) for t = 1, 1 − σ(x) for t = 0.
// Balanced multiplies by α for t = 1 and by 1 − α for t = 0.
type BinaryFocal struct {
	Alpha    float64 `spec:"alpha" default:"0.25" doc:"weight of the positive class where balanced"`
	Gamma    float64 `spec:"gamma" default:"2" doc:"how little easy examples count"`
	Balanced bool    `spec:"apply_class_balancing" default:"false" doc:"weigh the classes by α"`
}

// Validate refuses an α or γ below 0.
func (f BinaryFocal) Validate() error { return checkFocal(f.Alpha, f.Gamma) }

// Predict is the sigmoid of pred.
func (BinaryFocal) Predict(pred graph.Node) graph.Node { return BinaryCrossEntropy{}.Predict(pred) }

// Apply adds the loss.
func (f BinaryFocal) Apply(pred, target graph.Node) graph.Node {
	pred, t := pair("binary_focal", pred, target)
	if !t.Valid() {
		return t
	}
	x, _ := made("sigmoid", pred)
	b := t.Builder()
	one, p := b.Const(1), x.Sigmoid()
	other := one.Sub(t)
	missed := t.Mul(one.Sub(p)).Add(other.Mul(p)) // 1 − q
	loss := missed.Pow(b.Const(spec.Or(f.Gamma, 2))).Mul(x.Softplus().Sub(x.Mul(t)))
	if f.Balanced {
		alpha := spec.Or(f.Alpha, 0.25)
		loss = loss.Mul(t.Scale(alpha).Add(other.Scale(1 - alpha)))
	}
	return perExample(loss)
}
