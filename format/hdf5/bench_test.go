package hdf5

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/tensor"
)

// largeFile is 100 MB in 50 layers.
func largeFile(b *testing.B) string {
	b.Helper()
	root := &Node{}
	for i := range 50 {
		root.Put(fmt.Sprintf("model_weights/dense_%d/dense_%d/kernel:0", i, i), tensor.New(tensor.Float32, 512, 1024))
	}
	path := filepath.Join(b.TempDir(), "large.h5")
	w, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := Write(w, root); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// walk visits every object, reading the data if asked to.
func walk(b *testing.B, path string, data bool) (n int64) {
	f, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for o, err := range f.Root().Walk() {
		if err != nil {
			b.Fatal(err)
		}
		if _, err := o.Attrs(); err != nil {
			b.Fatal(err)
		}
		if d, ok := o.(*Dataset); ok && data {
			x, err := d.Read()
			if err != nil {
				b.Fatal(err)
			}
			n += int64(len(x.Bytes()))
		}
	}
	return n
}

func BenchmarkInspect(b *testing.B) {
	path := largeFile(b)
	for b.Loop() {
		walk(b, path, false)
	}
}

func BenchmarkRead(b *testing.B) {
	path := largeFile(b)
	for b.Loop() {
		b.SetBytes(walk(b, path, true))
	}
}

// BenchmarkReadFile is what reading the bytes alone takes.
func BenchmarkReadFile(b *testing.B) {
	path := largeFile(b)
	for b.Loop() {
		p, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(p)))
	}
}

func BenchmarkWrite(b *testing.B) {
	root := &Node{}
	for i := range 50 {
		root.Put(fmt.Sprintf("dense_%d/kernel:0", i), tensor.New(tensor.Float32, 512, 1024))
	}
	for b.Loop() {
		var n countWriter
		if err := Write(&n, root); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(n))
	}
}

type countWriter int64

func (n *countWriter) Write(p []byte) (int, error) {
	*n += countWriter(len(p))
	return len(p), nil
}

// BenchmarkReadShuffled reads chunks that were deflated and shuffled.
func BenchmarkReadShuffled(b *testing.B) {
	raw, err := os.ReadFile("testdata/new.h5")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f, err := NewFile(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			b.Fatal(err)
		}
		d, err := f.Root().Dataset("fixed")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
