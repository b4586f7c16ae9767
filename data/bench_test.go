package data_test

import (
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// BenchmarkBatches walks images like MNIST's in shuffled batches of 32; an
// operation is a batch.
func BenchmarkBatches(b *testing.B) {
	const n = 60_000
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{28, 28}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
	}, []*tensor.Tensor{tensor.New(tensor.Uint8, n, 28, 28)}, []*tensor.Tensor{tensor.New(tensor.Int32, n)})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(32 * 28 * 28)
	b.ReportAllocs()
	for epoch := 0; ; epoch++ {
		for _, err := range data.Batches(src, 32, data.Order{Epoch: epoch, Shuffle: true}) {
			if err != nil {
				b.Fatal(err)
			}
			if !b.Loop() {
				return
			}
		}
	}
}
