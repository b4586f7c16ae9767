package tune

import (
	"cmp"
	"math"
	"slices"
)

// A Difference is how much better one candidate is than another, from values in
// pairs.
type Difference struct {
	N    int     // pairs
	Mean float64 // of a − b
	SD   float64 // of the differences
	SE   float64 // standard error of the mean
	T    float64 // Mean/SE
	DF   int     // degrees of freedom, N − 1
	// Lo and Hi are the 95 % confidence interval of the mean.
	Lo, Hi float64
	// P is the two-sided probability of a mean this far from 0, were there none.
	P float64
}

// confidence is that of the intervals.
const confidence = 0.95

// Paired compares values in pairs, a[i] and b[i] being of the same fold and seed,
// by Student's t (1908) on their differences. The standard error is
//
//	SE = √((1/n + ratio)·s²),  s² = Σ(dᵢ − d̄)²/(n − 1)
//
// With ratio 0, for values that are independent of one another, that is the
// paired t-test. The values of cross-validation are not, since the folds share
// rows for training, and the plain test calls too much significant; with ratio
// the number of rows held out by that of rows trained on, 1/(k−1) for k folds,
// it is the corrected resampled t-test of Nadeau and Bengio, "Inference for the
// Generalization Error" (Machine Learning 52, 2003), in the form of Bouckaert and
// Frank, "Evaluating the Replicability of Significance Tests for Comparing
// Learning Algorithms" (2004) where the folds are drawn several times.
//
// A pair with a value that is not finite is left out. Of fewer than two pairs
// only the mean is known; everything else is NaN.
func Paired(a, b []float64, ratio float64) Difference {
	var d []float64
	for i := range min(len(a), len(b)) {
		if v := a[i] - b[i]; finite(v) {
			d = append(d, v)
		}
	}
	nan := math.NaN()
	out := Difference{N: len(d), Mean: nan, SD: nan, SE: nan, T: nan, Lo: nan, Hi: nan, P: nan}
	if len(d) == 0 {
		return out
	}
	out.Mean, out.SD = meanSD(d)
	if out.DF = len(d) - 1; out.DF == 0 {
		return out
	}
	out.SE = math.Sqrt((1/float64(len(d)) + ratio)) * out.SD
	switch {
	case out.SE > 0:
		out.T = out.Mean / out.SE
	case out.Mean == 0: // the same value in each pair
		out.T = 0
	default:
		out.T = math.Inf(int(math.Copysign(1, out.Mean)))
	}
	out.P = studentTail(out.T, out.DF)
	w := studentQuantile(1-confidence, out.DF) * out.SE
	out.Lo, out.Hi = out.Mean-w, out.Mean+w
	return out
}

// meanSD is the mean of values and their standard deviation, NaN of one value.
func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	if len(v) < 2 {
		return mean, math.NaN()
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}

// holm adjusts p-values for their number (Holm, "A Simple Sequentially Rejective
// Multiple Test Procedure", 1979): were no difference real, one below 0.05 would
// come up in at most one study of twenty. One that is not a number stays so.
func holm(p []float64) []float64 {
	out := make([]float64, len(p))
	var order []int
	for i, v := range p {
		out[i] = math.NaN()
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, p[i]*float64(len(order)-rank)))
		out[i] = most
	}
	return out
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
