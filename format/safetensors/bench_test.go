package safetensors

import (
	"bytes"
	"io"
	"testing"

	"github.com/nadir-ml/nadir/tensor"
)

// 4 MB in eight tensors, about a small net with its optimizer's slots.
func benchTensors() []Named {
	var tensors []Named
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		tensors = append(tensors, Named{name, tensor.New(tensor.Float32, 256, 512)})
	}
	return tensors
}

// What the format costs beside the disk: the header.
func BenchmarkWrite(b *testing.B) {
	tensors := benchTensors()
	for b.Loop() {
		if err := Write(io.Discard, tensors, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	var file bytes.Buffer
	if err := Write(&file, benchTensors(), nil); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 << 20)
	for b.Loop() {
		f, err := Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.All(); err != nil {
			b.Fatal(err)
		}
	}
}
