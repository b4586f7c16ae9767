package diag_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/train"
)

// A net of twenty logistic layers vanishes though each is started as Glorot and
// Bengio say; none of the remedies does.
func TestVanishing(t *testing.T) {
	t.Parallel()
	r := measure(t, fresh(t, plain(act.Sigmoid{}, nil, 20, 100), 1, 100), diag.Options{SkipJacobian: true})
	near(t, "gradient factor", r.GradFactor, 0.24, 0.02)
	if r.Verdict() != diag.Vanishing || !strings.Contains(r.Cure, "sigmoid") || !strings.Contains(r.Cure, "batch_normalization") {
		t.Errorf("%v: %s", r.Verdicts, r.Cure)
	}
	for _, a := range []act.Activation{act.ReLU{}, act.ELU{}, act.SELU{}, act.LeakyReLU{}, act.Tanh{}, act.PReLU{}, act.RReLU{}, act.GELU{}, act.SiLU{}, act.Mish{}, act.Softsign{}, act.HardTanh{}} {
		if r := measure(t, fresh(t, plain(a, nil, 20, 50), 2, 50), diag.Options{SkipJacobian: true, Rows: 200}); verdicts(r) != "healthy" {
			t.Errorf("%T: %v: %s", a, r.Verdicts, r.Cure)
		}
	}
	var m nn.Sequential
	for range 20 {
		m = append(m, nn.Dense{Units: 50, NoBias: true}, nn.BatchNorm{}, act.Sigmoid{})
	}
	if r := measure(t, fresh(t, m, 1, 50), diag.Options{SkipJacobian: true, Rows: 200}); verdicts(r) != "healthy" {
		t.Errorf("with batch normalization: %v: %s", r.Verdicts, r.Cure)
	}
}

// Layers learn at widely different speeds where weights are too large.
func TestSpread(t *testing.T) {
	t.Parallel()
	r := measure(t, fresh(t, plain(act.ReLU{}, initial.RandomNormal{Stddev: 1}, 10, 100), 1, 100), diag.Options{SkipJacobian: true})
	if !(r.GradSpread >= 1e6) || r.Verdict() != diag.Exploding {
		t.Errorf("N(0,1): spread %v, %v", r.GradSpread, r.Verdicts)
	}
	r = measure(t, fresh(t, plain(act.ReLU{}, nil, 10, 100), 1, 100), diag.Options{SkipJacobian: true})
	if !(r.GradSpread < 3) || !(r.UpdateSpread < 3) {
		t.Errorf("He: spread %v, of updates %v", r.GradSpread, r.UpdateSpread)
	}
}

// Logistic units with weights from N(0, 1) get sums whose variance is n times
// the mean square of their inputs, and most of them saturate (Glorot and
// Bengio, 2010).
func TestLogisticOfUnitNormal(t *testing.T) {
	t.Parallel()
	init := initial.RandomNormal{Stddev: 1}
	r := measure(t, fresh(t, plain(nil, init, 1, 100), 1, 100), diag.Options{SkipJacobian: true})
	near(t, "variance of the sums", r.Layers[0].Std*r.Layers[0].Std, 100, 10)
	n := fresh(t, append(plain(act.Sigmoid{}, init, 10, 100), nn.Dense{Units: 10}), 1, 100)
	r = measure(t, n, diag.Options{SkipJacobian: true})
	if r.Verdict() != diag.Saturated {
		t.Errorf("%v", r.Verdicts)
	}
	ms, err := diag.Mismatches(context.Background(), n)
	if err != nil || len(ms) != 1 {
		t.Fatalf("%v, %v", ms, err)
	}
	if m := ms[0]; len(m.Layers) != 10 || m.Has.Saturated < 0.4 || !strings.Contains(m.String(), "saturates") {
		t.Errorf("%v", m)
	}
}

