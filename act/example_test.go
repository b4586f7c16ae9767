package act_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// show applies an activation to −3, −1, 0 and 2.
func show(a act.Activation) {
	b, set := graph.New(), param.NewSet(tensor.Float64)
	x := b.Input("x", graph.Float, 1, 4)
	b.Output("y", a.Apply(param.NewScope(b, set, param.Options{}), x))
	r, err := graphtest.Compile(b, set)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Set("x", -3, -1, 0, 2)
	if err := r.Step(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", r.Output("y"))
}

func ExampleActivation() {
	var a act.Activation
	if err := spec.Decode(spec.Str("leaky_relu"), &a); err != nil {
		fmt.Println(err)
	}
	fmt.Println(act.Registry.NameOf(a), act.DefaultInit(a))
	// Output: leaky_relu {2 fan_in truncated_normal}
}

func ExampleReLU() {
	show(act.ReLU{})
	// Output: [0.0000 0.0000 0.0000 2.0000]
}

func ExampleLeakyReLU() {
	show(act.LeakyReLU{Slope: 0.3})
	// Output: [-0.9000 -0.3000 0.0000 2.0000]
}

func ExampleRReLU() {
	show(act.RReLU{})
	// Output: [-0.6875 -0.2292 0.0000 2.0000]
}

func ExamplePReLU() {
	show(act.PReLU{})
	// Output: [-0.7500 -0.2500 0.0000 2.0000]
}

func ExampleELU() {
	show(act.ELU{})
	// Output: [-0.9502 -0.6321 0.0000 2.0000]
}

func ExampleCELU() {
	show(act.CELU{Alpha: 2})
	// Output: [-1.5537 -0.7869 0.0000 2.0000]
}

func ExampleSELU() {
	show(act.SELU{})
	// Output: [-1.6706 -1.1113 0.0000 2.1014]
}

func ExampleLinear() {
	show(act.Linear{})
	// Output: [-3.0000 -1.0000 0.0000 2.0000]
}

func ExampleSigmoid() {
	show(act.Sigmoid{})
	// Output: [0.0474 0.2689 0.5000 0.8808]
}

func ExampleTanh() {
	show(act.Tanh{})
	// Output: [-0.9951 -0.7616 0.0000 0.9640]
}

func ExampleSoftmax() {
	show(act.Softmax{})
	// Output: [0.0057 0.0418 0.1135 0.8390]
}

func ExampleLogSoftmax() {
	show(act.LogSoftmax{})
	// Output: [-5.1755 -3.1755 -2.1755 -0.1755]
}

func ExampleLogSigmoid() {
	show(act.LogSigmoid{})
	// Output: [-3.0486 -1.3133 -0.6931 -0.1269]
}

func ExampleSoftplus() {
	show(act.Softplus{})
	// Output: [0.0486 0.3133 0.6931 2.1269]
}

func ExampleSoftsign() {
	show(act.Softsign{})
	// Output: [-0.7500 -0.5000 0.0000 0.6667]
}

func ExampleGELU() {
	show(act.GELU{})
	// Output: [-0.0040 -0.1587 0.0000 1.9545]
}

func ExampleSiLU() {
	show(act.SiLU{})
	// Output: [-0.1423 -0.2689 0.0000 1.7616]
}

func ExampleMish() {
	show(act.Mish{})
	// Output: [-0.1456 -0.3034 0.0000 1.9440]
}

func ExampleGLU() {
	show(act.GLU{})
	// Output: [-1.5000 -0.8808]
}

func ExampleHardSigmoid() {
	show(act.HardSigmoid{})
	// Output: [0.0000 0.3333 0.5000 0.8333]
}

func ExampleHardSwish() {
	show(act.HardSwish{})
	// Output: [-0.0000 -0.3333 0.0000 1.6667]
}

func ExampleClip() {
	show(act.Clip{Min: -0.5})
	// Output: [-0.5000 -0.5000 0.0000 2.0000]
}

func ExampleHardTanh() {
	show(act.HardTanh{})
	// Output: [-1.0000 -1.0000 0.0000 1.0000]
}

func ExampleTanhShrink() {
	show(act.TanhShrink{})
	// Output: [-2.0049 -0.2384 0.0000 1.0360]
}

func ExampleSoftShrink() {
	show(act.SoftShrink{})
	// Output: [-2.5000 -0.5000 0.0000 1.5000]
}

func ExampleHardShrink() {
	show(act.HardShrink{Lambda: 1.5})
	// Output: [-3.0000 0.0000 0.0000 2.0000]
}

func ExampleThreshold() {
	show(act.Threshold{Threshold: -2, Value: 7})
	// Output: [7.0000 -1.0000 0.0000 2.0000]
}

func ExampleExponential() {
	show(act.Exponential{})
	// Output: [0.0498 0.3679 1.0000 7.3891]
}
