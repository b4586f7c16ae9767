package graph_test

import (
	"context"
	"fmt"
	"os"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// A line is fitted by one step of gradient descent: loss, gradient and update
// are one graph.
func Example() {
	b := graph.New()
	x, y := b.Input("x", graph.Float, 4), b.Input("y", graph.Float, 4)
	w := b.Param("w")
	loss := x.Mul(w).Sub(y).Square().Mean()
	dw := graph.Grad(loss, []graph.Node{w})[0]
	b.Output("loss", loss)
	b.Update(w, w.Sub(dw.Scale(0.05)))

	weight := tensor.Of([]float64{0})
	plan, err := ref.Backend{}.Compile(b, backend.Options{
		Float: tensor.Float64,
		State: func(string) *tensor.Tensor { return weight },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	in := backend.Inputs{Values: map[string]*tensor.Tensor{
		"x": tensor.Of([]float64{1, 2, 3, 4}, 4),
		"y": tensor.Of([]float64{3, 6, 9, 12}, 4),
	}}
	for range 3 {
		if err := plan.Run(context.Background(), in); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("loss %.4f, then w = %.4f\n", plan.Output("loss").Flat(0), weight.Flat(0))
	}
	// Output:
	// loss 67.5000, then w = 2.2500
	// loss 4.2188, then w = 2.8125
	// loss 0.2637, then w = 2.9531
}

func ExampleBuilder_Dump() {
	b := graph.New()
	b.SetPath("dense")
	x := b.Input("x", graph.Float, 32, 784)
	y := x.MatMul(b.Param("dense/kernel", 784, 10)).Add(b.Param("dense/bias", 10))
	b.Output("y", y)
	_ = b.Dump(os.Stdout)
	// Output:
	// %0 = input "x" : float[32 784] @ dense
	// %1 = param "dense/kernel" : float[784 10] @ dense
	// %2 = matmul %0 %1 {TransA:false TransB:false} : float[32 10] @ dense
	// %3 = param "dense/bias" : float[10] @ dense
	// %4 = add %2 %3 : float[32 10] @ dense
	// output "y" = %4
}

func ExampleBuilder_Err() {
	b := graph.New()
	b.SetPath("hidden")
	h := b.Input("x", graph.Float, 32, 784).MatMul(b.Param("kernel", 700, 10)).Relu()
	b.SetPath("head")
	h.Add(b.Param("bias", 3)) // follows from the first: silent
	fmt.Println(b.Err())
	// Output: hidden: matmul: inner lengths differ: (32, 784) by (700, 10)
}

// A convolution and its gradients are three ops that belong together.
func ExampleSlide() {
	b := graph.New()
	x, kernel := b.Input("x", graph.Float, 1, 28, 28, 3), b.Param("kernel", 5, 5, 3, 8)
	w := graph.Slide(graph.Span{Size: 5, Stride: 2, Before: 2, After: 2}, graph.Span{Size: 5, Stride: 2, Before: 2, After: 2})
	y := x.Conv(kernel, w, 1)
	grads := graph.Grad(y.Square().Sum(), []graph.Node{x, kernel})
	fmt.Println(w, y.Shape(), y.MaxPool(graph.Slide(graph.Span{Size: 2, Stride: 2}, graph.Span{Size: 2, Stride: 2})).Shape())
	fmt.Println(grads[0].Op().Name, grads[0].Shape(), grads[1].Op().Name, grads[1].Shape())
	// Output:
	// [5/2d1+2+2 5/2d1+2+2] [1 14 14 8] [1 7 7 8]
	// conv_input [1 28 28 3] conv_kernel [5 5 3 8]
}
