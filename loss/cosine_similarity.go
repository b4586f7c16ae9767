package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("cosine_similarity", CosineSimilarity{}, spec.Alias("cosine_proximity"), spec.Doc("minus the cosine between prediction and target"))
	Registry.Register("cosine_distance", CosineSimilarity{Distance: true}, spec.Doc("one minus that cosine"))
}

// CosineSimilarity is −p·t/(‖p‖‖t‖) along the last axis, from −1 to 1, the norms
// being at least 1e-7. Distance adds 1: 0 where both point one way.
type CosineSimilarity struct {
	Distance bool `spec:"distance" default:"false" doc:"add 1"`
}

// Apply adds the loss.
func (c CosineSimilarity) Apply(pred, target graph.Node) graph.Node {
	p, t := pair("cosine_similarity", pred, target)
	loss := cosine(p, t).Neg()
	if c.Distance {
		loss = loss.AddScalar(1)
	}
	return perExample(loss)
}

// cosine is the cosine of the angle between vectors along the last axis.
func cosine(x, y graph.Node) graph.Node { return unit(x).Mul(unit(y)).Sum(-1) }

// unit scales vectors along the last axis to length 1, shorter ones than 1e-7
// by 1e7.
func unit(x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	return x.Div(x.Square().SumKeep(-1).Max(x.Builder().Const(epsilon * epsilon)).Sqrt())
}
