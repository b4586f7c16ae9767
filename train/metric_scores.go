package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Metrics.Register("roc_auc", ROCAUC{}, spec.Alias("auc"), spec.Doc("probability that a row of the class scores above one that is not; of evaluation"))
	Metrics.Register("average_precision", AveragePrecision{}, spec.Doc("area under precision by recall; of evaluation"))
	Metrics.Register("ece", ECE{}, spec.Alias("expected_calibration_error"), spec.Doc("how far confidence and accuracy lie apart, on average; of evaluation"))
	Metrics.Register("mce", MCE{}, spec.Alias("maximum_calibration_error"), spec.Doc("how far confidence and accuracy lie apart, at most; of evaluation"))
	Metrics.Register("log_loss", LogLoss{}, spec.Doc("mean of −log p of the true class, without smoothing or weights"))
	Metrics.Register("brier", Brier{}, spec.Alias("brier_score"), spec.Doc("mean squared error of the probabilities"))
}

// scored is the scores (M, K) of each row and its label (M, 1): the class for K
// classes, and 0 or 1 for one score.
func scored(pred, target graph.Node, yesNo bool) graph.Node {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}
	}
	k := 1
	if !yesNo && pred.Rank() >= 2 {
		k = pred.Dim(-1)
	}
	if k > 1 && target.Type().Kind == graph.Float {
		target = target.ArgMax()
	}
	p, t := pred.Reshape(-1, k), target.ToFloat().Reshape(-1, 1)
	return p.Pad(1, 0, 1).Add(t.Pad(1, k, 0))
}

// overClasses averages what of makes of one score after the other, of the rows
// that are of its class and those that are not. Classes that all rows or none
// are of are left out.
func overClasses(rows []float64, n int, of func(score []float64, in []bool) float64) float64 {
	width := len(rows) / n
	k := width - 1
	score, in := make([]float64, n), make([]bool, n)
	sum, count := 0.0, 0
	for c := range k {
		have := 0
		for i := range n {
			row := rows[i*width : (i+1)*width]
			score[i], in[i] = row[c], int(row[k]) == c
			if k == 1 {
				in[i] = row[1] > 0.5
			}
			if in[i] {
				have++
			}
		}
		if have == 0 || have == n {
			continue
		}
		sum, count = sum+of(score, in), count+1
	}
	if count == 0 {
		return math.NaN()
	}
	return sum / float64(count)
}

// falling is the rows' order by falling score.
func falling(score []float64) []int {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	return order
}

// ROCAUC is the area under the curve of true against false positives: the
// probability that a row of the class has a higher score than one that is not of
// it, a tie counting half (Hanley and McNeil, "The Meaning and Use of the Area
// under a Receiver Operating Characteristic Curve", Radiology 1982). Of more
// classes than two it is the mean of each against the rest. It is exact, not
// from bins, and therefore of evaluation alone.
type ROCAUC struct{ yesNo bool }

// Name is roc_auc.
func (ROCAUC) Name() string { return "roc_auc" }

func (ROCAUC) about() subject { return classified }

// Sums is not called.
func (ROCAUC) Sums(_, _ graph.Node) []graph.Node { return nil }

// Rows is the scores and the label (M, K+1).
func (r ROCAUC) Rows(pred, target graph.Node) graph.Node { return scored(pred, target, r.yesNo) }

// Value sums the ranks.
func (r ROCAUC) Value(rows []float64, n int) float64 {
	return overClasses(rows, n, func(score []float64, in []bool) float64 {
		order := falling(score)
		above, half, pos := 0.0, 0.0, 0.0
		for i := 0; i < len(order); {
			j, p, q := i, 0.0, 0.0
			for ; j < len(order) && score[order[j]] == score[order[i]]; j++ {
				if in[order[j]] {
					p++
				} else {
					q++
				}
			}
			above, half, pos = above+pos*q, half+p*q/2, pos+p
			i = j
		}
		return (above + half) / (pos * (float64(len(order)) - pos))
	})
}

func (r ROCAUC) perElement() Metric { r.yesNo = true; return r }

