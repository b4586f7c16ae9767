package bench_test

import (
	"context"
	"fmt"

	"github.com/nadir-ml/nadir/bench"
)

func ExampleNet() {
	n, err := bench.Find("chapter")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := n.Step(context.Background(), 8, "adam", 1, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f MFLOP a sample, %g allocations a step\n", n.Flops/1e6, s.Allocs)
	// Output: 1.13 MFLOP a sample, 0 allocations a step
}
