package train

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// TestMetricsGolden holds the metrics to scikit-learn's, in both precisions:
// every case, and every value of each.
func TestMetricsGolden(t *testing.T) {
	t.Parallel()
	file := golden.Load(t, "metrics")
	cases := map[string]func(*testing.T, *golden.Case, int) map[string]bool{
		"multiclass": goldenMulticlass, "zero_division": goldenZeroDivision, "binary": goldenBinary,
		"binary_ranking_with_ties": goldenRanking, "ece_15_bins": goldenCalibration, "regression": goldenRegression,
	}
	if len(cases) != len(file.Cases) {
		t.Errorf("there are %d cases, %d of them are held", len(file.Cases), len(cases))
	}
	for _, c := range file.Cases {
		for _, precision := range []int{64, 32} {
			t.Run(fmt.Sprintf("%s/f%d", c.Name, precision), func(t *testing.T) {
				held := cases[c.Name](t, c, precision)
				for _, name := range c.Expected.Names {
					if !held[name] {
						t.Errorf("%s is not held", name)
					}
				}
			})
		}
	}
}

// holds compares what was measured, and returns the expected values that were
// compared. Names give an expected value where it has another name than the
// metric.
func holds(t *testing.T, c *golden.Case, precision int, res *Result, names map[string]string) map[string]bool {
	t.Helper()
	held := map[string]bool{}
	for _, v := range res.Values {
		want := v.Name
		if n, ok := names[v.Name]; ok {
			want = n
		}
		if c.Expected.At(want) != nil {
			c.Check(t, precision, []float64{v.Value}, want)
			held[want] = true
		}
	}
	return held
}

// perClass is a metric of each class.
func perClass(k int, of func(Of) Metric) []Metric {
	var out []Metric
	for i := range k {
		out = append(out, of(Of{Class: &i}))
	}
	return out
}

var byClass = []func(Of) Metric{
	func(o Of) Metric { return Precision{o} }, func(o Of) Metric { return Recall{o} }, func(o Of) Metric { return F1{o} },
}

func checkPerClass(t *testing.T, c *golden.Case, precision, k int, res *Result, held map[string]bool) {
	t.Helper()
	for _, name := range []string{"precision", "recall", "f1"} {
		var got []float64
		for i := range k {
			v, _ := res.Values.Get(fmt.Sprintf("%s_%d", name, i))
			got = append(got, v)
		}
		c.Check(t, precision, got, name)
		held[name] = true
	}
	var support []float64
	for _, row := range res.Confusion {
		n := 0
		for _, v := range row {
			n += v
		}
		support = append(support, float64(n))
	}
	c.Check(t, precision, support, "support")
	held["support"] = true
}

func goldenMulticlass(t *testing.T, c *golden.Case, precision int) map[string]bool {
	x, y := c.Input(t, "logits"), c.Input(t, "labels")
	metrics := []Metric{Accuracy{}, TopK{K: 1}, TopK{K: 2}, TopK{K: 3}, BalancedAccuracy{}, Kappa{}, Matthews{}, LogLoss{}, ROCAUC{}}
	for _, of := range byClass {
		metrics = append(metrics, of(Of{Average: "macro"}), of(Of{Average: "micro"}), of(Of{Average: "weighted"}))
		metrics = append(metrics, perClass(5, of)...)
	}
	n := logitsIn(t, precision, x.Shape[1], label, nil, metrics...)
	res := n.measure(t, tensor.Of(x.Data, x.Shape...), tensor.Of(y.Int32s(), y.Shape...))
	held := holds(t, c, precision, res, map[string]string{"loss": "log_loss", "roc_auc": "roc_auc_ovr_macro"})
	checkPerClass(t, c, precision, 5, res, held)
	var confusion []float64
	for _, row := range res.Confusion {
		for _, v := range row {
			confusion = append(confusion, float64(v))
		}
	}
	c.Check(t, precision, confusion, "confusion")
	held["confusion"] = true
	c.Check(t, precision, res.PerClass(), "recall")
	c.Check(t, precision, []float64{float64(res.Correct()) / float64(res.N)}, "accuracy")
	return held
}

