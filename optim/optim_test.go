package optim

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

func variants(t testing.TB) []Rule {
	out := []Rule{
		SGD{LR: 0.5, Momentum: 0.8, Dampening: 0.5, Convention: PyTorch}, Adam{Beta1: spec.Zero, Convention: PyTorch}, Adam{AMSGrad: true, LR: 1},
		Nadam{Convention: Keras2}, Nadam{Convention: Dozat}, AdaGrad{Convention: PyTorch, LRDecay: 0.1}, RMSProp{Centered: true, Momentum: 0.9},
		RMSProp{Convention: TF1}, AdaMax{Convention: PyTorch}, AdaDelta{Convention: PyTorch}, AdamW{Adam: Adam{LR: 0.1}, Decay: 0.01},
		FTRL{L1: 0.1, Power: -0.3, Shrinkage: 0.1, Beta: 1}, Rprop{Grow: 2},
	}
	for _, name := range Registry.Names() {
		r, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// descent minimizes Σ(w − goal)² for a kernel, a bias and a slope.
type descent struct {
	set  *param.Set
	run  *graphtest.Run
	rate float64
	t    int
}

var parts = []string{"a/kernel", "a/bias", "b/kernel"}

func newDescent(t rapid.TB, o Optimizer, precision int) *descent {
	b, set := graph.New(), param.NewSet(graphtest.DType(precision))
	loss := b.Const(0)
	var ws []graph.Node
	for i, name := range parts {
		p, err := set.Add(name, param.Weight, tensor.Shape{3})
		if err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			p.Value.SetFlat(k, float64(i)+0.5*float64(k)-1)
		}
		w := b.Param(name, 3)
		ws = append(ws, w)
		loss = loss.Add(w.AddScalar(-0.3).Square().Sum())
	}
	b.Output("loss", loss)
	o.Build(b, set, parts, graph.Grad(loss, ws), b.Input("lr", graph.Float), b.Input("t", graph.Float))
	r, err := graphtest.Compile(b, set)
	if err != nil {
		t.Fatal(err)
	}
	return &descent{set, r, o.Rate(), 0}
}

func (d *descent) step(t rapid.TB) (loss float64) {
	d.t++
	d.run.Set("lr", d.rate)
	d.run.Set("t", float64(d.t))
	if err := d.run.Step(); err != nil {
		t.Fatal(err)
	}
	return d.run.Output("loss")[0]
}

// Every rule goes downhill, in both precisions, whatever its convention.
func TestDownhill(t *testing.T) {
	t.Parallel()
	for _, r := range variants(t) {
		for _, precision := range []int{64, 32} {
			d := newDescent(t, Optimizer{Rule: r}, precision)
			d.rate = math.Min(d.rate, 0.05)
			before := d.step(t)
			for range 200 {
				d.step(t)
			}
			if after := d.step(t); !(after < before) {
				t.Errorf("%#v in float%d: the loss went from %g to %g", r, precision, before, after)
			}
		}
	}
}

// The bias corrections hold over a million steps: against a constant gradient
// Adam's step stays the rate.
func TestLateSteps(t *testing.T) {
	t.Parallel()
	for _, r := range []Rule{Adam{}, Adam{Convention: PyTorch}, Nadam{}, RAdam{}, AdaMax{}} {
		d := newDescent(t, Optimizer{Rule: r}, 32)
		d.t = 999999
		d.step(t)
		for _, name := range parts {
			for _, v := range graphtest.Floats(d.set.Value(name)) {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%#v after a million steps: %v", r, v)
				}
			}
		}
	}
}

