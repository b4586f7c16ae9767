package initial_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// fill fills a 2×3 kernel.
func fill(i param.Init) {
	w := tensor.New(tensor.Float64, 2, 3)
	i.Fill(w, rng.New(1, 0))
	fmt.Println(w.Float64s())
}

func ExampleDeviation() {
	for _, name := range []string{"glorot_normal", "he_normal", "lecun_normal"} {
		var init param.Init
		if err := spec.Decode(spec.Str(name), &init); err != nil {
			fmt.Println(err)
		}
		sigma, _ := initial.Deviation(init, tensor.Shape{784, 300})
		fmt.Printf("%s %.4f\n", name, sigma)
	}
	// Output:
	// glorot_normal 0.0430
	// he_normal 0.0505
	// lecun_normal 0.0357
}

func ExampleVarianceScaling() {
	he := initial.VarianceScaling{Scale: 2, Mode: initial.FanIn, Dist: initial.TruncatedNormal}
	fmt.Println(he == initial.He, initial.Registry.NameOf(he))
	fmt.Printf("%.4f %.4f\n", he.Deviation(tensor.Shape{784, 300}), he.Limit(tensor.Shape{784, 300}))
	// Output:
	// true he_normal
	// 0.0505 0.1148
}

func ExampleFirstEdition() {
	tanh := initial.FirstEdition("tanh", initial.Uniform)
	fmt.Printf("%.4f\n", tanh.Limit(tensor.Shape{784, 300}))
	// Output: 0.2976
}

func ExampleMode() {
	var m initial.Mode
	fmt.Println(m.UnmarshalText([]byte("FAN_AVG")), m)
	// Output: <nil> fan_avg
}

func ExampleDist() {
	fmt.Println(initial.VarianceScaling{}.Dist)
	// Output: truncated_normal
}

func ExampleZeros() {
	fill(initial.Zeros{})
	// Output: [0 0 0 0 0 0]
}

func ExampleOnes() {
	fill(initial.Ones{})
	// Output: [1 1 1 1 1 1]
}

func ExampleConstant() {
	fill(initial.Constant{Value: 0.25})
	// Output: [0.25 0.25 0.25 0.25 0.25 0.25]
}

func ExampleIdentity() {
	fill(initial.Identity{})
	// Output: [1 0 0 0 1 0]
}

func ExampleOrthogonal() {
	w := tensor.New(tensor.Float64, 2, 3)
	initial.Orthogonal{}.Fill(w, rng.New(1, 0))
	length := func(row int) (sum float64) {
		for k := range 3 {
			sum += w.At(row, k) * w.At(row, k)
		}
		return sum
	}
	fmt.Printf("%.6f %.6f\n", length(0), length(1))
	// Output: 1.000000 1.000000
}

func ExampleRandomNormal() {
	sigma, _ := initial.Deviation(initial.RandomNormal{Stddev: 1}, nil)
	fmt.Println(sigma)
	// Output: 1
}

func ExampleRandomUniform() {
	sigma, _ := initial.Deviation(initial.RandomUniform{Min: -3, Max: 3}, nil)
	fmt.Printf("%.4f\n", sigma)
	// Output: 1.7321
}

func ExampleTruncated() {
	sigma, _ := initial.Deviation(initial.Truncated{Stddev: 1}, nil)
	fmt.Printf("%.4f\n", sigma)
	// Output: 0.8796
}
