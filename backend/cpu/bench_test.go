package cpu

import (
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// BenchmarkInstruction is what an instruction of a plan costs whatever it does: a chain
// of many on so few numbers that their work is next to nothing. It is to stay below 0.3
// µs.
func BenchmarkInstruction(b *testing.B) {
	for _, c := range []struct {
		name string
		next func(g *graph.Builder, x graph.Node, i int) graph.Node
	}{
		{"transpose", func(_ *graph.Builder, x graph.Node, _ int) graph.Node { return x.Transpose(1, 0) }},
		{"product and function", func(g *graph.Builder, x graph.Node, i int) graph.Node {
			return x.Sigmoid().MatMul(g.Input(fmt.Sprint("w", i), graph.Float, x.Dim(1), x.Dim(1)))
		}},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprint(c.name, "/", threads), func(b *testing.B) {
				g := graph.New()
				x := g.Input("x", graph.Float, 4, 8)
				for i := range 200 {
					x = c.next(g, x, i)
				}
				g.Output("y", x)
				in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
				for _, i := range g.Inputs() {
					in.Values[i.Name()] = tensor.New(tensor.Float32, i.Shape()...)
				}
				p, err := New().Compile(g, backend.Options{Threads: threads})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				b.ReportAllocs()
				for b.Loop() {
					if err := p.Run(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p.(*plan[float32]).instrs)), "ns/instruction")
			})
		}
	}
}
