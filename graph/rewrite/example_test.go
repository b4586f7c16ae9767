package rewrite_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/graph/rewrite"
)

func ExampleApply() {
	b := graph.New()
	h, w := b.Input("h", graph.Float, 32, 784), b.Param("kernel", 784, 300)
	gamma, beta := b.Param("gamma", 784), b.Param("beta", 784)
	loss := h.Mul(gamma).Add(beta).MatMul(w).Square().Mean()
	for i, g := range graph.Grad(loss, []graph.Node{w, gamma, beta}) {
		b.Output([]string{"dW", "dγ", "dβ"}[i], g)
	}
	products := func(g *graph.Builder) (n int) {
		for x := range g.Nodes() {
			if x.Op().Name == "matmul" && g.Live()[x.ID()] {
				n++
			}
		}
		return n
	}
	fmt.Println("products:", products(b), "rewritten:", products(rewrite.Apply(b)))
	// Output: products: 3 rewritten: 2
}
