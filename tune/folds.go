package tune

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/internal/rng"
)

// Folds parts the rows 0 … n−1 into k folds of equal size or one more, drawn from
// the seed: each row is in one fold, in which it is held out while the model is
// trained on the others (Stone, "Cross-Validatory Choice and Assessment of
// Statistical Predictions", 1974). Where labels are given, one a row, the folds
// are stratified: each class is in every fold equally often or once more (Kohavi,
// "A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model
// Selection", 1995). Rows ascend within a fold.
func Folds(n, k int, labels []int32, seed uint64) ([][]int32, error) {
	switch {
	case k < 2:
		return nil, fmt.Errorf("k=%d: cross-validation needs at least 2 folds", k)
	case k > n:
		return nil, fmt.Errorf("k=%d: more folds than the %d rows there are; want 2 to %d", k, n, n)
	case labels != nil && len(labels) != n:
		return nil, fmt.Errorf("%d labels for %d rows", len(labels), n)
	}
	rows := make([]int32, n)
	rng.New(rng.Key(seed, "tune/folds"), 0).Perm(rows)
	if labels != nil { // dealing out class after class keeps each even
		slices.SortStableFunc(rows, func(a, b int32) int { return int(labels[a]) - int(labels[b]) })
	}
	folds := make([][]int32, k)
	for i, r := range rows {
		folds[i%k] = append(folds[i%k], r)
	}
	for _, f := range folds {
		slices.Sort(f)
	}
	return folds, nil
}

// Rest is the rows 0 … n−1 without those of one fold, ascending: what is trained
// on while the fold is held out.
func Rest(n int, fold []int32) []int32 {
	out := make([]int32, 0, max(0, n-len(fold)))
	for i := range int32(n) {
		if _, held := slices.BinarySearch(fold, i); !held {
			out = append(out, i)
		}
	}
	return out
}
