package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/tensor"
)

func netOf(t testing.TB, m nn.Sequential, width int, target data.Field, l loss.Loss, metrics ...Metric) *Net {
	t.Helper()
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float64, Shape: tensor.Shape{width}}}, Targets: []data.Field{target}}
	if target.DType == tensor.Int32 {
		for i := range max(2, width) {
			s.Classes = append(s.Classes, fmt.Sprint(i))
		}
	}
	n, err := NewNet(m, nil, Config{Data: s, Loss: l, Metrics: metrics, Float: tensor.Float64, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func numbers(width int) data.Field {
	return data.Field{Name: "y", DType: tensor.Float64, Shape: tensor.Shape{width}}
}

// Elements dropped at rate p are 0 or x/(1 − p): the mean of T passes over M
// elements lies within z·√(p/(1−p)/(T·M)) of x, z being 5 for a probability of
// 6e-7 to fail, and all deviations together are as wide as one should be.
func TestSampledMoments(t *testing.T) {
	t.Parallel()
	const passes, width, p = 400, 200, 0.3
	x := tensor.New(tensor.Float64, 2, width)
	for i := range x.Len() {
		x.SetFlat(i, 1)
	}
	n := netOf(t, nn.Sequential{nn.Dropout{Rate: p}}, width, numbers(width), loss.MSE{})
	s, err := n.PredictSampled(context.Background(), passes, x)
	if err != nil {
		t.Fatal(err)
	}
	mean, variance := 0.0, 0.0
	for i := range x.Len() {
		mean += s.Mean[0].Flat(i) / float64(x.Len())
		variance += s.Std[0].Flat(i) * s.Std[0].Flat(i) / float64(x.Len())
	}
	want := p / (1 - p)
	if off := 5 * math.Sqrt(want/(passes*float64(x.Len()))); math.Abs(mean-1) > off {
		t.Errorf("mean %v, want 1 within %v", mean, off)
	}
	// The variance of what is kept with probability q = 1 − p has a relative
	// deviation of (1 − 2q)²/(q·p) by the number of draws, less 1/T for the mean.
	off := 5*want*math.Sqrt((1-2*p)*(1-2*p)/(p*(1-p))/(passes*float64(x.Len()))) + want/passes
	if math.Abs(variance-want) > off {
		t.Errorf("variance %v, want %v within %v", variance, want, off)
	}
}

// Normalization keeps to its moving statistics, nothing is changed, and the same
// net draws the same.
func TestSampledChangesNothing(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.BatchNorm{}, nn.Dense{Units: 8, Act: act.ELU{}}, nn.Dropout{Rate: 0.5}, nn.BatchNorm{}, nn.Dense{Units: 3}}
	x := tensor.Of([]float64{1, 2, 3, -4, 5, -6, 0.5, 0, 9}, 3, 3)
	ctx := context.Background()
	var texts []string
	for range 2 {
		n := netOf(t, m, 3, label, nil)
		before := n.Params.Clone()
		plain, err := n.Predict(ctx, x)
		if err != nil {
			t.Fatal(err)
		}
		was := fmt.Sprint(graphtest.Floats(plain[0]))
		var text string
		for range 2 {
			s, err := n.PredictSampled(ctx, 5, x)
			if err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprint(s.Mean[0], s.Std[0])
			for i := range 3 { // the mean of probabilities is one
				sum := 0.0
				for k := range 3 {
					sum += s.Mean[0].Flat(3*i + k)
				}
				if math.Abs(sum-1) > 1e-12 {
					t.Errorf("probabilities add up to %v", sum)
				}
			}
		}
		texts = append(texts, text)
		if one, err := n.PredictSampled(ctx, 1, tensor.Of([]float64{1, 2, 3}, 1, 3)); err != nil || one.Std[0].Flat(0) != 0 {
			t.Errorf("one row, one pass: %v", err)
		}
		for p := range n.Params.All() {
			if b := before.Get(p.Name); fmt.Sprint(p.Value) != fmt.Sprint(b.Value) || p.Frozen != b.Frozen {
				t.Errorf("%s is another one", p.Name)
			}
		}
		if plain, err = n.Predict(ctx, x); err != nil || fmt.Sprint(graphtest.Floats(plain[0])) != was {
			t.Errorf("predicts %v, before %s; %v", graphtest.Floats(plain[0]), was, err)
		}
	}
	if texts[0] != texts[1] {
		t.Error("two nets of one seed draw differently")
	}
}

// The mean of predictions is measured as a prediction is: where the noise does
// nothing, all numbers are those of an evaluation.
func TestEvaluateSampled(t *testing.T) {
	t.Parallel()
	const rows = 300
	x := tensor.New(tensor.Float64, rows, 3)
	for i := range x.Len() {
		x.SetFlat(i, math.Sin(float64(i*i)))
	}
	classes, yes, values := tensor.New(tensor.Int32, rows), tensor.New(tensor.Float64, rows, 3), tensor.New(tensor.Float64, rows, 3)
	for i := range rows {
		classes.Int32s()[i] = int32(i % 3)
		for k := range 3 {
			yes.SetFlat(3*i+k, float64((i+k)%2))
			values.SetFlat(3*i+k, math.Abs(math.Cos(float64(i+k))))
		}
	}
	none := nn.GaussianNoise{Stddev: 1e-300} // drawn, but lost in the sum
	for name, c := range map[string]struct {
		m nn.Sequential
		y *tensor.Tensor
		l loss.Loss
		f data.Field
		k []Metric
	}{
		"classes":         {nn.Sequential{none}, classes, nil, label, []Metric{Accuracy{}, ECE{}, F1{}, LogLoss{}}},
		"smoothed":        {nn.Sequential{none}, classes, loss.CrossEntropy{Smoothing: 0.1}, label, nil},
		"after a softmax": {nn.Sequential{none, nn.Activation{Act: act.Softmax{}}}, classes, loss.CrossEntropy{}, label, nil},
		"focal":           {nn.Sequential{none}, classes, loss.CategoricalFocal{}, label, nil},
		"yes or no":       {nn.Sequential{none}, yes, loss.BinaryCrossEntropy{}, numbers(3), []Metric{Accuracy{}, ROCAUC{}}},
		"numbers":         {nn.Sequential{none}, values, loss.Huber{}, numbers(3), nil},
		"rates":           {nn.Sequential{none}, values, loss.Poisson{Log: true}, numbers(3), nil},
		"penalized":       {nn.Sequential{nn.Dense{Units: 3, Regularizer: regular.L2{}}, none}, classes, nil, label, nil},
	} {
		n := netOf(t, c.m, 3, c.f, c.l, c.k...)
		src := source(t, n.Data(), []*tensor.Tensor{x}, []*tensor.Tensor{c.y})
		want, err := n.Evaluate(context.Background(), src)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.EvaluateSampled(context.Background(), src, 3)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.N != want.N || len(got.Values) != len(want.Values) || fmt.Sprint(got.Confusion) != fmt.Sprint(want.Confusion) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
			continue
		}
		for i, v := range want.Values {
			if g := got.Values[i]; g.Name != v.Name || math.Abs(g.Value-v.Value) > 1e-9*(1+math.Abs(v.Value)) {
				t.Errorf("%s: %v, want %v", name, g, v)
			}
		}
	}
}

