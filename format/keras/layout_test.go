package keras

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// turned is a kernel (out, in, k, k) as another has it: axis i of the result is order[i].
func turned(kernel []float64, out, in, k int, order ...int) *tensor.Tensor {
	t, err := format.Permute(order...)([]*tensor.Tensor{formattest.Floats(kernel, out, in, k, k)})
	if err != nil {
		panic(err)
	}
	return t
}

// matrix is (out, in) as Keras has it, (in, out).
func matrix(m []float64, out, in int) *tensor.Tensor {
	t, err := format.Transpose([]*tensor.Tensor{formattest.Floats(m, out, in)})
	if err != nil {
		panic(err)
	}
	return t
}

func relu(_ int, v float64) float64 { return math.Max(v, 0) }

// TestChannelsFirst imports models whose channels are first, each behind a convolution of
// pictures (2, 6, 5), and holds them to the definition.
func TestChannelsFirst(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 2, 6, 5)
	k, b := formattest.Numbers(2, 4*2*3*3), formattest.Numbers(3, 4)
	y := x.Conv(k, b, 4, formattest.Slide{Kernel: 3}).Each(relu) // (4, 4, 3)
	flat := y.V
	m := formattest.Numbers(4, 5*len(flat))
	mean, variance, gamma, beta := formattest.Numbers(5, 4), []float64{0.5, 1, 2, 0.25}, formattest.Numbers(6, 4), formattest.Numbers(7, 4)
	norm := y.Each(func(c int, v float64) float64 {
		return gamma[c]*(v-mean[c])/math.Sqrt(variance[c]+0.001) + beta[c]
	})
	alpha := formattest.Numbers(8, 4*4*3)
	slopes := formattest.Picture{C: 4, H: 4, W: 3, V: alpha}
	negative := y.Each(func(_ int, v float64) float64 { return v - 1 })
	i := -1
	sloped := negative.Each(func(_ int, v float64) float64 {
		if i++; v < 0 {
			v *= slopes.V[i]
		}
		return v
	})
	pooled := y.Pool(true, formattest.Slide{Kernel: 2, Stride: 2})
	means := make([]float64, 4)
	for c := range means {
		for i := range 12 {
			means[c] += y.V[c*12+i] / 12
		}
	}
	wide := make([]float64, 4*4*3) // softmax along the last axis, W
	for r := range 16 {
		sum := 0.0
		for i := range 3 {
			sum += math.Exp(y.V[r*3+i])
		}
		for i := range 3 {
			wide[r*3+i] = math.Exp(y.V[r*3+i]) / sum
		}
	}
	moved := make([]float64, 0, 4*4*3) // axes 3, 1, 2 of (C, H, W)
	for w := range 3 {
		for c := range 4 {
			for h := range 4 {
				moved = append(moved, y.At(c, h, w))
			}
		}
	}
	dense := weight{"fc", "fc/kernel:0", matrix(m, 5, len(flat))}
	fc := `{"class_name": "Dense", "config": {"name": "fc", "units": 5, "use_bias": false, "activation": "linear"}}`
	flatten := `{"class_name": "Flatten", "config": {"name": "flat", "data_format": "channels_last"}}`
	bn := func(axis string) string {
		return `{"class_name": "BatchNormalization", "config": {"name": "bn", "axis": ` + axis + `, "epsilon": 0.001, "momentum": 0.99}}`
	}
	stats := []weight{{"bn", "bn/gamma:0", formattest.Floats(gamma, 4)}, {"bn", "bn/beta:0", formattest.Floats(beta, 4)},
		{"bn", "bn/moving_mean:0", formattest.Floats(mean, 4)}, {"bn", "bn/moving_variance:0", formattest.Floats(variance, 4)}}
	for name, tc := range map[string]struct {
		layers string
		ws     []weight
		want   []float64
	}{
		"convolution alone": {``, nil, y.LastFlat()},
		"flatten":           {flatten + "," + fc, []weight{dense}, formattest.Dense(flat, m, nil, 5)},
		"flatten, dropout": {flatten + `,{"class_name": "Dropout", "config": {"name": "d", "rate": 0.5}},{"class_name": "Activation", "config": {"name": "a", "activation": "linear"}},` + fc,
			[]weight{dense}, formattest.Dense(flat, m, nil, 5)},
		"flatten is the end": {flatten, nil, flat},
		// Keras puts channels last by itself here.
		"flatten first":  {strings.Replace(flatten, "last", "first", 1), nil, y.LastFlat()},
		"normalization":  {bn("1"), stats, norm.LastFlat()},
		"normalization-": {bn("[-3]"), stats, norm.LastFlat()},
		"pooling": {`{"class_name": "MaxPooling2D", "config": {"name": "p", "pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_first"}},` + flatten, nil,
			pooled.V},
		"global":  {`{"class_name": "GlobalAveragePooling2D", "config": {"name": "p", "data_format": "channels_first"}}`, nil, means},
		"reshape": {`{"class_name": "Reshape", "config": {"name": "r", "target_shape": [48]}},` + fc, []weight{dense}, formattest.Dense(flat, m, nil, 5)},
		"permute": {`{"class_name": "Permute", "config": {"name": "p", "dims": [3, 1, 2]}}`, nil, moved},
		"softmax": {`{"class_name": "Activation", "config": {"name": "a", "activation": "softmax"}},` + `{"class_name": "Reshape", "config": {"name": "r", "target_shape": [48]}}`, nil, wide},
		"prelu": {`{"class_name": "Rescaling", "config": {"name": "s", "scale": 1.0, "offset": -1.0}},{"class_name": "PReLU", "config": {"name": "a", "shared_axes": null}}`,
			[]weight{{"a", "a/alpha:0", formattest.Floats(alpha, 4, 4, 3)}}, sloped.LastFlat()},
		"padding": {`{"class_name": "ZeroPadding2D", "config": {"name": "z", "padding": [[0, 1], [0, 0]], "data_format": "channels_first"}},{"class_name": "Cropping2D", "config": {"name": "c", "cropping": [[0, 1], [0, 0]], "data_format": "channels_first"}}`,
			nil, y.LastFlat()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.layers != "" {
				tc.layers = "," + tc.layers
			}
			config := `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Conv2D", "config": {"name": "c1", "batch_input_shape": [null, 2, 6, 5], "filters": 4, "kernel_size": [3, 3],
				"padding": "valid", "activation": "relu", "data_format": "channels_first"}}` + tc.layers + `]}}`
			ws := append([]weight{{"c1", "c1/kernel:0", turned(k, 4, 2, 3, 2, 3, 1, 0)}, {"c1", "c1/bias:0", formattest.Floats(b, 4)}}, tc.ws...)
			m, _ := formattest.Import(t, h5(t, "2.4.0", config, ws...), format.Options{})
			formattest.Near(t, formattest.Predict(t, m, x.Last()), tc.want...)
		})
	}
}

