package nn_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// He initialization of a layer of 300 units on pictures of 28 by 28, and what a
// scale of 1, or the average of both fans, make of its deviation.
func ExampleDense() {
	const inputs, hidden = 28 * 28, 300
	hidden1 := nn.Dense{Units: hidden, Act: act.ReLU{}, Init: initial.He, Name: "hidden1"}
	set := param.NewSet(tensor.Float32)
	b := graph.New()
	x := b.Input("X", graph.Float, 2, inputs) // two rows stand for any number
	nn.Sequential{hidden1}.Apply(param.NewScope(b, set, param.Options{}), x)
	for p := range set.All() {
		fmt.Println(p.Name, p.Value.Shape())
	}
	for _, name := range []string{"he_normal", "variance_scaling"} {
		var init param.Init
		if err := spec.Decode(spec.Str(name), &init); err != nil {
			fmt.Println(err)
		}
		sigma, _ := initial.Deviation(init, tensor.Shape{inputs, hidden})
		fmt.Printf("%s %.7f\n", name, sigma)
	}
	average := initial.VarianceScaling{Scale: 2}
	if err := average.Mode.UnmarshalText([]byte("FAN_AVG")); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%v %.7f\n", average.Mode, average.Deviation(tensor.Shape{inputs, hidden}))
	// Output:
	// hidden1/kernel [784 300]
	// hidden1/bias [300]
	// he_normal 0.0505076
	// variance_scaling 0.0357143
	// fan_avg 0.0607457
}

// An activation with a parameter is a value like any other.
func ExampleDense_leakyReLU() {
	leaky := act.LeakyReLU{Slope: 0.2}
	layer := nn.Dense{Units: 10, Act: leaky, Init: initial.He}
	text, err := nn.Encode(nn.Sequential{layer})
	fmt.Println(string(text.JSON()), err)
	// The file may call the slope alpha, as older Keras did.
	file, err := spec.ParseJSON("layer.json", []byte(`[{"dense": {"units": 10, "activation": {"name": "leaky_relu", "alpha": 0.2}, "kernel_initializer": "he_normal"}}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := nn.Decode(file)
	fmt.Println(reflect.DeepEqual(model, nn.Model(nn.Sequential{nn.Dense{Units: 10, Act: act.LeakyReLU{Slope: 0.2}, Init: initial.He}})), err)
	// Output:
	// [{"dense":{"units":10,"activation":{"name":"leaky_relu","negative_slope":0.2},"kernel_initializer":"he_normal"}}] <nil>
	// true <nil>
}

// SELU wants lecun_normal. The key misspelled, and a plus in place of the colon,
// is an error that says what was meant.
func ExampleDense_selu() {
	for _, line := range []string{
		`[{"dense": {"units": 10, "activation": "selu", "kernel_initinalizer": "lecun_normal"}}]`,
		`[{"dense": {"units": 10, "activation": "selu", "kernel_initinalizer+\"lecun_normal\"": null}}]`,
		`[{"dense": {"units": 10, "activation": "selu", "kernel_initializer": "lecun_normal"}}]`,
	} {
		file, err := spec.ParseJSON("selu.json", []byte(line))
		if err != nil {
			fmt.Println(err)
			return
		}
		model, err := nn.Decode(file)
		if err != nil {
			fmt.Println(err)
			continue
		}
		layer := model.(nn.Sequential)[0].(nn.Dense)
		sigma, _ := initial.Deviation(layer.Init, tensor.Shape{784, 10})
		fmt.Printf("%T %.7f\n", layer.Act, sigma)
	}
	// Output:
	// selu.json:1:48: unknown key "kernel_initinalizer" of dense; did you mean "kernel_initializer"? (near it: "kernel_regularizer", "bias_initializer")
	// selu.json:1:48: unknown key "kernel_initinalizer+\"lecun_normal\"" of dense; did you mean "kernel_initializer"? (near it: "kernel_regularizer", "bias_initializer")
	// act.SELU 0.0357143
}

// Batch normalization before every layer, as Keras 2 sums it up, and what the
// first of them holds.
func ExampleSequential_batchNormalization() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.BatchNorm{},
		nn.Dense{Units: 300, Act: act.ELU{}, Init: initial.He},
		nn.BatchNorm{},
		nn.Dense{Units: 100, Act: act.ELU{}, Init: initial.He},
		nn.BatchNorm{},
		nn.Dense{Units: 10, Act: act.Softmax{}},
	}
	set := param.NewSet(tensor.Float32)
	b := graph.New()
	model.Trace(param.NewScope(b, set, param.Options{}), []graph.Node{b.Input("x", graph.Float, 2, 28, 28)})
	sum, err := nn.Summarize(model, []graph.Type{{Kind: graph.Float, Shape: tensor.Shape{28, 28}}}, set)
	if err != nil {
		fmt.Println(err)
		return
	}
	var table bytes.Buffer
	if err := sum.Keras(&table); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(table.String()) {
		fmt.Println(strings.TrimRight(line, " \n"))
	}
	for p := range set.All() {
		if strings.HasPrefix(p.Name, "batch_normalization/") {
			fmt.Printf("(%q, %t)\n", p.Name, p.Trainable())
		}
	}
	// Output:
	// Model: "sequential"
	// _________________________________________________________________
	// Layer (type)                 Output Shape              Param #
	// =================================================================
	// flatten (Flatten)            (None, 784)               0
	// _________________________________________________________________
	// batch_normalization (BatchNo (None, 784)               3136
	// _________________________________________________________________
	// dense (Dense)                (None, 300)               235500
	// _________________________________________________________________
	// batch_normalization_1 (Batch (None, 300)               1200
	// _________________________________________________________________
	// dense_1 (Dense)              (None, 100)               30100
	// _________________________________________________________________
	// batch_normalization_2 (Batch (None, 100)               400
	// _________________________________________________________________
	// dense_2 (Dense)              (None, 10)                1010
	// =================================================================
	// Total params: 271,346
	// Trainable params: 268,978
	// Non-trainable params: 2,368
	// _________________________________________________________________
	// ("batch_normalization/gamma", true)
	// ("batch_normalization/beta", true)
	// ("batch_normalization/moving_mean", false)
	// ("batch_normalization/moving_variance", false)
}