func TestSampledRefuses(t *testing.T) {
	t.Parallel()
	x := tensor.Of([]float64{1, 2, 3}, 1, 3)
	n := netOf(t, nn.Sequential{nn.Dense{Units: 2}, nn.BatchNorm{}}, 3, numbers(2), nil)
	if _, err := n.PredictSampled(context.Background(), 10, x); !errors.Is(err, ErrNoNoise) {
		t.Errorf("a net without noise: %v", err)
	}
	n = netOf(t, nn.Sequential{nn.Dropout{Rate: 0.5}}, 3, numbers(3), nil)
	if _, err := n.PredictSampled(context.Background(), 0, x); err == nil {
		t.Error("no pass is none")
	}
	if _, err := n.PredictSampled(context.Background(), 2); err == nil {
		t.Error("no rows are none")
	}
}

func ExampleNet_PredictSampled() {
	field := data.Field{Name: "x", DType: tensor.Float64, Shape: tensor.Shape{1}}
	n, err := NewNet(nn.Sequential{nn.Dropout{Rate: 0.5}}, nil, Config{Data: data.Schema{Inputs: []data.Field{field}}, Float: tensor.Float64})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()
	s, err := n.PredictSampled(context.Background(), 10000, tensor.Of([]float64{1}, 1, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f ± %.1f\n", s.Mean[0].Flat(0), s.Std[0].Flat(0))
	// Output: 1.0 ± 1.0
}