// TestChannelsFirstBranches joins branches of a functional model along channels and
// shares a layer.
func TestChannelsFirstBranches(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 3, 4, 4)
	k1, k2 := formattest.Numbers(2, 3*3), formattest.Numbers(3, 3*3)
	conv := func(name string) string {
		return `{"class_name": "Conv2D", "name": "` + name + `", "config": {"name": "` + name + `", "filters": 3, "kernel_size": [1, 1], "use_bias": false, "data_format": "channels_first"}, "inbound_nodes": `
	}
	config := `{"class_name": "Functional", "config": {"name": "n", "layers": [
		{"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 3, 4, 4]}, "inbound_nodes": []},
		` + conv("a") + `[[["x", 0, 0, {}]], [["b", 0, 0, {}]]]}, ` + conv("b") + `[[["a", 0, 0, {}]]]},
		{"class_name": "Concatenate", "name": "cat", "config": {"name": "cat", "axis": 1}, "inbound_nodes": [[["a", 1, 0, {}], ["b", 0, 0, {}]]]},
		{"class_name": "Flatten", "name": "f", "config": {"name": "f"}, "inbound_nodes": [[["cat", 0, 0, {}]]]},
		{"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 2, "use_bias": false}, "inbound_nodes": [[["f", 0, 0, {}]]]}],
		"input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]]}}`
	s := formattest.Slide{Kernel: 1}
	a := x.Conv(k1, nil, 3, s)
	b := a.Conv(k2, nil, 3, s)
	again := b.Conv(k1, nil, 3, s)
	flat := append(append([]float64{}, again.V...), b.V...)
	m := formattest.Numbers(5, 2*len(flat))
	path := h5(t, "2.4.0", config, weight{"a", "a/kernel:0", turned(k1, 3, 3, 1, 2, 3, 1, 0)}, weight{"b", "b/kernel:0", turned(k2, 3, 3, 1, 2, 3, 1, 0)}, weight{"d", "d/kernel:0", matrix(m, 2, len(flat))})
	got, r := formattest.Import(t, path, format.Options{})
	formattest.Near(t, formattest.Predict(t, got, x.Last()), formattest.Dense(flat, m, nil, 2)...)
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "takes samples of shape [4 4 3]") {
		t.Errorf("warnings %v", r.Warnings)
	}
}