// AveragePrecision is Σ (recallₖ − recallₖ₋₁)·precisionₖ over the distinct scores
// from the highest on: the area under precision by recall, drawn in steps. Of
// more classes than two it is the mean of each against the rest.
type AveragePrecision struct{ yesNo bool }

// Name is average_precision.
func (AveragePrecision) Name() string { return "average_precision" }

func (AveragePrecision) about() subject { return classified }

// Sums is not called.
func (AveragePrecision) Sums(_, _ graph.Node) []graph.Node { return nil }

// Rows is the scores and the label (M, K+1).
func (a AveragePrecision) Rows(pred, target graph.Node) graph.Node {
	return scored(pred, target, a.yesNo)
}

// Value walks down the scores.
func (a AveragePrecision) Value(rows []float64, n int) float64 {
	return overClasses(rows, n, func(score []float64, in []bool) float64 {
		order := falling(score)
		sum, pos, before := 0.0, 0.0, 0.0
		for i, r := range order {
			if in[r] {
				pos++
			}
			if i+1 == len(order) || score[order[i+1]] != score[r] {
				sum, before = sum+(pos-before)*pos/float64(i+1), pos
			}
		}
		return sum / pos
	})
}

func (a AveragePrecision) perElement() Metric { a.yesNo = true; return a }

// confidence is the probability of the class that is predicted, and whether that
// is right (M, 2).
func confidence(pred, target graph.Node, yesNo bool) graph.Node {
	if !pred.Valid() || !target.Valid() {
		return graph.Node{}
	}
	if yesNo || pred.Rank() < 2 || pred.Dim(-1) == 1 {
		p := pred.Reshape(-1, 1)
		yes := p.Greater(p.Builder().Const(0.5))
		sure := p.Max(p.Neg().AddScalar(1))
		return sure.Pad(1, 0, 1).Add(yes.Equal(target.ToFloat().Reshape(-1, 1)).Pad(1, 1, 0))
	}
	sure := pred.ReduceMax(-1).Reshape(-1, 1)
	return sure.Pad(1, 0, 1).Add(hits(pred, target).Reshape(-1, 1).Pad(1, 1, 0))
}

// A Bin is the rows of an evaluation whose confidence lies in (Low, High], the
// lowest one with its lower end.
type Bin struct {
	Low, High            float64
	N                    int
	Accuracy, Confidence float64 // means; 0 for an empty bin
}

// Reliability sorts rows, each a confidence and 1 where the prediction was right
// or else 0, into bins of one width (Guo, Pleiss, Sun and Weinberger, "On
// Calibration of Modern Neural Networks", ICML 2017).
func Reliability(rows []float64, bins int) []Bin {
	out := make([]Bin, bins)
	edges := make([]float64, bins+1)
	for i := range edges {
		edges[i] = float64(i) / float64(bins)
	}
	for i := range out {
		out[i].Low, out[i].High = edges[i], edges[i+1]
	}
	for i := 0; i+1 < len(rows); i += 2 {
		at, _ := slices.BinarySearch(edges, rows[i]) // the first edge not below it
		b := &out[min(max(at-1, 0), bins-1)]
		b.N++
		b.Confidence += rows[i]
		b.Accuracy += rows[i+1]
	}
	for i := range out {
		if n := float64(out[i].N); n > 0 {
			out[i].Confidence /= n
			out[i].Accuracy /= n
		}
	}
	return out
}

// Bins is the number of bins of a calibration error.
type Bins struct {
	Bins int `spec:"bins" default:"15" doc:"number of bins of one width"`

	yesNo bool
}

// Validate refuses fewer than none and more than a million.
func (b Bins) Validate() error {
	if b.Bins < 0 || b.Bins > 1e6 {
		return spec.Field("bins", "want a whole number from 1 to 1000000, got %d", b.Bins)
	}
	return nil
}

func (b Bins) of(rows []float64) []Bin {
	if b.Bins == 0 {
		b.Bins = 15
	}
	return Reliability(rows, b.Bins)
}

func (Bins) about() subject { return probable }

// Sums is not called.
func (Bins) Sums(_, _ graph.Node) []graph.Node { return nil }