func goldenZeroDivision(t *testing.T, c *golden.Case, precision int) map[string]bool {
	y, p := c.Input(t, "labels").Int32s(), c.Input(t, "predictions").Int32s()
	x := tensor.New(tensor.Float64, len(p), 3)
	for i, class := range p {
		x.SetFlat(3*i+int(class), 1)
	}
	var metrics []Metric
	for _, of := range byClass {
		metrics = append(metrics, perClass(3, of)...)
	}
	res := logitsIn(t, precision, 3, label, nil, metrics...).measure(t, x, tensor.Of(y, len(y)))
	held := map[string]bool{}
	checkPerClass(t, c, precision, 3, res, held)
	return held
}

func goldenBinary(t *testing.T, c *golden.Case, precision int) map[string]bool {
	p, y := c.Input(t, "probabilities"), c.Input(t, "labels")
	n := logitsIn(t, precision, 1, label, loss.BinaryCrossEntropy{Probabilities: true},
		Accuracy{}, Precision{}, Recall{}, F1{}, ROCAUC{}, LogLoss{}, Brier{}, Matthews{})
	res := n.measure(t, tensor.Of(p.Data, len(p.Data), 1), tensor.Of(y.Int32s(), y.Shape...))
	held := holds(t, c, precision, res, map[string]string{"loss": "log_loss"})
	k := res.Confusion
	c.Check(t, precision, []float64{float64(k[0][0]), float64(k[0][1]), float64(k[1][0]), float64(k[1][1])}, "tn_fp_fn_tp")
	held["tn_fp_fn_tp"] = true
	return held
}

func goldenRanking(t *testing.T, c *golden.Case, precision int) map[string]bool {
	s, y := c.Input(t, "scores"), c.Input(t, "labels")
	n := logitsIn(t, precision, 1, label, loss.BinaryCrossEntropy{Probabilities: true}, ROCAUC{}, AveragePrecision{})
	res := n.measure(t, tensor.Of(s.Data, len(s.Data), 1), tensor.Of(y.Int32s(), y.Shape...))
	held := holds(t, c, precision, res, nil)
	// The curve itself.
	order := falling(s.Data)
	var fpr, tpr, thresholds []float64
	pos, neg := 0.0, 0.0
	for _, v := range y.Data {
		pos, neg = pos+v, neg+1-v
	}
	tp, fp := 0.0, 0.0
	point := func(threshold float64) {
		fpr, tpr, thresholds = append(fpr, fp/neg), append(tpr, tp/pos), append(thresholds, threshold)
	}
	for i, r := range order {
		tp, fp = tp+y.Data[r], fp+1-y.Data[r]
		if i+1 == len(order) || s.Data[order[i+1]] != s.Data[r] {
			point(s.Data[r])
		}
	}
	for _, w := range []struct {
		name string
		got  []float64
	}{{"fpr", fpr}, {"tpr", tpr}, {"thresholds", thresholds}} {
		want := c.Want(t, w.name).Data
		if len(want) == len(w.got)+1 { // the point before the first row
			want = want[1:]
		}
		if !slices.EqualFunc(w.got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
			t.Errorf("%s: %v, want %v", w.name, w.got, want)
		}
		held[w.name] = true
	}
	return held
}

func goldenCalibration(t *testing.T, c *golden.Case, precision int) map[string]bool {
	p, y := c.Input(t, "probabilities"), c.Input(t, "labels")
	n := logitsIn(t, precision, p.Shape[1], label, loss.CrossEntropy{Probabilities: true}, ECE{}, MCE{})
	res := n.measure(t, tensor.Of(p.Data, p.Shape...), tensor.Of(y.Int32s(), y.Shape...))
	held := holds(t, c, precision, res, nil)
	var rows, bins []float64
	for i, l := range y.Int32s() {
		row := p.Data[i*5 : (i+1)*5]
		right := 0.0
		if best := slices.Max(row); row[l] == best {
			right = 1
		}
		rows = append(rows, slices.Max(row), right)
	}
	for _, b := range Reliability(rows, 15) {
		bins = append(bins, float64(b.N), b.Accuracy, b.Confidence)
	}
	c.Check(t, precision, bins, "bins")
	held["bins"] = true
	return held
}

