package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("categorical_hinge", CategoricalHinge{}, spec.Doc("max(0, best wrong score − right score + 1)"))
}

// CategoricalHinge is max(0, max((1−t)·p) − Σ t·p + 1) over the classes, the
// last axis, for scores p and one-hot targets t or int labels. As in Keras the
// right class enters the maximum as 0.
type CategoricalHinge struct{}

// Apply adds the loss.
func (CategoricalHinge) Apply(pred, target graph.Node) graph.Node {
	p, t := classes("categorical_hinge", pred, target)
	if !t.Valid() {
		return t
	}
	wrong := t.Neg().AddScalar(1).Mul(p).ReduceMax(-1)
	return perExample(wrong.Sub(t.Mul(p).Sum(-1)).AddScalar(1).Relu())
}
