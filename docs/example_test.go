package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/onnx"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/pretrain"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/transfer"
	"github.com/nadir-ml/nadir/tune"
)

func Example_signal() {
	var model nn.Sequential
	for range 10 {
		model = append(model, nn.Dense{Units: 100, Act: act.Sigmoid{}})
	}
	net, err := train.NewNet(model, nil, train.Config{
		Data: data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{100}}}},
		Seed: 42,
	})
	if err != nil {
		log.Fatal(err)
	}
	report, err := diag.Measure(context.Background(), net, diag.Options{Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: a layer multiplies the gradient by %.2f\n", report.Verdict(), report.GradFactor)
	// Output:
	// vanishing: a layer multiplies the gradient by 0.24
}

func Example_initialization() {
	kernel := tensor.Shape{784, 300}
	for _, a := range []act.Activation{act.Tanh{}, act.ReLU{}, act.ELU{}, act.SELU{}} {
		init := act.DefaultInit(a)
		sigma, _ := initial.Deviation(init, kernel)
		fmt.Printf("%T σ = %.6f\n", a, sigma)
	}
	layer := nn.Dense{Units: 300, Act: act.ReLU{}, Init: initial.VarianceScaling{Scale: 2, Mode: initial.FanAvg}}
	sigma, _ := initial.Deviation(layer.Init, kernel)
	fmt.Printf("fan_avg: %.6f\n", sigma)
	// Output:
	// act.Tanh σ = 0.042954
	// act.ReLU σ = 0.050508
	// act.ELU σ = 0.050508
	// act.SELU σ = 0.035714
	// fan_avg: 0.060746
}

func Example_activations() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 100, Act: act.LeakyReLU{Slope: 0.2}, Init: initial.He},
		nn.Dense{Units: 100, Init: initial.He}, act.LeakyReLU{Slope: 0.2},
		nn.Dense{Units: 100, Act: act.SELU{}, Init: initial.LeCun},
		nn.Dense{Units: 10},
	}
	text, err := nn.Encode(model)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text.JSON())
	// Output:
	// ["flatten",{"dense":{"units":100,"activation":{"name":"leaky_relu","negative_slope":0.2},"kernel_initializer":"he_normal"}},{"dense":{"units":100,"kernel_initializer":"he_normal"}},{"leaky_relu":{"negative_slope":0.2}},{"dense":{"units":100,"activation":"selu","kernel_initializer":"lecun_normal"}},{"dense":{"units":10}}]
}

func Example_batchNormalization() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.BatchNorm{},
		nn.Dense{Units: 300, Act: act.ELU{}, Init: initial.He},
		nn.BatchNorm{},
		nn.Dense{Units: 100, Act: act.ELU{}, Init: initial.He},
		nn.BatchNorm{},
		nn.Dense{Units: 10},
	}
	set := param.NewSet(tensor.Float32)
	b := graph.New()
	model.Apply(param.NewScope(b, set, param.Options{}), b.Input("x", graph.Float, 1, 28, 28))
	for p := range set.All() {
		if strings.HasPrefix(p.Name, "batch_normalization/") {
			fmt.Println(p.Name, p.Value.Shape(), p.Trainable())
		}
	}
	total, trainable := set.Count()
	fmt.Println(total, "parameters,", trainable, "trainable")
	// Output:
	// batch_normalization/gamma [784] true
	// batch_normalization/beta [784] true
	// batch_normalization/moving_mean [784] false
	// batch_normalization/moving_variance [784] false
	// 271346 parameters, 268978 trainable
}

func Example_fold() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}},
		nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}},
		nn.BatchNorm{}, nn.Dense{Units: 10},
	}
	set := param.NewSet(tensor.Float32)
	b := graph.New()
	model.Apply(param.NewScope(b, set, param.Options{}), b.Input("x", graph.Float, 1, 28, 28))
	folded, weights, err := nn.Fold(model, set)
	if err != nil {
		log.Fatal(err)
	}
	total, _ := weights.Count()
	fmt.Println(len(model), "layers become", len(folded), "with", total, "parameters")
	// Output:
	// 7 layers become 4 with 266610 parameters
}

