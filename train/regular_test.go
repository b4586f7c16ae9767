package train

import (
	"context"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/regular"
)

// squares is the sum of the squares of a parameter.
func squares(tr *Trainer, name string) float64 {
	sum := 0.0
	v := tr.Params.Value(name)
	for i := range v.Len() {
		sum += v.Flat(i) * v.Flat(i)
	}
	return sum
}

// The penalty is a part of the loss that is measured, and its gradient 2λw is
// what the rule sees besides the loss's own.
func TestPenalty(t *testing.T) {
	t.Parallel()
	src := labelled(t, 40)
	model := func(r regular.Regularizer) nn.Sequential {
		return nn.Sequential{
			nn.Dense{Units: 8, Act: act.Tanh{}, Regularizer: r, Name: "hidden"},
			nn.Dense{Units: classed, Regularizer: r, Name: "out"},
		}
	}
	sgd := optim.Optimizer{Rule: optim.SGD{LR: 0.1}}
	plain := trainer(t, model(nil), Config{Data: src.Schema(), Optim: sgd})
	taxed := trainer(t, model(regular.L2{Amount: 0.05}), Config{Data: src.Schema(), Optim: sgd})

	a, err := plain.Evaluate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	b, err := taxed.Evaluate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Values.Get("penalty"); ok {
		t.Error("a penalty is measured where there is none")
	}
	want := 0.05 * (squares(taxed, "hidden/kernel") + squares(taxed, "out/kernel"))
	penalty, ok := b.Values.Get("penalty")
	if !ok || math.Abs(penalty-want) > 1e-5*want {
		t.Errorf("the penalty is %g, %v; want %g", penalty, ok, want)
	}
	if d := b.Values[0].Value - a.Values[0].Value - want; math.Abs(d) > 1e-5 {
		t.Errorf("the loss is %g off", d)
	}

	before := taxed.Params.Value("out/kernel").Clone()
	once := Run{Train: src, Batch: 40, Steps: 1}
	fit(t, plain, once)
	fit(t, taxed, once)
	for i := range before.Len() {
		got := plain.Params.Value("out/kernel").Flat(i) - taxed.Params.Value("out/kernel").Flat(i)
		if want := 0.1 * 2 * 0.05 * before.Flat(i); math.Abs(got-want) > 1e-6 {
			t.Fatalf("weight %d moves by %g more, want %g", i, got, want)
		}
	}
}

// A layer that is applied twice pays for its weights once.
func TestPenaltyOfSharedWeights(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, nn.Functional{
		In: []nn.Port{{Name: "x"}},
		Layers: []nn.Entry{
			{Layer: nn.Dense{Units: features, Regularizer: regular.L1{Amount: 0.5}, Name: "shared"}, Inputs: []string{"x"}},
			{Share: "shared", Name: "again", Inputs: []string{"shared"}},
			{Layer: nn.Dense{Units: classed, Name: "out"}},
		},
		Out: []string{"out"},
	}, Config{Data: src.Schema()})
	r, err := tr.Evaluate(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	want, v := 0.0, tr.Params.Value("shared/kernel")
	for i := range v.Len() {
		want += 0.5 * math.Abs(v.Flat(i))
	}
	if got, _ := r.Values.Get("penalty"); math.Abs(got-want) > 1e-5*want {
		t.Errorf("the penalty is %g, want %g", got, want)
	}
}

// After every step a constraint holds, with gradients accumulated or not, and
// it is gone with the layer that asked for it.
func TestConstraint(t *testing.T) {
	t.Parallel()
	src := labelled(t, 64)
	for _, accumulate := range []int{1, 2} {
		kernel := nn.Dense{Units: classed, Constraint: regular.MaxNorm{Max: 0.5}, Name: "out"}
		cfg := Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.SGD{LR: 1}}, Accumulate: accumulate}
		tr := trainer(t, nn.Sequential{kernel}, cfg)
		for s, err := range tr.Steps(context.Background(), Run{Train: src, Batch: 8, Epochs: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			w := tr.Params.Value("out/kernel")
			for j := range classed {
				norm := 0.0
				for i := range features {
					norm = math.Hypot(norm, w.Flat(i*classed+j))
				}
				if norm > 0.5+1e-6 {
					t.Fatalf("accumulating %d: unit %d has norm %g after step %d", accumulate, j, norm, s.Step)
				}
			}
		}
		kernel.Constraint = nil
		free, err := From(nn.Sequential{kernel}, tr.Params.Clone(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer free.Close()
		fit(t, free, Run{Train: src, Batch: 8, Epochs: 2})
		if squares(free, "out/kernel") <= classed*0.25 {
			t.Error("the constraint outlives the layer that asked for it")
		}
	}
}