func goldenRegression(t *testing.T, c *golden.Case, precision int) map[string]bool {
	p, y := c.Input(t, "pred"), c.Input(t, "target")
	field := data.Field{Name: "y", DType: tensor.Float64, Shape: tensor.Shape{y.Shape[1]}}
	n := logitsIn(t, precision, p.Shape[1], field, nil, MAE{}, MSE{}, RMSE{}, R2{}, ExplainedVariance{})
	res := n.measure(t, tensor.Of(p.Data, p.Shape...), tensor.Of(y.Data, y.Shape...))
	held := holds(t, c, precision, res, map[string]string{"loss": "mse", "rmse": "rmse_pooled", "r2": "r2_uniform_average"})
	var r2 []float64
	for j := range 2 {
		one := func(v []float64) *tensor.Tensor {
			out := tensor.New(tensor.Float64, len(v)/2, 1)
			for i := range out.Len() {
				out.SetFlat(i, v[2*i+j])
			}
			return out
		}
		field.Shape = tensor.Shape{1}
		res := logitsIn(t, precision, 1, field, nil, R2{}, MaxError{}, MedianError{}).measure(t, one(p.Data), one(y.Data))
		v, _ := res.Values.Get("r2")
		r2 = append(r2, v)
		if j == 0 {
			for name := range holds(t, c, precision, res, map[string]string{"r2": "", "loss": "", "max_error": "max_error_output0", "median_absolute_error": "median_absolute_error_output0"}) {
				held[name] = true
			}
		}
	}
	c.Check(t, precision, r2, "r2_per_output")
	held["r2_per_output"] = true
	return held
}

// A metric of ranks is what its definition says, however the rows are cut into
// batches and whatever ties there are.
func TestCollected(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(rt, "rows")
		score := rapid.SliceOfN(rapid.SampledFrom([]float64{0.1, 0.2, 0.5, 0.7, 0.9}), n, n).Draw(rt, "scores")
		in := rapid.SliceOfN(rapid.Bool(), n, n).Draw(rt, "labels")
		rows := make([]float64, 0, 2*n)
		wins, pairs := 0.0, 0.0
		for i := range n {
			y := 0.0
			if in[i] {
				y = 1
			}
			rows = append(rows, score[i], y)
			for j := range n {
				if in[i] && !in[j] {
					pairs++
					wins += map[int]float64{1: 1, 0: 0.5, -1: 0}[cmp.Compare(score[i], score[j])]
				}
			}
		}
		got := ROCAUC{}.Value(rows, n)
		if pairs == 0 {
			if !math.IsNaN(got) {
				rt.Fatalf("AUC %v of one class", got)
			}
			return
		}
		if math.Abs(got-wins/pairs) > 1e-12 {
			rt.Fatalf("AUC %v, want %v", got, wins/pairs)
		}
		if ap := (AveragePrecision{}).Value(rows, n); !(ap > 0 && ap <= 1) {
			rt.Fatalf("average precision %v", ap)
		}
		if ece, mce := (ECE{}).Value(rows, n), (MCE{}).Value(rows, n); !(ece >= 0 && ece <= mce+1e-12 && mce <= 1) {
			rt.Fatalf("ECE %v, MCE %v", ece, mce)
		}
	})
}

