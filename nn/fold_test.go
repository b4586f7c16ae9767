package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// predicted is what a model predicts for x (shape).
func predicted(t testing.TB, m Model, set *param.Set, x []float64, shape ...int) []float64 {
	t.Helper()
	b := graph.New()
	b.Output("y", m.Trace(param.NewScope(b, set, param.Options{Seed: 3}), []graph.Node{b.Input("x", graph.Float, shape...)})[0])
	r, err := graphtest.Compile(b, set)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("x", x...)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(r.Output("y"))
}

// stir gives every parameter values as after training.
func stir(set *param.Set, seed uint64) {
	for p := range set.All() {
		r := rng.New(rng.Key(seed, p.Name), 0)
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, p.Value.Flat(i)+0.3*r.Float64())
		}
	}
}

func TestFoldGolden(t *testing.T) {
	t.Parallel()
	held := 0
	for _, c := range golden.Load(t, "batchnorm").Of("batchnorm_fold") {
		layers := Sequential{Dense{Units: 3, Name: "d"}, BatchNorm{Epsilon: c.Number(0, "eps"), Name: "bn"}}
		switch c.Text("order") {
		case "bn_then_dense":
			slices.Reverse(layers)
		case "conv_then_bn":
			layers[0] = Conv2D{Filters: 3, Kernel: tensor.Shape{3, 3}, Padding: Same, Name: "d"}
		}
		for _, precision := range []int{64, 32} {
			set := param.NewSet(graphtest.DType(precision))
			x := c.Input(t, "x")
			predicted(t, layers, set, x.Data, x.Shape...)
			for name, from := range map[string]string{
				"d/kernel": "kernel", "d/bias": "bias", "bn/gamma": "gamma", "bn/beta": "beta", "bn/moving_mean": "mean", "bn/moving_variance": "var",
			} {
				for i, v := range c.Input(t, from).Data {
					set.Value(name).SetFlat(i, v)
				}
			}
			m, folded, err := Fold(layers, set)
			if err != nil || len(m) != 1 || folded.Len() != 2 {
				t.Fatalf("%s: %v, %d parameters, %v", c.Name, m, folded.Len(), err)
			}
			c.Check(t, precision, graphtest.Floats(folded.Value("d/kernel")), "folded_kernel")
			c.Check(t, precision, graphtest.Floats(folded.Value("d/bias")), "folded_bias")
			c.Check(t, precision, predicted(t, m, folded, x.Data, x.Shape...), "y")
			c.Check(t, precision, predicted(t, layers, set, x.Data, x.Shape...), "y")
		}
		held++
	}
	if held != 3 {
		t.Errorf("%d cases held, want 3", held)
	}
}

// A stack of 300 and 100 units with a normalization before each dense layer
// loses all three, and predicts the same.
func TestFoldClassifier(t *testing.T) {
	t.Parallel()
	m := Sequential{
		Flatten{}, BatchNorm{}, Dense{Units: 300, Act: act.ELU{}}, BatchNorm{}, Dense{Units: 100, Act: act.ELU{}}, BatchNorm{}, Dense{Units: 10},
	}
	set := param.NewSet(tensor.Float32)
	r := rng.New(5, 0)
	const rows = 50
	x := make([]float64, rows*28*28)
	for i := range x {
		x[i] = r.Float64()
	}
	predicted(t, m, set, x, rows, 28, 28)
	stir(set, 1)
	want := predicted(t, m, set, x, rows, 28, 28)
	folded, params, err := Fold(m, set)
	if err != nil || len(folded) != 4 || params.Len() != 6 {
		t.Fatalf("%v, %d parameters, %v", folded, params.Len(), err)
	}
	got := predicted(t, folded, params, x, rows, 28, 28)
	size := 0.0
	for _, v := range want {
		size = max(size, math.Abs(v))
	}
	for row := range rows {
		a, b := want[row*10:row*10+10], got[row*10:row*10+10]
		for i := range a {
			if d := math.Abs(a[i] - b[i]); d > 1e-5*max(1, size) {
				t.Fatalf("row %d: %g apart, of at most %g", row, d, size)
			}
		}
		if slices.Index(a, slices.Max(a)) != slices.Index(b, slices.Max(b)) {
			t.Errorf("row %d has another class", row)
		}
	}
}

