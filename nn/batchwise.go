package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("batch_standardize", BatchStandardize{}, spec.Doc("zero mean and unit variance over the batch, at prediction too; nothing is learned"))
	Layers.Register("batch_mean", BatchMean{}, spec.Doc("the mean of each feature over the batch, for each sample of it"))
	Layers.Register("batch_variance", BatchVariance{}, spec.Doc("the biased variance of each feature over the batch, for each sample of it"))
}

// Batchwise is a layer that makes of a sample what depends on the others of its batch, at
// prediction too: what it has made of a row is of no use in another batch.
type Batchwise interface {
	Layer
	// OfBatch does nothing; it marks the layer.
	OfBatch()
}

// BatchStandardize is what [BatchNorm] does in training, at prediction too, without a
// scale and an offset: of x (N, …, features)
//
//	y = (x − μ)/√(σ² + ε)
//
// where μ and σ² are the mean and the biased variance of each feature over the batch and all
// other axes. ε is 1e-3 unless said.
type BatchStandardize struct {
	Epsilon float64 `spec:"epsilon" default:"0.001" doc:"added to the variance"`
	Name    string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a negative epsilon.
func (l BatchStandardize) Validate() error { return BatchNorm{Epsilon: l.Epsilon}.Validate() }

// OfBatch marks the layer.
func (BatchStandardize) OfBatch() {}

// Apply standardizes.
func (l BatchStandardize) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) {
		return graph.Node{}
	}
	x, ok := features(s, x)
	if !ok {
		return graph.Node{}
	}
	return s.B.Apply("batch_norm", spec.Or(l.Epsilon, 1e-3), x)
}

// BatchMean is the mean of each feature of x (N, …, features) over the batch and all other
// axes: y (N, features), whose rows are equal.
type BatchMean struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// OfBatch marks the layer.
func (BatchMean) OfBatch() {}

// Apply takes the mean.
func (BatchMean) Apply(s *Scope, x graph.Node) graph.Node {
	return ofBatch(s, x, func(mean, _ graph.Node) graph.Node { return mean })
}

// BatchVariance is the biased variance, mean((x − μ)²), of each feature of x (N, …, features)
// over the batch and all other axes: y (N, features), whose rows are equal.
type BatchVariance struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// OfBatch marks the layer.
func (BatchVariance) OfBatch() {}

// Apply takes the variance.
func (BatchVariance) Apply(s *Scope, x graph.Node) graph.Node {
	return ofBatch(s, x, func(_, variance graph.Node) graph.Node { return variance })
}

// features are the floats of samples that have any, (N, …, features).
func features(s *Scope, x graph.Node) (graph.Node, bool) {
	if !x.Valid() {
		return x, false
	}
	if x = x.ToFloat(); x.Rank() < 2 {
		return s.B.Fail("wants samples with features, (N, …, features), got %v", x.Type()), false
	}
	return x, true
}

// ofBatch gives a statistic of the batch, (features), to each sample.
func ofBatch(s *Scope, x graph.Node, of func(mean, variance graph.Node) graph.Node) graph.Node {
	x, ok := features(s, x)
	if !ok {
		return graph.Node{}
	}
	return of(BatchMoments(x)).BroadcastTo(x.Dim(0), x.Dim(-1))
}
