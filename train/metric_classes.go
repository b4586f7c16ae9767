package train

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	doc := func(text string) spec.Option { return spec.Doc(text) }
	Metrics.Register("precision", Precision{}, doc("share of what is taken for a class that is of it"))
	Metrics.Register("recall", Recall{}, doc("share of a class that is taken for it"))
	Metrics.Register("f1", F1{}, spec.Alias("f1_score"), doc("harmonic mean of precision and recall"))
	for _, how := range []string{"macro", "micro", "weighted"} {
		o := Of{Average: how}
		Metrics.Register("precision_"+how, Precision{o}, doc(averages[how]))
		Metrics.Register("recall_"+how, Recall{o}, doc(averages[how]))
		Metrics.Register("f1_"+how, F1{o}, spec.Alias("f1_score_"+how), doc(averages[how]))
	}
	Metrics.Register("balanced_accuracy", BalancedAccuracy{}, doc("mean recall of the classes that have rows"))
	Metrics.Register("kappa", Kappa{}, spec.Alias("cohen_kappa"), doc("agreement beyond what chance gives"))
	Metrics.Register("matthews", Matthews{}, spec.Alias("matthews_corrcoef", "mcc"), doc("correlation of predicted and true classes"))
}

var averages = map[string]string{
	"macro":    "mean over the classes",
	"micro":    "over all rows together",
	"weighted": "mean over the classes, each by its rows",
}

// counts are, for each of K classes, the rows that are of it and taken for it,
// those that are of it, and those taken for it, each (K). A probability, or
// several of which each is one, makes two classes: no and yes.
func counts(pred, target graph.Node, yesNo bool) []graph.Node {
	if !pred.Valid() || !target.Valid() {
		return []graph.Node{{}, {}, {}}
	}
	if yesNo || pred.Rank() < 2 || pred.Dim(-1) == 1 {
		p := pred.Reshape(-1, 1).Greater(pred.Builder().Const(0.5))
		t := target.ToFloat().Reshape(-1, 1)
		not := func(x graph.Node) graph.Node { return x.Neg().AddScalar(1) }
		both := func(no, yes graph.Node) graph.Node { // (2)
			return no.Sum(0).Pad(0, 0, 1).Add(yes.Sum(0).Pad(0, 1, 0))
		}
		return []graph.Node{both(not(p).Mul(not(t)), p.Mul(t)), both(not(t), t), both(not(p), p)}
	}
	k := pred.Dim(-1)
	if target.Type().Kind == graph.Float {
		target = target.ArgMax()
	}
	t := target.Reshape(-1).OneHot(k)
	p := pred.ArgMax().Reshape(-1).OneHot(k)
	return []graph.Node{p.Mul(t).Sum(0), t.Sum(0), p.Sum(0)}
}

// A tallied is the sums of counts.
type tallied struct{ hits, rows, taken []float64 }

func tallyOf(sums []float64) tallied {
	k := len(sums) / 3
	return tallied{sums[:k], sums[k : 2*k], sums[2*k:]}
}

func (t tallied) all() (hits, rows float64) {
	for i, n := range t.rows {
		hits, rows = hits+t.hits[i], rows+n
	}
	return hits, rows
}

// ratio is a/b, 0 for nothing of nothing.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Of says which classes precision, recall and F1 are of. By default that is the
// second of two classes, and the mean over more. A class that none is taken for,
// or none is of, counts 0.
type Of struct {
	Average string `spec:"average" doc:"macro, micro or weighted; without, the second of two classes and macro for more"`
	Class   *int   `spec:"class" doc:"the number of the only class that counts"`

	yesNo bool // each element is a class of its own
}

// Validate refuses other averages, and one of a single class.
func (o Of) Validate() error {
	switch {
	case o.Average != "" && averages[o.Average] == "":
		return spec.Field("average", "want macro, micro or weighted, got %q", o.Average)
	case o.Class != nil && o.Average != "":
		return spec.Field("class", "one class has no average; leave one of both out")
	case o.Class != nil && *o.Class < 0:
		return spec.Field("class", "want the number of a class, from 0, got %d", *o.Class)
	}
	return nil
}

func (o Of) name(base string) string {
	switch {
	case o.Class != nil:
		return fmt.Sprintf("%s_%d", base, *o.Class)
	case o.Average != "":
		return base + "_" + o.Average
	}
	return base
}

func (Of) about() subject { return classified }

// value averages what of makes of hits, rows and taken. It is NaN for a class
// that there is not.
func (o Of) value(sums []float64, of func(hits, rows, taken float64) float64) float64 {
	t := tallyOf(sums)
	at, how := -1, o.Average
	switch {
	case o.Class != nil:
		at = *o.Class
	case how == "" && len(t.rows) == 2:
		at = 1
	case how == "micro":
		hits, rows := t.all()
		return of(hits, rows, rows)
	}
	if at >= len(t.rows) {
		return math.NaN()
	}
	if at >= 0 {
		return of(t.hits[at], t.rows[at], t.taken[at])
	}
	sum, weight := 0.0, 0.0
	for i := range t.rows {
		w := 1.0
		if how == "weighted" {
			w = t.rows[i]
		}
		sum, weight = sum+w*of(t.hits[i], t.rows[i], t.taken[i]), weight+w
	}
	return ratio(sum, weight)
}