// Whatever the layers are, the folded model predicts the same in float64, its
// layers keep their names, and the model that was folded stays as it was.
func TestFoldAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var m Sequential
		for range rapid.IntRange(1, 8).Draw(rt, "layers") {
			m = append(m, rapid.SampledFrom([]Layer{
				BatchNorm{}, BatchNorm{NoScale: true}, BatchNorm{NoCenter: true, Epsilon: 0.1}, BatchNorm{Name: "dense_1"},
				Dense{Units: 3}, Dense{Units: 2, NoBias: true}, Dense{Units: 4, Act: act.Tanh{}}, Dropout{Rate: 0.5}, Flatten{}, act.Sigmoid{},
			}).Draw(rt, "layer"))
		}
		if named := slices.IndexFunc(m, func(l Layer) bool { return NameOf(l) != "" }); named >= 0 {
			seen := false // the name is free once, and before the automatic ones
			for i, l := range m {
				if NameOf(l) != "" && (seen || i > 0) {
					m[i] = BatchNorm{}
				}
				seen = true
			}
		}
		x := []float64{0.1, -0.5, 2, 1, 0.3, -1, 0.7, 0.2, -0.4, 1.5, 0.9, -2}
		set := param.NewSet(tensor.Float64)
		predicted(t, m, set, x, 2, 3, 2)
		stir(set, 2)
		want := predicted(t, m, set, x, 2, 3, 2)
		before := fmt.Sprint(m)
		folded, params, err := Fold(m, set)
		if err != nil {
			rt.Fatal(err)
		}
		n := params.Len()
		got := predicted(t, folded, params, x, 2, 3, 2)
		if params.Len() != n {
			rt.Fatalf("%v becomes %v, which does not find its parameters", m, folded)
		}
		for i := range want {
			if math.Abs(want[i]-got[i]) > 1e-9*(1+math.Abs(want[i])) {
				rt.Fatalf("%v becomes %v, which predicts %g for %g", m, folded, got[i], want[i])
			}
		}
		if fmt.Sprint(m) != before {
			rt.Fatalf("%s became %v", before, m)
		}
	})
}

// A convolution takes in what stands behind it, and what stands before it unless
// it pads with zeros.
func TestFoldConvolutions(t *testing.T) {
	t.Parallel()
	square := tensor.Shape{2, 2}
	for _, test := range []struct {
		m    Sequential
		left int
	}{
		{Sequential{Conv2D{Filters: 4, Kernel: square}, BatchNorm{}, act.ReLU{}, Flatten{}, Dense{Units: 2}}, 4},
		{Sequential{Conv2D{Filters: 4, Kernel: square, NoBias: true, Groups: 2, Padding: Same}, BatchNorm{}, Flatten{}}, 2},
		{Sequential{BatchNorm{}, Conv2D{Filters: 4, Kernel: square, Strides: tensor.Shape{2}}, Flatten{}}, 2},
		{Sequential{BatchNorm{}, Conv2D{Filters: 4, Kernel: square, Padding: Same}, Flatten{}}, 3},
		{Sequential{BatchNorm{}, Conv2D{Filters: 4, Kernel: square, Groups: 2}, Flatten{}}, 3},
		{Sequential{Conv2D{Filters: 3, Kernel: square, Act: act.ReLU{}}, BatchNorm{}, Flatten{}, Dense{Units: 5, NoBias: true}}, 3},
		{Sequential{BatchNorm{}, Flatten{}, Reshape{Shape: []int{8, 4}}, Conv1D{Filters: 2, Kernel: tensor.Shape{3}}}, 4},
		{Sequential{Reshape{Shape: []int{8, 4}}, BatchNorm{}, Conv1D{Filters: 2, Kernel: tensor.Shape{3}}}, 2},
		{Sequential{DepthwiseConv2D{Kernel: square, NoBias: true}, BatchNorm{}, act.ReLU{}, Flatten{}}, 3},
		{Sequential{DepthwiseConv2D{Kernel: square, Multiplier: 3, Padding: Same}, BatchNorm{}, Flatten{}}, 2},
		{Sequential{DepthwiseConv2D{Kernel: square, Act: act.ReLU{}}, BatchNorm{}, Flatten{}}, 3},
		{Sequential{BatchNorm{}, DepthwiseConv2D{Kernel: square}, Flatten{}}, 3},
		{Sequential{SeparableConv2D{Filters: 5, Kernel: square, Multiplier: 2, NoBias: true}, BatchNorm{}, Flatten{}}, 2},
		{Sequential{SeparableConv2D{Filters: 5, Kernel: square}, BatchNorm{}, Flatten{}}, 2},
		{Sequential{Reshape{Shape: []int{8, 4}}, DepthwiseConv1D{Kernel: tensor.Shape{3}}, BatchNorm{}, Flatten{}}, 3},
		{Sequential{Reshape{Shape: []int{8, 4}}, SeparableConv1D{Filters: 2, Kernel: tensor.Shape{3}}, BatchNorm{}, Flatten{}}, 3},
	} {
		x := make([]float64, 2*4*4*2)
		r := rng.New(3, 0)
		for i := range x {
			x[i] = r.Norm()
		}
		set := param.NewSet(tensor.Float64)
		predicted(t, test.m, set, x, 2, 4, 4, 2)
		stir(set, 5)
		want := predicted(t, test.m, set, x, 2, 4, 4, 2)
		folded, params, err := Fold(test.m, set)
		if err != nil || len(folded) != test.left {
			t.Errorf("%v becomes %v, %v", test.m, folded, err)
			continue
		}
		for i, v := range predicted(t, folded, params, x, 2, 4, 4, 2) {
			if math.Abs(v-want[i]) > 1e-9*(1+math.Abs(want[i])) {
				t.Errorf("%v becomes %v, which predicts %g for %g", test.m, folded, v, want[i])
				break
			}
		}
	}
}