// TestManyVectors reads a model that makes a vector of its pictures again and again, each
// wanted in Keras' order, in no time that grows with their square.
func TestManyVectors(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"name": "i", "batch_input_shape": [null, 2, 2, 1]}}`)
	for i := range 200 {
		fmt.Fprintf(&b, `, {"class_name": "UpSampling2D", "config": {"name": "u%d", "size": [1, 1], "data_format": "channels_first"}}, {"class_name": "Flatten", "config": {"name": "f%d"}}, {"class_name": "Reshape", "config": {"name": "r%d", "target_shape": [2, 2, 1]}}`, i, i, i)
	}
	b.WriteString(`]}}`)
	m, _ := formattest.Import(t, h5(t, "2.4.0", b.String(), weight{"f0", "none:0", vector(1)}), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 2, 3, 4}, 1, 2, 1, 2)), 1, 3, 2, 4)
}

// TestTheano imports a model of Keras 1 in all its words, with the kernels of each of
// its orders and backends.
func TestTheano(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 2, 5, 5)
	k, b := formattest.Numbers(2, 3*2*3*3), formattest.Numbers(3, 3)
	y := x.Conv(k, b, 3, formattest.Slide{Kernel: 3, Stride: 2, Pad: 1}).Each(relu)
	m := formattest.Numbers(4, 2*len(y.V))
	reversed := make([]float64, len(k)) // each 3x3 turned around
	for i := range k {
		reversed[i/9*9+8-i%9] = k[i]
	}
	first := formattest.Dense(y.V, m, nil, 2)
	last := formattest.Dense(y.LastFlat(), m, nil, 2)
	for name, tc := range map[string]struct {
		order  string
		kernel *tensor.Tensor
		suffix string
		want   []float64
	}{
		"theano":                        {"th", turned(reversed, 3, 2, 3, 0, 1, 2, 3), "", first},
		"tensorflow, order of theano":   {"th", turned(k, 3, 2, 3, 0, 1, 2, 3), ":0", first},
		"tensorflow":                    {"tf", turned(k, 3, 2, 3, 2, 3, 1, 0), ":0", last},
		"theano, order of tensorflow's": {"tf", turned(reversed, 3, 2, 3, 2, 3, 1, 0), "", last},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shape := map[string]string{"th": "[null, 2, 5, 5]", "tf": "[null, 5, 5, 2]"}[tc.order]
			config := `{"class_name": "Sequential", "config": [{"class_name": "ZeroPadding2D", "config": {"name": "z", "batch_input_shape": ` + shape + `, "padding": [1, 1], "dim_ordering": "` + tc.order + `", "trainable": true}},
				{"class_name": "Convolution2D", "config": {"name": "c", "nb_filter": 3, "nb_row": 3, "nb_col": 3, "init": "glorot_uniform", "activation": "relu", "border_mode": "valid", "subsample": [2, 2],
					"dim_ordering": "` + tc.order + `", "W_regularizer": null, "b_regularizer": null, "activity_regularizer": null, "W_constraint": null, "b_constraint": null, "bias": true, "trainable": true}},
				{"class_name": "Flatten", "config": {"name": "f", "trainable": true}},
				{"class_name": "Dense", "config": {"name": "d", "output_dim": 2, "init": "uniform", "activation": "linear", "bias": false, "input_dim": null}}]}`
			for _, version := range []string{"1.2.2", ""} {
				path := h5Of(t, version, "", config, weight{"c", "c_W" + tc.suffix, tc.kernel}, weight{"c", "c_b" + tc.suffix, formattest.Floats(b, 3)}, weight{"d", "d_W" + tc.suffix, matrix(m, 2, len(y.V))})
				got, r := formattest.Import(t, path, format.Options{})
				formattest.Near(t, formattest.Predict(t, got, x.Last()), tc.want...)
				if told := strings.Contains(fmt.Sprint(r.Warnings), "as Theano's are"); told != (tc.suffix == "") {
					t.Errorf("warnings %v", r.Warnings)
				}
			}
		})
	}
}

// TestTheano2 turns around the kernels of a model that Keras 2 saved with Theano.
func TestTheano2(t *testing.T) {
	t.Parallel()
	config := `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Conv1D", "config": {"name": "c", "batch_input_shape": [null, 3, 1], "filters": 1, "kernel_size": [3], "use_bias": false}}]}}`
	path := h5Of(t, "2.0.8", "theano", config, weight{"c", "c/kernel", tensor.Of([]float32{1, 10, 100}, 3, 1, 1)})
	m, _ := formattest.Import(t, path, format.Options{})
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 2, 3}, 1, 3, 1)), 123)
}

