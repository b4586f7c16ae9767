package keras

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// TestImport imports models of other programs and holds them to what is recorded.
func TestImport(t *testing.T) {
	t.Parallel()
	mlp := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 128, Act: act.ReLU{}}, nn.Dense{Units: 64, Act: act.ReLU{}}, nn.Dense{Units: 10}}
	pictures := format.Options{Net: mlp, Inputs: imageFields()}
	for _, tc := range []struct {
		dir, file, set string
		o              format.Options
		keep           []uint8
	}{
		{"keras-h5/homl2-my_keras_model", "my_keras_model.h5", "", format.Options{}, nil},
		{"keras-h5/homl2-custom_loss", "my_model_with_a_custom_loss.h5", "", format.Options{}, nil},
		{"keras-v3/homl3-my_keras_model", "my_keras_model.keras", "", format.Options{}, nil},
		{"keras-h5/homl2-my_model_A", "my_model_A.h5", "fashion-mnist", format.Options{}, []uint8{0, 1, 2, 3, 4, 7, 8, 9}},
		{"keras-v3/mnist-mlp-a", "mnist.keras", "mnist", format.Options{}, nil},
		{"keras-weights-h5/ai-med-agh-mnist", "model.weights.h5", "mnist", pictures, nil},
		{"keras-h5/fer2013_mini_XCEPTION", "fer2013_mini_XCEPTION.102-0.66.hdf5", "64x64", format.Options{}, nil},
		{"keras-h5/gender_mini_XCEPTION", "gender_mini_XCEPTION.21-0.95.hdf5", "64x64", format.Options{}, nil},
	} {
		t.Run(filepath.Base(tc.dir), func(t *testing.T) {
			t.Parallel()
			var want struct {
				Output   [][]float64 `json:"output"`
				Accuracy float64     `json:"accuracy"`
				T10k     float64     `json:"accuracy_t10k"`
			}
			formattest.Expected(t, tc.dir, &want)
			m, r := formattest.Import(t, shared.File(t, "models", tc.dir, tc.file), tc.o)
			if len(r.Tensors) != m.Params.Len() {
				t.Errorf("%d tensors for %d parameters", len(r.Tensors), m.Params.Len())
			}
			switch tc.set {
			case "":
				var flat []float64
				for _, row := range want.Output {
					flat = append(flat, row...)
				}
				formattest.Near(t, formattest.Predict(t, m, formattest.Rows(2, -1, 4, 8)), flat...)
			case "64x64":
				var flat []float64
				for _, row := range want.Output {
					flat = append(flat, row...)
				}
				formattest.Near(t, formattest.Predict(t, m, formattest.Rows(2, -1, 2, 64, 64, 1)), flat...)
			default:
				x, labels := formattest.Images(t, tc.set, "t10k")
				if got := formattest.Accuracy(t, m, x, labels, tc.keep...); got != want.Accuracy+want.T10k {
					t.Errorf("accuracy %v, want %v", got, want.Accuracy+want.T10k)
				}
			}
		})
	}
}

// saveAs writes a file for a test.
func saveAs(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func imageFields() []data.Field {
	return []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{28, 28}}}
}

// A weight is one that a made file has.
type weight struct {
	layer, name string
	value       *tensor.Tensor
}

// h5 is a file as Keras 2 writes it: a configuration and weights by name.
func h5(t testing.TB, version, config string, ws ...weight) string {
	t.Helper()
	return saveAs(t, "model.h5", h5Bytes(t, version, config, ws...))
}

func h5Bytes(t testing.TB, version, config string, ws ...weight) []byte {
	t.Helper()
	return h5Made(t, version, "tensorflow", config, ws...)
}

// h5Of is h5 of a backend. An empty version or backend is not told.
func h5Of(t testing.TB, version, backend, config string, ws ...weight) string {
	t.Helper()
	return saveAs(t, "model.h5", h5Made(t, version, backend, config, ws...))
}

