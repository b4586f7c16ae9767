package train

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/spec"
)

// A Metric measures predictions over any number of batches: in the graph sums
// over a batch, at the end one value from the sums over all rows.
type Metric interface {
	// Name is what the metric is called in results.
	Name() string
	// Sums adds the scalar sums over a batch. pred is what the model predicts,
	// probabilities where the loss makes them so.
	Sums(pred, target graph.Node) []graph.Node
	// Value is the metric for the sums over n rows.
	Value(sums []float64, n int) float64
}

// Metrics holds every metric by name.
var Metrics = spec.NewRegistry[Metric]("metric")

func init() {
	Metrics.Register("accuracy", Accuracy{}, spec.Alias("acc", "categorical_accuracy", "sparse_categorical_accuracy"), spec.Doc("share of rows whose class is right"))
	Metrics.Register("binary_accuracy", BinaryAccuracy{}, spec.Doc("share of yes or no that is right, over rows and their elements"))
	Metrics.Register("top_k", TopK{}, spec.Alias("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"), spec.Doc("share of rows whose class is among the k most likely"))
	Metrics.Register("mae", MAE{}, spec.Alias("mean_absolute_error"), spec.Doc("mean absolute error"))
	Metrics.Register("rmse", RMSE{}, spec.Alias("root_mean_squared_error"), spec.Doc("root of the mean squared error"))
	Metrics.Register("mse", MSE{}, spec.Alias("mean_squared_error"), spec.Doc("mean squared error"))
	Metrics.Register("r2", R2{}, spec.Alias("r2_score"), spec.Doc("share of the target's variance that is explained"))
}

// DefaultMetrics are those that go with a loss.
func DefaultMetrics(l loss.Loss) []Metric {
	if Classifies(l) {
		return []Metric{Accuracy{}}
	}
	return []Metric{MAE{}, RMSE{}, R2{}}
}

// Classifies reports whether a loss is one of classes, not of numbers.
func Classifies(l loss.Loss) bool {
	switch l.(type) {
	case loss.CrossEntropy, loss.BinaryCrossEntropy, loss.CategoricalFocal, loss.BinaryFocal, loss.CategoricalHinge, loss.MultiMargin, loss.NLL:
		return true
	}
	return false
}

// Suits reports whether a metric measures what a loss predicts: classes or
// numbers.
func Suits(m Metric, l loss.Loss) bool {
	switch m.(type) {
	case Accuracy, BinaryAccuracy, TopK:
		return Classifies(l)
	case MAE, MSE, RMSE, R2:
		return !Classifies(l)
	}
	return true
}

// classes is the class that is predicted for each row (N): the most likely one,
// or for a single probability whether it is above one half.
func classes(pred graph.Node) graph.Node {
	if !pred.Valid() {
		return graph.Node{}
	}
	if !pred.Valid() {
		return pred
	}
	if pred.Rank() >= 2 && pred.Dim(-1) > 1 {
		return pred.ArgMax()
	}
	return pred.Reshape(-1).Greater(pred.Builder().Const(0.5))
}

// Accuracy is the share of rows whose predicted class is the target's.
type Accuracy struct{}

// Name is accuracy.
func (Accuracy) Name() string { return "accuracy" }

// Sums counts the hits.
func (Accuracy) Sums(pred, target graph.Node) []graph.Node {
	return []graph.Node{hits(pred, target).Sum()}
}

// hits is 1 for each row (N, …) whose class is right.
func hits(pred, target graph.Node) graph.Node {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}
	}
	c := classes(pred)
	if c.Type().Kind == graph.Float { // one probability a row
		return c.Equal(target.Reshape(-1).ToFloat())
	}
	if target.Type().Kind == graph.Float {
		target = target.ArgMax()
	}
	return c.Equal(target.Reshape(c.Shape()...))
}

// Value is hits by rows.
func (Accuracy) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// BinaryAccuracy is the share of elements for which a probability above one
// half, or not, is the target's 1, or 0. It is what Accuracy means beside a loss
// on yes or no.
type BinaryAccuracy struct{}

