package diag_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// plain is a stack of equal layers.
func plain(a act.Activation, init param.Init, depth, width int) nn.Sequential {
	var m nn.Sequential
	for range depth {
		m = append(m, nn.Dense{Units: width, Act: a, Init: init, NoBias: true})
	}
	return m
}

// fresh is a model with new parameters, for samples of a shape.
func fresh(t testing.TB, m nn.Model, seed uint64, shape ...int) *train.Net {
	t.Helper()
	n, err := train.NewNet(m, nil, train.Config{Seed: seed, Data: data.Schema{Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: shape}}}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func measure(t testing.TB, n *train.Net, o diag.Options) *diag.Report {
	t.Helper()
	r, err := diag.Measure(context.Background(), n, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// untruncated is normal with variance scale/fan_in.
func untruncated(scale float64) param.Init {
	return initial.VarianceScaling{Scale: scale, Mode: initial.FanIn, Dist: initial.UntruncatedNormal}
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.4g, want %.4g ± %.2g", what, got, want, tol)
	}
}

// A net is the same to the report however its activation is written.
func TestSpellings(t *testing.T) {
	t.Parallel()
	var inside, apart, bare nn.Sequential
	for range 3 {
		d := nn.Dense{Units: 20, Init: initial.He}
		apart = append(apart, d, nn.Activation{Act: act.ELU{}})
		bare = append(bare, d, act.ELU{})
		d.Act = act.ELU{}
		inside = append(inside, d)
	}
	// The names of the layers decide what the kernels are.
	want := measure(t, fresh(t, inside, 1, 10), diag.Options{})
	for _, m := range []nn.Sequential{apart, bare} {
		got := measure(t, fresh(t, m, 1, 10), diag.Options{})
		if len(got.Layers) != 3 {
			t.Fatalf("%d layers, want 3", len(got.Layers))
		}
		for i, l := range got.Layers {
			w := want.Layers[i]
			if l.Name != w.Name || l.Std != w.Std || l.GradStd != w.GradStd || l.Saturated != w.Saturated || l.Activation != w.Activation || l.Jacobian.Mean != w.Jacobian.Mean {
				t.Errorf("layer %d is %+v, want %+v", i, l, w)
			}
		}
		if got.GradFactor != want.GradFactor {
			t.Errorf("grad_factor %v, want %v", got.GradFactor, want.GradFactor)
		}
	}
}

// Measuring leaves weights and statistics as they are, and two measurements are
// the same, on any number of threads.
func TestMeasureIsPure(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 30, Act: act.PReLU{}}, nn.Dropout{Rate: 0.2}, nn.Dense{Units: 10, Act: act.Softmax{}}}
	src, _ := digits.New(1, 200, 1)
	n, err := train.NewNet(m, nil, train.Config{Data: src.Schema(), Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	before := n.Params.Clone()
	batch, err := diag.Sampled(src, 50, 1)
	if err != nil {
		t.Fatal(err)
	}
	var texts [][]byte
	for threads := 1; threads <= 3; threads++ {
		text, err := json.Marshal(measure(t, n, diag.Options{Batch: batch, Threads: threads}))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if !bytes.Equal(texts[0], texts[1]) || !bytes.Equal(texts[0], texts[2]) {
		t.Errorf("reports differ:\n%s\n%s\n%s", texts[0], texts[1], texts[2])
	}
	if n.Params.Len() != before.Len() {
		t.Errorf("%d parameters became %d", before.Len(), n.Params.Len())
	}
	for p := range before.All() {
		if !bytes.Equal(p.Value.Bytes(), n.Params.Value(p.Name).Bytes()) {
			t.Errorf("%s was changed", p.Name)
		}
	}
}

// The gradient of a measurement with data is that of the loss, and the update
// that of the optimizer: of plain gradient descent, −η·∂L/∂W.
func TestUpdateOfLoss(t *testing.T) {
	t.Parallel()
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{1}}},
		Targets: []data.Field{{Name: "target", DType: tensor.Float32, Shape: tensor.Shape{1}}},
	}, []*tensor.Tensor{tensor.Of([]float32{1, 2}, 2, 1)}, []*tensor.Tensor{tensor.Of([]float32{0, 0}, 2, 1)})
	if err != nil {
		t.Fatal(err)
	}
	m := nn.Sequential{nn.Dense{Units: 1, NoBias: true, Init: initial.Constant{Value: 3}}}
	n, err := train.NewNet(m, nil, train.Config{Data: src.Schema(), Loss: loss.MSE{}})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := diag.Sampled(src, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	// L = mean (3x)² over x ∈ {1, 2}; ∂L/∂w = 2·3·mean x² = 15, ∂L/∂y = y = 3x.
	r := measure(t, n, diag.Options{Batch: batch, Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.01}}})
	l := r.Layers[0]
	near(t, "update", l.Update, 0.01*15/3, 1e-12)
	near(t, "std", l.Std, 1.5, 1e-12)
	near(t, "mean", l.Mean, 4.5, 1e-12)
	near(t, "grad std", l.GradStd, 1.5, 1e-12)
	near(t, "grad factor", l.GradFactor, 3, 1e-12)
	near(t, "forward factor", l.ForwardFactor, 3, 1e-12)
	near(t, "singular value", l.Jacobian.Mean, 3, 1e-12)
	if r.Rows != 2 {
		t.Errorf("%d rows, want 2", r.Rows)
	}
}

