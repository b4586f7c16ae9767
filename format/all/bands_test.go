package all_test

import (
	"bytes"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// kernels are the parameters of two axes, in order.
func kernels(s *param.Set) (list []*tensor.Tensor) {
	for p := range s.All() {
		if len(p.Value.Shape()) == 2 {
			list = append(list, p.Value)
		}
	}
	return list
}

// TestBands holds what is read in pieces to what is read at once, and kernels that are put in
// order meanwhile to those that were written.
func TestBands(t *testing.T) {
	t.Parallel()
	inPieces := map[string]bool{"caffe": true, "darknet": true, "onnx": true, "tensorflow-graph": true, "tflite": true}
	outputsFirst := map[string]bool{"caffe": true, "darknet": true, "tflite": true}
	files, m := largeFiles(t, sizing{layers: 2, units: 130}) // kernels that are not read at once
	want := kernels(m.Params)
	for _, x := range files {
		f, err := format.OpenFile(x.path)
		if err != nil {
			t.Fatal(err)
		}
		some := false
		for _, held := range f.Tensors {
			if held.Bands == nil {
				continue
			}
			some = some || len(held.Shape) == 2
			once, err := held.Read()
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{4, 1000, 1 << 20} {
				var all []byte
				if err := held.Bands(size, func(b []byte) {
					if len(b) > size {
						t.Errorf("%s: %q: a piece of %d bytes, want at most %d", x.name, held.Name, len(b), size)
					}
					all = append(all, b...)
				}); err != nil || !bytes.Equal(all, once.Bytes()) {
					t.Errorf("%s: %q: pieces of %d are not the whole (%v)", x.name, held.Name, size, err)
				}
			}
		}
		f.Close()
		if inPieces[x.name] && !some {
			t.Errorf("%s: nothing of %s is read in pieces", x.name, x.path)
		}
		if x.args != nil {
			continue
		}
		got, _ := formattest.Import(t, x.path, format.Options{})
		list := kernels(got.Params)
		if len(list) != len(want) {
			t.Fatalf("%s: %d kernels, want %d", x.name, len(list), len(want))
		}
		for i, k := range list {
			w := want[i]
			if outputsFirst[x.name] {
				if w, err = format.Transpose([]*tensor.Tensor{w}); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(k.Bytes(), w.Bytes()) {
				t.Errorf("%s: kernel %d is not what was written", x.name, i)
			}
		}
	}
}
