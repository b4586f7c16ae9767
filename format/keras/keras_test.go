package keras

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// fixture opens a model of another program.
func fixture(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(shared.File(t, "models", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file             string
		format           Format
		version, backend string
		class            string // of the model; empty where there is no configuration
		layers, weights  int
		optimizer        int
		first            string // weight: its layer's path, name and shape
	}{
		{"keras-h5/homl2-my_keras_model/my_keras_model.h5", H5, "2.3.0-tf", "tensorflow", "Sequential", 3, 6, 1, "dense dense_3/kernel:0 [8 30]"},
		{"keras-h5/homl2-custom_loss/my_model_with_a_custom_loss.h5", H5, "2.3.0-tf", "tensorflow", "Sequential", 2, 4, 10, "dense dense/kernel:0 [8 30]"},
		{"keras-h5/homl2-my_model_A/my_model_A.h5", H5, "2.3.0-tf", "tensorflow", "Sequential", 7, 12, 1, "dense_449 dense_449/kernel:0 [784 300]"},
		{"keras-h5/fer2013_mini_XCEPTION/fer2013_mini_XCEPTION.102-0.66.hdf5", H5, "2.0.5", "tensorflow", "Model", 46, 80, 105, ""},
		{"keras-h5/gender_mini_XCEPTION/gender_mini_XCEPTION.21-0.95.hdf5", H5, "2.0.5", "tensorflow", "Model", 46, 80, 105, ""},
		{"keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_tensorflow.h5", H5Weights, "", "", "", 29, 48, 0, ""},
		{"keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_theano.h5", H5Weights, "", "", "", 29, 48, 0, ""},
		{"keras-weights-h5/ai-med-agh-mnist/model.weights.h5", Weights, "", "", "", 3, 6, 14, "layers/dense 0 [784 128]"},
		{"keras-v3/homl3-my_keras_model/my_keras_model.keras", Archive, "3.3.3", "", "Sequential", 3, 6, 2, "layers/dense 0 [8 30]"},
		{"keras-v3/mnist-mlp-a/mnist.keras", Archive, "3.3.3", "", "Sequential", 2, 4, 10, "layers/dense 0 [784 128]"},
		{"keras-v3/keras-team-nested/pre_pr22362_nested_container.keras", Archive, "3.15.0", "", "NestedDenseModel", 4, 5, 0, "layers/dense 0 [4 4]"},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			t.Parallel()
			f := fixture(t, tc.file)
			if f.Format() != tc.format || f.Version() != tc.version || f.Backend() != tc.backend {
				t.Errorf("%s, version %q, backend %q", f.Format(), f.Version(), f.Backend())
			}
			var config struct {
				Class string `json:"class_name"`
			}
			if tc.class != "" {
				if err := json.Unmarshal([]byte(f.Config()), &config); err != nil {
					t.Error(err)
				}
			}
			if config.Class != tc.class {
				t.Errorf("configuration of a %q", config.Class)
			}
			weights := 0
			first := ""
			for _, l := range f.Layers() {
				for _, w := range l.Weights {
					if weights++; weights == 1 {
						first = fmt.Sprint(l.Path, " ", w.Name, " ", w.Shape)
					}
					x, err := w.Read()
					if err != nil {
						t.Fatal(err)
					}
					if x.DType() != w.DType || !x.Shape().Equal(w.Shape) || w.DType != tensor.Float32 {
						t.Errorf("%s: %s is %v, declared %v%v", l.Path, w.Name, x, w.DType, w.Shape)
					}
				}
			}
			for _, w := range f.Optimizer() {
				if _, err := w.Read(); err != nil {
					t.Error(err)
				}
			}
			if len(f.Layers()) != tc.layers || weights != tc.weights || len(f.Optimizer()) != tc.optimizer {
				t.Errorf("%d layers, %d weights, %d of the optimizer", len(f.Layers()), weights, len(f.Optimizer()))
			}
			if tc.first != "" && first != tc.first {
				t.Errorf("first %s, want %s", first, tc.first)
			}
		})
	}
}

// dense computes a model of dense layers alone, as its configuration has them.
func dense(t *testing.T, f *File, x [][]float64, activations []string) [][]float64 {
	t.Helper()
	var layers []Layer
	for _, l := range f.Layers() {
		if len(l.Weights) > 0 {
			layers = append(layers, l)
		}
	}
	if len(layers) != len(activations) {
		t.Fatalf("%d layers, want %d", len(layers), len(activations))
	}
	for i, l := range layers {
		kernel, err := l.Weights[0].Read()
		if err != nil {
			t.Fatal(err)
		}
		bias, err := l.Weights[1].Read()
		if err != nil {
			t.Fatal(err)
		}
		next := make([][]float64, len(x))
		for n, row := range x {
			out := make([]float64, bias.Len())
			for j := range out {
				out[j] = bias.Flat(j)
				for k, v := range row {
					out[j] += v * kernel.At(k, j)
				}
			}
			next[n] = activate(activations[i], out)
		}
		x = next
	}
	return x
}