// Names that are not of a layer's own kind, blocks and towers are found.
func TestShapesOfModels(t *testing.T) {
	t.Parallel()
	d := nn.Dense{Units: 8, Act: act.ReLU{}}
	m := nn.Functional{Layers: []nn.Entry{
		{Layer: nn.Block{Layers: nn.Sequential{d, d}, Name: "body"}, Name: "body"},
		{Layer: nn.Residual{Layers: nn.Sequential{d}, Name: "skip"}, Name: "skip"},
		{Layer: nn.Dense{Units: 3, Name: "head"}, Name: "head"},
	}}
	r := measure(t, fresh(t, m, 1, 4), diag.Options{})
	var names []string
	for _, l := range r.Layers {
		names = append(names, l.Name)
		if !(l.Std > 0) || !(l.GradStd > 0) || l.Jacobian == nil {
			t.Errorf("%s: %+v", l.Name, l)
		}
	}
	if got, want := strings.Join(names, " "), "body/dense body/dense_1 skip/dense head"; got != want {
		t.Errorf("layers are %s, want %s", got, want)
	}
}

// What cannot be told is null, not a number.
func TestUnknowns(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Dense{Units: 8, Act: act.GLU{}}, nn.Dense{Units: 4, Act: act.Exponential{}, Init: initial.RandomNormal{Stddev: 1e4}}, nn.Dense{Units: 4}}
	r := measure(t, fresh(t, m, 1, 4), diag.Options{})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Layers []map[string]any
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if v, ok := doc.Layers[0]["saturated"]; !ok || v != nil {
		t.Errorf("saturated of a gate is %v, want null", v)
	}
	if v, ok := doc.Layers[2]["std"]; !ok || v != nil {
		t.Errorf("std of an overflow is %v, want null", v)
	}
	if r.Verdict() != diag.Exploding {
		t.Errorf("verdict %v, want exploding", r.Verdicts)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	n := fresh(t, plain(act.ReLU{}, nil, 2, 4), 1, 4)
	if _, err := diag.Measure(context.Background(), n, diag.Options{Rows: 1}); err == nil || !strings.Contains(err.Error(), "two or more") {
		t.Errorf("one row: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := diag.Measure(ctx, n, diag.Options{}); err == nil {
		t.Error("a context that is done: no error")
	}
}

// The factor of one linear layer is the mean square of its singular values, for
// the norm of noise through it: E‖Wᵀg‖² = Σσ²/n·‖g‖².
func TestFactorsOfLinearLayers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := rapid.IntRange(1, 12).Draw(rt, "in")
		units := rapid.IntRange(1, 12).Draw(rt, "units")
		gain := rapid.Float64Range(0.01, 100).Draw(rt, "gain")
		m := nn.Sequential{nn.Dense{Units: units, NoBias: true, Init: initial.Orthogonal{Gain: gain}}}
		r := measure(t, fresh(t, m, rapid.Uint64().Draw(rt, "seed"), in), diag.Options{Rows: 40})
		l := r.Layers[0]
		for _, v := range []float64{l.Jacobian.Min, l.Jacobian.Mean, l.Jacobian.Max} {
			if math.Abs(v-gain) > 1e-5*gain {
				rt.Errorf("%d×%d: singular value %v, want %v", in, units, v, gain)
			}
		}
		// Where rows are fewer than units the gradient keeps its length whole.
		if units <= in && math.Abs(l.GradFactor-gain) > 1e-5*gain {
			rt.Errorf("grad factor %v, want %v", l.GradFactor, gain)
		}
		if math.Abs(r.GradFactor-l.GradFactor) > 1e-12*gain || l.Saturated != 0 {
			rt.Errorf("grad factor %v, of the net %v; saturated %v", l.GradFactor, r.GradFactor, l.Saturated)
		}
	})
}

// A layer of another make than ours is measured too.
type scaled struct{ Name string }

func (scaled) Apply(s *nn.Scope, x graph.Node) graph.Node {
	w := s.Weight("w", initial.LeCun, x.Dim(-1), 6)
	return x.MatMul(w).Tanh()
}

func TestForeignLayer(t *testing.T) {
	t.Parallel()
	r := measure(t, fresh(t, nn.Sequential{scaled{"a"}, scaled{"b"}}, 1, 6), diag.Options{})
	if len(r.Layers) != 2 || r.Layers[1].Saturated != 0 || r.Layers[1].Jacobian == nil || r.Layers[0].Name != "a" {
		t.Errorf("%+v", r.Layers)
	}
}

func verdicts(r *diag.Report) string {
	var words []string
	for _, v := range r.Verdicts {
		words = append(words, string(v))
	}
	return strings.Join(words, "+")
}
