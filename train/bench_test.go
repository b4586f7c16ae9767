package train

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
)

// BenchmarkStep is one training step of BN–300–ELU–BN–100–ELU–BN–10 on a batch of 32
// in memory, on one core.
func BenchmarkStep(b *testing.B) {
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10}}
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{784}}}, Targets: []data.Field{{Name: "y", DType: tensor.Int32}}, Classes: make([]string, 10)}
	for name, rule := range map[string]optim.Rule{"sgd": optim.SGD{LR: 1e-6}, "adam": optim.Adam{LR: 1e-6}} {
		b.Run(name, func(b *testing.B) {
			tr, err := New(m, Config{Data: s, Optim: optim.Optimizer{Rule: rule}, Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			batch := data.NewBatch(s, 32)
			idx := make([]int32, 32)
			_ = batch.Start(idx)
			for i := range batch.X[0].Len() {
				batch.X[0].SetFlat(i, float64(i%255)/255)
			}
			if err := tr.Prepare(32); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tr.learn(context.Background(), batch, sched.Point{}, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkClip is the same step with gradients that nothing clips and each way
// to clip them: global_clipnorm is to cost at most a twentieth of the step.
func BenchmarkClip(b *testing.B) {
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10}}
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{784}}}, Targets: []data.Field{{Name: "y", DType: tensor.Int32}}, Classes: make([]string, 10)}
	for _, c := range []struct {
		name string
		o    optim.Optimizer
	}{{"none", optim.Optimizer{}}, {"global_clipnorm", optim.Optimizer{GlobalClipNorm: 1}}, {"auto", optim.Optimizer{GlobalClipNorm: optim.Auto}},
		{"clipnorm", optim.Optimizer{ClipNorm: 1}}, {"clipvalue", optim.Optimizer{ClipValue: 1}}} {
		b.Run(c.name, func(b *testing.B) {
			c.o.Rule = optim.SGD{LR: 1e-6, Momentum: 0.9}
			tr, err := New(m, Config{Data: s, Optim: c.o, Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			batch := data.NewBatch(s, 32)
			_ = batch.Start(make([]int32, 32))
			for i := range batch.X[0].Len() {
				batch.X[0].SetFlat(i, float64(i%255)/255)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tr.learn(context.Background(), batch, sched.Point{}, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