// TestGates puts together the weights that Keras 1 has for each gate, of layers both
// ways, too.
func TestGates(t *testing.T) {
	t.Parallel()
	const in, units = 3, 2
	for name, tc := range map[string]struct{ class, gates, order string }{"lstm": {"LSTM", "ifco", "icfo"}, "gru": {"GRU", "zrh", "zrh"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := `{"class_name": "Sequential", "config": [{"class_name": "Bidirectional", "config": {"name": "bi", "batch_input_shape": [null, 4, 3], "merge_mode": "concat", "layer": {"class_name": "` + tc.class + `", "config": {"name": "r",
				"output_dim": 2, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": false, "go_backwards": false, "stateful": false, "unroll": false,
				"consume_less": "cpu", "dropout_W": 0.0, "dropout_U": 0.0, "W_regularizer": null, "U_regularizer": null, "b_regularizer": null, "input_dim": 3, "input_length": null}}}}]}`
			var ws []weight
			value := func(way, leaf, gate string, shape ...int) *tensor.Tensor {
				seed := 0
				for _, r := range way + leaf + gate {
					seed = seed*31 + int(r)
				}
				return formattest.Floats(formattest.Numbers(seed%997, tensor.Shape(shape).Len()), shape...)
			}
			shapes := map[string][]int{"W": {in, units}, "U": {units, units}, "b": {units}}
			for _, way := range []string{"forward", "backward"} {
				for _, g := range tc.order { // as the files of Keras 1 have them
					for _, leaf := range []string{"W", "U", "b"} {
						ws = append(ws, weight{"bi", way + "_r_" + leaf + "_" + string(g) + ":0", value(way, leaf, string(g), shapes[leaf]...)})
					}
				}
			}
			m, _ := formattest.Import(t, h5(t, "1.2.2", config, ws...), format.Options{})
			for _, way := range []string{"forward", "backward"} {
				for leaf, param := range map[string]string{"W": "kernel", "U": "recurrent_kernel", "b": "bias"} {
					p := m.Params.Value("bi/" + way + "_" + strings.ToLower(tc.class) + "/" + param)
					if p == nil {
						t.Fatal("no parameter bi/" + way + "_…/" + param)
					}
					rows := tensor.Shape(shapes[leaf][:len(shapes[leaf])-1]).Len()
					for g, gate := range tc.gates {
						want := value(way, leaf, string(gate), shapes[leaf]...)
						for r := range rows {
							for u := range units {
								if got := p.Flat((r*len(tc.gates)+g)*units + u); got != want.Flat(r*units+u) {
									t.Fatalf("%s %s, gate %c: %v, want %v", way, param, gate, got, want.Flat(r*units+u))
								}
							}
						}
					}
				}
			}
		})
	}
}