func Example_clipping() {
	for _, o := range []optim.Optimizer{
		{Rule: optim.SGD{LR: 0.01}, ClipValue: 1},
		{Rule: optim.SGD{LR: 0.01}, ClipNorm: 1},
		{Rule: optim.Nadam{LR: 0.001}, GlobalClipNorm: 1},
	} {
		text, err := o.MarshalSpec()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", text.JSON())
	}
	// Output:
	// {"name":"sgd","lr":0.01,"clipvalue":1}
	// {"name":"sgd","lr":0.01,"clipnorm":1}
	// {"name":"nadam","lr":0.001,"global_clipnorm":1}
}

func Example_momentum() {
	const eta, g = 0.1, 1.0
	set := param.NewSet(tensor.Float64)
	if _, err := set.Add("w", param.Weight, tensor.Shape{1}); err != nil {
		log.Fatal(err)
	}
	b := graph.New()
	b.Param("w", 1)
	optimizer := optim.Optimizer{Rule: optim.SGD{LR: eta, Momentum: 0.9}}
	optimizer.Build(b, set, []string{"w"}, []graph.Node{b.Full(g, 1)}, b.Const(eta), b.Const(1))
	plan, err := ref.Backend{}.Compile(b, backend.Options{Float: tensor.Float64, State: set.Value})
	if err != nil {
		log.Fatal(err)
	}
	before := 0.0
	for range 200 {
		before = set.Value("w").At(0)
		if err := plan.Run(context.Background(), backend.Inputs{}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("a step of %.4f against a constant gradient: %.1f·η·g\n", set.Value("w").At(0)-before, (before-set.Value("w").At(0))/(eta*g))
	// Output:
	// a step of -1.0000 against a constant gradient: 10.0·η·g
}

func Example_schedule() {
	s := sched.Exponential{Rate: 0.1, Length: 20, Per: sched.PerEpoch}
	fmt.Println(s)
	for _, epoch := range []int{0, 10, 20} {
		fmt.Printf("epoch %d: %.5f\n", epoch, s.At(sched.Point{Step: epoch * 100, StepsPerEpoch: 100, Epochs: 40, LR: 0.01}))
	}
	power := sched.Power{Length: 10000}
	fmt.Printf("after 10,000 steps: %.4f\n", power.At(sched.Point{Step: 10000, LR: 0.01}))
	// Output:
	// η₀·0.1^(t/s), s = 20 epochs
	// epoch 0: 0.01000
	// epoch 10: 0.00316
	// epoch 20: 0.00100
	// after 10,000 steps: 0.0050
}

func Example_regularization() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.Dropout{Rate: 0.2},
		nn.Dense{Units: 300, Act: act.ReLU{}, Constraint: regular.MaxNorm{Max: 2}},
		nn.Dropout{Rate: 0.5},
		nn.Dense{Units: 100, Act: act.ReLU{}, Regularizer: regular.L2{Amount: 1e-4}},
		nn.Dropout{Rate: 0.5},
		nn.Dense{Units: 10},
	}
	images, _ := digits.New(42, 600, 0)
	training, validation, err := data.Split(images, 100, data.End, 42)
	if err != nil {
		log.Fatal(err)
	}
	tr, err := train.New(model, train.Config{Data: images.Schema(), Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	var best train.Best
	stop := train.EarlyStopping{Patience: 1, RestoreBest: true}
	steps := tr.Steps(context.Background(), train.Run{Train: training, Val: validation, Epochs: 3})
	if err := train.Fit(steps, stop.Hook(tr, &best)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the best epoch is among the first three:", best.Epoch >= 1 && best.Epoch <= 3)
	// Output:
	// the best epoch is among the first three: true
}

func Example_pretraining() {
	images, _ := digits.New(42, 400, 0)
	model := nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 32, Act: act.Sigmoid{}, Name: "hidden1"},
		nn.Dense{Units: 16, Act: act.Sigmoid{}, Name: "hidden2"},
		nn.Dense{Units: 10, Name: "logits"},
	}
	tr, err := train.New(model, train.Config{Data: images.Schema(), Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	stages := []pretrain.Stage{pretrain.Boltzmann{Common: pretrain.Common{Epochs: 2}}}
	p, err := pretrain.New(tr.Net, stages, pretrain.Config{Train: images, Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	for step, err := range p.Steps(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if step.Done != nil {
			fmt.Println(step.Kind, step.Layers, "epoch", step.Done.Epoch.Epoch)
		}
	}
	// Output:
	// rbm hidden1 epoch 1
	// rbm hidden1 epoch 2
	// rbm hidden2 epoch 1
	// rbm hidden2 epoch 2
}

func Example_paired() {
	a := []float64{0.981, 0.979, 0.984, 0.980, 0.983} // accuracy by fold
	b := []float64{0.978, 0.980, 0.979, 0.977, 0.981}
	plain := tune.Paired(a, b, 0)
	corrected := tune.Paired(a, b, 1.0/4) // five folds: 1/(k−1)
	fmt.Printf("a is better by %.4f: p = %.3f if folds were independent, %.3f since they are not\n", plain.Mean, plain.P, corrected.P)
	// Output:
	// a is better by 0.0024: p = 0.070 if folds were independent, 0.178 since they are not
}

func Example_margin() {
	b := graph.New()
	good, bad := b.Input("good", graph.Float, 3), b.Input("bad", graph.Float, 3)
	b.Output("loss", loss.MarginRanking{Margin: 1}.Of(good, bad, b.Full(1, 3)))
	plan, err := ref.Backend{}.Compile(b, backend.Options{Float: tensor.Float64})
	if err != nil {
		log.Fatal(err)
	}
	defer plan.Close()
	in := map[string]*tensor.Tensor{
		"good": tensor.Of([]float64{3, 1, 0}, 3),
		"bad":  tensor.Of([]float64{1, 0.5, 2}, 3),
	}
	if err := plan.Run(context.Background(), backend.Inputs{Values: in}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(plan.Output("loss").Float64s())
	// Output:
	// [0 0.5 3]
}

func Example_reuse() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 64, Act: act.ELU{}, Name: "hidden1"},
		nn.Dense{Units: 32, Act: act.ELU{}, Name: "hidden2"},
		nn.Dense{Units: 10, Name: "logits"},
	}
	next := append(model[:3:3], nn.Dense{Units: 5, Name: "head"})

	all, _ := digits.New(42, 600, 0)
	old, err := train.New(model, train.Config{Data: all.Schema(), Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer old.Close()

	upper, err := data.Classes(all, []int{5, 6, 7, 8, 9})
	if err != nil {
		log.Fatal(err)
	}
	matches, weights, err := transfer.Graft(next, nil, upper.Schema(), old.Params, "hidden*")
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range matches {
		fmt.Println(m.Name, m.Status)
	}
	tr, err := train.From(next, weights, train.Config{Data: upper.Schema(), Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	if _, err := tr.Freeze("hidden*"); err != nil {
		log.Fatal(err)
	}
	_, trainable := tr.Params.Count()
	fmt.Println(trainable, "parameters are trained")
	// Output:
	// hidden1/kernel copied
	// hidden1/bias copied
	// hidden2/kernel copied
	// hidden2/bias copied
	// head/kernel new
	// head/bias new
	// logits/kernel dropped
	// logits/bias dropped
	// 165 parameters are trained
}

func Example_export() {
	net := nn.Sequential{
		nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3}, Act: act.ReLU{}, Name: "conv"},
		nn.Flatten{},
		nn.Dense{Units: 10, Name: "logits"},
	}
	images, _ := digits.New(42, 100, 0)
	tr, err := train.New(net, train.Config{Data: images.Schema(), Preprocess: nn.Sequential{nn.Reshape{Shape: []int{28, 28, 1}}}, Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()

	var file bytes.Buffer
	model := format.Model{Net: tr.Net.Model, Preprocess: tr.Preprocess(), Data: tr.Data(), Params: tr.Params}
	report, err := onnx.Write(&file, &model)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range report.Tensors {
		fmt.Println(t.From, "is written as", t.To)
	}
	// Output:
	// conv/kernel is written as conv/kernel
	// conv/bias is written as conv/bias
	// logits/kernel is written as logits/kernel
	// logits/bias is written as logits/bias
}