func activate(name string, x []float64) []float64 {
	sum := 0.0
	for i, v := range x {
		switch name {
		case "relu":
			x[i] = max(0, v)
		case "selu":
			const alpha, scale = 1.6732632423543772, 1.0507009873554805
			if v < 0 {
				v = alpha * math.Expm1(v)
			}
			x[i] = scale * v
		case "softmax":
			x[i] = math.Exp(v)
		}
		sum += x[i]
	}
	if name == "softmax" {
		for i := range x {
			x[i] /= sum
		}
	}
	return x
}

// images are the first 8 of a test set, as numbers from 0 to 1.
func images(t *testing.T, set string) [][]float64 {
	t.Helper()
	file, err := os.Open(shared.File(t, "data", set, "t10k-images-idx3-ubyte.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 16+8*784)
	if _, err := io.ReadFull(z, raw); err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for image := range slices.Chunk(raw[16:], 784) {
		row := make([]float64, 784)
		for i, v := range image {
			row[i] = float64(v) / 255
		}
		out = append(out, row)
	}
	return out
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dir, file, set string
		activations    []string
	}{
		{"keras-h5/homl2-my_keras_model", "my_keras_model.h5", "", []string{"relu", "relu", "linear"}},
		{"keras-h5/homl2-custom_loss", "my_model_with_a_custom_loss.h5", "", []string{"selu", "linear"}},
		{"keras-v3/homl3-my_keras_model", "my_keras_model.keras", "", []string{"relu", "relu", "linear"}},
		{"keras-h5/homl2-my_model_A", "my_model_A.h5", "fashion-mnist", []string{"selu", "selu", "selu", "selu", "selu", "softmax"}},
		{"keras-v3/mnist-mlp-a", "mnist.keras", "mnist", []string{"relu", "softmax"}},
		{"keras-weights-h5/ai-med-agh-mnist", "model.weights.h5", "mnist", []string{"relu", "relu", "softmax"}},
	} {
		t.Run(filepath.Base(tc.dir), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(shared.File(t, "models", tc.dir, "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Output []([]float64) `json:"output"`
				First  []([]float64) `json:"output_first_8"`
				All    []([]float64) `json:"output_first_8_of_t10k_all_classes"`
			}
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			outputs := slices.Concat(want.Output, want.First, want.All)
			var x [][]float64
			if tc.set != "" {
				x = images(t, tc.set)
			} else {
				for i := range 4 {
					row := make([]float64, 8)
					for j := range row {
						row[j] = float64(((8*i+j)*7919+13)%1009)/1008*2 - 1
					}
					x = append(x, row)
				}
			}
			got := dense(t, fixture(t, tc.dir+"/"+tc.file), x, tc.activations)
			if len(outputs) != len(got) {
				t.Fatalf("%d rows, want %d", len(got), len(outputs))
			}
			for i, row := range outputs {
				for j, w := range row {
					if math.Abs(got[i][j]-w) > 1e-4+1e-3*math.Abs(w) {
						t.Errorf("row %d: %g, want %g", i, got[i], row)
						break
					}
				}
			}
		})
	}
}

// model is a file as Keras 2 writes it, with the given layers.
func model(t interface{ Fatal(...any) }, layers []string, change func(root *hdf5.Node)) []byte {
	root := &hdf5.Node{}
	root.Set("model_config", `{"class_name": "Sequential"}`)
	root.Set("training_config", `{"loss": "mse"}`)
	root.Set("keras_version", "2.3.0")
	top := root.Group("model_weights")
	top.Set("layer_names", hdf5.Fixed(layers))
	for i, name := range layers {
		g := top.Group(name)
		if i%3 == 2 { // a layer without weights, as NumPy writes no names
			g.Set("weight_names", tensor.New(tensor.Float64, 0))
			continue
		}
		g.Set("weight_names", hdf5.Fixed{name + "/kernel:0", name + "/bias:0"})
		g.Put(name+"/kernel:0", tensor.Of([]float32{float32(i), 1}, 2, 1))
		g.Put(name+"/bias:0", tensor.Of([]float32{float32(i)}, 1))
	}
	opt := root.Group("optimizer_weights")
	opt.Set("weight_names", hdf5.Fixed{"Adam/iter:0"})
	opt.Put("Adam/iter:0", tensor.Of([]int64{7}))
	if change != nil {
		change(root)
	}
	var b bytes.Buffer
	if err := hdf5.Write(&b, root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// weights3 is a file as Keras 3 writes it, with n variables in one layer.
func weights3(t interface{ Fatal(...any) }, n int, change func(root *hdf5.Node)) []byte {
	root := &hdf5.Node{}
	root.Group("vars")
	root.Group("layers/dense/vars").Set("name", "hidden1")
	for i := range n {
		root.Put(fmt.Sprintf("layers/dense/vars/%d", i), tensor.Of([]float32{float32(i)}, 1))
	}
	root.Put("optimizer/vars/0", tensor.Of([]int64{7}))
	if change != nil {
		change(root)
	}
	var b bytes.Buffer
	if err := hdf5.Write(&b, root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type entry struct {
	name string
	raw  []byte
}

func archived(t interface{ Fatal(...any) }, method uint16, entries ...entry) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: method})
		if err == nil {
			_, err = w.Write(e.raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func entries(weights []byte) []entry {
	return []entry{{metadataName, []byte(`{"keras_version": "3.3.3"}`)}, {configName, []byte(`{"class_name": "Sequential"}`)}, {weightsName, weights}}
}

func read(b []byte) (*File, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestNamed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		layers := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}(/[a-z]{2})?`), 0, 9, func(s string) string { return s[:1] }).Draw(t, "layers")
		f, err := read(model(t, layers, nil))
		if err != nil {
			t.Fatal(err)
		}
		if f.Format() != H5 || f.Version() != "2.3.0" || f.Config() != `{"class_name": "Sequential"}` || f.TrainingConfig() != `{"loss": "mse"}` {
			t.Fatalf("%+v", f)
		}
		if len(f.Layers()) != len(layers) || len(f.Optimizer()) != 1 {
			t.Fatalf("%d layers, %d of the optimizer", len(f.Layers()), len(f.Optimizer()))
		}
		for i, l := range f.Layers() {
			if l.Path != layers[i] || l.Name != layers[i] || len(l.Weights) != 2 && i%3 != 2 || len(l.Weights) != 0 && i%3 == 2 {
				t.Fatalf("layer %d is %+v", i, l)
			}
			for j, w := range l.Weights {
				x, err := w.Read()
				if err != nil || x.Flat(0) != float64(i) || x.Len() != 2-j {
					t.Fatalf("%s: %v, %v", w.Name, x, err)
				}
			}
		}
	})
}

func TestSplitNames(t *testing.T) {
	t.Parallel()
	f, err := read(model(t, nil, func(root *hdf5.Node) {
		top := root.Group("model_weights")
		top.Attrs = nil
		top.Set("layer_names0", hdf5.Fixed{"a", "b"})
		top.Set("layer_names1", hdf5.Fixed{"c"})
		for _, name := range []string{"a", "b", "c"} {
			top.Group(name).Set("weight_names", hdf5.Fixed{})
		}
		top.Group("top_level_model_weights").Set("weight_names", hdf5.Fixed{"w"})
		top.Put("top_level_model_weights/w", tensor.Of([]float32{1}, 1))
	}))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, l := range f.Layers() {
		paths = append(paths, l.Path)
	}
	if want := []string{"a", "b", "c", "top_level_model_weights"}; !slices.Equal(paths, want) {
		t.Errorf("layers %q, want %q", paths, want)
	}
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	raw := weights3(t, 12, nil)
	for name, b := range map[string][]byte{
		"weights": raw, "stored": archived(t, zip.Store, entries(raw)...), "deflated": archived(t, zip.Deflate, entries(raw)...),
	} {
		f, err := read(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l := f.Layers()
		if len(l) != 1 || l[0].Path != "layers/dense" || l[0].Name != "hidden1" || len(l[0].Weights) != 12 || len(f.Optimizer()) != 1 {
			t.Fatalf("%s: %+v", name, l)
		}
		for i, w := range l[0].Weights {
			if x, err := w.Read(); err != nil || x.Flat(0) != float64(i) {
				t.Errorf("%s: weight %d is %v, %v", name, i, x, err)
			}
		}
		if name != "weights" && (f.Format() != Archive || f.Version() != "3.3.3" || f.Config() != `{"class_name": "Sequential"}`) {
			t.Errorf("%s: %s, %q, %q", name, f.Format(), f.Version(), f.Config())
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	top := func(change func(top *hdf5.Node)) []byte {
		return model(t, []string{"dense"}, func(root *hdf5.Node) { change(root.Group("model_weights")) })
	}
	whole := weights3(t, 2, nil)
	for name, tc := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":       {nil, "no HDF5 file"},
		"text":          {[]byte("hello, this is no model"), "no HDF5 file"},
		"other HDF5":    {weights3(t, 0, func(root *hdf5.Node) { root.Children = nil }), "none that Keras saves"},
		"no layers":     {top(func(top *hdf5.Node) { top.Attrs = nil }), `no attribute "layer_names"`},
		"no names":      {top(func(top *hdf5.Node) { top.Group("dense").Attrs = nil }), `no attribute "weight_names"`},
		"absent layer":  {top(func(top *hdf5.Node) { top.Children = nil }), `has no "dense"`},
		"absent weight": {top(func(top *hdf5.Node) { top.Group("dense").Children = nil }), `has no "dense"`},
		"weight twice": {top(func(top *hdf5.Node) {
			top.Group("dense").Attrs = []hdf5.Value{{Name: "weight_names", Value: hdf5.Fixed{"dense/bias:0", "dense/bias:0"}}}
		}), "the same dataset"},
		"weight a group": {top(func(top *hdf5.Node) {
			top.Group("dense").Attrs = []hdf5.Value{{Name: "weight_names", Value: hdf5.Fixed{"dense"}}}
		}), "not a dataset"},
		"names as numbers": {top(func(top *hdf5.Node) {
			top.Attrs = []hdf5.Value{{Name: "layer_names", Value: tensor.New(tensor.Float32, 2)}}
		}), "want text"},
		"gap":            {weights3(t, 2, func(root *hdf5.Node) { root.Group("layers/dense/vars/3") }), `none named "2"`},
		"zip cut":        {archived(t, zip.Store, entries(whole)...)[:200], "truncated"},
		"zip of others":  {archived(t, zip.Store, entry{"a", nil}), "none that Keras saves"},
		"zip no weights": {archived(t, zip.Store, entries(whole)[:2]...), `no "model.weights.h5"`},
		"zip twice":      {archived(t, zip.Store, append(entries(whole), entries(whole)...)...), "twice"},
		"zip metadata":   {archived(t, zip.Store, append([]entry{{metadataName, []byte("{")}}, entries(whole)[1:]...)...), "metadata.json"},
		"zip bomb":       {archived(t, zip.Deflate, append([]entry{{configName, make([]byte, 32<<20)}}, entries(whole)[2:]...)...), "at most"},
		"zip weights":    {archived(t, zip.Store, append(entries(nil)[:2], entry{weightsName, whole[:len(whole)-1]})...), "truncated"},
	} {
		_, err := read(tc.b)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
		if !typed(err) {
			t.Errorf("%s: %v is of type %T", name, err, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent.h5")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// typed reports whether an error is one that tells of contents.
func typed(err error) bool {
	_, here := errors.AsType[*Error](err)
	_, there := errors.AsType[*hdf5.Error](err)
	return here || there
}

func TestArchiveChecksum(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model.keras")
	b := archived(t, zip.Store, entries(weights3(t, 3, nil))...)
	// The variable 2 as it lies in the weights.
	i := bytes.LastIndex(b, binary.LittleEndian.AppendUint32(nil, math.Float32bits(2)))
	b[i] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Layers()[0].Weights[0].Read(); !errors.Is(err, zip.ErrChecksum) || !strings.Contains(err.Error(), path) {
		t.Errorf("a flipped bit: %v", err)
	}
}

// everything opens a file and reads what it lists.
func everything(b []byte) error {
	f, err := read(b)
	if err != nil {
		return err
	}
	all := [][]Weight{f.Optimizer()}
	for _, l := range f.Layers() {
		all = append(all, l.Weights)
	}
	for _, w := range slices.Concat(all...) {
		if _, err := w.Read(); err != nil {
			return err
		}
	}
	return nil
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"h5": model(t, []string{"dense"}, nil), "keras": archived(t, zip.Store, entries(weights3(t, 2, nil))...),
	} {
		for n := range b {
			if err := everything(b[:n]); !typed(err) {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, len(b), err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	weights := weights3(f, 2, nil)
	f.Add(model(f, []string{"dense", "dropout"}, nil))
	f.Add(weights)
	f.Add(archived(f, zip.Store, entries(weights)...))
	f.Add(archived(f, zip.Deflate, entries(weights)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := everything(b); err != nil && !typed(err) {
			t.Errorf("%v is of type %T", err, err)
		}
	})
}