// TestCuDNN reads recurrent weights as cuDNN has them: the matrix of a gate lies with its
// outputs first, and there are two biases.
func TestCuDNN(t *testing.T) {
	t.Parallel()
	const in, units = 3, 2
	for class, gates := range map[string]int{"CuDNNLSTM": 4, "CuDNNGRU": 3} {
		kernel := formattest.Numbers(1, gates*units*in) // (gate, unit, in): rows of cuDNN
		recurrent := formattest.Numbers(2, gates*units*units)
		bias := formattest.Numbers(3, 2*gates*units)
		// Keras keeps each gate's numbers in their order, in columns of (in, units).
		stored := func(v []float64, rows int) *tensor.Tensor {
			t := tensor.New(tensor.Float32, rows, gates*units)
			for g := range gates {
				for i := range rows * units {
					t.SetFlat(i/units*gates*units+g*units+i%units, v[g*rows*units+i])
				}
			}
			return t
		}
		config := `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "` + class + `", "config": {"name": "r", "batch_input_shape": [null, 4, 3], "units": 2, "return_sequences": false}}]}}`
		m, _ := formattest.Import(t, h5(t, "2.2.4", config, weight{"r", "r/kernel:0", stored(kernel, in)}, weight{"r", "r/recurrent_kernel:0", stored(recurrent, units)}, weight{"r", "r/bias:0", formattest.Floats(bias, 2*gates*units)}), format.Options{})
		for _, c := range []struct {
			leaf string
			v    []float64
			rows int
		}{{"kernel", kernel, in}, {"recurrent_kernel", recurrent, units}} {
			p := m.Params.Value("r/" + c.leaf)
			for g := range gates {
				for u := range units {
					for i := range c.rows {
						if got, want := p.At(i, g*units+u), c.v[(g*units+u)*c.rows+i]; math.Abs(got-want) > 1e-6 {
							t.Fatalf("%s %s gate %d unit %d input %d: %v, want %v", class, c.leaf, g, u, i, got, want)
						}
					}
				}
			}
		}
		p := m.Params.Value("r/bias")
		for i := range gates * units {
			switch want := bias[i]; {
			case class == "CuDNNGRU" && math.Abs(p.Flat(i)-want) > 1e-6,
				class == "CuDNNLSTM" && math.Abs(p.Flat(i)-want-bias[gates*units+i]) > 1e-6:
				t.Errorf("%s bias %d: %v", class, i, p.Flat(i))
			}
		}
	}
}