func h5Made(t testing.TB, version, backend, config string, ws ...weight) []byte {
	t.Helper()
	root := &hdf5.Node{}
	root.Set("model_config", config)
	if version != "" {
		root.Set("keras_version", version)
	}
	if backend != "" {
		root.Set("backend", backend)
	}
	top := root.Group("model_weights")
	var layers []string
	names := map[string][]string{}
	for _, w := range ws {
		if names[w.layer] == nil {
			layers = append(layers, w.layer)
		}
		names[w.layer] = append(names[w.layer], w.name)
	}
	top.Set("layer_names", hdf5.Fixed(layers))
	for _, l := range layers {
		g := top.Group(l)
		g.Set("weight_names", hdf5.Fixed(names[l]))
		for _, w := range ws {
			if w.layer == l {
				g.Put(w.name, w.value)
			}
		}
	}
	var b bytes.Buffer
	if err := hdf5.Write(&b, root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func vector(v ...float32) *tensor.Tensor { return tensor.Of(v, len(v)) }

// modelText is the imported network as text.
func modelText(t testing.TB, m *format.Model) string {
	t.Helper()
	v, err := nn.Encode(m.Net)
	if err != nil {
		t.Fatal(err)
	}
	return string(v.JSON())
}

// TestFunctional reads branches, a layer that is applied twice and a model within
// the model, in the words of Keras 2 and of Keras 3.
func TestFunctional(t *testing.T) {
	t.Parallel()
	d := func(name string) string {
		return `"config": {"name": "` + name + `", "units": 2, "use_bias": false, "activation": "linear"}`
	}
	inner := `{"class_name": "Functional", "name": "inner", "config": {"name": "inner", "layers": [
		{"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_input_shape": [null, 2]}, "inbound_nodes": []},
		{"class_name": "Dense", "name": "a", ` + d("a") + `, "inbound_nodes": [[["in", 0, 0, {}]]]}],
		"input_layers": [["in", 0, 0]], "output_layers": [["a", 0, 0]]}, "inbound_nodes": [[["b", 1, 0, {}]]]}`
	config := `{"class_name": "Functional", "config": {"name": "net", "layers": [
		{"class_name": "Add", "name": "sum", "config": {"name": "sum"}, "inbound_nodes": [[["inner", 0, 0, {}], ["a", 0, 0, {}]]]},
		{"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 2], "sparse": false}, "inbound_nodes": []},
		{"class_name": "Dense", "name": "a", ` + d("a") + `, "inbound_nodes": [[["x", 0, 0, {}]]]},
		{"class_name": "Dense", "name": "b", ` + d("b") + `, "inbound_nodes": [[["x", 0, 0, {}]], [["a", 0, 0, {}]]]},
		` + inner + `],
		"input_layers": [["x", 0, 0]], "output_layers": [["sum", 0, 0], ["b", 0, 0]]}}`
	kernel := func(v float32) *tensor.Tensor { return tensor.Of([]float32{v, 0, 0, v}, 2, 2) }
	path := h5(t, "2.4.0", config, weight{"a", "a/kernel:0", kernel(2)}, weight{"b", "b/kernel:0", kernel(3)}, weight{"inner", "a/kernel:0", kernel(5)})
	m, r := formattest.Import(t, path, format.Options{})
	const text = `{"name":"net","inputs":{"x":"2"},"layers":[{"dense":{"units":2,"use_bias":false,"name":"a","inputs":["x"]}},` +
		`{"dense":{"units":2,"use_bias":false,"name":"b","inputs":["x"]}},{"share":{"of":"b","name":"b_1","inputs":["a"]}},` +
		`{"dense":{"units":2,"use_bias":false,"name":"a_1","inputs":["b_1"]}},{"add":{"name":"sum","inputs":["a_1","a"]}}],"outputs":["sum","b"]}`
	if got := modelText(t, m); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	if len(r.Skipped) != 0 {
		t.Errorf("left out: %v", r.Skipped)
	}
	// (x·2·3·5) + x·2
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 2}, 1, 2)), 32, 64)

	three := strings.NewReplacer(`[[["x", 0, 0, {}]], [["a", 0, 0, {}]]]`, `[`+node("x", 0)+`, `+node("a", 0)+`]`,
		`[[["inner", 0, 0, {}], ["a", 0, 0, {}]]]`, `[{"args": [[`+history3("inner", 0)+`, `+history3("a", 0)+`]], "kwargs": {}}]`,
		`[[["b", 1, 0, {}]]]`, `[`+node("b", 1)+`]`, `[[["x", 0, 0, {}]]]`, `[`+node("x", 0)+`]`).Replace(config)
	path = h5(t, "3.3.0", three, weight{"a", "a/kernel:0", kernel(2)}, weight{"b", "b/kernel:0", kernel(3)}, weight{"inner", "a/kernel:0", kernel(5)})
	m, _ = formattest.Import(t, path, format.Options{})
	if got := modelText(t, m); got != text {
		t.Errorf("Keras 3: got  %s\nwant %s", got, text)
	}
}