// The mean singular value of a layer's Jacobian in a net of five tanh layers is
// near 0.8 for Glorot's initializer and 0.5 for the older U(−1/√n, 1/√n) (Glorot
// and Bengio, 2010, whose layers are 1000 wide; the values are the same for all
// but narrow ones). The input is pictures in [0, 1].
func TestJacobian(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 100, 1)
	batch, err := diag.Sampled(src, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		init nn.Dense
		want float64
	}{
		{nn.Dense{Init: initial.GlorotUniform}, 0.8},
		{nn.Dense{Init: initial.VarianceScaling{Scale: 1. / 3, Mode: initial.FanIn, Dist: initial.Uniform}}, 0.5},
	} {
		m := nn.Sequential{nn.Flatten{}}
		for range 5 {
			m = append(m, nn.Dense{Units: 200, Act: act.Tanh{}, Init: c.init.Init})
		}
		n, err := train.NewNet(append(m, nn.Dense{Units: 10}), nil, train.Config{Data: src.Schema(), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		r := measure(t, n, diag.Options{Batch: batch})
		sum := 0.0
		for _, l := range r.Layers[1:5] {
			sum += l.Jacobian.Mean
		}
		near(t, "mean singular value", sum/4, c.want, 0.05)
	}
}

func TestSymmetric(t *testing.T) {
	t.Parallel()
	for _, init := range []nn.Dense{{Init: initial.Constant{Value: 0.1}}, {Init: initial.Zeros{}}, {Init: initial.Ones{}}} {
		m := nn.Sequential{nn.Dense{Units: 20, Act: act.Tanh{}, Init: init.Init, Name: "first"}, nn.Dense{Units: 20, Act: act.Tanh{}, Init: init.Init}, nn.Dense{Units: 3}}
		if r := measure(t, fresh(t, m, 1, 10), diag.Options{SkipJacobian: true}); r.Verdict() != diag.Symmetric || !strings.Contains(r.Cure, "first") {
			t.Errorf("%T: %v: %s", init.Init, r.Verdicts, r.Cure)
		}
	}
	// A head of zeros is no fault: the classes' gradients differ.
	m := nn.Sequential{nn.Dense{Units: 20, Act: act.ReLU{}}, nn.Dense{Units: 3, Init: initial.Zeros{}}}
	if r := measure(t, fresh(t, m, 1, 10), diag.Options{SkipJacobian: true}); slicesHas(r.Verdicts, diag.Symmetric) {
		t.Errorf("a head of zeros: %v", r.Verdicts)
	}
}

func slicesHas(vs []diag.Verdict, v diag.Verdict) bool {
	for _, w := range vs {
		if v == w {
			return true
		}
	}
	return false
}

func TestDead(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Dense{Units: 100, Act: act.ReLU{}}, nn.Dense{Units: 100, Act: act.ReLU{}, Name: "sick"}, nn.Dense{Units: 10}}
	n := fresh(t, m, 1, 100)
	bias := n.Params.Value("sick/bias")
	for i := range 30 {
		bias.SetFlat(i, -10)
	}
	r := measure(t, n, diag.Options{SkipJacobian: true})
	near(t, "dead share", r.Layers[1].Dead, 0.3, 0.02)
	for i := range bias.Len() {
		bias.SetFlat(i, -10)
	}
	r = measure(t, n, diag.Options{SkipJacobian: true})
	if r.Verdict() != diag.DeadUnits || r.Layers[1].Dead != 1 || !strings.Contains(r.Cure, "sick") {
		t.Errorf("%v: %s", r.Verdicts, r.Cure)
	}
}

