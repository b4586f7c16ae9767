package models_test

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// BenchmarkPredict is a prediction for 32 images by ResNet-20, on one core.
func BenchmarkPredict(b *testing.B) {
	g, set := graph.New(), param.NewSet(tensor.Float32)
	x := tensor.New(tensor.Float32, 32, 32, 32, 3)
	g.Output("y", models.ResNetCIFAR(20, 10).Trace(param.NewScope(g, set, param.Options{}), []graph.Node{g.Input("input", graph.Float, x.Shape()...)})[0])
	p, err := cpu.New().Compile(g, backend.Options{State: set.Value, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"input": x}}); err != nil {
			b.Fatal(err)
		}
	}
}
