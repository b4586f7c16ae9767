package spec_test

import (
	"errors"
	"fmt"

	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A toy house of layers, activations and initializers.

type activation interface{ f(float64) float64 }

type relu struct{}

func (relu) f(x float64) float64 { return max(x, 0) }

type leaky struct {
	Slope float64 `spec:"negative_slope,alias=alpha" doc:"slope below 0" default:"0.2"`
}

func (l leaky) f(x float64) float64 { return max(x, spec.Or(l.Slope, 0.2)*x) }

func (l leaky) Validate() error {
	if l.Slope >= 1 {
		return spec.Field("negative_slope", "want less than 1, found %v", l.Slope)
	}
	return nil
}

type mode int

const (
	fanIn mode = iota
	fanOut
	fanAvg
)

var modes = []string{"fan_in", "fan_out", "fan_avg"}

func (m mode) MarshalText() ([]byte, error) { return []byte(modes[m]), nil }

func (m *mode) UnmarshalText(b []byte) error {
	for i, n := range modes {
		if n == string(b) {
			*m = mode(i)
			return nil
		}
	}
	return fmt.Errorf("unknown mode %q; want one of %v", b, modes)
}

type initializer interface{ scale() float64 }

type variance struct {
	Scale float64 `default:"1"`
	Mode  mode    `default:"fan_in"`
	Seed  *int
}

func (v variance) scale() float64 { return spec.Or(v.Scale, 1) }

type layer interface{ kind() string }

type dense struct {
	Units  int         `spec:"units,required" doc:"width of the output"`
	Act    activation  `spec:"activation"`
	Init   initializer `spec:"kernel_initializer"`
	NoBias bool        `spec:"use_bias,not" default:"true"`
	Name   string
}

func (dense) kind() string { return "dense" }

func (d dense) Validate() error {
	if d.Units < 1 {
		return spec.Field("units", "want 1 or more, found %d", d.Units)
	}
	return nil
}

type flatten struct{}

func (flatten) kind() string { return "flatten" }

type dropout struct {
	Rate float64 `spec:"rate,plain,scalar"`
	Name string
}

func (dropout) kind() string { return "dropout" }

type activate struct {
	Act  activation `spec:"activation,required"`
	Name string
}

func (activate) kind() string { return "activation" }

type stack []layer

func (stack) kind() string { return "sequential" }

type reshape struct {
	Target tensor.Shape `spec:"target_shape,required"`
}

func (*reshape) kind() string { return "reshape" }

var (
	activations  = spec.NewRegistry[activation]("activation")
	initializers = spec.NewRegistry[initializer]("initializer")
	layers       = spec.NewRegistry[layer]("layer", spec.KindStyle)
)

func init() {
	activations.Register("relu", relu{}, spec.Doc("max(x, 0)"))
	activations.Register("leaky_relu", leaky{}, spec.Alias("lrelu"))
	initializers.Register("variance_scaling", variance{})
	initializers.Register("he_normal", variance{Scale: 2}, spec.Alias("he", "kaiming_normal"))
	initializers.Register("glorot_normal", variance{Mode: fanAvg})
	layers.Register("dense", dense{})
	layers.Register("flatten", flatten{})
	layers.Register("dropout", dropout{})
	layers.Register("activation", activate{})
	layers.Register("sequential", stack(nil))
	layers.Register("reshape", &reshape{})
	layers.Fallback(activations, activate{})
}

func ExampleEncode() {
	model := stack{
		flatten{},
		dense{Units: 300, Act: leaky{Slope: spec.Zero}, Init: variance{Scale: 2}, Name: "hidden1"},
		activate{Act: leaky{Slope: 0.1}, Name: "a"},
		dense{Units: 10, NoBias: true},
	}
	v, err := spec.Encode(model)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", v.JSON())
	// Output: ["flatten",{"dense":{"units":300,"activation":{"name":"leaky_relu","negative_slope":0},"kernel_initializer":"he_normal","name":"hidden1"}},{"leaky_relu":{"negative_slope":0.1,"name":"a"}},{"dense":{"units":10,"use_bias":false}}]
}

func ExampleDecode() {
	v, err := spec.ParseJSON("mlp.json", []byte(`["flatten", {"dense": {"units": 300, "kernel_initinalizer": "he"}}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var model stack
	err = spec.Decode(v, &model)
	fmt.Println(spec.Render(err))
	// Output:
	// mlp.json:1:38: unknown key "kernel_initinalizer" of dense; did you mean "kernel_initializer"? (near it: "activation", "use_bias")
	//   ["flatten", {"dense": {"units": 300, "kernel_initinalizer": "he"}}]
	//                                        ^
}

func ExampleError() {
	v, _ := spec.ParseJSON("act.json", []byte(`"lekay_relu"`))
	var a activation
	err := spec.Decode(v, &a)
	var e *spec.Error
	if errors.As(err, &e) {
		fmt.Println(e.Pos.Line, e.Pos.Col, e.Nearest)
	}
	// Output: 1 1 [leaky_relu lrelu relu]
}

func ExampleOr() {
	fmt.Println(spec.Or(0, 0.9), spec.Or(spec.Zero, 0.9), spec.Or(0.5, 0.9))
	// Output: 0.9 0 0.5
}

func ExampleRegistry() {
	he, _ := initializers.New("kaiming_normal")
	fmt.Printf("%+v %s\n", he, initializers.NameOf(variance{Scale: 2}))
	// Output: {Scale:2 Mode:0 Seed:<nil>} he_normal
}

func ExampleValue() {
	v := spec.Value{}.With("name", spec.Str("sgd")).With("lr", spec.Num(0.1))
	lr, ok := v.Get("lr")
	fmt.Printf("%s %s %v\n", v.JSON(), lr.Text, ok)
	// Output: {"name":"sgd","lr":0.1} 0.1 true
}

func ExampleDescribe() {
	for _, f := range spec.Describe(leaky{}) {
		fmt.Printf("%s (or %s): %s, %s, default %s\n", f.Key, f.Aliases[0], f.Type, f.Doc, f.Default)
	}
	// Output: negative_slope (or alpha): number, slope below 0, default 0.2
}

func ExampleField() {
	v, _ := spec.ParseJSON("mlp.json", []byte(`{"dense": {"units": 0}}`))
	var l layer
	fmt.Println(spec.Decode(v, &l)) // dense has a Validate method
	// Output: mlp.json:1:21: units: want 1 or more, found 0
}
