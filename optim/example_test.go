package optim_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// show takes three steps down x² from 1 and prints where they lead.
func show(o optim.Optimizer) {
	b, set := graph.New(), param.NewSet(tensor.Float64)
	p, err := set.Add("dense/x", param.Weight, tensor.Shape{1})
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Value.SetFlat(0, 1)
	x := b.Param("dense/x", 1)
	grads := graph.Grad(x.Square().Sum(), []graph.Node{x})
	o.Build(b, set, []string{"dense/x"}, grads, b.Const(o.Rate()), b.Input("t", graph.Float))
	r, err := graphtest.Compile(b, set)
	if err != nil {
		fmt.Println(err)
		return
	}
	var at [3]float64
	for t := range at {
		r.Set("t", float64(t+1))
		if err := r.Step(); err != nil {
			fmt.Println(err)
			return
		}
		at[t] = p.Value.Flat(0)
	}
	fmt.Printf("%.4f\n", at)
}

func ExampleOptimizer() {
	o := optim.Optimizer{Rule: optim.Nadam{LR: 0.002}, GlobalClipNorm: 1}
	v, err := spec.Encode(o)
	if err != nil {
		fmt.Println(err)
	}
	for _, e := range v.Entries {
		fmt.Println(e.Key, e.Value.Text)
	}
	var back optim.Optimizer
	if err := spec.Decode(v, &back); err != nil {
		fmt.Println(err)
	}
	fmt.Println(back.Rate())
	// Output:
	// name nadam
	// lr 0.002
	// global_clipnorm 1
	// 0.002
}

func ExampleSGD() {
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1}})
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1, Momentum: 0.9}})
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1, Momentum: 0.9, Nesterov: true}})
	// Output:
	// [0.8000 0.6400 0.5120]
	// [0.8000 0.4600 0.0620]
	// [0.6200 0.2224 -0.1084]
}

func ExampleAdam() {
	show(optim.Optimizer{Rule: optim.Adam{LR: 0.1}})
	// Output: [0.9000 0.8004 0.7016]
}

func ExampleGroup() {
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1}, Groups: []optim.Group{{Params: "dense", LRScale: 0.5}}})
	// Output: [0.9000 0.8100 0.7290]
}

func ExampleClipValue() {
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1}, ClipValue: 1})
	// Output: [0.9000 0.8000 0.7000]
}

func ExampleAdaGrad() {
	show(optim.Optimizer{Rule: optim.AdaGrad{LR: 0.1}})
	// Output: [0.9012 0.8347 0.7823]
}

func ExampleRMSProp() {
	show(optim.Optimizer{Rule: optim.RMSProp{LR: 0.1}})
	// Output: [0.6838 0.4989 0.3692]
}

func ExampleAdaDelta() {
	show(optim.Optimizer{Rule: optim.AdaDelta{LR: 1}})
	// Output: [0.9986 0.9972 0.9957]
}

func ExampleAdaMax() {
	show(optim.Optimizer{Rule: optim.AdaMax{LR: 0.1}})
	// Output: [0.9000 0.8052 0.7155]
}

func ExampleAdamW() {
	show(optim.Optimizer{Rule: optim.AdamW{Adam: optim.Adam{LR: 0.1}, Decay: 0.1}})
	// Output: [0.8900 0.7816 0.6751]
}

func ExampleNadam() {
	show(optim.Optimizer{Rule: optim.Nadam{LR: 0.1}})
	// Output: [0.8937 0.8202 0.7547]
}

func ExampleRAdam() {
	show(optim.Optimizer{Rule: optim.RAdam{LR: 0.1}})
	// Output: [0.8000 0.6211 0.4623]
}

func ExampleLion() {
	show(optim.Optimizer{Rule: optim.Lion{LR: 0.1}})
	// Output: [0.9000 0.8000 0.7000]
}

