package diag_test

import (
	"context"
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A deep net of logistic units, as the field built them, and what is wrong with
// it.
func ExampleMeasure() {
	var m nn.Sequential
	for range 10 {
		m = append(m, nn.Dense{Units: 100, Act: act.Sigmoid{}})
	}
	n, err := train.NewNet(m, nil, train.Config{Data: data.Schema{
		Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{100}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := diag.Measure(context.Background(), n, diag.Options{SkipJacobian: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: each layer multiplies the gradient by %.1f\n", r.Verdict(), r.GradFactor)
	// Output:
	// vanishing: each layer multiplies the gradient by 0.2
}

// What an initializer that was made for another activation does.
func ExampleMismatches() {
	m := nn.Sequential{
		nn.Dense{Units: 100, Act: act.SELU{}, Init: initial.He},
		nn.Dense{Units: 10},
	}
	n, err := train.NewNet(m, nil, train.Config{Data: data.Schema{
		Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{100}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := diag.Mismatches(context.Background(), n)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range found {
		fmt.Println(f.Layers, f.Activation, "with", f.Init, "wants", f.Want)
	}
	// Output:
	// [dense] selu with he_normal wants lecun_normal
}

// What can be said against a net before its first step.
func ExampleCheck() {
	m := nn.Sequential{
		nn.Dense{Units: 50, Act: act.SELU{}},
		nn.Dropout{Rate: 0.2},
		nn.Dense{Units: 50, Act: act.ELU{}, Init: initial.Ones{}},
		nn.Dense{Units: 10},
	}
	n, err := train.NewNet(m, nil, train.Config{Data: data.Schema{
		Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{100}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	remarks, err := diag.Check(context.Background(), n, diag.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range remarks {
		fmt.Println(r.Layers, r.Text)
	}
	// Output:
	// [dense_1] The units of dense_1 begin equal, get equal gradients and so stay equal: draw the kernels at random, such as kernel_initializer: he_normal. Biases may begin at 0.
	// [dropout] selu keeps mean and variance with alpha_dropout alone: write it, with the same rate, in place of dropout.
}
