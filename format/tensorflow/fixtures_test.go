package tensorflow

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// TestMNIST imports nets that TensorFlow trained and holds their accuracy to what is
// recorded, to the image.
func TestMNIST(t *testing.T) {
	t.Parallel()
	softmax := format.Options{Net: nn.Sequential{nn.Dense{Units: 10}}, Inputs: samples(784)}
	low, high := []uint8{0, 1, 2, 3, 4}, []uint8{5, 6, 7, 8, 9}
	for _, tc := range []struct {
		dir, file string
		o         format.Options
		keep      []uint8
		rows      int
	}{
		{"tf1-checkpoint/homl-ch11-elu", "", format.Options{}, nil, 10000},
		{"tf1-checkpoint/homl-ch11-my_model_final", "my_model_final.ckpt", format.Options{Output: "dnn/outputs/BiasAdd"}, nil, 10000},
		{"tf1-checkpoint/homl-ch11-my_new_model_final", "my_new_model_final.ckpt.index", format.Options{}, nil, 10000},
		{"tf1-checkpoint/homl-ch11-best_mnist_0_to_4", "my_best_mnist_model_0_to_4.meta", format.Options{}, low, 5139},
		{"tf1-checkpoint/homl-ch11-mnist_0_to_4", "", format.Options{Input: "X"}, low, 5139},
		{"tf1-checkpoint/homl-ch11-transfer-pair/source_0_to_4", "", format.Options{}, low, 5139},
		{"tf1-checkpoint/homl-ch11-transfer-pair/target_5_to_9_five_frozen", "", format.Options{Output: "Y_proba"}, high, 4861},
		{"tf1-checkpoint/homl-ch13-mnist-cnn", "", format.Options{}, nil, 10000},
		{"tf1-checkpoint/sugyan-softmax-regression", "", softmax, nil, 10000},
		{"tf1-checkpoint/homl-ch11-selu", "", format.Options{}, nil, 10000},
		{"tf-frozen-graphdef/miyosuda-mnist-softmax", "beginner-graph.pb", format.Options{}, nil, 10000},
		{"tf-frozen-graphdef/tf2onnx-fc-layers", "frozen.pb", format.Options{}, nil, 10000},
		{"tf-frozen-graphdef/tf2onnx-lstm", "frozen.pb", format.Options{}, nil, 10000},
		{"tf-savedmodel/homl2-my_mnist_model", "", format.Options{}, nil, 10000},
	} {
		t.Run(filepath.Base(tc.dir), func(t *testing.T) {
			t.Parallel()
			var want struct {
				All  float64 `json:"accuracy_t10k"`
				Low  float64 `json:"accuracy_t10k_digits_0_to_4"`
				High float64 `json:"accuracy_t10k_digits_5_to_9"`
			}
			formattest.Expected(t, tc.dir, &want)
			m, _ := formattest.Import(t, filepath.Join(shared.Dir(t, "models", tc.dir), tc.file), tc.o)
			x, labels := formattest.Images(t, "mnist", "t10k")
			if filepath.Base(tc.dir) == "homl-ch11-selu" {
				x = x.Clone()
				standardize(t, x)
			}
			got := formattest.Accuracy(t, m, x, labels, tc.keep...)
			// What is recorded has four digits.
			if w := want.All + want.Low + want.High; int(got*float64(tc.rows)+0.5) != int(w*float64(tc.rows)+0.5) {
				t.Errorf("accuracy %v, want %v", got, w)
			}
		})
	}
}

func samples(shape ...int) []data.Field {
	return []data.Field{{Name: "x", DType: tensor.Float32, Shape: shape}}
}

// standardize brings each pixel to mean 0 and deviation 1 of the first 55,000 training
// images.
func standardize(t *testing.T, x *tensor.Tensor) {
	t.Helper()
	train, _ := formattest.Images(t, "mnist", "train")
	const rows, n = 55000, 784
	var mean, square [n]float64
	all := train.Float32s()
	for i := range rows {
		for k := range n {
			v := float64(all[i*n+k])
			mean[k] += v / rows
			square[k] += v * v / rows
		}
	}
	pixels := x.Float32s()
	for i := range pixels {
		k := i % n
		std := math.Sqrt(max(0, square[k]-mean[k]*mean[k])) + 1e-10
		if mean[k] == 0 {
			std = 1e-10
		}
		pixels[i] = float32((float64(pixels[i]) - mean[k]) / std)
	}
}

// TestSmall imports what has no pictures.
func TestSmall(t *testing.T) {
	t.Parallel()
	half := []float64{2, 2.5, 3, 3.5, 4, 4.5}
	for path, want := range map[string][]float64{
		"tf-savedmodel/half_plus_two_tf1": half, "tf-savedmodel/half_plus_two_tf2": half, "tf1-checkpoint-v1/serving-half_plus_two": half,
		"tf-savedmodel/tfjs-times_three_float":  {0, 3, 6, 9, 12, 15},
		"tf1-checkpoint/tf2onnx-regression":     {1.0495253801345825, 1.2634871006011963, 1.4774489402770996, 1.691410779953003, 1.9053725004196167, 2.1193342208862305},
		"tf-frozen-graphdef/tf2onnx-regression": {1.0495253801345825, 1.2634871006011963, 1.4774489402770996, 1.691410779953003, 1.9053725004196167, 2.1193342208862305},
	} {
		dir := shared.Dir(t, "models", path)
		if filepath.Base(filepath.Dir(path)) == "tf-frozen-graphdef" {
			dir = filepath.Join(dir, "frozen.pb")
		}
		m, _ := formattest.Import(t, dir, format.Options{})
		formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{0, 1, 2, 3, 4, 5}, 6, 1)), want...)
	}
}

