package diag_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/train"
)

// course is a history of n epochs whose losses follow two functions of the
// epoch's number.
func course(n int, learned, val func(epoch int) float64) []train.Epoch {
	var h []train.Epoch
	for e := 1; e <= n; e++ {
		h = append(h, train.Epoch{Epoch: e,
			Train: train.Values{{Name: "loss", Value: learned(e)}, {Name: "accuracy", Value: 0.935}},
			Val:   train.Values{{Name: "loss", Value: val(e)}, {Name: "accuracy", Value: 0.887}}})
	}
	return h
}

// The recorded course of 300-100 SELU on Fashion-MNIST: validation loss falls to
// 0.4726 in epoch 18 and is 0.5533 after 25, training accuracy ends at 93.5 %
// and validation accuracy at 88.7 %. With the noise of epochs the onset stays.
func TestOverfittingDated(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		s := rng.New(rng.Key(seed, "test"), 0)
		val := func(e int) float64 {
			switch {
			case e == 18:
				return 0.4726
			case e == 25:
				return 0.5533
			case e < 18:
				return 0.4726 + 0.25*(math.Exp(-float64(e)/4)-math.Exp(-18.0/4)) + math.Abs(0.01*s.Norm())
			}
			return 0.4726 + (0.5533-0.4726)*float64(e-18)/7 + math.Abs(0.01*s.Norm())
		}
		o := diag.Overfitting(course(25, func(e int) float64 { return 0.19 + 0.5*math.Exp(-float64(e)/6) }, val))
		if o == nil {
			t.Fatal("not seen")
		}
		if o.Onset < 16 || o.Onset > 20 {
			t.Errorf("dated to epoch %d, want 18 within 2", o.Onset)
		}
		if o.Metric != "accuracy" || o.MetricTrain != 0.935 || o.Final != 0.887 || o.Low != 0.4726 || o.Val != 0.5533 {
			t.Errorf("the evidence is %+v", *o)
		}
		if text := o.String(); !strings.HasPrefix(text, "overfits from epoch 18 on: ") || !strings.HasSuffix(text, "(accuracy 0.935 in training, 0.887 in validation)") {
			t.Errorf("it says %q", text)
		}
	}
}

// A net that learns, one on a plateau, one that gets worse in training too, and
// one that has only begun are not accused.
func TestOverfittingNot(t *testing.T) {
	t.Parallel()
	falling := func(e int) float64 { return math.Exp(-float64(e) / 5) }
	for name, h := range map[string][]train.Epoch{
		"none":      nil,
		"begun":     course(4, falling, func(e int) float64 { return float64(e) }),
		"learning":  course(30, falling, func(e int) float64 { return 0.3 + falling(e) }),
		"plateau":   course(30, falling, func(int) float64 { return 0.4 }),
		"diverging": course(10, func(e int) float64 { return float64(e) }, func(e int) float64 { return float64(e) }),
		"turned":    course(10, falling, func(e int) float64 { return math.Max(0.4, falling(e)) + 0.001*float64(e) }),
		"unknown":   course(10, falling, func(int) float64 { return math.NaN() }),
	} {
		if o := diag.Overfitting(h); o != nil {
			t.Errorf("%s: it %v", name, o)
		}
	}
	plain := course(10, falling, falling)
	for i := range plain {
		plain[i].Val = nil
	}
	if diag.Overfitting(plain) != nil {
		t.Error("a run without validation is accused")
	}
}

// Of histories that settle on a plateau with noise, few are accused: the bound is
// 3 %, of 2,000 at a rate of 1 % exceeded less than once in a million times.
func TestOverfittingNoise(t *testing.T) {
	t.Parallel()
	accused := 0
	for seed := range uint64(2000) {
		s := rng.New(rng.Key(seed, "test"), 1)
		n := 5 + s.IntN(40)
		noise := []float64{0.005, 0.02, 0.05, 0.1}[s.IntN(4)]
		if diag.Overfitting(course(n, func(e int) float64 { return 0.2 + 1/float64(e) }, func(e int) float64 {
			return (0.25 + 0.9*math.Exp(-5*float64(e)/float64(n))) * (1 + noise*s.Norm())
		})) != nil {
			accused++
		}
	}
	if accused > 60 {
		t.Errorf("%d of 2000 that do not overfit are accused", accused)
	}
}

// Neither the unit of the loss nor when the epochs begin matters.
func TestOverfittingScale(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "epochs")
		v := rapid.SliceOfN(rapid.Float64Range(0.1, 2), n, n).Draw(t, "val")
		l := rapid.SliceOfN(rapid.Float64Range(0.1, 2), n, n).Draw(t, "train")
		by := math.Exp2(float64(rapid.IntRange(-20, 20).Draw(t, "by")))
		a := diag.Overfitting(course(n, func(e int) float64 { return l[e-1] }, func(e int) float64 { return v[e-1] }))
		b := diag.Overfitting(course(n, func(e int) float64 { return by * l[e-1] }, func(e int) float64 { return by * v[e-1] }))
		if (a == nil) != (b == nil) || a != nil && a.Onset != b.Onset {
			t.Fatalf("%v, scaled by %v %v", a, by, b)
		}
	})
}

// The regularizer is one that the model does not have.
func TestOverfitCure(t *testing.T) {
	t.Parallel()
	o := &diag.Overfit{Onset: 18, Epochs: 25}
	relu := nn.Dense{Units: 10, Act: act.ReLU{}}
	for _, c := range []struct {
		model nn.Model
		want  string
	}{
		{nn.Sequential{relu}, "Stop there with early_stop.patience=5 early_stop.restore_best=true; add a layer dropout: 0.2 before the dense layers; or try activation: rrelu"},
		{nn.Sequential{nn.Dense{Units: 10, Act: act.SELU{}}}, "or add a layer alpha_dropout"},
		{nn.Sequential{nn.Dropout{Rate: 0.2}, nn.Dense{Units: 10, Act: act.ELU{}}}, "or give the dense layers kernel_regularizer: {name: l2"},
		{nn.Func{}, "or add a layer dropout"},
	} {
		if got := o.Cure(c.model); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q", c.model, got, c.want)
		}
	}
}
