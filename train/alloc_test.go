package train

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
)

// TestNoAllocs takes steps, evaluates and predicts with a zoo of small nets. It
// is not parallel: all memory taken meanwhile counts.
func TestNoAllocs(t *testing.T) {
	images, _ := digits.New(1, 40, 1)
	points, values := labelled(t, 40), numbered(t, 40)
	dense := nn.Sequential{nn.Dense{Units: 8, Act: act.ReLU{}}, nn.Dense{Units: classed}}
	momentum := optim.Optimizer{Rule: optim.SGD{Momentum: 0.9, Nesterov: true}, ClipValue: 1}
	for _, tc := range []struct {
		name string
		m    nn.Model
		src  data.Source
		cfg  Config
	}{
		{"chapter", nn.Sequential{
			nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 30, Act: act.ELU{}}, nn.BatchNorm{},
			nn.Dense{Units: 10, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10},
		}, images, Config{}},
		{"two threads", nn.Sequential{nn.Flatten{}, nn.Dense{Units: 300, Act: act.Tanh{}}, nn.Dense{Units: 10}}, images, Config{Threads: 2}},
		{"dense", dense, points, Config{Optim: momentum}},
		{"dropout", small(), points, Config{Optim: optim.Optimizer{Rule: optim.Adam{}, GlobalClipNorm: 1}}},
		{"standardized", append(nn.Sequential{nn.Standardize{}}, dense...), points, Config{Schedule: sched.Exponential{Rate: 0.9, Length: 10}}},
		{"self-normalizing", nn.Sequential{nn.Dense{Units: 8, Act: act.SELU{}}, nn.Dense{Units: classed, Act: act.Softmax{}}}, points, Config{Optim: optim.Optimizer{Rule: optim.AdamW{}, EMA: true}}},
		{"residual", nn.Sequential{nn.Residual{Layers: nn.Sequential{nn.Dense{Units: features, Act: act.Sigmoid{}}}}, nn.Dense{Units: classed}}, points, Config{}},
		{"slopes", nn.Sequential{nn.Dense{Units: 8, Act: act.PReLU{}}, nn.Dense{Units: classed, Act: act.LeakyReLU{}}}, points, Config{Metrics: []Metric{TopK{K: 2}}}},
		{"double", dense, points, Config{Float: tensor.Float64}},
		{"classes weighed", dense, points, Config{ClassWeight: []float64{1, 2, 3}}},
		{"rows weighed", dense, weighted{points}, Config{}},
		{"rows mixed", dense, weighted{points}, Config{Mix: Mix{MixUp: 0.3}}},
		{"pictures cut", nn.Sequential{nn.Flatten{}, nn.Dense{Units: 10}}, images, Config{Mix: Mix{MixUp: 0.2, CutMix: 1}}},
		{"several batches a step", small(), points, Config{Accumulate: 2}},
		{"momentum cycled, clipped by what was seen", dense, points, Config{Schedule: sched.OneCycle{}, Optim: optim.Optimizer{Rule: optim.SGD{Momentum: 0.9}, GlobalClipNorm: optim.Auto, SWA: true}}},
		{"regression", nn.Sequential{nn.Dense{Units: 8, Act: act.GELU{}}, nn.Dense{Units: 1}}, values, Config{Loss: loss.Huber{}}},
		{"convolutions", nn.Sequential{
			nn.Reshape{Shape: []int{28, 28, 1}}, nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3}, Strides: tensor.Shape{2}, Act: act.ReLU{}}, nn.BatchNorm{},
			nn.DepthwiseConv2D{Kernel: tensor.Shape{3}, Padding: nn.Same}, nn.MaxPooling2D{}, nn.AveragePooling2D{Padding: nn.Same}, nn.Conv2DTranspose{Filters: 2, Kernel: tensor.Shape{2}},
			nn.GlobalAveragePooling2D{}, nn.Dense{Units: 10},
		}, images, Config{Threads: 2}},
		{"recurrent", nn.Sequential{
			nn.Bidirectional{Layer: nn.LSTM{Units: 4, Sequences: true, Dropout: 0.1, RecurrentDropout: 0.1}}, nn.GRU{Units: 4, Sequences: true}, nn.SimpleRNN{Units: 4}, nn.Dense{Units: 10},
		}, images, Config{Optim: optim.Optimizer{Rule: optim.SGD{}, ClipNorm: 1}}},
		{"two outputs", nn.Functional{
			In: []nn.Port{{Name: "x"}},
			Layers: []nn.Entry{
				{Layer: nn.Dense{Units: 4, Name: "a"}, Inputs: []string{"x"}},
				{Layer: nn.Dense{Units: classed, Name: "b"}}, {Layer: nn.Dense{Units: classed, Name: "c"}, Inputs: []string{"a"}},
			},
			Out: []string{"b", "c"},
		}, points, Config{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.Data = tc.src.Schema()
			tr := trainer(t, tc.m, tc.cfg)
			b := data.NewBatch(tc.cfg.Data, 20)
			index := make([]int32, 20)
			for i := range index {
				index[i] = int32(2 * i)
			}
			if err := tc.src.Read(b, index); err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			run := Run{Epochs: 1}
			step := func() {
				if _, err := tr.learn(ctx, b, tr.point(run, 10), false); err != nil {
					t.Fatal(err)
				}
				tr.fill(run, 10)
			}
			for range max(1, tc.cfg.Accumulate) { // makes the plans
				step()
			}
			if n := testing.AllocsPerRun(20, step); n != 0 {
				t.Errorf("a step takes memory %g times", n)
			}
			for _, m := range []mode{evaluating, predicting} {
				c, err := tr.planFor(planKey{m, b.N, m == evaluating && b.Weight != nil})
				if err != nil {
					t.Fatal(err)
				}
				var sum tally
				if n := testing.AllocsPerRun(20, func() {
					if err := tr.load(c, b, m, nil); err != nil {
						t.Fatal(err)
					}
					if err := c.plan.Run(ctx, backend.Inputs{Values: c.feed}); err != nil {
						t.Fatal(err)
					}
					if m == evaluating {
						sum.add(c, b.N)
					}
				}); n != 0 {
					t.Errorf("mode %d takes memory %g times", m, n)
				}
			}
		})
	}
}
