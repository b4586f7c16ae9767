package bench

import (
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Net is a model to be timed.
type Net struct {
	Name  string
	Model nn.Sequential
	// Rebuilds says that the target is the input itself, not one of ten classes.
	Rebuilds bool
	// Flops is the smallest arithmetic known for a training step on one sample:
	// twice the multiply-adds of the products that the gradients need.
	Flops float64
	// Forward is that of a prediction.
	Forward float64
	// Products is what operands of products are rounded to, as [train.Config] has it.
	Products tensor.DType
}

const pixels, classes = 784, 10

// Nets lists them all.
func Nets() []Net {
	relu := func(units ...int) (m nn.Sequential) {
		for _, u := range units {
			m = append(m, nn.Dense{Units: u, Act: act.ReLU{}})
		}
		return append(m, nn.Dense{Units: classes})
	}
	var deep nn.Sequential
	for range 20 {
		deep = append(deep, nn.Dense{Units: 100, Act: act.ELU{}})
	}
	nets := []Net{
		{Name: "chapter", Model: nn.Sequential{
			nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}},
			nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}},
			nn.BatchNorm{}, nn.Dense{Units: classes}}},
		{Name: "plain", Model: relu(300, 100)},
		{Name: "deep", Model: append(deep, nn.Dense{Units: classes})},
		{Name: "wide", Model: relu(2048, 2048)},
		{Name: "ae", Rebuilds: true, Model: nn.Sequential{
			nn.Dense{Units: 300, Act: act.ELU{}}, nn.Dense{Units: 150, Act: act.ELU{}},
			nn.Dense{Units: 300, Act: act.ELU{}}, nn.Dense{Units: pixels}}},
		{Name: "lenet", Model: nn.Sequential{
			nn.Reshape{Shape: tensor.Shape{28, 28, 1}},
			nn.Conv2D{Filters: 6, Kernel: tensor.Shape{5}, Padding: nn.Same, Act: act.ReLU{}}, nn.MaxPooling2D{},
			nn.Conv2D{Filters: 16, Kernel: tensor.Shape{5}, Act: act.ReLU{}}, nn.MaxPooling2D{},
			nn.Flatten{}, nn.Dense{Units: 120, Act: act.ReLU{}}, nn.Dense{Units: 84, Act: act.ReLU{}}, nn.Dense{Units: classes}}},
	}
	for i := range nets {
		nets[i].count()
	}
	return nets
}

// Find is the net of that name.
func Find(name string) (Net, error) {
	var names []string
	for _, n := range Nets() {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return Net{}, fmt.Errorf("no net is named %q; there are %s", name, strings.Join(names, ", "))
}

// count adds up the products with kernels. A kernel is used once for each place
// of the result, and the model's input needs no gradient.
func (n *Net) count() {
	sum, err := nn.Summarize(n.Model, []graph.Type{{Kind: graph.Float, Shape: tensor.Shape{pixels}}}, nil)
	if err != nil {
		panic("bench: " + err.Error()) // the nets are fixed
	}
	first := true
	for _, r := range sum.Rows {
		if r.Init == "" {
			continue // no kernel
		}
		units := r.Output[len(r.Output)-1]
		macs := float64((r.Params - units) * r.Output.Len() / units) // all have a bias
		n.Forward += 2 * macs
		n.Flops += 6 * macs
		if first {
			n.Flops -= 2 * macs
		}
		first = false
	}
}

// schema says what the net's rows are.
func (n Net) schema() data.Schema {
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{pixels}}}}
	if n.Rebuilds {
		s.Targets = []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{pixels}}}
		return s
	}
	s.Targets = []data.Field{{Name: "y", DType: tensor.Int32}}
	for c := range classes {
		s.Classes = append(s.Classes, fmt.Sprint(c))
	}
	return s
}

// Trainer makes a trainer for the net whose rate is so small that nothing
// converges, overflows or vanishes: every step does ordinary arithmetic.
func (n Net) Trainer(rule string, threads int) (*train.Trainer, error) {
	var o optim.Optimizer
	if err := spec.Decode(spec.Str(rule), &o); err != nil {
		return nil, err
	}
	return train.New(n.Model, train.Config{Data: n.schema(), Optim: o, Schedule: tiny{}, Metrics: []train.Metric{}, Seed: 1, Threads: threads, Products: n.Products})
}

// Normalized reports whether the net has batch normalization.
func (n Net) Normalized() bool {
	for _, l := range n.Model {
		if _, ok := l.(nn.BatchNorm); ok {
			return true
		}
	}
	return false
}
