package tune

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The tails of Student's t that tables and closed forms give, and an integration
// of the density.
func TestStudent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    float64
		df   int
		want float64
	}{
		{0, 3, 1}, {1, 1, 0.5}, {math.Sqrt2, 2, 1 - 1/math.Sqrt2},
		{12.706204736174698, 1, 0.05}, {4.302652729749464, 2, 0.05}, {3.182446305284263, 3, 0.05}, {2.7764451051977987, 4, 0.05},
		{2.262157162798205, 9, 0.05}, {2.0095752371292397, 49, 0.05}, {1.984216951586423, 99, 0.05}, {4.604094871415897, 4, 0.01},
		{math.Inf(1), 4, 0}, {math.Inf(-1), 5, 0},
	} {
		if got := studentTail(c.t, c.df); !(math.Abs(got-c.want) < 1e-12) {
			t.Errorf("t = %v with %d degrees of freedom: %v, want %v", c.t, c.df, got, c.want)
		}
		if c.want > 0 && c.want < 1 {
			if q := studentQuantile(c.want, c.df); !(math.Abs(q-c.t) < 1e-9*c.t) {
				t.Errorf("quantile of %v with %d degrees of freedom: %v, want %v", c.want, c.df, q, c.t)
			}
		}
	}
}

// A worked example: differences 1, 2, 3, 4, 5 have mean 3 and variance 2.5. The
// plain test has SE √0.5; with 5 folds the variance is multiplied by 1/5 + 1/4.
func TestPaired(t *testing.T) {
	t.Parallel()
	a, b := []float64{2, 4, 6, 8, 10}, []float64{1, 2, 3, 4, 5}
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) < 1e-12) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	plain, fold := Paired(a, b, 0), Paired(a, b, 0.25)
	near("mean", plain.Mean, 3)
	near("SD", plain.SD, math.Sqrt(2.5))
	near("SE", plain.SE, math.Sqrt(0.5))
	near("SE of folds", fold.SE, math.Sqrt(0.45*2.5))
	near("t", fold.T, 3/math.Sqrt(0.45*2.5))
	near("p", plain.P, studentTail(3/math.Sqrt(0.5), 4))
	near("lower end", fold.Lo, 3-2.7764451051977987*fold.SE)
	near("upper end", fold.Hi, 3+2.7764451051977987*fold.SE)
	if fold.P <= plain.P || fold.DF != 4 || fold.N != 5 {
		t.Errorf("the correction makes %+v of %+v", fold, plain)
	}
	// A fold that diverged is left out of the pairs; equal values are no difference.
	if d := Paired([]float64{1, math.NaN(), 3}, []float64{1, 2, 3}, 0); d.N != 2 || d.P != 1 || d.Mean != 0 || d.Lo != 0 || d.Hi != 0 {
		t.Errorf("equal pairs give %+v", d)
	}
	if d := Paired([]float64{1, 2}, []float64{0, 1}, 0); d.P != 0 || d.Mean != 1 {
		t.Errorf("pairs that always differ alike give %+v", d)
	}
	if d := Paired([]float64{1}, []float64{0}, 0); d.Mean != 1 || !math.IsNaN(d.P) || !math.IsNaN(d.Lo) {
		t.Errorf("one pair gives %+v", d)
	}
	if d := Paired(nil, nil, 0); d.N != 0 || !math.IsNaN(d.Mean) {
		t.Errorf("no pair gives %+v", d)
	}
}

