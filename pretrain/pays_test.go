package pretrain

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/train"
)

// accuracy trains a net, what is frozen aside, and measures it.
func accuracy(t testing.TB, tr *train.Trainer, rows, test data.Source, epochs int) float64 {
	t.Helper()
	if err := train.Fit(tr.Steps(context.Background(), train.Run{Train: rows, Epochs: epochs})); err != nil {
		t.Fatal(err)
	}
	res, err := tr.Evaluate(context.Background(), test)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := res.Values.Get("accuracy")
	return v
}

// TestFeaturesOfAnRBM beats logistic regression on pixels by logistic regression on
// the hidden units of a machine, as the pseudo-likelihood of rows that it has not
// seen rises.
func TestFeaturesOfAnRBM(t *testing.T) {
	t.Parallel()
	tr, test := digits.New(3, 2000, 1000)
	few := data.Limit(tr, 300)
	cfg := train.Config{Data: tr.Schema(), Seed: 1, Optim: optim.Optimizer{Rule: optim.Adam{LR: 0.01}}}
	raw, err := train.New(nn.Sequential{nn.Flatten{}, nn.Dense{Units: 10}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	pixels := accuracy(t, raw, few, test, 30)
	deep, err := train.New(nn.Sequential{nn.Flatten{}, nn.Dense{Units: 200, Act: act.Sigmoid{}, Name: "hidden1"}, nn.Dense{Units: 10}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer deep.Close()
	p := run(t, deep.Net, `[{"kind":"rbm","epochs":8,"lr":0.05,"batch":20}]`, Config{Train: tr, Val: data.Limit(test, 200), Seed: 1})
	h := p.History()
	first, _ := h[0].Val.Get("pseudo_likelihood")
	last, _ := h[len(h)-1].Val.Get("pseudo_likelihood")
	if !(last > first+20) {
		t.Errorf("the pseudo-likelihood goes from %g to %g", first, last)
	}
	if _, err := deep.Freeze("hidden1"); err != nil {
		t.Fatal(err)
	}
	features := accuracy(t, deep, few, test, 30)
	t.Logf("pixels %.4f, features %.4f, pseudo-likelihood %.1f to %.1f", pixels, features, first, last)
	if features < pixels+0.01 {
		t.Errorf("features reach %.4f, pixels %.4f", features, pixels)
	}
}

// TestStack trains the autoencoder of 300 and 150 units of the reference on a few
// of our digits, at once and layer by layer, whose decoders undo the whole stack.
func TestStack(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(5, 400, 100)
	m := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 60, Act: act.ELU{}, Name: "hidden1"}, nn.Dense{Units: 30, Act: act.ELU{}, Name: "hidden2"}, nn.Dense{Units: 10}}
	cfg := Config{Train: tr, Val: val, Batch: 40, Optim: optim.Optimizer{Rule: optim.Adam{LR: 0.005}}, Seed: 1}
	whole := run(t, netOf(t, m, tr), `[{"kind":"autoencoder","epochs":12,"greedy":false,"tied":false}]`, cfg).History()
	stack := run(t, netOf(t, m, tr), `[{"kind":"autoencoder","epochs":12,"tied":false}]`, cfg).History()
	a, _ := whole[len(whole)-1].Val.Get("mse")
	b, _ := stack[len(stack)-1].Val.Get("stack_mse")
	one, _ := stack[11].Val.Get("mse")
	t.Logf("at once %.5f, layer by layer %.5f, the first layer alone %.5f", a, b, one)
	const mean = 0.06 // squared error of giving the mean of all rows
	if !(a < mean/2) || !(b < mean/2) || !(one < b) {
		t.Errorf("at once %g, layer by layer %g, the first layer alone %g", a, b, one)
	}
}

// TestSweep reports what its nets measure, label count by label count.
func TestSweep(t *testing.T) {
	t.Parallel()
	tr, test := digits.New(3, 300, 200)
	var events []SweepEvent
	s := Sweep{
		Model: logistic(20), Config: train.Config{Data: tr.Schema(), Seed: 7}, Stages: stagesOf(t, `[{"kind":"denoising","epochs":1}]`),
		Pretrain: Config{Train: tr}, Rows: tr, Test: test, Labels: []int{20, 50}, Seeds: 2, Least: 20, Epochs: 1,
		Told: func(e SweepEvent) { events = append(events, e) },
	}
	rep, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Metric != "accuracy" || rep.Unlabeled != 300 || len(rep.Points) != 2 || len(events) != 2*(1+2*2) || events[9].Done != 10 {
		t.Errorf("%+v, %d events", rep, len(events))
	}
	for _, p := range rep.Points {
		if len(p.Scratch) != 2 || len(p.Pretrained) != 2 || p.Gain.N != 2 || p.Verdict() == "" || math.Abs(p.Gain.Mean-(p.Pretrained[0]-p.Scratch[0]+p.Pretrained[1]-p.Scratch[1])/2) > 1e-12 {
			t.Errorf("%+v", p)
		}
	}
	again, err := s.Run(context.Background())
	if err != nil || again.Points[1].Pretrained[1] != rep.Points[1].Pretrained[1] {
		t.Errorf("another outcome of the same seeds: %v", err)
	}
	rows, err := labeledRows(tr, 20, 7)
	if err != nil {
		t.Fatal(err)
	}
	labels, _ := data.Labels(rows)
	count := map[int32]int{}
	for _, l := range labels {
		count[l]++
	}
	for l, n := range count {
		if n != 2 {
			t.Errorf("%d rows of class %d in 20", n, l)
		}
	}
	for _, tc := range []struct {
		change func(s *Sweep)
		want   string
	}{
		{func(s *Sweep) { s.Stages = nil }, "there are no stages"},
		{func(s *Sweep) { s.Labels = []int{301} }, "from 2 to 300"},
		{func(s *Sweep) { s.Labels = []int{20, 20} }, "different numbers"},
		{func(s *Sweep) { s.Labels = nil }, "no numbers"},
		{func(s *Sweep) { s.Test = nil }, "no rows to measure on"},
		{func(s *Sweep) { s.Seeds = -1 }, "whole numbers above 0"},
	} {
		bad := s
		tc.change(&bad)
		if _, err := bad.Run(context.Background()); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want one with %q", err, tc.want)
		}
	}
}
