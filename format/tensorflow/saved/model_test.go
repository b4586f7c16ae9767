package saved

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// nets are models of every kind of layer, and the shapes of their inputs.
var nets = []struct {
	name, text string
	shapes     []tensor.Shape
}{
	{"dense", `[{"flatten":{}},{"batch_normalization":{}},{"dense":{"units":5,"activation":"elu","name":"hidden1"}},{"dropout":0.5},{"batch_normalization":{"center":false}},
		{"dense":{"units":4,"use_bias":false,"activation":"selu"}},{"batch_normalization":{"scale":false,"epsilon":0.01}},{"dense":{"units":3,"activation":"softmax","name":"out"}}]`, []tensor.Shape{{3, 4}}},
	{"dense of steps", `[{"dense":{"units":5,"activation":"tanh"}},{"layer_normalization":{}},{"time_distributed":{"layer":{"dense":{"units":2}}}}]`, []tensor.Shape{{3, 4}}},
	{"pictures", `[{"conv2d":{"filters":4,"kernel_size":3,"padding":"same","activation":"relu"}},{"batch_normalization":{}},{"max_pooling2d":{}},{"depthwise_conv2d":{"kernel_size":3,"depth_multiplier":2}},
		{"separable_conv2d":{"filters":3,"kernel_size":2,"strides":2,"padding":"same"}},{"global_average_pooling2d":{}},{"dense":{"units":2}}]`, []tensor.Shape{{9, 8, 2}}},
	{"padding", `[{"conv2d":{"filters":4,"kernel_size":[3,2],"padding":[2,[0,1]],"strides":2}},{"zero_padding2d":{"padding":[[1,2],[0,1]]}},{"max_pooling2d":{"pool_size":3,"strides":2,"ceil_mode":true}},
		{"cropping2d":{"cropping":[[1,0],[0,1]]}},{"average_pooling2d":{"pool_size":2,"strides":1,"padding":"same"}},{"global_max_pooling2d":{}}]`, []tensor.Shape{{9, 8, 2}}},
	{"means", `{"inputs":{"x":[8,7,2]},"layers":[{"average_pooling2d":{"pool_size":3,"name":"a","inputs":["x"]}},{"average_pooling2d":{"pool_size":3,"padding":1,"strides":2,"count_include_pad":true,"name":"b","inputs":["x"]}},
		{"average_pooling2d":{"pool_size":3,"padding":1,"strides":2,"ceil_mode":true,"name":"c","inputs":["x"]}}],"outputs":["a","b","c"]}`, []tensor.Shape{{8, 7, 2}}},
	{"groups", `[{"conv2d":{"filters":6,"kernel_size":3,"groups":2,"dilation_rate":2}},{"conv2d":{"filters":3,"kernel_size":1,"groups":3}}]`, []tensor.Shape{{9, 8, 4}}},
	{"transposed", `[{"conv2d_transpose":{"filters":3,"kernel_size":3,"strides":2,"padding":"same"}},{"conv2d_transpose":{"filters":2,"kernel_size":3,"strides":2,"padding":1,"output_padding":[1,1]}},
		{"conv2d_transpose":{"filters":4,"kernel_size":2,"groups":2}}]`, []tensor.Shape{{4, 3, 2}}},
	{"up", `[{"up_sampling2d":{"size":[2,3]}},{"up_sampling2d":{"size":2,"interpolation":"bilinear"}}]`, []tensor.Shape{{3, 2, 2}}},
	{"sequences", `[{"zero_padding1d":{"padding":2}},{"conv1d":{"filters":4,"kernel_size":3,"padding":"causal","dilation_rate":2,"activation":"relu"}},{"max_pooling1d":{"pool_size":2}},{"depthwise_conv1d":{"kernel_size":2}},
		{"separable_conv1d":{"filters":3,"kernel_size":2}},{"average_pooling1d":{"pool_size":2}},{"conv1d_transpose":{"filters":2,"kernel_size":3,"strides":2}},{"up_sampling1d":{}},{"global_average_pooling1d":{"keepdims":true}}]`, []tensor.Shape{{12, 3}}},
	{"lstm", `[{"lstm":{"units":3,"return_sequences":true}},{"lstm":{"units":2,"go_backwards":true,"activation":"relu"}},{"dense":{"units":1}}]`, []tensor.Shape{{5, 2}}},
	{"gru", `[{"gru":{"units":3,"return_sequences":true}},{"gru":{"units":2,"reset_after":false,"use_bias":false}},{"repeat_vector":{"n":2}},{"simple_rnn":{"units":2,"return_sequences":true}},
		{"bidirectional":{"layer":{"gru":{"units":2,"return_sequences":true}}}},{"bidirectional":{"layer":{"lstm":{"units":2}},"merge_mode":"ave"}}]`, []tensor.Shape{{4, 2}}},
	{"masked", `[{"masking":{"mask_value":0.5}},{"lstm":{"units":3,"return_sequences":true,"proj_size":2}},{"bidirectional":{"layer":{"gru":{"units":2,"return_sequences":true}}}},{"global_average_pooling1d":{}}]`, []tensor.Shape{{5, 2}}},
	{"masked words", `[{"embedding":{"input_dim":9,"output_dim":3,"mask_zero":true}},{"simple_rnn":{"units":2,"go_backwards":true,"gate_clip":0.3}}]`, []tensor.Shape{{4}}},
	{"lengths", `{"inputs":{"x":[4,2],"n":[1]},"layers":[{"sequence_mask":{"name":"m","inputs":["x","n"]}},{"lstm":{"units":2,"name":"y"}}],"outputs":["y"]}`, []tensor.Shape{{4, 2}, {1}}},
	{"words", `[{"embedding":{"input_dim":9,"output_dim":3}},{"permute":[2,1]},{"reshape":[6,2]},{"flatten":{}}]`, []tensor.Shape{{4}}},
	{"branches", `{"inputs":{"a":[4],"b":[4]},"layers":[{"dense":{"units":3,"name":"tower","inputs":["a"]}},{"share":{"of":"tower","name":"again","inputs":["b"]}},{"add":{"inputs":["tower","again"],"name":"sum"}},
		{"multiply":{"inputs":["tower","again"],"name":"product"}},{"subtract":{"inputs":["sum","product"],"name":"less"}},{"maximum":{"inputs":["sum","product"],"name":"most"}},{"minimum":{"inputs":["sum","product"],"name":"least"}},
		{"average":{"inputs":["most","least"],"name":"mean"}},{"concatenate":{"inputs":["less","mean"],"name":"joined"}},{"residual":{"layers":[{"dense":{"units":6,"activation":"relu"}}],"name":"res"}},
		{"dense":{"units":2,"name":"y"}},{"dense":{"units":1,"name":"z","inputs":["joined"]}}],"outputs":["y","z"]}`, []tensor.Shape{{4}, {4}}},
	{"local response", `[{"local_response_normalization":{"size":3,"alpha":0.2}},{"glu":{}},{"prelu":{"shared_axes":[1,2]}}]`, []tensor.Shape{{3, 2, 8}}},
	{"volumes", `[{"conv3d":{"filters":2,"kernel_size":2,"padding":"same"}},{"max_pooling3d":{}},{"average_pooling3d":{"pool_size":[1,2,1]}},{"global_max_pooling3d":{}}]`, []tensor.Shape{{4, 4, 3, 1}}},
}