// 1 − βᵗ and RAdam's length of memory are as exact in float32 as float32 is.
func TestCorrectionsInFloat32(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		beta := rapid.Float64Range(0.5, 0.9999).Draw(t, "beta")
		n := float64(rapid.IntRange(1, 100000).Draw(t, "t"))
		b := graph.New()
		x := b.Input("t", graph.Float)
		b.Output("correction", oneMinusPower(beta, x))
		b.Output("trusted", trusted(beta, x))
		r, err := graphtest.Compile(b, param.NewSet(tensor.Float32))
		if err != nil {
			t.Fatal(err)
		}
		r.Set("t", n)
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		q := n * math.Log(beta)
		if got, want := r.Output("correction")[0], -math.Expm1(q); math.Abs(got-want) > 1e-6*want {
			t.Fatalf("1 − %g^%g is %.9g, want %.9g", beta, n, got, want)
		}
		// Direct in float64: its cancellation costs 1e-9 at worst.
		want := 2/(1-beta) - 1 - 2*n*math.Exp(q)/-math.Expm1(q)
		if got := r.Output("trusted")[0]; math.Abs(got-want) > 2e-6*want+1e-6 {
			t.Fatalf("ρ(%g, %g) is %.9g, want %.9g", beta, n, got, want)
		}
	})
}

func TestAdamsFirstStepIsTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scale := math.Pow(10, rapid.Float64Range(-3, 6).Draw(t, "scale"))
		b, set := graph.New(), param.NewSet(tensor.Float64)
		if _, err := set.Add("w", param.Weight, tensor.Shape{1}); err != nil {
			t.Fatal(err)
		}
		g := b.Input("g", graph.Float, 1)
		Optimizer{Rule: Adam{Epsilon: 1e-12}}.Build(b, set, []string{"w"}, []graph.Node{g}, b.Const(0.1), b.Const(1))
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("g", scale)
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		if w := set.Value("w").Flat(0); math.Abs(w+0.1) > 1e-6 {
			t.Fatalf("a gradient of %g moves by %g, want −0.1", scale, w)
		}
	})
}

// Against a constant gradient momentum steps 1/(1−μ) times as far.
func TestMomentumIsTenfold(t *testing.T) {
	t.Parallel()
	for _, c := range []Convention{Keras, PyTorch} {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		if _, err := set.Add("w", param.Weight, tensor.Shape{1}); err != nil {
			t.Fatal(err)
		}
		Optimizer{Rule: SGD{Momentum: 0.9, Convention: c}}.Build(b, set, []string{"w"}, []graph.Node{b.Full(1, 1)}, b.Const(0.01), b.Input("t", graph.Float))
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		last := 0.0
		for step := range 300 {
			last = set.Value("w").Flat(0)
			r.Set("t", float64(step+1))
			if err := r.Step(); err != nil {
				t.Fatal(err)
			}
		}
		if step := set.Value("w").Flat(0) - last; math.Abs(step+0.1) > 1e-6*0.1 {
			t.Errorf("%v: a step of %g, want −0.1", c, step)
		}
	}
}

func TestDecayLeavesBiasesAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o     Optimizer
		moves []bool // a/kernel, a/bias, b/kernel
	}{
		{Optimizer{Rule: SGD{}, WeightDecay: 0.1}, []bool{true, false, true}},
		{Optimizer{Rule: SGD{}, CoupledDecay: 0.1}, []bool{true, false, true}},
		{Optimizer{Rule: AdamW{}}, []bool{true, false, true}},
		{Optimizer{Rule: SGD{}, WeightDecay: 0.1, NoDecay: "none"}, []bool{true, true, true}},
		{Optimizer{Rule: AdamW{}, NoDecay: "b"}, []bool{true, true, false}},
		{Optimizer{Rule: SGD{}, WeightDecay: 0.1, NoDecay: "*/kernel"}, []bool{false, true, false}},
	} {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		var grads []graph.Node
		for _, name := range parts {
			p, err := set.Add(name, param.Weight, tensor.Shape{1})
			if err != nil {
				t.Fatal(err)
			}
			p.Value.SetFlat(0, 1)
			grads = append(grads, b.Full(0, 1))
		}
		c.o.Build(b, set, parts, grads, b.Const(0.5), b.Const(1))
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		for i, name := range parts {
			if v := set.Value(name).Flat(0); (v < 1) != c.moves[i] {
				t.Errorf("%+v: %s became %g", c.o, name, v)
			}
		}
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	one := newDescent(t, Optimizer{Rule: SGD{}}, 64)
	two := newDescent(t, Optimizer{Rule: SGD{}, Groups: []Group{{"a", 0}, {"b/kernel", 0.5}}}, 64)
	start := one.set.Clone()
	one.step(t)
	two.step(t)
	for i, scale := range []float64{0, 0, 0.5} {
		for k := range 3 {
			x := start.Value(parts[i]).Flat(k)
			full, got := one.set.Value(parts[i]).Flat(k)-x, two.set.Value(parts[i]).Flat(k)-x
			if math.Abs(got-scale*full) > 1e-15 {
				t.Errorf("%s moved by %g, want %g of %g", parts[i], got, scale, full)
			}
		}
	}
}

