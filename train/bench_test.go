package train

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
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

// BenchmarkLoop is a step as Steps takes it, on shuffled pictures of bytes like MNIST's, in
// batches of 50: the plan, in the median, and what the loop adds to it in hundredths, of
// which the wait for the batch is a part.
func BenchmarkLoop(b *testing.B) {
	const n, size = 60_000, 50
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10}}
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{28, 28}}}, Targets: []data.Field{{Name: "y", DType: tensor.Int32}}, Classes: make([]string, 10)}
	x, y := tensor.New(tensor.Uint8, n, 28, 28), tensor.New(tensor.Int32, n)
	for i, v := range x.Uint8s() { // memory that nobody wrote to is all one page
		x.Uint8s()[i] = v + uint8(i*i>>8)
	}
	for i := range n {
		y.Int32s()[i] = int32(i % 10)
	}
	src, err := data.FromTensors(s, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		b.Fatal(err)
	}
	var in time.Duration // the plan, of this step
	tr, err := New(m, Config{Data: s, Optim: optim.Optimizer{Rule: optim.Nadam{LR: 1e-6}}, Threads: 1, Backend: timed{DefaultBackend(), &in}})
	if err != nil {
		b.Fatal(err)
	}
	defer tr.Close()
	var plan, loop []time.Duration
	last := time.Now()
	for _, err := range tr.Steps(context.Background(), Run{Train: src, Batch: size, Epochs: 1 << 20}) {
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		plan, loop = append(plan, in), append(loop, now.Sub(last)-in)
		in, last = 0, now
		if !b.Loop() {
			break
		}
	}
	slices.Sort(plan)
	slices.Sort(loop)
	median, added := plan[len(plan)/2], loop[len(loop)/2]
	b.ReportMetric(float64(median.Nanoseconds())/1e3, "plan-µs")
	b.ReportMetric(float64(added.Nanoseconds())/1e3, "loop-µs")
	b.ReportMetric(100*float64(added)/float64(median), "loop-%")
}

// timed is a backend whose plans add up the time that they run for.
type timed struct {
	backend.Backend
	in *time.Duration
}

func (t timed) Compile(g *graph.Builder, o backend.Options) (backend.Plan, error) {
	p, err := t.Backend.Compile(g, o)
	return timedPlan{p, t.in}, err
}

type timedPlan struct {
	backend.Plan
	in *time.Duration
}

func (p timedPlan) Run(ctx context.Context, in backend.Inputs) error {
	start := time.Now()
	err := p.Plan.Run(ctx, in)
	*p.in += time.Since(start)
	return err
}