// predicted are the outputs of a model for rows.
func predicted(t *testing.T, m *format.Model, xs []*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := formattest.TryAll(m, xs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rows are samples for each input of a model.
func rows(m *format.Model, n int) []*tensor.Tensor {
	var xs []*tensor.Tensor
	for i, f := range m.Data.Inputs {
		scale, offset := 4.0, -2.0
		if words, ok := m.Net.(nn.Sequential); ok {
			if e, ok := words[0].(nn.Embedding); ok {
				scale, offset = float64(e.Words), 0
			}
		}
		xs = append(xs, formattest.Rows(scale, offset+float64(i)/3, append([]int{n}, f.Shape...)...))
	}
	return xs
}

func TestWriteModel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var jobs []job
	type want struct {
		name    string
		outputs []string
		values  []*tensor.Tensor
	}
	var wants []want
	write := func(name string, m *format.Model) {
		t.Helper()
		path, again := filepath.Join(dir, name), filepath.Join(t.TempDir(), "again")
		if _, err := WriteModel(path, m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := WriteModel(again, m); err != nil {
			t.Fatal(err)
		}
		sameFolders(t, path, again)
		if n, err := checkModel(path, m); err != nil || n != m.Params.Len() {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		xs := rows(m, 3)
		ys := predicted(t, m, xs)
		back, _ := formattest.Import(t, path, format.Options{})
		for i, y := range predicted(t, back, xs) {
			if err := format.Same(name, ys[i], y); err != nil {
				t.Error(err)
			}
		}
		j, inputs, outputs := frozen(t, path)
		ins, outs := m.Net.Ports()
		if name == "dense" || name == "pictures" { // as who knows of no description reads it
			back, _ := formattest.Import(t, path, format.Options{Output: outputs[outs[0].Name]})
			for i, v := range predicted(t, back, xs)[0].Float32s() {
				if d := math.Abs(float64(v) - ys[0].Flat(i)); !(d <= 1e-6) {
					t.Errorf("%s: the graph alone gives %g, want %g", name, v, ys[0].Flat(i))
				}
			}
		}
		w := want{name: name, values: ys}
		j.Inputs = map[string]object{}
		for i, p := range ins {
			j.Inputs[inputs[p.Name]] = numbers(xs[i])
		}
		for _, p := range outs {
			w.outputs = append(w.outputs, p.Name)
			j.Outputs = append(j.Outputs, outputs[p.Name])
		}
		jobs, wants = append(jobs, j), append(wants, w)
	}
	for _, n := range nets {
		write(n.name, modelOf(t, n.text, n.shapes...))
	}
	for _, d := range act.Registry.Describe() {
		write("activation "+d.Name, modelOf(t, `["`+d.Name+`"]`, tensor.Shape{3, 6}))
	}
	prep := modelOf(t, `[{"dense":{"units":2}}]`, tensor.Shape{5})
	prep.Preprocess = nn.Sequential{nn.Rescale{Scale: 0.5, Offset: 1}, nn.Standardize{}}
	prep.Params = param.NewSet(tensor.Float32)
	fill(t, prep)
	write("preprocessing", prep)

	t.Run("TensorFlow.js", func(t *testing.T) {
		for i, a := range run(t, jobs) {
			w := wants[i]
			if a.Error != "" {
				t.Errorf("%s: %s", w.name, a.Error)
				continue
			}
			for k, y := range w.values {
				got := a.Values[k]
				if !y.Shape().Equal(got.Shape) {
					t.Errorf("%s, %s: shape %v, want %v", w.name, w.outputs[k], got.Shape, y.Shape())
					continue
				}
				worst := 0.0
				for i, v := range got.Data {
					if d := math.Abs(v - y.Flat(i)); d > worst || d != d {
						worst = d
					}
				}
				if !(worst <= 1e-5) {
					t.Errorf("%s, %s: off by %g", w.name, w.outputs[k], worst)
				}
			}
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[{"conv3d":{"filters":2,"kernel_size":2,"groups":2}}]`:                  "volumes without groups",
		`[{"conv2d_transpose":{"filters":2,"kernel_size":2,"dilation_rate":2}}]`: "transposed convolutions whose windows have gaps",
		`[{"max_pooling2d":{"pool_size":2,"dilation_rate":2}}]`:                  "pools whose windows have gaps",
		`["batch_standardize",{"dense":{"units":2}}]`:                            "depends on the others of its batch",
	} {
		shape := tensor.Shape{6, 6, 2}
		if strings.Contains(text, "3d") {
			shape = tensor.Shape{4, 6, 6, 2}
		}
		path := filepath.Join(t.TempDir(), "m")
		_, err := WriteModel(path, modelOf(t, text, shape))
		if _, ok := errors.AsType[*format.Unsupported](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: something was written", text)
		}
	}
}