// What is nested is folded, too, and what stands between named layers where it
// may be.
func TestFoldModels(t *testing.T) {
	t.Parallel()
	unit := Sequential{Dense{Units: 4, NoBias: true}, BatchNorm{}, act.ReLU{}, Dense{Units: 4}, BatchNorm{}}
	shared := Functional{Layers: []Entry{
		{Layer: Dense{Units: 4, Name: "d"}}, {Layer: BatchNorm{Name: "n"}}, {Share: "d", Name: "again"}, {Share: "n", Name: "n2"},
	}}
	for name, test := range map[string]struct {
		m    Model
		left int // normalizations
	}{
		"residual": {Sequential{Dense{Units: 4}, BatchNorm{}, Residual{Layers: unit}, Residual{Layers: unit, Name: "two"}, BatchNorm{}, Dense{Units: 2}}, 0},
		"blocks":   {Sequential{Block{Layers: Sequential{Block{Layers: unit}, BatchNorm{}}}, Dense{Units: 2}}, 1},
		"behind": {Functional{Layers: []Entry{
			{Layer: Dense{Units: 4, Name: "a"}}, {Layer: BatchNorm{}}, {Layer: act.ReLU{}}, {Layer: Block{Layers: unit, Name: "b"}}, {Layer: Dense{Units: 3}},
		}}, 0},
		"before": {Functional{Layers: []Entry{
			{Layer: BatchNorm{}}, {Layer: Dense{Units: 4, Act: act.Tanh{}}}, {Layer: BatchNorm{}}, {Layer: Dense{Units: 3, Name: "out"}},
		}, Out: []string{"out"}}, 0},
		"paths": {Functional{Layers: []Entry{
			{Layer: Dense{Units: 4, Name: "a"}}, {Layer: BatchNorm{Name: "n"}},
			{Layer: Dense{Units: 4, Name: "b", Act: act.ELU{}}}, {Layer: Add{}, Inputs: []string{"b", "n"}},
		}}, 0},
		"two users of a dense layer": {Functional{Layers: []Entry{
			{Layer: Dense{Units: 4, Name: "a"}}, {Layer: BatchNorm{Name: "n"}}, {Layer: Add{}, Inputs: []string{"a", "n"}},
		}}, 1},
		"two users of a normalization": {Functional{Layers: []Entry{
			{Layer: BatchNorm{Name: "n"}}, {Layer: Dense{Units: 3, Name: "a"}}, {Layer: Dense{Units: 3, Name: "b"}, Inputs: []string{"n"}}, {Layer: Add{}, Inputs: []string{"a", "b"}},
		}}, 1},
		"an output": {Functional{Layers: []Entry{{Layer: Dense{Units: 4, Name: "a"}}, {Layer: BatchNorm{Name: "n"}}}}, 1},
		"shared":    {shared, 1},
	} {
		x := []float64{0.1, -0.5, 2, 1, 0.3, -1, 0.7, 0.2}
		set := param.NewSet(tensor.Float64)
		predicted(t, test.m, set, x, 2, 4)
		stir(set, 6)
		want := predicted(t, test.m, set, x, 2, 4)
		before := fmt.Sprint(test.m)
		folded, params, err := FoldModel(test.m, set)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		left := 0
		for p := range params.All() {
			if strings.HasSuffix(p.Name, "/moving_mean") {
				left++
			}
		}
		n := params.Len()
		got := predicted(t, folded, params, x, 2, 4)
		if left != test.left || params.Len() != n {
			t.Errorf("%s: %d normalizations are left, want %d; %d parameters, %d found", name, left, test.left, params.Len(), n)
		}
		for i, v := range want {
			if math.Abs(got[i]-v) > 1e-9*(1+math.Abs(v)) {
				t.Errorf("%s: predicts %g for %g", name, got[i], v)
				break
			}
		}
		if after := fmt.Sprint(test.m); after != before {
			t.Errorf("%s: %s became %s", name, before, after)
		}
	}
}

func TestFoldRefuses(t *testing.T) {
	t.Parallel()
	m := Sequential{BatchNorm{}, Dense{Units: 2}}
	if _, _, err := Fold(m, param.NewSet(tensor.Float64)); err == nil {
		t.Error("a model without parameters is folded")
	}
}