func history3(layer string, node int) string {
	return fmt.Sprintf(`{"class_name": "__keras_tensor__", "config": {"shape": [null, 2], "dtype": "float32", "keras_history": ["%s", %d, 0]}}`, layer, node)
}

func node(layer string, at int) string {
	return `{"args": [` + history3(layer, at) + `], "kwargs": {}}`
}

// TestSpellings reads what versions of Keras write otherwise.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ version, config, want string }{
		"Keras 1": {"1.2.2", `{"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"name": "dense_1", "batch_input_shape": [null, 2],
			"output_dim": 2, "init": "glorot_uniform", "activation": "hard_sigmoid", "bias": true, "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, "input_dim": 2, "trainable": true}},
			{"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5, "trainable": true}}]}`,
			`[{"dense":{"units":2,"activation":"hard_sigmoid_keras2","kernel_initializer":"glorot_uniform","name":"dense_1"}},{"dropout":{"rate":0.5,"name":"dropout_1"}}]`},
		"layers of activations": {"2.9.0", `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Dense", "config": {"name": "dense_1", "batch_input_shape": [null, 2],
			"units": 2, "use_bias": true, "activation": "swish", "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": null}}, "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}},
			"kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}}}},
			{"class_name": "LeakyReLU", "config": {"name": "leaky", "alpha": 0.125}}, {"class_name": "ReLU", "config": {"name": "r", "max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}}]}}`,
			`[{"dense":{"units":2,"activation":"silu","kernel_initializer":"he_normal","kernel_regularizer":{"name":"l1_l2","l1":0,"l2":0.5},"kernel_constraint":{"name":"max_norm","max_value":3},"name":"dense_1"}},` +
				`{"leaky_relu":{"negative_slope":0.125,"name":"leaky"}},{"relu":{"max_value":6,"negative_slope":0,"threshold":0,"name":"r"}}]`},
		"Keras 3 hard_sigmoid": {"3.1.0", `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_shape": [null, 2], "name": "i"}},
			{"class_name": "Dense", "config": {"name": "dense_1", "units": 2, "activation": "hard_sigmoid", "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}}}]}}`,
			`[{"input":{"shape":"2"}},{"dense":{"units":2,"activation":"hard_sigmoid","name":"dense_1"}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := formattest.Import(t, h5(t, tc.version, tc.config, weight{"dense_1", "dense_1_W", tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}, weight{"dense_1", "dense_1_b", vector(5, 6)}), format.Options{})
			if got := modelText(t, m); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if k, b := m.Params.Value("dense_1/kernel"), m.Params.Value("dense_1/bias"); k.At(1, 0) != 3 || b.At(1) != 6 {
				t.Errorf("kernel %v, bias %v", k, b)
			}
		})
	}
}

// TestNested reads a sequence within a sequence, whose weights lie together: first
// those of all layers that are trained, then the statistics.
func TestNested(t *testing.T) {
	t.Parallel()
	config := `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2], "name": "i"}},
		{"class_name": "Sequential", "config": {"name": "in", "layers": [
			{"class_name": "BatchNormalization", "config": {"name": "bn", "axis": [1], "epsilon": 0.25, "momentum": 0.9}},
			{"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": "linear"}}]}}]}}`
	m, _ := formattest.Import(t, h5(t, "2.4.0", config, weight{"in", "bn/gamma:0", vector(2, 2)}, weight{"in", "bn/beta:0", vector(1, 0)}, weight{"in", "d/kernel:0", tensor.Of([]float32{1, 10}, 2, 1)},
		weight{"in", "d/bias:0", vector(3)}, weight{"in", "bn/moving_mean:0", vector(1, 1)}, weight{"in", "bn/moving_variance:0", vector(0.75, 3.75)}), format.Options{})
	// ((2−1)/1·2 + 1) + 10·((3−1)/2·2 + 0) + 3
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{2, 3}, 1, 2)), 26)
}

// TestRefusesModels names what there is nothing for, and runs no code.
func TestRefusesModels(t *testing.T) {
	t.Parallel()
	layers := func(l string) string {
		return `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2], "name": "i"}}, ` + l + `]}}`
	}
	for name, tc := range map[string]struct{ config, want string }{
		"lambda":      {layers(`{"class_name": "Lambda", "config": {"name": "l", "function": ["4wEAAAAA", null, null]}}`), "Python code, which is never run"},
		"custom":      {layers(`{"class_name": "Crf", "config": {"name": "l"}}`), `layer "l" (class Crf): no class of Keras`},
		"package":     {layers(`{"class_name": "Crf", "registered_name": "my>Crf", "config": {"name": "l"}}`), `nn.Layers.Register("crf", …)`},
		"activation":  {layers(`{"class_name": "Dense", "config": {"name": "l", "units": 1, "activation": "mine"}}`), `activation "mine": it is none of Keras`},
		"field":       {layers(`{"class_name": "Dropout", "config": {"name": "l", "rate": 0.5, "noise_shape": [1, 2]}}`), `noise_shape=[1,2] is nothing that dropout can do here`},
		"axis":        {layers(`{"class_name": "BatchNormalization", "config": {"name": "l", "axis": [3]}}`), "it normalizes axis 3"},
		"subclass":    {`{"class_name": "MyModel", "config": {}}`, "the model (class MyModel)"},
		"no layers":   {`{"class_name": "Sequential", "config": {"name": "s", "layers": []}}`, "has no layers"},
		"missing":     {layers(`{"class_name": "Dense", "config": {"name": "gone", "units": 1}}`), `layer "gone": the file holds no weights for it`},
		"wrong shape": {layers(`{"class_name": "Dense", "config": {"name": "dense_1", "units": 3}}`), `of the model has [2 3]`},
		"cycle": {`{"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "InputLayer", "name": "i", "config": {"batch_input_shape": [null, 2], "name": "i"}},
			{"class_name": "Add", "name": "a", "config": {"name": "a"}, "inbound_nodes": [[["b", 0, 0, {}], ["i", 0, 0, {}]]]}, {"class_name": "ReLU", "name": "b", "config": {"name": "b"}, "inbound_nodes": [[["a", 0, 0, {}]]]}],
			"input_layers": [["i", 0, 0]], "output_layers": [["b", 0, 0]]}}`, "is not there, or depends on it"},
		"no shape": {`{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Flatten", "config": {"name": "f", "batch_input_shape": [null, null, 2]}}]}}`, "say it with input="},
		"no JSON":  {`{"class_name": `, "config"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := h5(t, "2.4.0", tc.config, weight{"dense_1", "dense_1/kernel:0", tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}, weight{"dense_1", "dense_1/bias:0", vector(5, 6)})
			_, err := format.Open(path, tensor.Float32)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) && name != "no JSON" {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			var (
				c *format.Corrupt
				u *format.Unsupported
				k *format.Choice
				s *spec.Error
			)
			if !errors.As(err, &c) && !errors.As(err, &u) && !errors.As(err, &k) && !errors.As(err, &s) {
				t.Errorf("%T is no type of a file's error", err)
			}
		})
	}
}

