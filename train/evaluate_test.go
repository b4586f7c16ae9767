package train

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// logits is a net that gives back what it is given, so that data chooses the
// predictions.
func logits(t testing.TB, width int, target data.Field, l loss.Loss, metrics ...Metric) *Net {
	t.Helper()
	return logitsIn(t, 64, width, target, l, metrics...)
}

func logitsIn(t testing.TB, precision, width int, target data.Field, l loss.Loss, metrics ...Metric) *Net {
	t.Helper()
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float64, Shape: tensor.Shape{width}}}, Targets: []data.Field{target}}
	if target.DType == tensor.Int32 {
		for i := range max(2, width) {
			s.Classes = append(s.Classes, string(rune('a'+i)))
		}
	}
	n, err := NewNet(nn.Sequential{nn.Flatten{}}, nil, Config{Data: s, Loss: l, Metrics: metrics, Float: graphtest.DType(precision)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

var label = data.Field{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}

func (n *Net) measure(t testing.TB, x, y *tensor.Tensor) *Result {
	t.Helper()
	res, err := n.Evaluate(context.Background(), source(t, n.Data(), []*tensor.Tensor{x}, []*tensor.Tensor{y}))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestBinaryAccuracy counts each of several labels by itself.
func TestBinaryAccuracy(t *testing.T) {
	t.Parallel()
	field := data.Field{Name: "y", DType: tensor.Float64, Shape: tensor.Shape{3}}
	for _, metrics := range [][]Metric{nil, {Accuracy{}}, {BinaryAccuracy{}}} {
		n := logits(t, 3, field, loss.BinaryCrossEntropy{}, metrics...)
		res := n.measure(t, tensor.Of([]float64{-1, 2, 3, -4, -5, 6}, 2, 3), tensor.Of([]float64{0, 1, 1, 1, 0, 0}, 2, 3))
		if v, ok := res.Values.Get("accuracy"); !ok || math.Abs(v-4.0/6) > 1e-15 {
			t.Errorf("%v: accuracy %v, want 4 of 6", metrics, v)
		}
		if res.Confusion != nil {
			t.Error("several labels have no confusion")
		}
	}
}

// TestWeights compares the losses of weighted rows with values worked out by
// hand: training multiplies by the class's weight, evaluation does not, and the
// sum is divided by the number of rows.
func TestWeights(t *testing.T) {
	t.Parallel()
	src := weighted{labelled(t, 5)}
	params := param.NewSet(tensor.Float64)
	for _, n := range []struct {
		name  string
		shape tensor.Shape
	}{{"dense/kernel", tensor.Shape{features, classed}}, {"dense/bias", tensor.Shape{classed}}} {
		p, err := params.Add(n.name, param.Weight, n.shape)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, math.Sin(float64(i)))
		}
	}
	classWeight := []float64{1, 2.5, 0}
	tr, err := From(nn.Sequential{nn.Dense{Units: classed}}, params, Config{Data: src.Schema(), ClassWeight: classWeight, Float: tensor.Float64})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	b := data.NewBatch(src.Schema(), 5)
	if err := src.Read(b, []int32{0, 1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	var trained, evaluated float64
	for i := range 5 {
		z := make([]float64, classed)
		sum := 0.0
		for c := range z {
			z[c] = params.Value("dense/bias").Flat(c)
			for j := range features {
				z[c] += b.X[0].At(i, j) * params.Value("dense/kernel").At(j, c)
			}
			sum += math.Exp(z[c])
		}
		y := b.Y[0].Int32s()[i]
		l := (math.Log(sum) - z[y]) * float64(b.Weight[i])
		evaluated += l / 5
		trained += l * classWeight[y] / 5
	}
	res, err := tr.Evaluate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := res.Values.Get("loss"); math.Abs(got-evaluated) > 1e-12 {
		t.Errorf("evaluated to %v, want %v", got, evaluated)
	}
	if _, err := tr.learn(context.Background(), b, sched.Point{}, true); err != nil {
		t.Fatal(err)
	}
	if got := tr.step.Loss; math.Abs(got-trained) > 1e-12 {
		t.Errorf("trained with %v, want %v", got, trained)
	}
}

// weighted gives row i the weight i/2.
type weighted struct{ data.Source }

func (w weighted) Read(dst *data.Batch, idx []int32) error {
	if err := w.Source.Read(dst, idx); err != nil {
		return err
	}
	for i := range dst.Weigh() {
		dst.Weight[i] = float32(idx[i]) / 2
	}
	return nil
}

// TestOutputs weighs the losses of two outputs, which are measured apart.
func TestOutputs(t *testing.T) {
	t.Parallel()
	schema := data.Schema{
		Inputs: []data.Field{{Name: "x", DType: tensor.Float64, Shape: tensor.Shape{2}}},
		Targets: []data.Field{
			{Name: "b", DType: tensor.Float64, Shape: tensor.Shape{2}},
			{Name: "a", DType: tensor.Int32, Shape: tensor.Shape{}},
		},
	}
	m := nn.Functional{
		In: []nn.Port{{Name: "x"}},
		Layers: []nn.Entry{
			{Layer: nn.Flatten{Name: "a"}, Inputs: []string{"x"}},
			{Layer: nn.Rescale{Scale: 2, Name: "b"}, Inputs: []string{"x"}},
		},
		Out: []string{"a", "b"},
	}
	n, err := NewNet(m, nil, Config{Data: schema, Float: tensor.Float64, Losses: map[string]OutputLoss{
		"a": {Loss: loss.CrossEntropy{}, Weight: 0.5}, "b": {Loss: loss.MSE{}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	src := source(t, schema, []*tensor.Tensor{tensor.Of([]float64{0, 0, 0, 0}, 2, 2)}, []*tensor.Tensor{
		tensor.Of([]float64{1, 1, 2, 4}, 2, 2), tensor.Of([]int32{0, 1}, 2),
	})
	res, err := n.Evaluate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	a, b := math.Ln2, (1.0+1+4+16)/4
	want := Values{{"loss", a/2 + b}, {"a/loss", a}, {"a/accuracy", 0.5}, {"b/loss", b}, {"b/mae", 2}, {"b/rmse", math.Sqrt(b)}, {"b/r2", ((1 - 5/0.5) + (1 - 17/4.5)) / 2}}
	if len(res.Values) != len(want) {
		t.Fatalf("got %v, want %v", res.Values, want)
	}
	for i, w := range want {
		if got := res.Values[i]; got.Name != w.Name || math.Abs(got.Value-w.Value) > 1e-12 {
			t.Errorf("got %v, want %v", got, w)
		}
	}
	if out, err := n.Predict(context.Background(), tensor.Of([]float64{1, 1}, 1, 2)); err != nil ||
		!reflect.DeepEqual(graphtest.Floats(out[0]), []float64{0.5, 0.5}) || !reflect.DeepEqual(graphtest.Floats(out[1]), []float64{2, 2}) {
		t.Errorf("predicted %v, %v", out, err)
	}
}

func TestLabelsOutOfRange(t *testing.T) {
	t.Parallel()
	counts := data.Field{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{1}}
	for _, tc := range []struct {
		width int
		field data.Field
		loss  loss.Loss
		label int32
		want  string
	}{
		{3, label, nil, 3, `row 1 has label 3, but output "output" has 3 classes`},
		{3, label, nil, -1, "row 1 has label -1"},
		{1, label, loss.BinaryCrossEntropy{}, 2, "row 1 has label 2"},
		{3, data.Field{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{3}}, loss.BinaryCrossEntropy{}, 2, "row 1 has label 2"},
		{1, counts, loss.MSE{}, 35, ""},
		{1, counts, loss.Hinge{}, -1, ""},
	} {
		n := logits(t, tc.width, tc.field, tc.loss)
		schema := n.Data()
		schema.Classes = nil
		y := tensor.New(tensor.Int32, append(tensor.Shape{2}, tc.field.Shape...)...)
		y.SetFlat(y.Len()-1, float64(tc.label))
		_, err := n.Evaluate(context.Background(), source(t, schema, []*tensor.Tensor{tensor.New(tensor.Float64, 2, tc.width)}, []*tensor.Tensor{y}))
		var bad *data.Error
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%+v: %v", tc, err)
		case tc.want != "" && (!errors.As(err, &bad) || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%+v: error %v, want one with %q", tc, err, tc.want)
		}
	}
}

func TestPredict(t *testing.T) {
	t.Parallel()
	src := labelled(t, 5)
	tr := trainer(t, small(), Config{Data: src.Schema()})
	x := tensor.New(tensor.Float32, 5, features)
	for i := range x.Len() {
		x.SetFlat(i, math.Cos(float64(i)))
	}
	out, err := tr.Predict(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		sum := 0.0
		for c := range classed {
			sum += out[0].At(i, c)
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("row %d sums to %v", i, sum)
		}
	}
	// One row by itself is predicted the same, in another precision, too.
	all := graphtest.Floats(out[0])
	one, err := tr.Predict(context.Background(), x.Rows(3, 4).Convert(tensor.Float64))
	if err != nil {
		t.Fatal(err)
	}
	for c := range classed {
		if got, want := one[0].Flat(c), all[3*classed+c]; math.Abs(got-want) > 1e-6 {
			t.Errorf("by itself %v, among others %v", got, want)
		}
	}
	for want, xs := range map[string][]*tensor.Tensor{
		"the data has 1 inputs, got 0":     {},
		"the data has 1 inputs, got 2":     {x, x},
		`input "x": got shape [0 6]`:       {tensor.New(tensor.Float32, 0, features)},
		`input "x": got shape [5]`:         {tensor.New(tensor.Float32, 5)},
		`input "x": got shape []`:          {tensor.New(tensor.Float32)},
		`input "input:input" is uint8[5 6`: {tensor.New(tensor.Uint8, 5, features)},
	} {
		if _, err := tr.Predict(context.Background(), xs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestMetricsOverBatches cuts rows into batches at random places: no metric may
// depend on them.
func TestMetricsOverBatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.IntRange(1, 20).Draw(rt, "rows")
		number := rapid.Float64Range(-3, 3)
		pred := rapid.SliceOfN(number, rows*2, rows*2).Draw(rt, "pred")
		target := rapid.SliceOfN(number, rows*2, rows*2).Draw(rt, "target")
		metric := rapid.SampledFrom([]Metric{MAE{}, MSE{}, RMSE{}, R2{}, ExplainedVariance{}, MAPE{}, MSLE{}, CosineSimilarity{}, Accuracy{}, BinaryAccuracy{}, TopK{K: 1},
			Precision{}, Recall{Of{Average: "weighted"}}, F1{Of{Average: "macro"}}, F1{}.perElement(), BalancedAccuracy{}, Kappa{}, Matthews{}, LogLoss{}, Brier{}}).Draw(rt, "metric")
		value := func(cuts []int) float64 {
			var sums []float64
			lo, width := 0, 0
			for _, hi := range cuts {
				g := graph.New()
				p := g.Input("p", graph.Float, hi-lo, 2)
				y := g.Input("y", graph.Float, hi-lo, 2)
				nodes := metric.Sums(p, y)
				for i, s := range nodes {
					g.Output(string(rune('a'+i)), s)
				}
				r, err := graphtest.Compile(g, nil)
				if err != nil {
					rt.Fatal(err)
				}
				r.Set("p", pred[2*lo:2*hi]...)
				r.Set("y", target[2*lo:2*hi]...)
				if err := r.Step(); err != nil {
					rt.Fatal(err)
				}
				var all []float64
				for i := range nodes {
					all = append(all, r.Output(string(rune('a'+i)))...)
				}
				if sums == nil {
					width = len(all)
					sums = make([]float64, width)
				}
				if len(all) != width {
					rt.Fatalf("%s: %d sums, then %d", metric.Name(), width, len(all))
				}
				for i, v := range all {
					sums[i] += v
				}
				lo = hi
			}
			return metric.Value(sums, rows)
		}
		cut := rapid.IntRange(1, rows).Draw(rt, "cut")
		cuts := []int{cut}
		if cut < rows {
			cuts = append(cuts, rows)
		}
		got, want := value(cuts), value([]int{rows})
		if !(math.Abs(got-want) <= 1e-9*(1+math.Abs(want))) && !(math.IsNaN(want) || math.IsInf(want, 0)) {
			rt.Fatalf("%s: %v in batches up to %v, %v in one", metric.Name(), got, cuts, want)
		}
	})
}

// TestValuesJSON writes measured numbers and reads them back.
func TestValuesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.String(), func(s string) string { return s }).Draw(rt, "names")
		var v Values
		for _, n := range names {
			v = append(v, Value{n, rapid.Float64().Draw(rt, "value")})
		}
		text, err := json.Marshal(v)
		if err != nil {
			rt.Fatal(err)
		}
		var got Values
		if err := json.Unmarshal(text, &got); err != nil {
			rt.Fatal(err)
		}
		if len(got) != len(v) {
			rt.Fatalf("%s reads back as %v", text, got)
		}
		for i := range v {
			if want := v[i].Value; got[i].Name != v[i].Name || finite(want) && got[i].Value != want || !finite(want) && !math.IsNaN(got[i].Value) {
				rt.Fatalf("%v reads back as %v", v[i], got[i])
			}
		}
		s := make(sums, len(v))
		for i := range v {
			s[i] = v[i].Value
		}
		if text, err = json.Marshal(s); err != nil {
			rt.Fatal(err)
		}
		var back sums
		if err := json.Unmarshal(text, &back); err != nil {
			rt.Fatal(err)
		}
		for i := range s {
			if math.Float64bits(s[i]) != math.Float64bits(back[i]) && !math.IsNaN(s[i]) {
				rt.Fatalf("%v reads back as %v", s[i], back[i])
			}
		}
	})
}