// Nets as people build them, on data, are healthy.
func TestHealthy(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 300, 1)
	batch, err := diag.Sampled(src, 300, 1)
	if err != nil {
		t.Fatal(err)
	}
	dense := func(u int, a act.Activation) nn.Dense { return nn.Dense{Units: u, Act: a} }
	for name, m := range map[string]nn.Sequential{
		"chapter": {nn.Flatten{}, nn.BatchNorm{}, dense(100, act.ELU{}), nn.BatchNorm{}, dense(50, act.ELU{}), nn.BatchNorm{}, dense(10, nil)},
		"softmax": {nn.Flatten{}, dense(100, act.ReLU{}), dense(50, act.ReLU{}), dense(10, act.Softmax{})},
		"one":     {nn.Flatten{}, dense(10, nil)},
		"shallow": {nn.Flatten{}, dense(50, act.Sigmoid{}), dense(10, nil)},
		"dropout": {nn.Flatten{}, nn.Dropout{Rate: 0.2}, dense(100, act.SELU{}), nn.Dropout{Rate: 0.5}, dense(10, nil)},
		"he with batch normalization": {nn.Flatten{}, nn.Dense{Units: 50, Init: initial.He, NoBias: true}, nn.BatchNorm{}, act.ReLU{},
			nn.Dense{Units: 50, Init: initial.He, NoBias: true}, nn.BatchNorm{}, act.SELU{}, dense(10, nil)},
	} {
		n, err := train.NewNet(m, nil, train.Config{Data: src.Schema(), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r := measure(t, n, diag.Options{Batch: batch, SkipJacobian: true}); verdicts(r) != "healthy" {
			t.Errorf("%s: %v: %s", name, r.Verdicts, r.Cure)
		}
		if ms, err := diag.Mismatches(context.Background(), n); err != nil || len(ms) > 0 {
			t.Errorf("%s: %v, %v", name, ms, err)
		}
	}
}

// Data that was not scaled saturates the first layer, and the input is named.
func TestUnscaledInput(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 100, 1)
	batch, err := diag.Sampled(src, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 50, Act: act.Tanh{}}, nn.Dense{Units: 50, Act: act.Tanh{}}, nn.Dense{Units: 10}}
	n, err := train.NewNet(m, nil, train.Config{Data: src.Schema(), Preprocess: nn.Sequential{}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r := measure(t, n, diag.Options{Batch: batch, SkipJacobian: true}); r.Verdict() != diag.Saturated || !strings.Contains(r.Cure, "input.standardize") {
		t.Errorf("%v: %s", r.Verdicts, r.Cure)
	}
}

func TestMismatches(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{
		nn.Dense{Units: 30, Act: act.SELU{}, Init: initial.He, Name: "a"},
		nn.Dense{Units: 20, Act: act.SELU{}, Init: initial.He, Name: "b"},
		nn.Dense{Units: 20, Act: act.ReLU{}, Init: initial.GlorotUniform, Name: "c"},
		nn.Dense{Units: 20, Act: act.ELU{}, Init: initial.LeCun, Name: "d"},
		nn.Dense{Units: 20, Act: act.ReLU{}, Init: initial.HeUniform, Name: "e"},
		nn.Dense{Units: 20, Act: act.Tanh{}, Init: initial.He, Name: "f"},
		nn.Dense{Units: 20, Act: act.GLU{}, Init: initial.He, Name: "g"},
		nn.Dense{Units: 3, Init: initial.RandomNormal{Stddev: 1}},
	}
	n := fresh(t, m, 1, 10)
	ms, err := diag.Mismatches(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range ms {
		got = append(got, strings.Join(m.Layers, ",")+" "+m.Activation+" "+m.Init+" "+m.Want)
	}
	want := "a,b selu he_normal lecun_normal; c relu glorot_uniform he_normal"
	if s := strings.Join(got, "; "); s != want {
		t.Fatalf("%s, want %s", s, want)
	}
	near(t, "gradient through selu with he", ms[0].Has.Grad, 1.228, 0.03)
	near(t, "gradient through relu with glorot", ms[1].Has.Grad, 0.705, 0.03)
	near(t, "gradient through relu with he", ms[1].Wants.Grad, 1, 0.05)
	// What was loaded was not drawn.
	for p := range n.Params.All() {
		p.Init = nil
	}
	if ms, err := diag.Mismatches(context.Background(), n); err != nil || len(ms) > 0 {
		t.Errorf("of loaded weights: %v, %v", ms, err)
	}
}

// LSUV gives every layer unit variance before its activation, whatever that is.
func TestLSUV(t *testing.T) {
	t.Parallel()
	for _, a := range []act.Activation{act.Sigmoid{}, act.Tanh{}, act.ReLU{}, act.ELU{}, act.Softplus{}, act.Mish{}} {
		m := nn.Sequential{}
		for range 12 {
			m = append(m, nn.Dense{Units: 50, Act: a})
		}
		n := fresh(t, append(m, nn.Dense{Units: 5}), 1, 30)
		o := diag.Options{Rows: 200, Seed: 4}
		ss, err := diag.LSUV(context.Background(), n, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(ss) != 13 {
			t.Fatalf("%T: %d layers, want 13", a, len(ss))
		}
		for _, s := range ss {
			if math.Abs(s.Variance-1) > 0.1 || s.Iterations > 10 {
				t.Errorf("%T: %+v", a, s)
			}
		}
		// The last layer is linear: what was promised of it is seen from outside.
		o.SkipJacobian = true
		r := measure(t, n, o)
		near(t, "std of the last layer", r.Layers[12].Std, 1, 0.06)
	}
}

func TestLSUVOfConstantData(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 10, 1)
	batch := data.NewBatch(src.Schema(), 10)
	if err := batch.Start(make([]int32, 10)); err != nil {
		t.Fatal(err)
	}
	n, err := train.NewNet(nn.Sequential{nn.Flatten{}, nn.Dense{Units: 10, Name: "out"}}, nil, train.Config{Data: src.Schema()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := diag.LSUV(context.Background(), n, diag.Options{Batch: batch}); err == nil || !strings.Contains(err.Error(), "out: ") {
		t.Errorf("%v", err)
	}
}
