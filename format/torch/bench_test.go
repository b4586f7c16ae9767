package torch

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/tensor"
)

// BenchmarkOpen opens a file of 10,000 tensors.
func BenchmarkOpen(b *testing.B) {
	var tensors []Named
	for i := range 10_000 {
		tensors = append(tensors, Named{fmt.Sprintf("transformer.layers.%d.attention.weight", i), tensor.New(tensor.Float32, 8, 8)})
	}
	var file bytes.Buffer
	if err := Write(&file, tensors); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(file.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTensor reads 64 MiB, checksum included.
func BenchmarkTensor(b *testing.B) {
	const side = 4096
	data := string(make([]byte, 4*side*side))
	for _, bc := range []struct {
		name    string
		strides []int64
	}{{"contiguous", []int64{side, 1}}, {"transposed", []int64{1, side}}} {
		file := saved(b, "\x80\x02"+dict("w", tensorOf("FloatStorage", side*side, 0, []int64{side, side}, bc.strides))+".", data)
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := open(file)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Tensor("w"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