// TestNormalization reads Keras' Normalization: adapted, of each feature or channel, or
// with statistics in its configuration, and a Rescaling of each channel.
func TestNormalization(t *testing.T) {
	t.Parallel()
	mean, variance := vector(1, -2), vector(4, 0)
	count := tensor.New(tensor.Int64)
	adapted := []weight{{"n", "mean:0", mean}, {"n", "variance:0", variance}, {"n", "count:0", count}}
	for name, tc := range map[string]struct {
		shape, class, config string
		ws                   []weight
		x, want              []float64
	}{
		"features":  {"[null, 2]", "Normalization", `"axis": [-1], "mean": null, "variance": null`, adapted, []float64{3, -2}, []float64{1, 0}},
		"one axis":  {"[null, 2]", "Normalization", `"axis": 1`, adapted, []float64{3, -2}, []float64{1, 0}},
		"channels":  {"[null, 1, 2, 2]", "Normalization", `"axis": -1`, adapted, []float64{3, -2, 5, -2}, []float64{1, 0, 2, 0}},
		"rows":      {"[null, 2, 2]", "Normalization", `"axis": [1]`, adapted, []float64{3, 5, -2, -2}, []float64{1, 2, 0, 0}},
		"all":       {"[null, 2, 2]", "Normalization", `"axis": null`, []weight{{"n", "mean:0", tensor.Of([]float32{1})}, {"n", "variance:0", tensor.Of([]float32{4})}, {"n", "count:0", count}}, []float64{3, 5, -1, 1}, []float64{1, 2, -1, 0}},
		"given":     {"[null, 2]", "Normalization", `"axis": -1, "mean": [[1.0, -2.0]], "variance": [[4.0, 9.0]]`, nil, []float64{3, 4}, []float64{1, 2}},
		"rescaling": {"[null, 1, 1, 2]", "Rescaling", `"scale": [0.5, 2.0], "offset": [1.0, 0.0]`, nil, []float64{3, 4}, []float64{2.5, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "` + tc.class + `", "config": {"name": "n", "batch_input_shape": ` + tc.shape + `, ` + tc.config + `}},
				{"class_name": "Flatten", "config": {"name": "f"}}]}}`
			m, _ := formattest.Import(t, h5(t, "2.11.0", config, tc.ws...), format.Options{})
			formattest.Near(t, formattest.Predict(t, m, formattest.Floats(tc.x, 1, len(tc.x))), tc.want...)
		})
	}
}

// TestTagger gives weights of Keras 1, saved with TensorFlow and with Theano, to the net
// that they are for: both are the same.
func TestTagger(t *testing.T) {
	t.Parallel()
	conv := func(i, filters int, pool string) string {
		return fmt.Sprintf(`{"conv2d": {"filters": %d, "kernel_size": 3, "padding": "same", "name": "conv%d"}}, {"batch_normalization": {"name": "bn%d"}}, "elu", {"max_pooling2d": {"pool_size": %s}},`, filters, i, i, pool)
	}
	gru := func(i int, sequences bool) string {
		return fmt.Sprintf(`{"gru": {"units": 32, "reset_after": false, "recurrent_activation": "hard_sigmoid_keras2", "return_sequences": %v, "name": "gru%d"}},`, sequences, i)
	}
	v, err := spec.ParseJSON("tagger", []byte(`[{"zero_padding2d": {"padding": [0, 37]}}, {"permute": {"dims": [3, 1, 2]}}, {"batch_normalization": {"name": "bn_0_freq"}}, {"permute": {"dims": [2, 3, 1]}},`+
		conv(1, 64, "[2, 2]")+conv(2, 128, "[3, 3]")+conv(3, 128, "[4, 4]")+conv(4, 128, "[4, 4]")+`{"reshape": {"target_shape": [15, 128]}},`+gru(1, true)+gru(2, false)+`{"dense": {"units": 50, "activation": "sigmoid", "name": "output"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := nn.Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	o := format.Options{Net: m, Inputs: imageFields()}
	o.Inputs[0].Shape = tensor.Shape{96, 1366, 1}
	dir := "keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_"
	a, r := formattest.Import(t, shared.File(t, "models", dir+"tensorflow.h5"), o)
	b, _ := formattest.Import(t, shared.File(t, "models", dir+"theano.h5"), o)
	if len(r.Skipped) > 0 {
		t.Errorf("left out: %v", r.Skipped)
	}
	for p := range a.Params.All() {
		x, y := p.Value, b.Params.Value(p.Name)
		for i := range x.Len() {
			if x.Flat(i) != y.Flat(i) {
				t.Errorf("%s: element %d is %v and %v", p.Name, i, x.Flat(i), y.Flat(i))
				break
			}
		}
	}
}

// doubled is a layer that a program registers beside Keras' own.
type doubled struct {
	Times float64 `spec:"times"`
	Name  string  `spec:"name"`
}

func (d doubled) Apply(s *nn.Scope, x graph.Node) graph.Node {
	return x.Scale(d.Times).Add(s.Weight("shift", initial.Zeros{}, x.Shape()[1:]...))
}

func init() { nn.Layers.Register("doubled", doubled{}) }

// TestRegistered reads a user's class once a layer of its kind is registered.
func TestRegistered(t *testing.T) {
	t.Parallel()
	config := `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2], "name": "i"}},
		{"class_name": "Doubled", "registered_name": "mine>Doubled", "config": {"name": "d", "times": 2.0}}]}}`
	m, _ := formattest.Import(t, h5(t, "2.4.0", config, weight{"d", "d/shift:0", vector(10, 20)}), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 2}, 1, 2)), 12, 24)
}