// Labels of several elements count each by itself, as scikit-learn's do when
// they are laid end to end.
func TestSeveralLabels(t *testing.T) {
	t.Parallel()
	field := data.Field{Name: "y", DType: tensor.Float64, Shape: tensor.Shape{3}}
	n := logits(t, 3, field, loss.BinaryCrossEntropy{}, Precision{}, Recall{}, F1{}, ROCAUC{}, Kappa{}, Matthews{}, BalancedAccuracy{}, LogLoss{}, Brier{}, ECE{}, AveragePrecision{}, MCE{})
	res := n.measure(t, tensor.Of([]float64{-1, 2, 3, -4, -5, 6}, 2, 3), tensor.Of([]float64{0, 1, 1, 1, 0, 0}, 2, 3))
	// Taken for yes: 2, 3, 6, of which two are; yes: 2, 3, -4.
	for name, want := range map[string]float64{"precision": 2.0 / 3, "recall": 2.0 / 3, "f1": 2.0 / 3, "balanced_accuracy": 2.0 / 3,
		"roc_auc": 5.0 / 9, "kappa": 1.0 / 3, "matthews": 1.0 / 3, "average_precision": (1.0/3)*(1.0/2) + (1.0/3)*(2.0/3) + (1.0/3)*(3.0/5)} {
		if v, ok := res.Values.Get(name); !ok || math.Abs(v-want) > 1e-12 {
			t.Errorf("%s %v, want %v", name, v, want)
		}
	}
	l, _ := res.Values.Get("loss")
	if v, _ := res.Values.Get("log_loss"); math.Abs(v-l) > 1e-12 {
		t.Errorf("log loss %v, the loss is %v", v, l)
	}
}

// Metrics of all rows are of evaluation alone, and the names say so.
func TestMeasures(t *testing.T) {
	t.Parallel()
	n := logits(t, 3, label, nil, Accuracy{}, ROCAUC{}, F1{})
	if got, want := n.Measures(), []string{"loss", "accuracy", "roc_auc", "f1"}; !slices.Equal(got, want) {
		t.Errorf("evaluation measures %v, want %v", got, want)
	}
	if got, want := n.TrainingMeasures(), []string{"loss", "accuracy", "f1"}; !slices.Equal(got, want) {
		t.Errorf("training measures %v, want %v", got, want)
	}
	for name, want := range map[string]bool{"val/loss": false, "val/accuracy": true, "train/top_5_accuracy": true, "val/out/f1_macro": true,
		"val/roc_auc": true, "val/ece": false, "val/precision_3": true, "val/mae": false, "val/brier": false, "val/r2": true, "val/log_loss": false, "val/mape": false} {
		if LowIsGood(name) == want {
			t.Errorf("more of %s is better: %v", name, !want)
		}
	}
}

// Batches of evaluation hold 256 rows: metrics of more are of all of them.
func TestManyRows(t *testing.T) {
	t.Parallel()
	const rows = 600
	x, y := tensor.New(tensor.Float64, rows, 2), tensor.New(tensor.Int32, rows)
	for i := range rows {
		x.SetFlat(2*i+1, float64((i*7919)%rows)/rows-0.3) // falls into disorder
		if i%3 == 0 {
			y.Int32s()[i] = 1
		}
	}
	res := logits(t, 2, label, nil, ROCAUC{}, ECE{}).measure(t, x, y)
	wins, pairs := 0.0, 0.0
	for i := range rows {
		for j := range rows {
			if y.Int32s()[i] == 1 && y.Int32s()[j] == 0 {
				pairs++
				if x.Flat(2*i+1) > x.Flat(2*j+1) {
					wins++
				}
			}
		}
	}
	if v, _ := res.Values.Get("roc_auc"); math.Abs(v-wins/pairs) > 1e-12 {
		t.Errorf("AUC %v, want %v", v, wins/pairs)
	}
}