// TestAutoencoder reconstructs as well as is recorded.
func TestAutoencoder(t *testing.T) {
	t.Parallel()
	const dir = "tf-frozen-graphdef/tf2onnx-ae0"
	var want struct {
		First [][]float64 `json:"output_first_4"`
	}
	formattest.Expected(t, dir, &want)
	m, _ := formattest.Import(t, filepath.Join(shared.Dir(t, "models", dir), "frozen.pb"), format.Options{})
	x, _ := formattest.Images(t, "mnist", "t10k")
	var flat []float64
	for _, row := range want.First {
		flat = append(flat, row...)
	}
	formattest.Near(t, formattest.Predict(t, m, x.Rows(0, 4)), flat...)
}

// TestFrozenLayers are those of the net that the five frozen ones were taken from.
func TestFrozenLayers(t *testing.T) {
	t.Parallel()
	pair := shared.Dir(t, "models", "tf1-checkpoint/homl-ch11-transfer-pair")
	from, _ := formattest.Import(t, filepath.Join(pair, "source_0_to_4"), format.Options{})
	to, _ := formattest.Import(t, filepath.Join(pair, "target_5_to_9_five_frozen"), format.Options{})
	n := 0
	for p := range from.Params.All() {
		if p.Name == "logits/kernel" || p.Name == "logits/bias" {
			continue
		}
		n++
		if q := to.Params.Get(p.Name); q == nil || string(q.Value.Bytes()) != string(p.Value.Bytes()) {
			t.Errorf("%s differs", p.Name)
		}
	}
	if n != 10 {
		t.Errorf("%d parameters of hidden layers, want 10", n)
	}
}

// TestListing opens what has a graph that is no chain of layers, and weights alone.
func TestListing(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		format         string
		tensors, slots int
	}{
		"tf1-checkpoint/tfx-taxi-current":      {"tensorflow-checkpoint-v2", 60, 35},
		"tf1-checkpoint/homl-ch11-elu":         {"tensorflow-checkpoint-v2", 6, 0},
		"tf1-checkpoint-v1/sugyan-2015-simple": {"tensorflow-checkpoint-v1", 2, 0},
		"tf2-checkpoint/keras-save_weights":    {"tensorflow-checkpoint-tf2", 11, 4},
	} {
		f, err := format.OpenFile(shared.Dir(t, "models", path))
		if err != nil {
			t.Fatal(err)
		}
		slots := 0
		for _, x := range f.Tensors {
			if x.Slot {
				slots++
			}
		}
		if f.Format != want.format || len(f.Tensors) != want.tensors || slots != want.slots {
			t.Errorf("%s: %s with %d tensors, %d of an optimizer; want %v", path, f.Format, len(f.Tensors), slots, want)
		}
		f.Close()
	}
}

// TestKerasLSTM imports an LSTM by what Keras says of it, and holds it to the cell's
// formula.
func TestKerasLSTM(t *testing.T) {
	t.Parallel()
	dir := shared.Dir(t, "models", "tf-savedmodel/lstm_from_sequential")
	m, r := formattest.Import(t, dir, format.Options{})
	if len(r.Tensors) != 5 || r.Tensors[0] != (format.Link{From: "variables/0/.ATTRIBUTES/VARIABLE_VALUE", To: "lstm/kernel"}) {
		t.Errorf("tensors: %v", r.Tensors)
	}
	b, err := bundle.Open(filepath.Join(dir, "variables", "variables"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	read := func(name string) *tensor.Tensor {
		x, err := b.Tensor(name + "/.ATTRIBUTES/VARIABLE_VALUE")
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	kernel, recurrent, bias := read("variables/0"), read("variables/1"), read("variables/2")
	out, offset := read("layer_with_weights-1/kernel"), read("layer_with_weights-1/bias")
	const steps, in, units = 5, 3, 32
	x := formattest.Rows(2, -1, 2, steps, in)
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	var want []float64
	for row := range 2 {
		var h, c [units]float64
		for s := range steps {
			var z [4 * units]float64
			for k := range z {
				z[k] = bias.Flat(k)
				for i := range in {
					z[k] += x.At(row, s, i) * kernel.At(i, k)
				}
				for i := range units {
					z[k] += h[i] * recurrent.At(i, k)
				}
			}
			for u := range units {
				c[u] = sigmoid(z[units+u])*c[u] + sigmoid(z[u])*math.Tanh(z[2*units+u])
				h[u] = sigmoid(z[3*units+u]) * math.Tanh(c[u])
			}
		}
		y := offset.Flat(0)
		for u := range units {
			y += h[u] * out.Flat(u)
		}
		want = append(want, sigmoid(y))
	}
	formattest.Near(t, formattest.Predict(t, m, x), want...)
}