// Rows is each row's confidence and whether it was right (N, 2).
func (b Bins) Rows(pred, target graph.Node) graph.Node { return confidence(pred, target, b.yesNo) }

// ECE is the expected calibration error, Σ n_b/n·|accuracy_b − confidence_b|
// over bins of the confidence (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et
// al., ICML 2017).
type ECE struct {
	Bins `spec:",inline"`
}

// Name is ece.
func (ECE) Name() string { return "ece" }

// Value is the mean distance.
func (e ECE) Value(rows []float64, _ int) float64 {
	sum, n := 0.0, 0
	for _, b := range e.of(rows) {
		sum, n = sum+float64(b.N)*math.Abs(b.Accuracy-b.Confidence), n+b.N
	}
	return sum / float64(n)
}

func (e ECE) perElement() Metric { e.yesNo = true; return e }

// MCE is the maximum calibration error, the largest |accuracy_b − confidence_b|
// of a bin that has rows (Naeini, Cooper and Hauskrecht, AAAI 2015).
type MCE struct {
	Bins `spec:",inline"`
}

// Name is mce.
func (MCE) Name() string { return "mce" }

// Value is the largest distance.
func (m MCE) Value(rows []float64, _ int) float64 {
	most := 0.0
	for _, b := range m.of(rows) {
		if b.N > 0 {
			most = max(most, math.Abs(b.Accuracy-b.Confidence))
		}
	}
	return most
}

func (m MCE) perElement() Metric { m.yesNo = true; return m }

// LogLoss is the mean of −log p of the true class: cross-entropy without label
// smoothing, weights and penalties.
type LogLoss struct{ yesNo bool }

// Name is log_loss.
func (LogLoss) Name() string { return "log_loss" }

func (LogLoss) about() subject { return probable }

// Sums adds −log p.
func (l LogLoss) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	log := func(p graph.Node) graph.Node { return p.Max(p.Builder().Const(1e-30)).Log().Neg() }
	if l.yesNo || pred.Rank() < 2 || pred.Dim(-1) == 1 {
		p := pred.Reshape(pred.Dim(0), -1)
		t := target.ToFloat().Reshape(p.Shape()...)
		each := t.Mul(log(p)).Add(t.Neg().AddScalar(1).Mul(log(p.Neg().AddScalar(1))))
		return []graph.Node{each.Mean(1).Sum()}
	}
	return []graph.Node{log(pred).Mul(truth(pred, target)).Reshape(pred.Dim(0), -1, pred.Dim(-1)).Sum(-1).Mean(1).Sum()}
}

// truth is the target as a row of pred's shape with a one.
func truth(pred, target graph.Node) graph.Node {
	if target.Type().Kind == graph.Int {
		return target.Reshape(pred.Shape()[:pred.Rank()-1]...).OneHot(pred.Dim(-1))
	}
	return target.Reshape(pred.Shape()...)
}

// Value is the mean over rows.
func (LogLoss) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

func (l LogLoss) perElement() Metric { l.yesNo = true; return l }

// Brier is the mean of (p − y)², y being 1 for yes; of K classes the mean of
// Σₖ (pₖ − yₖ)² (Brier, "Verification of Forecasts Expressed in Terms of
// Probability", 1950).
type Brier struct{ yesNo bool }

// Name is brier.
func (Brier) Name() string { return "brier" }

func (Brier) about() subject { return probable }

// Sums adds the squares.
func (b Brier) Sums(pred, target graph.Node) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}}
	}
	if b.yesNo || pred.Rank() < 2 || pred.Dim(-1) == 1 {
		p := pred.Reshape(pred.Dim(0), -1)
		return []graph.Node{p.Sub(target.ToFloat().Reshape(p.Shape()...)).Square().Mean(1).Sum()}
	}
	d := pred.Sub(truth(pred, target)).Square().Sum(-1)
	return []graph.Node{d.Reshape(pred.Dim(0), -1).Mean(1).Sum()}
}

// Value is the mean over rows.
func (Brier) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

func (b Brier) perElement() Metric { b.yesNo = true; return b }