// TestWrapped reads layers within layers, and GRUs as Keras 2 began and went on.
func TestWrapped(t *testing.T) {
	t.Parallel()
	layers := func(l string) string {
		return `{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2, 2], "name": "i"}}, ` + l + `]}}`
	}
	m, _ := formattest.Import(t, h5(t, "2.4.0", layers(`{"class_name": "TimeDistributed", "config": {"name": "td", "layer": {"class_name": "Dense", "config": {"name": "inner", "units": 1, "activation": "linear"}}}}`),
		weight{"td", "td/kernel:0", tensor.Of([]float32{1, 10}, 2, 1)}, weight{"td", "td/bias:0", vector(100)}), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 2, 3, 4}, 1, 2, 2)), 121, 143)

	kernel, recurrent := formattest.Floats(formattest.Numbers(1, 2*9), 2, 9), formattest.Floats(formattest.Numbers(2, 3*9), 3, 9)
	for _, tc := range []struct {
		version, field string
		bias           *tensor.Tensor
		text           string
	}{
		{"2.0.9", ``, formattest.Floats(formattest.Numbers(3, 9), 9), `"reset_after":false`},
		{"2.4.0", `, "reset_after": true`, formattest.Floats(formattest.Numbers(3, 18), 2, 9), `"units":3`},
		{"2.4.0", `, "reset_after": false`, formattest.Floats(formattest.Numbers(3, 9), 9), `"reset_after":false`},
	} {
		m, _ := formattest.Import(t, h5(t, tc.version, layers(`{"class_name": "GRU", "config": {"name": "g", "units": 3, "activation": "tanh", "recurrent_activation": "sigmoid"`+tc.field+`}}`),
			weight{"g", "g/gru_cell/kernel:0", kernel}, weight{"g", "g/gru_cell/recurrent_kernel:0", recurrent}, weight{"g", "g/gru_cell/bias:0", tc.bias}), format.Options{})
		if text := modelText(t, m); !strings.Contains(text, tc.text) {
			t.Errorf("%s%s: %s", tc.version, tc.field, text)
		}
		x := []float64{0.5, -1, 2, 0.25}
		formattest.Near(t, formattest.Predict(t, m, formattest.Floats(x, 1, 2, 2)), gru(x, 2, 3, kernel, recurrent, tc.bias)...)
	}
}

// gru is the state after all steps, by the definition; a bias of two rows is one of the
// input and one of the state, and then the reset gate comes after the product.
func gru(x []float64, in, units int, kernel, recurrent, bias *tensor.Tensor) []float64 {
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	after := len(bias.Shape()) == 2
	h := make([]float64, units)
	for ; len(x) > 0; x = x[in:] {
		gate := func(g, u int, h []float64) (fromInput, fromState float64) {
			col := g*units + u
			fromInput = bias.Flat(col)
			for i := range in {
				fromInput += x[i] * kernel.At(i, col)
			}
			if after {
				fromState = bias.Flat(3*units + col)
			}
			for i := range units {
				fromState += h[i] * recurrent.At(i, col)
			}
			return fromInput, fromState
		}
		reset, next := make([]float64, units), make([]float64, units)
		for u := range units {
			a, b := gate(1, u, h)
			reset[u] = sigmoid(a + b)
		}
		for u := range units {
			a, b := gate(0, u, h)
			z := sigmoid(a + b)
			var candidate float64
			if after {
				a, b = gate(2, u, h)
				candidate = math.Tanh(a + reset[u]*b)
			} else {
				kept := make([]float64, units)
				for i := range kept {
					kept[i] = reset[i] * h[i]
				}
				a, b = gate(2, u, kept)
				candidate = math.Tanh(a + b)
			}
			next[u] = z*h[u] + (1-z)*candidate
		}
		h = next
	}
	return h
}