// FuzzModel opens, imports and runs what is made of a configuration.
func FuzzModel(f *testing.F) {
	for _, c := range []string{
		`{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Dense", "config": {"name": "dense_1", "units": 2, "activation": "relu", "batch_input_shape": [null, 2]}}]}}`,
		`{"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "InputLayer", "name": "i", "config": {"batch_input_shape": [null, 2], "name": "i"}},
			{"class_name": "Dense", "name": "dense_1", "config": {"name": "dense_1", "units": 2}, "inbound_nodes": [[["i", 0, 0, {}]]]}], "input_layers": [["i", 0, 0]], "output_layers": [["dense_1", 0, 0]]}}`,
		`{"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 2, "input_dim": 2}}]}`,
		`{"class_name": "Sequential", "config": [{"class_name": "Convolution2D", "config": {"name": "c", "batch_input_shape": [null, 2, 2, 1], "nb_filter": 2, "nb_row": 1, "nb_col": 1, "dim_ordering": "th", "bias": false}},
			{"class_name": "Flatten", "config": {"name": "f"}}, {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 1}}]}`,
		`{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "PReLU", "config": {"name": "p", "batch_input_shape": [null, 2, 2, 2], "shared_axes": [2, 3]}}, {"class_name": "MaxPooling2D", "config": {"name": "m", "data_format": "channels_first"}},
			{"class_name": "Concatenate", "config": {"axis": 1}}, {"class_name": "Permute", "config": {"dims": [3, 1, 2]}}, {"class_name": "Normalization", "config": {"axis": -1, "mean": [1.0, 2.0], "variance": [1.0, 2.0]}}]}}`,
		`{"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "InputLayer", "name": "i", "config": {"batch_shape": [null, 2, 2], "name": "i"}}, {"class_name": "Masking", "name": "m", "config": {"name": "m"}, "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["i", 0, 0]}}], "kwargs": {}}]},
			{"class_name": "NotEqual", "name": "n", "config": {"name": "n"}, "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["i", 0, 0]}}, 0], "kwargs": {}}]},
			{"class_name": "Any", "name": "a", "config": {"name": "a", "axis": -1}, "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["n", 0, 0]}}], "kwargs": {}}]},
			{"class_name": "GlobalAveragePooling1D", "name": "g", "config": {"name": "g"}, "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["m", 0, 0]}}], "kwargs": {"mask": {"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}}}}]},
			{"class_name": "Dense", "name": "dense_1", "config": {"name": "dense_1", "units": 2}, "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["g", 0, 0]}}], "kwargs": {}}]}], "input_layers": [["i", 0, 0]], "output_layers": [["dense_1", 0, 0]]}}`,
		`{"class_name": "Functional", "config": {"layers": [{"class_name": "InputLayer", "name": "i", "config": {"batch_shape": [null, 2], "name": "i"}},
			{"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 2}, "inbound_nodes": [{"args": [], "kwargs": {}}]}], "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}}`,
		`{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Bidirectional", "config": {"name": "b", "batch_input_shape": [null, 2, 2], "layer": {"class_name": "CuDNNGRU", "config": {"name": "g", "units": 1}}}}]}}`,
	} {
		f.Add(c)
	}
	// What is around the configuration has FuzzRead.
	kernel, bias := tensor.Of([]float32{1, 2, 3, 4}, 2, 2), vector(5, 6)
	variables := []Variable{{"dense_1/kernel", "k", tensor.Float32, kernel.Shape()}, {"dense_1/bias", "b", tensor.Float32, bias.Shape()}}
	f.Fuzz(func(t *testing.T, config string) {
		file := &format.File{Path: "model.h5", Format: "keras-h5", Tensors: []format.Tensor{
			{Name: "k", DType: tensor.Float32, Shape: kernel.Shape(), Read: func() (*tensor.Tensor, error) { return kernel.Clone(), nil }},
			{Name: "b", DType: tensor.Float32, Shape: bias.Shape(), Read: func() (*tensor.Tensor, error) { return bias.Clone(), nil }},
		}, Blueprint: func(o format.Options) (*format.Blueprint, error) {
			return FromConfig("2.4.0", config, "", variables, o)
		}}
		m, _, err := file.Import(format.Options{})
		if err != nil {
			formattest.Told(t, err)
			return
		}
		if in := m.Data.Inputs; len(in) == 1 && in[0].DType == tensor.Float32 && in[0].Shape.Len() > 0 && in[0].Shape.Len() < 1<<10 {
			_, _ = formattest.Try(m, formattest.Rows(1, 0, append([]int{2}, in[0].Shape...)...))
		}
	})
}