// Name is accuracy.
func (BinaryAccuracy) Name() string { return "accuracy" }

// Sums counts the hits, averaged over a row's elements.
func (BinaryAccuracy) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	yes := pred.Greater(pred.Builder().Const(0.5))
	hit := yes.Equal(target.ToFloat().Reshape(pred.Shape()...))
	return []graph.Node{hit.Reshape(pred.Dim(0), -1).Mean(1).Sum()}
}

// Value is hits by rows.
func (BinaryAccuracy) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// TopK is the share of rows whose class is among the K most likely.
type TopK struct {
	K int `spec:"k" default:"5" doc:"how many classes count as right"`
}

func (t TopK) k() int {
	if t.K == 0 {
		return 5
	}
	return t.K
}

// Validate refuses a negative K.
func (t TopK) Validate() error {
	if t.K < 0 {
		return spec.Field("k", "want a whole number above 0, got %d", t.K)
	}
	return nil
}

// Name is top_5_accuracy or the like.
func (t TopK) Name() string { return fmt.Sprintf("top_%d_accuracy", t.k()) }

// Sums counts the rows for which fewer than K classes are more likely than the
// target.
func (t TopK) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	if target.Type().Kind == graph.Int {
		target = target.Reshape(pred.Shape()[:pred.Rank()-1]...).OneHot(pred.Dim(-1))
	}
	mine := pred.Mul(target).SumKeep(-1)
	above := pred.Greater(mine).Sum(-1)
	return []graph.Node{pred.Builder().Const(float64(t.k())).Greater(above).Sum()}
}

// Value is hits by rows.
func (TopK) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// difference is pred − target (N, elements).
func difference(pred, target graph.Node) graph.Node {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}
	}
	return pred.Sub(target.ToFloat().Reshape(pred.Shape()...)).Reshape(pred.Dim(0), -1)
}

// MAE is the mean absolute error over rows and their elements.
type MAE struct{}

// Name is mae.
func (MAE) Name() string { return "mae" }

// Sums adds |pred − target|, averaged over a row's elements.
func (MAE) Sums(pred, target graph.Node) []graph.Node {
	return []graph.Node{difference(pred, target).Abs().Mean(1).Sum()}
}

// Value is the mean over rows.
func (MAE) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// MSE is the mean squared error over rows and their elements.
type MSE struct{}

// Name is mse.
func (MSE) Name() string { return "mse" }

// Sums adds (pred − target)², averaged over a row's elements.
func (MSE) Sums(pred, target graph.Node) []graph.Node {
	return []graph.Node{difference(pred, target).Square().Mean(1).Sum()}
}

// Value is the mean over rows.
func (MSE) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// RMSE is the root of the mean squared error.
type RMSE struct{}

// Name is rmse.
func (RMSE) Name() string { return "rmse" }

// Sums are those of MSE.
func (RMSE) Sums(pred, target graph.Node) []graph.Node { return MSE{}.Sums(pred, target) }

// Value is the root of the mean over rows.
func (RMSE) Value(sums []float64, n int) float64 { return math.Sqrt(sums[0] / float64(n)) }

// R2 is 1 − Σ(target − pred)²/Σ(target − mean)², the share of the target's
// variance that is explained, over rows and their elements together.
type R2 struct{}

// Name is r2.
func (R2) Name() string { return "r2" }

// Sums adds the squared error, the target and its square, each averaged over a
// row's elements.
func (R2) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}, {}, {}}
	}
	t := target.ToFloat().Reshape(pred.Dim(0), -1)
	return []graph.Node{
		MSE{}.Sums(pred, target)[0],
		t.Mean(1).Sum(),
		t.Square().Mean(1).Sum(),
	}
}

// Value is NaN where the target does not vary.
func (R2) Value(sums []float64, n int) float64 {
	mean := sums[1] / float64(n)
	return 1 - sums[0]/float64(n)/(sums[2]/float64(n)-mean*mean)
}