// Every name is read, written, and known to go with a loss or not to.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	for _, name := range Metrics.Names() {
		m, err := Metrics.New(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := spec.Encode(m)
		if text := string(v.JSON()); err != nil || text != `"`+name+`"` {
			t.Errorf("%s is written %s, %v", name, text, err)
		}
		if classes, numbers := Suits(m, loss.CrossEntropy{}), Suits(m, loss.MSE{}); classes == numbers && !Suits(m, loss.MarginRanking{}) {
			t.Errorf("%s goes with classes: %v, with numbers: %v", name, classes, numbers)
		}
		if _, ok := m.(Collector); !ok && len(m.Sums(graph.Node{}, graph.Node{})) == 0 {
			t.Errorf("%s sums up nothing", name)
		}
	}
	if Suits(ECE{}, loss.CategoricalHinge{}) {
		t.Error("there is no calibration of what is no probability")
	}
	for text, want := range map[string]string{
		`{"name":"precision","average":"sideways"}`: "want macro, micro or weighted", `{"name":"f1","class":-1}`: "from 0",
		`{"name":"recall","class":1,"average":"micro"}`: "leave one of both out", `{"name":"ece","bins":-3}`: "whole number from 1",
	} {
		v, err := spec.ParseJSON("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var m Metric
		if err := spec.Decode(v, &m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A training epoch measures sums by class, and goes on with them where it was
// stopped.
func TestTrainingMeasures(t *testing.T) {
	t.Parallel()
	src := labelled(t, 30)
	run := func(stop int) *Trainer {
		tr := trainer(t, small(), Config{Data: src.Schema(), Metrics: []Metric{F1{}, ROCAUC{}, Precision{Of{Average: "micro"}}}})
		n := 0
		for range 2 {
			for _, err := range tr.Steps(context.Background(), Run{Train: src, Val: src, Batch: 7, Epochs: 1}) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n == stop {
					text, err := json.Marshal(tr.state.Epoch)
					tr.state.Epoch = tally{}
					if err == nil {
						err = json.Unmarshal(text, &tr.state.Epoch)
					}
					if err != nil {
						t.Fatal(err)
					}
					break
				}
			}
		}
		return tr
	}
	whole, parts := run(100).History()[0], run(2).History()[0]
	if fmt.Sprint(whole.Train) != fmt.Sprint(parts.Train) {
		t.Errorf("stopped midway %v are measured, else %v", parts.Train, whole.Train)
	}
	if _, ok := whole.Train.Get("roc_auc"); ok {
		t.Error("training measures ranks")
	}
	if v, ok := whole.Val.Get("roc_auc"); !ok || !(v > 0 && v <= 1) {
		t.Errorf("AUC %v", v)
	}
	if v, ok := whole.Train.Get("f1"); !ok || !(v > 0 && v <= 1) {
		t.Errorf("F1 %v", v)
	}
}

func ExampleReliability() {
	// Two rows at 90 % of which one was right, one at 60 % that was.
	for _, b := range Reliability([]float64{0.9, 1, 0.9, 0, 0.6, 1}, 2) {
		fmt.Printf("(%.1f, %.1f]: %d rows, confidence %.2f, accuracy %.2f\n", b.Low, b.High, b.N, b.Confidence, b.Accuracy)
	}
	// Output:
	// (0.0, 0.5]: 0 rows, confidence 0.00, accuracy 0.00
	// (0.5, 1.0]: 3 rows, confidence 0.80, accuracy 0.67
}

// Accuracies of a class at each of several places count a place as what it is of its row.
func TestAccuracyOfPlaces(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Embedding{Words: 9, Units: 4}, nn.GRU{Units: 8, Sequences: true}, nn.Dense{Units: 3}}
	src, words, tags := tagged(t, 11)
	n, err := NewNet(m, nil, Config{Data: src.Schema(), Seed: 3, Metrics: []Metric{Accuracy{}, TopK{K: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	res, err := n.Evaluate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	p, err := n.Predict(context.Background(), words)
	if err != nil {
		t.Fatal(err)
	}
	first, second := 0, 0
	for i := range tags.Len() {
		mine, above := p[0].Flat(3*i+int(tags.Flat(i))), 0
		for k := range 3 {
			if p[0].Flat(3*i+k) > mine {
				above++
			}
		}
		if above == 0 {
			first++
		}
		if above <= 1 {
			second++
		}
	}
	for name, hits := range map[string]int{"accuracy": first, "top_2_accuracy": second} {
		want := float64(hits) / float64(tags.Len())
		if got, _ := res.Values.Get(name); math.Abs(got-want) > 1e-6 || want == 0 || want == 1 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
