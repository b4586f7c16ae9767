package train_test

import (
	"context"
	"fmt"
	"os"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// line is the points of y = 2x + 1.
func line() data.Source {
	x, y := tensor.New(tensor.Float32, 64, 1), tensor.New(tensor.Float32, 64, 1)
	for i := range 64 {
		x.SetFlat(i, float64(i)/32-1)
		y.SetFlat(i, 2*(float64(i)/32-1)+1)
	}
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{1}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}},
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		panic(err)
	}
	return src
}

// The chapter's network on the built-in digits.
func Example() {
	learn, test := digits.New(42, 1500, 500)
	model := nn.Sequential{
		nn.Flatten{},
		nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}},
		nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}},
		nn.BatchNorm{}, nn.Dense{Units: 10},
	}
	tr, err := train.New(model, train.Config{Data: learn.Schema(), Seed: 42})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tr.Close()
	if err := train.Fit(tr.Steps(context.Background(), train.Run{Train: learn, Epochs: 1})); err != nil {
		fmt.Println(err)
		return
	}
	res, err := tr.Evaluate(context.Background(), test)
	if err != nil {
		fmt.Println(err)
		return
	}
	accuracy, _ := res.Values.Get("accuracy")
	fmt.Println(tr.Taken(), "steps,", res.N, "images, more than half right:", accuracy > 0.5)
	// Output:
	// 47 steps, 500 images, more than half right: true
}

// Steps are an iterator: leave it when you like, and range again to go on.
func ExampleTrainer_Steps() {
	src := line()
	tr, err := train.New(nn.Sequential{nn.Dense{Units: 1}}, train.Config{
		Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.1, Momentum: 0.9}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tr.Close()
	run := train.Run{Train: src, Batch: 16, Epochs: 1000}
	for step, err := range tr.Steps(context.Background(), run) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if step.Loss < 1e-6 {
			break
		}
	}
	out, err := tr.Predict(context.Background(), tensor.Of([]float32{10}, 1, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f\n", out[0].Flat(0))
	// Output:
	// 21.0
}

// Hooks wrap a run: the first sees each step first.
func ExampleFit() {
	src := line()
	tr, err := train.New(nn.Sequential{nn.Dense{Units: 1}}, train.Config{Data: src.Schema()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tr.Close()
	steps := 0
	err = train.Fit(tr.Steps(context.Background(), train.Run{Train: src, Val: src, Epochs: 2}),
		train.Lambda(func(*train.Step) error { steps++; return nil }),
		train.OnEpoch(func(e *train.Epoch) error {
			loss, ok := e.Get("val/loss")
			fmt.Println("epoch", e.Epoch, "after", steps, "steps:", ok && loss > 0)
			return nil
		}))
	fmt.Println(err)
	// Output:
	// epoch 1 after 2 steps: true
	// epoch 2 after 4 steps: true
	// <nil>
}

// A run stops when the validation loss has not improved for two epochs, and its
// best weights are put back.
func ExampleEarlyStopping() {
	src := line()
	tr, err := train.New(nn.Sequential{nn.Dense{Units: 1}}, train.Config{
		Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.SGD{LR: 2}}, // far too high
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tr.Close()
	stop := train.EarlyStopping{Patience: 2, RestoreBest: true}
	var best train.Best
	err = train.Fit(tr.Steps(context.Background(), train.Run{Train: src, Val: src, Epochs: 50}), stop.Hook(tr, &best))
	fmt.Println(len(tr.History()), "epochs, best", best.Epoch, tr.RestoreBest(), err)
	// Output:
	// 3 epochs, best 1 true <nil>
}

// A trainer that is restored goes on as if the one before had never stopped.
func ExampleTrainer_Restore() {
	src := line()
	make := func() *train.Trainer {
		tr, err := train.New(nn.Sequential{nn.Dense{Units: 1}}, train.Config{Data: src.Schema()})
		if err != nil {
			panic(err)
		}
		return tr
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	run := train.Run{Train: src, Batch: 16, Epochs: 3}

	whole := make()
	defer whole.Close()
	if err := train.Fit(whole.Steps(context.Background(), run)); err != nil {
		fmt.Println(err)
		return
	}

	first := make()
	defer first.Close()
	for step := range first.Steps(context.Background(), run) {
		if step.Step == 5 {
			break
		}
	}
	saved, err := first.Save(ckpt.Store{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}

	second := make()
	defer second.Close()
	if err := second.Restore(saved, false); err != nil {
		fmt.Println(err)
		return
	}
	if err := train.Fit(second.Steps(context.Background(), run)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(second.Taken(), second.Params.Value("dense/kernel").Flat(0) == whole.Params.Value("dense/kernel").Flat(0))
	// Output:
	// 12 true
}

// A rate to begin with, found on a copy: the trainer stays as it is.
func ExampleLRFinder() {
	images, _ := digits.New(42, 2000, 1)
	tr, err := train.New(nn.Sequential{nn.Flatten{}, nn.Dense{Units: 50, Act: act.ReLU{}}, nn.Dense{Units: 10}}, train.Config{
		Data: images.Schema(), Seed: 42, Optim: optim.Optimizer{Rule: optim.SGD{}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tr.Close()
	curve, err := train.LRFinder{Steps: 200}.Find(context.Background(), tr, images)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("between 0.02 and 0.5:", curve.Suggestion > 0.02 && curve.Suggestion < 0.5)
	fmt.Println("below where it blows up:", curve.Suggestion < curve.BlowUp)
	fmt.Println("steps taken by the trainer:", tr.Taken())
	// Output:
	// between 0.02 and 0.5: true
	// below where it blows up: true
	// steps taken by the trainer: 0
}