// Swapping turns the sign, and neither the order of the pairs nor a shift of
// both sides matters.
func TestPairedSymmetry(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "pairs")
		draw := func(name string) []float64 {
			var out []float64
			for _, v := range rapid.SliceOfN(rapid.IntRange(-1000, 1000), n, n).Draw(t, name) {
				out = append(out, float64(v)/64)
			}
			return out
		}
		a, b, ratio := draw("a"), draw("b"), rapid.Float64Range(0, 1).Draw(t, "ratio")
		d, e := Paired(a, b, ratio), Paired(b, a, ratio)
		if d.Mean != -e.Mean || d.P != e.P || d.Lo != -e.Hi || !(d.Lo <= d.Mean && d.Mean <= d.Hi) || !(d.P >= 0 && d.P <= 1) {
			t.Fatalf("%+v turned is %+v", d, e)
		}
		if covers := d.Lo <= 0 && 0 <= d.Hi; d.SE > 0 && covers != (d.P >= 1-confidence) && math.Abs(d.P-(1-confidence)) > 1e-9 {
			t.Fatalf("the interval [%v, %v] and p = %v say different things", d.Lo, d.Hi, d.P)
		}
		shift := float64(rapid.IntRange(-100, 100).Draw(t, "shift"))
		for i := range a {
			a[i], b[i] = a[i]+shift, b[i]+shift
		}
		if f := Paired(a, b, ratio); f.P != d.P || f.Mean != d.Mean {
			t.Fatalf("shifted by %v %+v becomes %+v", shift, d, f)
		}
	})
}

// The example of Holm's procedure by hand, and that order and NaN stay.
func TestHolm(t *testing.T) {
	t.Parallel()
	got := holm([]float64{0.04, 0.01, math.NaN(), 0.03, 0.9})
	for i, want := range []float64{0.09, 0.04, math.NaN(), 0.09, 0.9} {
		if math.Abs(got[i]-want) > 1e-15 || math.IsNaN(got[i]) != math.IsNaN(want) {
			t.Errorf("value %d becomes %v, want %v", i, got[i], want)
		}
	}
}

// Every row is in one fold, the folds' sizes differ by one at most, and so do the
// numbers of each class in them.
func TestFolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 200).Draw(t, "rows")
		k := rapid.IntRange(2, n).Draw(t, "k")
		classes := rapid.IntRange(0, 5).Draw(t, "classes")
		var labels []int32
		if classes > 0 {
			labels = rapid.SliceOfN(rapid.Int32Range(0, int32(classes)-1), n, n).Draw(t, "labels")
		}
		seed := rapid.Uint64().Draw(t, "seed")
		folds, err := Folds(n, k, labels, seed)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Folds(n, k, labels, seed)
		var all []int32
		for i, f := range folds {
			if !slices.Equal(f, again[i]) {
				t.Fatal("the same seed draws other folds")
			}
			if len(f) < n/k || len(f) > (n+k-1)/k || !slices.IsSorted(f) {
				t.Fatalf("fold %d of %d of %d rows is %v", i, k, n, f)
			}
			for c := range int32(classes) {
				count := func(rows []int32) (m int) {
					for _, r := range rows {
						if labels[r] == c {
							m++
						}
					}
					return m
				}
				every := make([]int32, n)
				for i := range every {
					every[i] = int32(i)
				}
				if m, total := count(f), count(every); m < total/k || m > (total+k-1)/k {
					t.Fatalf("fold %d has %d of the %d rows of class %d", i, m, total, c)
				}
			}
			all = append(all, f...)
			rest := Rest(n, f)
			whole := append(slices.Clone(rest), f...)
			slices.Sort(whole)
			for i, r := range whole {
				if r != int32(i) {
					t.Fatalf("fold and rest are %v", whole)
				}
			}
		}
		slices.Sort(all)
		for i, r := range all {
			if r != int32(i) {
				t.Fatalf("the folds hold %v", all)
			}
		}
	})
}

func TestFoldsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, k   int
		labels []int32
		want   string
	}{
		{10, 1, nil, "k=1: cross-validation needs at least 2 folds"},
		{10, 0, nil, "k=0: cross-validation needs at least 2 folds"},
		{10, -3, nil, "k=-3: cross-validation needs at least 2 folds"},
		{10, 11, nil, "k=11: more folds than the 10 rows there are; want 2 to 10"},
		{3, 2, []int32{1}, "1 labels for 3 rows"},
	} {
		if _, err := Folds(c.n, c.k, c.labels, 1); err == nil || err.Error() != c.want {
			t.Errorf("%d rows in %d folds: %v, want %s", c.n, c.k, err, c.want)
		}
	}
}
