package graph_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
)

// A layer of 16 units over 28 steps of 32 rows, and what its recurrent kernel learns from.
func ExampleLSTM() {
	const steps, n, units = 28, 32, 16
	b := graph.New()
	x := b.Input("x", graph.Float, steps*n, 10) // step after step
	kernel, recurrent, bias := b.Param("kernel", 10, 4*units), b.Param("recurrent_kernel", units, 4*units), b.Param("bias", 4*units)
	zero := b.Full(0, n, units)
	h, c := graph.LSTM(x.MatMul(kernel), recurrent, zero, zero, bias, graph.Node{}, graph.RecurrentAttr{Steps: steps})
	fmt.Println(h.Shape(), c.Shape())
	last := h.Slice(0, steps-1, steps)
	fmt.Println(graph.Grad(last.Square().Sum(), []graph.Node{recurrent})[0].Shape())
	// Output:
	// [28 32 16] [28 32 16]
	// [16 64]
}

// A layer that begins at the last step.
func ExampleGRU() {
	b := graph.New()
	xw, recurrent, bias := b.Input("xw", graph.Float, 5*2, 3*4), b.Param("recurrent_kernel", 4, 3*4), b.Param("bias", 2, 3*4)
	h := graph.GRU(xw, recurrent, b.Full(0, 2, 4), bias, graph.Node{}, graph.RecurrentAttr{Steps: 5, Backwards: true})
	fmt.Println(h.Shape(), b.Err())
	// Output: [5 2 4] <nil>
}
