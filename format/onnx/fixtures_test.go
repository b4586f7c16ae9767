package onnx

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// TestMNIST holds the accuracy of nets that others trained to what is recorded, to the
// image, and their first results.
func TestMNIST(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dir, file     string
		scale, offset float32
	}{
		{"onnx/mnist-8", "model.onnx", 255, 0},
		{"onnx/mnist-opt", "opt-mnist.onnx", 255, 0},
		{"onnx/mnist-external-data", "mnist.onnx", 2, -1},
	} {
		t.Run(filepath.Base(tc.dir), func(t *testing.T) {
			t.Parallel()
			var want struct {
				All   float64     `json:"accuracy_t10k"`
				First [][]float64 `json:"output_first_8"`
			}
			formattest.Expected(t, tc.dir, &want)
			m, _ := formattest.Import(t, filepath.Join(shared.Dir(t, "models", tc.dir), tc.file), format.Options{})
			x, labels := formattest.Images(t, "mnist", "t10k")
			x = x.Clone()
			for i, v := range x.Float32s() {
				x.Float32s()[i] = v*tc.scale + tc.offset
			}
			var flat []float64
			for _, row := range want.First {
				flat = append(flat, row...)
			}
			// Within 1e-4 + 1e-3·|w| where values are of the size of 1; logits that
			// run to thousands are sums of such, rounded at 2⁻²⁴ of their size.
			most := 0.0
			for _, w := range flat {
				most = max(most, math.Abs(w))
			}
			got := formattest.Predict(t, m, x.Rows(0, len(want.First)))
			for i, w := range flat {
				if g := got.Flat(i); !(math.Abs(g-w) <= max(1e-4, most*0x1p-20)+1e-3*math.Abs(w)) {
					t.Errorf("element %d: %g, want %g", i, g, w)
				}
			}
			if acc := formattest.Accuracy(t, m, x, labels); int(acc*10000+0.5) != int(want.All*10000+0.5) {
				t.Errorf("accuracy %v, want %v", acc, want.All)
			}
		})
	}
}

// TestPairs holds results to those that lie beside the model.
func TestPairs(t *testing.T) {
	t.Parallel()
	dir := shared.Dir(t, "models", "onnx/mnist-8")
	m, _ := formattest.Import(t, filepath.Join(dir, "model.onnx"), format.Options{})
	for _, set := range []string{"test_data_set_0", "test_data_set_1", "test_data_set_2"} {
		x, want := readTensor(t, filepath.Join(dir, set, "input_0.pb")), readTensor(t, filepath.Join(dir, set, "output_0.pb"))
		formattest.Near(t, formattest.Predict(t, m, x), values(want)...)
	}
}

// TestKeras is a net that tf2onnx exported.
func TestKeras(t *testing.T) {
	t.Parallel()
	dir := shared.Dir(t, "models", "onnx/keras-tf2-example")
	r, err := os.Open(filepath.Join(dir, "io.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	a, err := npy.NewArchive(r, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	x, err := a.Read("input")
	if err != nil {
		t.Fatal(err)
	}
	want, err := a.Read("output")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := formattest.Import(t, filepath.Join(dir, "example.onnx"), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, x), values(want)...)
}

// TestLight are large nets whose weights are a shape and a number. Their input is that
// of ONNX's own tests, the numbers from 0 on over their count.
func TestLight(t *testing.T) {
	t.Parallel()
	for name, side := range map[string]int{"inception_v1": 224, "resnet50": 224, "squeezenet": 224} {
		dir := shared.Dir(t, "models", "onnx-light", name)
		m, _ := formattest.Import(t, filepath.Join(dir, "light_"+name+".onnx"), format.Options{})
		x := tensor.New(tensor.Float32, 1, side, side, 3)
		n := x.Len()
		for c := range 3 {
			for p := range side * side {
				x.SetFlat(p*3+c, float64(c*side*side+p)/float64(n))
			}
		}
		want := readTensor(t, filepath.Join(dir, "light_"+name+"_output_0.pb"))
		formattest.Near(t, formattest.Predict(t, m, x), values(want)...)
	}
}

func readTensor(t testing.TB, path string) *tensor.Tensor {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseTensor(raw)
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.read()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func values(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Flat(i)
	}
	return out
}