func ExampleFTRL() {
	show(optim.Optimizer{Rule: optim.FTRL{LR: 0.1}})
	// Output: [0.7451 0.6858 0.6379]
}

func ExampleLAMB() {
	show(optim.Optimizer{Rule: optim.LAMB{LR: 0.1}})
	// Output: [0.9000 0.8100 0.7290]
}

func ExampleRprop() {
	show(optim.Optimizer{Rule: optim.Rprop{LR: 0.1}})
	// Output: [0.9000 0.7800 0.6360]
}

func ExampleConvention() {
	show(optim.Optimizer{Rule: optim.RMSProp{LR: 0.01, Convention: optim.PyTorch}})
	// Output: [0.9000 0.8329 0.7800]
}

func ExampleClipNorm() {
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1}, ClipNorm: 1})
	// Output: [0.9000 0.8000 0.7000]
}

func ExampleGlobalClipNorm() {
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1}, GlobalClipNorm: 1})
	// Output: [0.9000 0.8000 0.7000]
}

func ExampleTorchClipNorm() {
	show(optim.Optimizer{Rule: optim.SGD{LR: 0.1}, Transforms: []optim.Transform{optim.TorchClipNorm(1)}})
	// Output: [0.9000 0.8000 0.7000]
}

// How far one weight moves in its first and its hundredth step against a gradient
// that stays the same, tiny, plain or huge, in multiples of the rate: what is
// divided by the gradient's size does not mind it.
func ExampleRule() {
	effective := func(r optim.Rule, gradient float64) (first, late float64) {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		p, err := set.Add("w", param.Weight, tensor.Shape{1})
		if err != nil {
			fmt.Println(err)
			return 0, 0
		}
		p.Value.SetFlat(0, 1)
		optim.Optimizer{Rule: r}.Build(b, set, []string{"w"}, []graph.Node{b.Full(gradient, 1)}, b.Const(r.Rate()), b.Input("t", graph.Float))
		run, err := graphtest.Compile(b, set)
		if err != nil {
			fmt.Println(err)
			return 0, 0
		}
		for t := 1; t <= 100; t++ {
			was := p.Value.Flat(0)
			run.Set("t", float64(t))
			if err := run.Step(); err != nil {
				fmt.Println(err)
				return 0, 0
			}
			late = (was - p.Value.Flat(0)) / r.Rate()
			if t == 1 {
				first = late
			}
		}
		return first, late
	}
	fmt.Println("rule         g = 0.001          g = 1              g = 1000")
	for _, name := range optim.Registry.Names() {
		r, err := optim.Registry.New(name)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%-10s", name)
		for _, g := range []float64{0.001, 1, 1000} {
			first, late := effective(r, g)
			fmt.Printf("  %8.3g %8.3g", first, late)
		}
		fmt.Println()
	}
	// Output:
	// rule         g = 0.001          g = 1              g = 1000
	// adadelta    0.000816 0.000905   0.00141  0.00166   0.00141  0.00166
	// adagrad      0.00316  0.00316     0.953      0.1         1      0.1
	// adam           0.997        1         1        1         1        1
	// amsgrad        0.997        1         1        1         1        1
	// adamax             1        1         1        1         1        1
	// adamw              1        1         1        1         1        1
	// ftrl           1e+03  0.00316       302      0.1      1.32      0.1
	// lamb               1    0.906         1    0.906         1    0.906
	// lion               1        1         1        1         1        1
	// nadam           1.06        1      1.06        1      1.06        1
	// radam          0.001    0.215         1    0.215     1e+03    0.215
	// rmsprop         2.24    0.953      3.16        1      3.16        1
	// rprop              1    5e+03         1    5e+03         1    5e+03
	// sgd            0.001    0.001         1        1     1e+03    1e+03
	// momentum       0.001     0.01         1       10     1e+03    1e+04
	// nesterov      0.0019     0.01       1.9       10   1.9e+03    1e+04
}
