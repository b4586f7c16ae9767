package train

import (
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/spec"
)

// A Metric measures predictions over any number of batches: in the graph sums
// over a batch, at the end one value from the sums over all rows.
type Metric interface {
	// Name is what the metric is called in results.
	Name() string
	// Sums adds the sums over a batch, each a scalar or a number a class. pred is
	// what the model predicts, probabilities where the loss makes them so. There
	// are as many for invalid nodes.
	Sums(pred, target graph.Node) []graph.Node
	// Value is the metric for the sums over n rows, one after the other.
	Value(sums []float64, n int) float64
}

// A Collector is a metric that no sums over batches can tell, such as one of
// ranks. It is measured in evaluation, not during a training epoch.
type Collector interface {
	Metric
	// Rows gives the numbers of each row that are needed, (M, k), where M is most
	// often N. Value is given those of all rows, one after the other, and how many
	// such rows there are; Sums is not called.
	Rows(pred, target graph.Node) graph.Node
}

// A subject is what a metric is about.
type subject uint8

const (
	anything subject = iota
	classified
	probable // classes of which there are probabilities
	numeric
	ordered // scores or embeddings, several a row
)

// An elementwise metric has another form for losses on yes or no, where each
// element of a row is a label of its own.
type elementwise interface{ perElement() Metric }

// about is implemented by the metrics of this package.
type about interface{ about() subject }

// Metrics holds every metric by name.
var Metrics = spec.NewRegistry[Metric]("metric")

func init() {
	Metrics.Register("accuracy", Accuracy{}, spec.Alias("acc", "categorical_accuracy", "sparse_categorical_accuracy"), spec.Doc("share of rows whose class is right"))
	Metrics.Register("binary_accuracy", BinaryAccuracy{}, spec.Doc("share of yes or no that is right, over rows and their elements"))
	Metrics.Register("top_k", TopK{}, spec.Alias("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"), spec.Doc("share of rows whose class is among the k most likely"))
}

// DefaultMetrics are those that go with a loss.
func DefaultMetrics(l loss.Loss) []Metric {
	switch l := l.(type) {
	case loss.Contrastive: // half the margin lies between those that are alike and the others
		return []Metric{PairAccuracy{Threshold: spec.Or(l.Margin, 1) / 2}}
	case loss.TripletHard:
		return []Metric{}
	}
	switch {
	case orders(l):
		return []Metric{PairAccuracy{}}
	case Classifies(l):
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

// orders reports whether a loss is one of several scores or embeddings a row.
func orders(l loss.Loss) bool {
	switch l.(type) {
	case loss.MarginRanking, loss.Triplet, loss.Contrastive:
		return true
	}
	return false
}

// Suits reports whether a metric measures what a loss predicts: classes, numbers
// or an order.
func Suits(m Metric, l loss.Loss) bool {
	a, ok := m.(about)
	if !ok {
		return true
	}
	switch a.about() {
	case classified:
		return Classifies(l)
	case probable:
		_, ok := l.(loss.Predictor)
		return ok && Classifies(l)
	case numeric:
		return !Classifies(l) && !orders(l)
	case ordered:
		return orders(l)
	}
	return true
}

// LowIsGood reports whether less of a measured number is better, as of a loss. The
// name may stand behind those of a part and an output.
func LowIsGood(name string) bool {
	name = name[strings.LastIndexByte(name, '/')+1:]
	for _, high := range []string{"accuracy", "r2", "precision", "recall", "f1", "roc_auc", "average_precision", "kappa", "matthews", "explained_variance", "cosine_similarity"} {
		if strings.HasPrefix(name, high) || strings.HasSuffix(name, high) {
			return false
		}
	}
	return true
}

// classes is the class that is predicted for each row (N): the most likely one,
// or for a single probability whether it is above one half.
func classes(pred graph.Node) graph.Node {
	if !pred.Valid() {
		return graph.Node{}
	}
	if pred.Rank() >= 2 && pred.Dim(-1) > 1 {
		return pred.ArgMax()
	}
	return pred.Reshape(-1).Greater(pred.Builder().Const(0.5))
}

// Accuracy is the share of rows whose predicted class is the target's, or of their places
// where each has several, such as steps.
type Accuracy struct{}

// Name is accuracy.
func (Accuracy) Name() string { return "accuracy" }

// Sums counts the hits, averaged over a row's places.
func (Accuracy) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	return []graph.Node{perRow(pred, hits(pred, target))}
}

// perRow sums over the rows of pred what was counted at each place of theirs, averaged over
// the places.
func perRow(pred, each graph.Node) graph.Node {
	if rows := pred.Dim(0); each.Shape().Len() != rows {
		each = each.Reshape(rows, -1).Mean(1)
	}
	return each.Sum()
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

func (Accuracy) about() subject { return classified }

func (Accuracy) perElement() Metric { return BinaryAccuracy{} }

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

func (BinaryAccuracy) about() subject { return classified }

// Value is hits by rows.
func (BinaryAccuracy) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// TopK is the share of rows, or of their places, whose class is among the K most likely.
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
// target, averaged over their places.
func (t TopK) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	if target.Type().Kind == graph.Int {
		target = target.Reshape(pred.Shape()[:pred.Rank()-1]...).OneHot(pred.Dim(-1))
	}
	mine := pred.Mul(target).SumKeep(-1)
	above := pred.Greater(mine).Sum(-1)
	return []graph.Node{perRow(pred, pred.Builder().Const(float64(t.k())).Greater(above))}
}

func (TopK) about() subject { return classified }

// Value is hits by rows.
func (TopK) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }
