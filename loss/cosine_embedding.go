package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("cosine_embedding", CosineEmbedding{}, spec.Doc("1 − cos for similar pairs, max(0, cos − margin) for others"))
}

// CosineEmbedding is 1 − cos for a target of 1 and max(0, cos − margin) for one
// of −1 or 0, cos being the cosine between two embeddings.
type CosineEmbedding struct {
	Margin float64 `spec:"margin" default:"0" doc:"cosine that other pairs may have, −1 to 1"`
}

// Validate refuses a margin outside [−1, 1].
func (c CosineEmbedding) Validate() error {
	if m := spec.Or(c.Margin, 0); !(m >= -1 && m <= 1) {
		return spec.Field("margin", "want a cosine from -1 to 1, got %g", m)
	}
	return nil
}

// Apply adds the loss of predictions (N, 2, d): both embeddings.
func (c CosineEmbedding) Apply(pred, target graph.Node) graph.Node {
	if pred.Valid() && (pred.Rank() != 3 || pred.Dim(1) != 2) {
		return pred.Builder().Fail("cosine_embedding: wants predictions (N, 2, d), two embeddings an example, got %v", pred.Type())
	}
	return c.Of(part(pred, 0), part(pred, 1), target)
}

// Of is the loss of two embeddings (N, d).
func (c CosineEmbedding) Of(x1, x2, target graph.Node) graph.Node {
	cos, t := pair("cosine_embedding", cosine(x1, x2), target)
	if !t.Valid() {
		return t
	}
	near, far := cos.Neg().AddScalar(1), cos.AddScalar(-spec.Or(c.Margin, 0)).Relu()
	return perExample(t.Greater(t.Builder().Const(0)).Select(near, far))
}