// Precision is the share of the rows taken for a class that are of it.
type Precision struct {
	Of `spec:",inline"`
}

// Name is precision, precision_macro, precision_3 or the like.
func (p Precision) Name() string { return p.name("precision") }

// Sums counts by class.
func (p Precision) Sums(pred, target graph.Node) []graph.Node { return counts(pred, target, p.yesNo) }

// Value is hits by rows that are taken for the class.
func (p Precision) Value(sums []float64, _ int) float64 {
	return p.value(sums, func(hits, _, taken float64) float64 { return ratio(hits, taken) })
}

func (p Precision) perElement() Metric { p.yesNo = true; return p }

// Recall is the share of the rows of a class that are taken for it.
type Recall struct {
	Of `spec:",inline"`
}

// Name is recall, recall_macro, recall_3 or the like.
func (r Recall) Name() string { return r.name("recall") }

// Sums counts by class.
func (r Recall) Sums(pred, target graph.Node) []graph.Node { return counts(pred, target, r.yesNo) }

// Value is hits by rows of the class.
func (r Recall) Value(sums []float64, _ int) float64 {
	return r.value(sums, func(hits, rows, _ float64) float64 { return ratio(hits, rows) })
}

func (r Recall) perElement() Metric { r.yesNo = true; return r }

// F1 is the harmonic mean of precision and recall, 2·hits/(rows + taken) (van
// Rijsbergen, Information Retrieval, 1979).
type F1 struct {
	Of `spec:",inline"`
}

// Name is f1, f1_macro, f1_3 or the like.
func (f F1) Name() string { return f.name("f1") }

// Sums counts by class.
func (f F1) Sums(pred, target graph.Node) []graph.Node { return counts(pred, target, f.yesNo) }

// Value is the mean of both, by class before it is averaged.
func (f F1) Value(sums []float64, _ int) float64 {
	return f.value(sums, func(hits, rows, taken float64) float64 { return ratio(2*hits, rows+taken) })
}

func (f F1) perElement() Metric { f.yesNo = true; return f }

// BalancedAccuracy is the mean recall of the classes that have rows: the
// accuracy there would be were all classes of one size.
type BalancedAccuracy struct{ yesNo bool }

// Name is balanced_accuracy.
func (BalancedAccuracy) Name() string { return "balanced_accuracy" }

func (BalancedAccuracy) about() subject { return classified }

// Sums counts by class.
func (b BalancedAccuracy) Sums(pred, target graph.Node) []graph.Node {
	return counts(pred, target, b.yesNo)
}

// Value averages.
func (BalancedAccuracy) Value(sums []float64, _ int) float64 {
	t := tallyOf(sums)
	sum, n := 0.0, 0.0
	for i, rows := range t.rows {
		if rows > 0 {
			sum, n = sum+t.hits[i]/rows, n+1
		}
	}
	return ratio(sum, n)
}

func (b BalancedAccuracy) perElement() Metric { b.yesNo = true; return b }

// Kappa is (p − e)/(1 − e), p being the accuracy and e the one that as many
// guesses of each class would have by chance (Cohen, "A Coefficient of Agreement
// for Nominal Scales", 1960).
type Kappa struct{ yesNo bool }

// Name is kappa.
func (Kappa) Name() string { return "kappa" }

func (Kappa) about() subject { return classified }

// Sums counts by class.
func (k Kappa) Sums(pred, target graph.Node) []graph.Node { return counts(pred, target, k.yesNo) }

// Value is NaN where chance alone would be right.
func (Kappa) Value(sums []float64, _ int) float64 {
	t := tallyOf(sums)
	hits, n := t.all()
	chance := 0.0
	for i := range t.rows {
		chance += t.rows[i] / n * t.taken[i] / n
	}
	return (hits/n - chance) / (1 - chance)
}

func (k Kappa) perElement() Metric { k.yesNo = true; return k }

// Matthews is the correlation of predicted and true classes (Matthews 1975; of
// more than two: Gorodkin, "Comparing two K-category assignments by a
// K-category correlation coefficient", 2004), 0 where one of both does not vary.
type Matthews struct{ yesNo bool }

// Name is matthews.
func (Matthews) Name() string { return "matthews" }

func (Matthews) about() subject { return classified }

// Sums counts by class.
func (m Matthews) Sums(pred, target graph.Node) []graph.Node { return counts(pred, target, m.yesNo) }

// Value is covariance by the root of both variances.
func (Matthews) Value(sums []float64, _ int) float64 {
	t := tallyOf(sums)
	hits, n := t.all()
	var both, rows, taken float64
	for i := range t.rows {
		both += t.rows[i] * t.taken[i]
		rows += t.rows[i] * t.rows[i]
		taken += t.taken[i] * t.taken[i]
	}
	return ratio(hits*n-both, math.Sqrt((n*n-rows)*(n*n-taken)))
}

func (m Matthews) perElement() Metric { m.yesNo = true; return m }