// A weight that the loss does not depend on is left alone, and has no slots.
func TestNoGradient(t *testing.T) {
	t.Parallel()
	b, set := graph.New(), param.NewSet(tensor.Float64)
	for _, name := range []string{"used", "unused"} {
		if _, err := set.Add(name, param.Weight, tensor.Shape{1}); err != nil {
			t.Fatal(err)
		}
	}
	Optimizer{}.Build(b, set, []string{"used", "unused"}, []graph.Node{b.Full(1, 1), {}}, b.Const(0.1), b.Const(1))
	if b.Err() != nil || set.Get("unused#momentum") != nil || set.Get("used#momentum") == nil || set.Get("#u_product") == nil {
		t.Errorf("error %v, parameters %v", b.Err(), names(set))
	}
	if p := set.Get("used#velocity"); p == nil || p.Kind != param.Slot {
		t.Errorf("the slot is %v", p)
	}
}

func names(set *param.Set) (out []string) {
	for p := range set.All() {
		out = append(out, p.Name)
	}
	return out
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, r := range variants(t) {
		v, err := spec.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		var got Rule
		if err := spec.Decode(v, &got); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%#v is written as %v and read as %#v, %v", r, v, got, err)
		}
		o := Optimizer{Rule: r, GlobalClipNorm: 1, EMA: true, Groups: []Group{{"head", 10}}}
		if v, err = spec.Encode(o); err != nil {
			t.Fatal(err)
		}
		var back Optimizer
		if err := spec.Decode(v, &back); err != nil || !reflect.DeepEqual(back, o) {
			t.Errorf("%#v is written as %v and read as %#v, %v", o, v, back, err)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, r := range variants(t) {
		if err := r.(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("%#v: %v", r, err)
		}
	}
	for _, c := range []struct {
		want string
		o    interface{ Validate() error }
	}{
		{"lr: want", SGD{LR: -1}}, {"momentum: want", SGD{Momentum: 1}}, {"nesterov: needs", SGD{Nesterov: true}}, {"dampening: needs", SGD{Momentum: 0.9, Dampening: 0.5}},
		{"convention: tf1", SGD{Convention: TF1}}, {"convention: dozat", Adam{Convention: Dozat}}, {"beta_1", Adam{Beta1: 1}}, {"beta_2", Nadam{Beta2: -1}},
		{"epsilon", RAdam{Epsilon: math.NaN()}}, {"momentum_decay", Nadam{Decay: -1}}, {"initial_acc", AdaGrad{Initial: -1}}, {"rho", RMSProp{Rho: 1}},
		{"epsilon", AdaDelta{Epsilon: spec.Zero}}, {"beta_2", AdaMax{Beta2: 2}}, {"beta_1", Lion{Beta1: 1}}, {"learning_rate_power", FTRL{Power: 1}},
		{"eta_plus", Rprop{Grow: 0.5}}, {"step_size_max", Rprop{Max: 1e-9}}, {"beta_1", LAMB{Beta1: 3}}, {"weight_decay", AdamW{Decay: -1}},
		{"clipvalue: want", Optimizer{ClipValue: -1}}, {"global_clipnorm: only one", Optimizer{ClipNorm: 1, GlobalClipNorm: 1}},
		{"ema_momentum", Optimizer{EMAMomentum: 1}}, {"weight_decay", Optimizer{WeightDecay: -1}}, {"lr_scale", Optimizer{Groups: []Group{{"a", -1}}}},
		{"adamw has", Optimizer{Rule: AdamW{}, WeightDecay: 0.1}}, {"lr", Optimizer{Rule: SGD{LR: -1}}},
	} {
		if err := c.o.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%#v: got error %v, want one with %q", c.o, err, c.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Optimizer{
		"lr: want": {Rule: SGD{LR: -1}}, `matches none of`: {Groups: []Group{{"nothing", 1}}}, "in two of them": {Groups: []Group{{"a", 1}, {"*/kernel", 1}}},
		`no_decay`: {NoDecay: "nothing", WeightDecay: 1},
	} {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		for _, name := range parts {
			if _, err := set.Add(name, param.Weight, tensor.Shape{1}); err != nil {
				t.Fatal(err)
			}
		}
		o.Build(b, set, []string{"a/kernel"}, []graph.Node{b.Full(1, 1)}, b.Const(1), b.Const(1))
		if b.Err() == nil || !strings.Contains(b.Err().Error(), want) {
			t.Errorf("%+v: got error %v, want one with %q", o, b.Err(), want)
		}
	}
	b := graph.New()
	Optimizer{}.Build(b, param.NewSet(tensor.Float64), []string{"w"}, []graph.Node{b.Full(1, 1)}, b.Const(1), b.Const(1))
	if b.Err() == nil || !strings.Contains(b.Err().Error(), `no parameter "w"`) {
		t.Errorf("an unknown parameter: %v", b.Err())
	}
	b, set := graph.New(), param.NewSet(tensor.Float64)
	if _, err := set.Add("w", param.Weight, tensor.Shape{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Add("w#momentum", param.Slot, tensor.Shape{2}); err != nil {
		t.Fatal(err)
	}
	Optimizer{Rule: SGD{Momentum: 0.9}}.Build(b, set, []string{"w"}, []graph.Node{b.Full(1, 1)}, b.Const(1), b.Const(1))
	if b.Err() == nil || !strings.Contains(b.Err().Error(), "fresh slots") {
		t.Errorf("a slot of another shape: %v", b.Err())
	}
}

// A momentum from outside that equals the rule's own changes nothing, and
// another one does.
func TestCycled(t *testing.T) {
	t.Parallel()
	final := func(o Optimizer, momentum float64) []float64 {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		if _, err := set.Add("w", param.Weight, tensor.Shape{1}); err != nil {
			t.Fatal(err)
		}
		m := b.Input("m", graph.Float)
		if momentum == 0 {
			m = graph.Node{}
		}
		w := b.Param("w", 1)
		grads := graph.Grad(w.AddScalar(-1).Square().Sum(), []graph.Node{w})
		o.BuildCycled(b, set, []string{"w"}, grads, b.Const(0.1), b.Input("t", graph.Float), m)
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 10 {
			r.Set("m", momentum)
			r.Set("t", float64(step+1))
			if err := r.Step(); err != nil {
				t.Fatal(err)
			}
		}
		return graphtest.Floats(set.Value("w"))
	}
	for _, r := range []Rule{SGD{Momentum: 0.9}, SGD{Momentum: 0.9, Nesterov: true}, SGD{Momentum: 0.9, Nesterov: true, Convention: PyTorch}, Adam{}, AdamW{}, SGD{}, Nadam{}} {
		o := Optimizer{Rule: r}
		own, equal, other := final(o, 0)[0], final(o, 0.9)[0], final(o, 0.8)[0]
		if math.Abs(own-equal) > 1e-12 || (math.Abs(own-other) > 1e-6) != o.Cycles() {
			t.Errorf("%#v: %g of its own, %g with the same momentum, %g with another", r, own, equal, other)
		}
	}
}
