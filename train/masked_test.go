package train

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
)

// tagged is a set of words, padded with 0, of which each is to be told whether that before it
// was even.
func tagged(t testing.TB, rows int) (src data.Source, words, tags *tensor.Tensor) {
	t.Helper()
	const steps = 6
	r := rng.New(rng.Key(3, "tagged"), 0)
	words, tags = tensor.New(tensor.Int32, rows, steps), tensor.New(tensor.Int32, rows, steps)
	for i := range rows {
		for k := range 1 + r.IntN(steps) {
			words.SetFlat(i*steps+k, float64(1+r.IntN(8)))
			if k > 0 && int(words.Flat(i*steps+k-1))%2 == 0 {
				tags.SetFlat(i*steps+k, 1)
			}
		}
	}
	return source(t, data.Schema{
		Inputs:  []data.Field{{Name: "words", DType: tensor.Int32, Shape: tensor.Shape{steps}}},
		Targets: []data.Field{{Name: "tags", DType: tensor.Int32, Shape: tensor.Shape{steps}}},
	}, []*tensor.Tensor{words}, []*tensor.Tensor{tags}), words, tags
}

var tagger = nn.Sequential{nn.Embedding{Words: 9, Units: 6, MaskZero: true}, nn.GRU{Units: 8, Sequences: true}, nn.LSTM{Units: 6, Sequences: true}, nn.TimeDistributed{Layer: nn.Dense{Units: 2}}}

// TestMaskedLoss holds loss and accuracy of sequences with padding to those of the words alone,
// for logits and for probabilities.
func TestMaskedLoss(t *testing.T) {
	t.Parallel()
	src, words, tags := tagged(t, 11)
	probable := append(tagger[:3:3], nn.Dense{Units: 2, Act: act.Softmax{}})
	for name, m := range map[string]nn.Sequential{"logits": tagger, "probabilities": probable} {
		tr, err := New(m, Config{Data: src.Schema(), Float: tensor.Float64, Seed: 5, Metrics: []Metric{Accuracy{}}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Evaluate(context.Background(), src)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := tr.Predict(context.Background(), words)
		if err != nil {
			t.Fatal(err)
		}
		var want, right, n float64
		for i := range words.Len() {
			if words.Flat(i) == 0 {
				continue
			}
			tag := int(tags.Flat(i))
			p := ps[0].Flat(2*i + tag)
			want, n = want-math.Log(p), n+1
			if p > 0.5 {
				right++
			}
		}
		accuracy, _ := got.Values.Get("accuracy")
		if value, _ := got.Values.Get("loss"); math.Abs(value-want/n) > 1e-9 || math.Abs(accuracy-right/n) > 1e-12 {
			t.Errorf("%s: loss %g and accuracy %g, want %g and %g", name, value, accuracy, want/n, right/n)
		}
		tr.Close()
	}
	if _, err := New(tagger, Config{Data: src.Schema(), Metrics: []Metric{F1{}}}); err == nil || !strings.Contains(err.Error(), "metric f1: a mask leaves steps") {
		t.Errorf("a metric that counts padding: %v", err)
	}
	one := src.Schema()
	one.Targets = []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}}
	if _, err := New(tagger, Config{Data: one, Loss: loss.MSE{}}); err == nil || !strings.Contains(err.Error(), "wants something for each of them") {
		t.Errorf("a target without steps: %v", err)
	}
}

// TestMaskedTraining learns from sequences with padding, in the same bytes on any number of
// threads and whatever stands in the targets at padding.
func TestMaskedTraining(t *testing.T) {
	t.Parallel()
	var first []byte
	for _, threads := range []int{1, 3} {
		src, words, tags := tagged(t, 96)
		for i := range tags.Len() {
			if threads == 3 && words.Flat(i) == 0 {
				tags.SetFlat(i, 1)
			}
		}
		tr, err := New(tagger, Config{Data: src.Schema(), Seed: 5, Threads: threads, Optim: optim.Optimizer{Rule: optim.Adam{LR: 0.03}}})
		if err != nil {
			t.Fatal(err)
		}
		var last float64
		for step, err := range tr.Steps(context.Background(), Run{Train: src, Batch: 32, Epochs: 40}) {
			if err != nil {
				t.Fatal(err)
			}
			last = step.Loss
		}
		if last > 0.1 {
			t.Errorf("the loss is still %g", last)
		}
		var state []byte
		for p := range tr.Params.All() {
			state = append(state, p.Value.Bytes()...)
		}
		if first == nil {
			first = state
		} else if !bytes.Equal(first, state) {
			t.Error("the weights depend on the number of threads")
		}
		tr.Close()
	}
}

// Frozen layers in front of a mask are run once: what comes behind them still leaves steps out.
func TestMaskedPrefix(t *testing.T) {
	t.Parallel()
	src, _, _ := tagged(t, 7)
	tr, err := New(tagger, Config{Data: src.Schema(), Float: tensor.Float64, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	tr.Params.Freeze("embedding/*", "gru/*")
	p, err := tr.Prefix()
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	if len(p.Fields) != 2 || p.Fields[0].Name != "gru" || p.Fields[1].Name != "words" {
		t.Errorf("fields %v; the mask of what is frozen is one of the words", p.Fields)
	}
}
