package train

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Metrics.Register("mae", MAE{}, spec.Alias("mean_absolute_error"), spec.Doc("mean absolute error"))
	Metrics.Register("rmse", RMSE{}, spec.Alias("root_mean_squared_error"), spec.Doc("root of the mean squared error"))
	Metrics.Register("mse", MSE{}, spec.Alias("mean_squared_error"), spec.Doc("mean squared error"))
	Metrics.Register("r2", R2{}, spec.Alias("r2_score"), spec.Doc("share of the target's variance that is explained"))
	Metrics.Register("explained_variance", ExplainedVariance{}, spec.Doc("r2 of predictions that are right on average"))
	Metrics.Register("mape", MAPE{}, spec.Alias("mean_absolute_percentage_error"), spec.Doc("mean absolute error, in percent of the target"))
	Metrics.Register("msle", MSLE{}, spec.Alias("mean_squared_logarithmic_error"), spec.Doc("mean squared error of log(1 + x)"))
	Metrics.Register("cosine_similarity", CosineSimilarity{}, spec.Doc("mean cosine of the angle between prediction and target"))
	Metrics.Register("max_error", MaxError{}, spec.Doc("largest absolute error"))
	Metrics.Register("median_absolute_error", MedianError{}, spec.Doc("median of the absolute errors"))
}

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

func (MAE) about() subject { return numeric }

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

func (MSE) about() subject { return numeric }

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

func (RMSE) about() subject { return numeric }

// Sums are those of MSE.
func (RMSE) Sums(pred, target graph.Node) []graph.Node { return MSE{}.Sums(pred, target) }

// Value is the root of the mean over rows.
func (RMSE) Value(sums []float64, n int) float64 { return math.Sqrt(sums[0] / float64(n)) }

// columns2 is the target (N, elements) and pred − target.
func columns2(pred, target graph.Node) (t, diff graph.Node) {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}, graph.Node{}
	}
	return target.ToFloat().Reshape(pred.Dim(0), -1), difference(pred, target)
}

// R2 is 1 − Σ(target − pred)²/Σ(target − mean)², the share of the target's
// variance that is explained, averaged over the elements of a row.
type R2 struct{}

// Name is r2.
func (R2) Name() string { return "r2" }

func (R2) about() subject { return numeric }

// Sums adds the squared error, the target and its square, for each element.
func (R2) Sums(pred, target graph.Node) []graph.Node {
	t, d := columns2(pred, target)
	return []graph.Node{d.Square().Sum(0), t.Sum(0), t.Square().Sum(0)}
}

// Value is NaN where the target does not vary.
func (R2) Value(sums []float64, n int) float64 {
	k, total := len(sums)/3, 0.0
	for i := range k {
		mean := sums[k+i] / float64(n)
		total += 1 - sums[i]/float64(n)/(sums[2*k+i]/float64(n)-mean*mean)
	}
	return total / float64(k)
}

// ExplainedVariance is 1 − Var(target − pred)/Var(target), averaged over the
// elements of a row: R2 that forgives what all predictions are off by.
type ExplainedVariance struct{}

// Name is explained_variance.
func (ExplainedVariance) Name() string { return "explained_variance" }

func (ExplainedVariance) about() subject { return numeric }

// Sums adds error and target and their squares, for each element.
func (ExplainedVariance) Sums(pred, target graph.Node) []graph.Node {
	t, d := columns2(pred, target)
	return []graph.Node{d.Sum(0), d.Square().Sum(0), t.Sum(0), t.Square().Sum(0)}
}

// Value is NaN where the target does not vary.
func (ExplainedVariance) Value(sums []float64, n int) float64 {
	k, total := len(sums)/4, 0.0
	variance := func(sum, square float64) float64 {
		mean := sum / float64(n)
		return square/float64(n) - mean*mean
	}
	for i := range k {
		total += 1 - variance(sums[i], sums[k+i])/variance(sums[2*k+i], sums[3*k+i])
	}
	return total / float64(k)
}

// MAPE is the mean of 100·|pred − target|/max(|target|, 1e-7), in percent.
type MAPE struct{}

// Name is mape.
func (MAPE) Name() string { return "mape" }

func (MAPE) about() subject { return numeric }

// Sums adds the percentages, averaged over a row's elements.
func (MAPE) Sums(pred, target graph.Node) []graph.Node {
	t, d := columns2(pred, target)
	if !t.Valid() {
		return []graph.Node{t}
	}
	return []graph.Node{d.Abs().Div(t.Abs().Max(t.Builder().Const(1e-7))).Scale(100).Mean(1).Sum()}
}

// Value is the mean over rows.
func (MAPE) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// MSLE is the mean of (log(1 + pred) − log(1 + target))², what lies below 1e-7
// being taken for that.
type MSLE struct{}

// Name is msle.
func (MSLE) Name() string { return "msle" }

func (MSLE) about() subject { return numeric }

// Sums adds the squares, averaged over a row's elements.
func (MSLE) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	least := pred.Builder().Const(1e-7)
	return MSE{}.Sums(pred.Max(least).Log1p(), target.ToFloat().Max(least).Log1p())
}

// Value is the mean over rows.
func (MSLE) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// CosineSimilarity is the mean cosine of the angle between a row's prediction
// and its target, 0 for a row of zeros.
type CosineSimilarity struct{}

// Name is cosine_similarity.
func (CosineSimilarity) Name() string { return "cosine_similarity" }

func (CosineSimilarity) about() subject { return numeric }

// Sums adds the cosines.
func (CosineSimilarity) Sums(pred, target graph.Node) []graph.Node {
	t, d := columns2(pred, target)
	if !t.Valid() {
		return []graph.Node{t}
	}
	p := t.Add(d)
	unit := func(x graph.Node) graph.Node {
		return x.Mul(x.Square().SumKeep(1).Max(x.Builder().Const(1e-12)).Rsqrt())
	}
	return []graph.Node{unit(p).Mul(unit(t)).Sum()}
}

// Value is the mean over rows.
func (CosineSimilarity) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// MaxError is the largest |pred − target| of any row and element.
type MaxError struct{}

// Name is max_error.
func (MaxError) Name() string { return "max_error" }

func (MaxError) about() subject { return numeric }

// Sums is not called.
func (MaxError) Sums(_, _ graph.Node) []graph.Node { return nil }

// Rows is each row's largest error (N, 1).
func (MaxError) Rows(pred, target graph.Node) graph.Node {
	return difference(pred, target).Abs().ReduceMax(1).Reshape(-1, 1)
}

// Value is the largest.
func (MaxError) Value(rows []float64, _ int) float64 { return slices.Max(rows) }

// MedianError is the median of |pred − target| over the rows, averaged over
// their elements.
type MedianError struct{}

// Name is median_absolute_error.
func (MedianError) Name() string { return "median_absolute_error" }

func (MedianError) about() subject { return numeric }

// Sums is not called.
func (MedianError) Sums(_, _ graph.Node) []graph.Node { return nil }

// Rows is the errors (N, elements).
func (MedianError) Rows(pred, target graph.Node) graph.Node { return difference(pred, target).Abs() }

// Value is the mean of the elements' medians.
func (MedianError) Value(rows []float64, n int) float64 {
	k, total := len(rows)/n, 0.0
	col := make([]float64, n)
	for j := range k {
		for i := range col {
			col[i] = rows[i*k+j]
		}
		slices.Sort(col)
		total += (col[(n-1)/2] + col[n/2]) / 2
	}
	return total / float64(k)
}
