package regular_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/regular"
)

// show prints a function of the kernel (2, 2) whose units have the weights
// (3, 4) and (0.6, −0.8).
func show(f func(w graph.Node) graph.Node) {
	b := graph.New()
	b.Output("y", f(b.Input("w", graph.Float, 2, 2)))
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Set("w", 3, 0.6, 4, -0.8)
	if err := r.Step(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", r.Output("y"))
}

func ExampleL1() {
	show(regular.L1{Amount: 0.1}.Penalty)
	// Output: [0.840]
}

func ExampleL2() {
	show(regular.L2{Amount: 0.1}.Penalty)
	// Output: [2.600]
}

func ExampleL1L2() {
	show(regular.L1L2{L1: 0.1, L2: 0.1}.Penalty)
	// Output: [3.440]
}

func ExampleOrthogonal() {
	show(regular.Orthogonal{Factor: 1, Mode: "columns"}.Penalty)
	// Output: [0.280]
}

func ExampleMaxNorm() {
	show(regular.MaxNorm{Max: 2}.Project)
	// Output: [1.200 0.600 1.600 -0.800]
}

func ExampleUnitNorm() {
	show(regular.UnitNorm{}.Project)
	// Output: [0.600 0.600 0.800 -0.800]
}

func ExampleNonNeg() {
	show(regular.NonNeg{}.Project)
	// Output: [3.000 0.600 4.000 0.000]
}

func ExampleMinMaxNorm() {
	show(regular.MinMaxNorm{Max: 2, Rate: 0.5}.Project)
	// Output: [2.100 0.600 2.800 -0.800]
}
