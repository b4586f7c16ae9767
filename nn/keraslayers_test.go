package nn_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A kerasCase is a model, its weights in the order in which its layers declare
// them, and what Keras 2 made of an input.
type kerasCase struct {
	Input, Expected kerasTensor
	Inputs, Weights []kerasTensor
}

type kerasTensor struct {
	Shape []int
	Data  []float64
}

// kerasModels are the models of the cases as text. A case called name.i is entry i
// of name.
var kerasModels = map[string][]string{
	"activations.softmax": {`["softmax"]`, `["softmax"]`, `["softmax"]`},
	"activations.elu":     {`["elu"]`, `["elu"]`, `["elu"]`, `[{"elu": {"alpha": 0.5}}]`},
	"activations.selu":    {`["selu"]`, `["selu"]`, `["selu"]`}, "activations.softplus": {`["softplus"]`, `["softplus"]`, `["softplus"]`},
	"activations.softsign": {`["softsign"]`, `["softsign"]`, `["softsign"]`}, "activations.tanh": {`["tanh"]`, `["tanh"]`, `["tanh"]`},
	"activations.relu":    {`["relu"]`, `["relu"]`, `["relu"]`, `[{"relu": {"max_value": 0.5}}]`, `[{"leaky_relu": {"negative_slope": 0.3}}]`},
	"activations.sigmoid": {`["sigmoid"]`, `["sigmoid"]`, `["sigmoid"]`}, "activations.linear": {`["linear"]`, `["linear"]`, `["linear"]`},
	"activations.hard_sigmoid": {hard, hard, hard},
	"core.Activation": {
		dense(`"softmax"`), dense(`"elu"`), dense(`"selu"`), dense(`"softplus"`), dense(`"softsign"`), dense(`"relu"`), dense(`"tanh"`), dense(`"sigmoid"`),
		dense(`{"name": "hard_sigmoid", "slope": 0.2}`), dense(`"linear"`),
	},
	"core.Dropout":          {`[{"dense": {"units": 2}}, {"dropout": 0.4}]`},
	"noise.GaussianDropout": {`[{"dense": {"units": 2}}, {"gaussian_dropout": {"rate": 0.3}}]`},
	"core.Permute":          {`[{"permute": {"dims": [2, 1]}}]`, `[{"permute": {"dims": [3, 2, 1]}}]`, `[{"permute": {"dims": [2, 1, 3]}}]`, `[{"permute": {"dims": [3, 1, 2, 4]}}]`},
	"core.Reshape":          {`[{"reshape": {"target_shape": [2, 3]}}]`, `[{"reshape": {"target_shape": [6]}}]`, `[{"reshape": {"target_shape": [4, 3]}}]`},

	"convolutional.Conv1D": {
		`[{"conv1d": {"filters": 4, "kernel_size": 3}}]`,
		`[{"conv1d": {"filters": 4, "kernel_size": 3, "use_bias": false}}]`,
		`[{"conv1d": {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "sigmoid"}}]`,
		`[{"conv1d": {"filters": 2, "kernel_size": 7, "padding": "same", "activation": "tanh"}}]`,
		`[{"conv1d": {"filters": 2, "kernel_size": 7, "padding": "same", "dilation_rate": 2, "activation": "tanh"}}]`,
	},
	"convolutional.Conv2DTranspose": {
		`[{"conv2d_transpose": {"filters": 4, "kernel_size": "3x3", "use_bias": false}}]`,
		`[{"conv2d_transpose": {"filters": 4, "kernel_size": 3}}]`,
		`[{"conv2d_transpose": {"filters": 4, "kernel_size": 3, "strides": 2, "activation": "relu"}}]`,
		`[{"conv2d_transpose": {"filters": 4, "kernel_size": 3, "padding": "same", "activation": "relu"}}]`,
		`[{"conv2d_transpose": {"filters": 5, "kernel_size": 3, "strides": [2, 2], "padding": "same", "activation": "relu"}}]`,
		`[{"conv2d_transpose": {"filters": 3, "kernel_size": [2, 3], "padding": "same", "activation": "relu"}}]`,
	},
	"convolutional.Cropping1D": {`[{"cropping1d": {"cropping": 1}}]`, `[{"cropping1d": {"cropping": [2, 3]}}]`, `[{"cropping1d": {"cropping": 2}}]`},
	"convolutional.Cropping3D": {
		`[{"cropping3d": {"cropping": 1}}]`, first(3, `{"cropping3d": {"cropping": 1}}`),
		`[{"cropping3d": {"cropping": [[3, 2], [2, 1], [2, 3]]}}]`, first(3, `{"cropping3d": {"cropping": [[3, 2], [2, 1], [2, 3]]}}`),
		`[{"cropping3d": {"cropping": [1, 2, 3]}}]`, `[{"cropping3d": {"cropping": 2}}]`,
	},
	"convolutional.UpSampling1D": {`["up_sampling1d"]`, `[{"up_sampling1d": {"size": 3}}]`},
	"convolutional.UpSampling3D": {
		`["up_sampling3d"]`, first(3, `"up_sampling3d"`), `[{"up_sampling3d": {"size": "1x3x2"}}]`, first(3, `{"up_sampling3d": {"size": "2x1x2"}}`), `[{"up_sampling3d": {"size": 2}}]`,
	},
	"convolutional.ZeroPadding2D": {
		`["zero_padding2d"]`, first(2, `"zero_padding2d"`), `[{"zero_padding2d": {"padding": [3, 2]}}]`, first(2, `{"zero_padding2d": {"padding": [3, 2]}}`),
		`[{"zero_padding2d": {"padding": [[1, 2], [3, 4]]}}]`, `[{"zero_padding2d": {"padding": 2}}]`,
	},

	"merge.Add": {branches("add", 2), branches("add", 3), branches("add", 4)}, "merge.Multiply": {branches("multiply", 2), branches("multiply", 3), branches("multiply", 4)},
	"merge.Maximum": {branches("maximum", 2), branches("maximum", 3), branches("maximum", 4)},
	"merge.Concatenate": {
		branches("concatenate", 2), repeated(2, -1), repeated(2, -2), repeated(2, 1), repeated(2, 2), repeated(3, -1), repeated(4, -1),
	},
	"normalization.BatchNormalization": {
		`[{"batch_normalization": {"epsilon": 0.00001}}]`, `[{"batch_normalization": {"epsilon": 0.01}}]`,
		`[{"permute": {"dims": [3, 2, 1]}}, {"batch_normalization": {"epsilon": 0.00001}}, {"permute": {"dims": [3, 2, 1]}}]`,
		`[{"permute": {"dims": [1, 3, 2]}}, {"batch_normalization": {"epsilon": 0.00001}}, {"permute": {"dims": [1, 3, 2]}}]`,
		`[{"batch_normalization": {"epsilon": 0.00001, "scale": false}}]`, `[{"batch_normalization": {"epsilon": 0.00001, "center": false}}]`,
		`[{"batch_normalization": {"epsilon": 0.001, "center": false, "scale": false}}]`,
	},

	"pooling.MaxPooling1D": pooled("max_pooling1d", `2`, ``, ``, `2`, `1`, ``, `2`, `3`, ``, `2`, ``, samePad, `2`, `1`, samePad, `2`, `3`, samePad, `3`, ``, ``, `3`, `1`, samePad, `3`, `3`, samePad),
	"pooling.AveragePooling2D": append(pooled("average_pooling2d", `2`, ``, ``, `2`, `1`, ``, `2`, `"2x1"`, ``, `3`, ``, ``, `3`, `3`, ``,
		`2`, ``, samePad, `2`, `1`, samePad, `2`, `"2x1"`, samePad, `3`, ``, samePad, `3`, `3`, samePad),
		first(2, `{"average_pooling2d": {"pool_size": 3, "strides": 2}}`), first(2, `{"average_pooling2d": {"pool_size": 3, "strides": 1, "padding": "same"}}`), first(2, `"average_pooling2d"`)),
	"pooling.MaxPooling3D": append(pooled("max_pooling3d", `2`, ``, ``, `2`, `1`, ``, `2`, `"2x1x1"`, ``, `3`, ``, ``, `3`, `3`, ``,
		`2`, ``, samePad, `2`, `1`, samePad, `2`, `"1x2x1"`, samePad, `3`, ``, samePad, `3`, `3`, samePad),
		first(3, `{"max_pooling3d": {"pool_size": 3, "strides": 2}}`), first(3, `{"max_pooling3d": {"pool_size": 3, "strides": 1, "padding": "same"}}`), first(3, `"max_pooling3d"`)),
	"pooling.GlobalAveragePooling1D": {`["global_average_pooling1d"]`, `["global_average_pooling1d"]`, `["global_average_pooling1d"]`},
	"pooling.GlobalAveragePooling3D": {`["global_average_pooling3d"]`, `[{"permute": {"dims": [2, 3, 4, 1]}}, "global_average_pooling3d"]`, `["global_average_pooling3d"]`},
	"pooling.GlobalMaxPooling2D":     {`["global_max_pooling2d"]`, `[{"permute": {"dims": [2, 3, 1]}}, "global_max_pooling2d"]`, `["global_max_pooling2d"]`},

	"recurrent.LSTM": {
		lstm(4, ``), `[{"lstm": {"units": 5, "activation": "sigmoid", "recurrent_activation": "sigmoid"}}]`, lstm(4, sequences), lstm(4, backwards), lstm(4, sequences+backwards),
		lstm(4, ``), lstm(4, sequences), lstm(4, backwards), lstm(4, sequences+backwards),
	},
	"wrappers.Bidirectional": {
		both("sum", `{"simple_rnn": {"units": 4}}`), both("mul", `{"simple_rnn": {"units": 4}}`), both("concat", `{"simple_rnn": {"units": 4}}`), both("ave", `{"simple_rnn": {"units": 4}}`),
		both("concat", `{"simple_rnn": {"units": 4, "return_sequences": true}}`),
		both("concat", `{"gru": {"units": 4, "reset_after": false, "recurrent_activation": {"name": "hard_sigmoid", "slope": 0.2}, "return_sequences": true}}`),
		both("concat", strings.Trim(lstm(4, sequences), "[]")), both("sum", `{"simple_rnn": {"units": 4, "return_sequences": true}}`),
	},

	"graph_01": {twoTowers(`"valid"`, 1, `{"add": {"inputs": ["a0", "b0"]}}`)}, "graph_03": {twoTowers(`"valid"`, 1, `{"multiply": {"inputs": ["a0", "b0"]}}`)},
	"graph_05": {twoTowers(`"valid"`, 1, `{"concatenate": {"inputs": ["a0", "b0"]}}`)},
	"graph_07": {twoTowers(`"same"`, 2, `{"concatenate": {"inputs": ["a1", "b1"]}}, {"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same"}}`)},

	"pipeline_00": {"[" + relu(4, 3, ``) + "," + relu(4, 3, ``) + "," + relu(4, 3, ``) + "]"},
	"pipeline_02": {"[" + relu(5, 3, half) + "," + line(4, 3, ``) + "," + relu(2, 1, ``) + "," + relu(3, 5, full) + "," + line(2, 3, full) + "," + relu(4, 1, ``) + "," + line(2, 3, ``) + "]"},
	"pipeline_04": {"[" + relu(5, 3, half) + norm + line(4, 1, ``) + norm + relu(3, 3, full) + norm + relu(2, 3, ``) + `,"batch_normalization"]`},
	"pipeline_06": {"[" + deep(`"max_pooling2d"`) + "]"}, "pipeline_10": {"[" + deep(`"average_pooling2d"`) + "]"},
	"pipeline_08": {"[" + relu(4, 3, full) + "," + relu(4, 3, ``) + `,{"max_pooling2d": {"strides": 1, "padding": "same"}}]`},
	"pipeline_12": {"[" + relu(4, 3, full) + "," + relu(4, 3, ``) + `,{"average_pooling2d": {"strides": 1, "padding": "same"}}]`},
	"pipeline_14": {`[{"separable_conv2d": {"filters": 2, "kernel_size": 3}}, {"separable_conv2d": {"filters": 2, "kernel_size": 3}}]`},
	// Every fourth place from the third on: what Keras had is not known, but this is the same.
	"pipeline_16": {`[{"cropping2d": {"cropping": [[2, 1], [2, 1]]}}, {"conv2d": {"filters": 4, "kernel_size": 3, "strides": 4, "use_bias": false}}, "batch_normalization", "relu"]`},
}

const (
	hard      = `[{"hard_sigmoid": {"slope": 0.2}}]`
	samePad   = `"same"`
	sequences = `, "return_sequences": true`
	backwards = `, "go_backwards": true`
	full      = `, "padding": "same"`
	half      = `, "padding": "same", "strides": 2`
	norm      = `,"batch_normalization",`
)

func dense(activation string) string {
	return fmt.Sprintf(`[{"dense": {"units": 2, "activation": %s}}]`, activation)
}

// first wraps a layer for samples that have their channels first.
func first(axes int, layer string) string {
	to, from := `[2, 3, 1]`, `[3, 1, 2]`
	if axes == 3 {
		to, from = `[2, 3, 4, 1]`, `[4, 1, 2, 3]`
	}
	return fmt.Sprintf(`[{"permute": {"dims": %s}}, %s, {"permute": {"dims": %s}}]`, to, layer, from)
}

func branches(merge string, n int) string { return repeatedBy("", merge, n) }

func repeated(n, axis int) string {
	return repeatedBy(`{"repeat_vector": {"n": 3, "name": "r%d", "inputs": ["d%d"]}},`, fmt.Sprintf(`concatenate": {"axis": %d, "inputs": [%%s]}, "`, axis), n)
}

// repeatedBy is as many dense layers side by side, each followed by another layer
// where there is one, and joined.
func repeatedBy(then, merge string, n int) string {
	layers, last := "", "d"
	var ins []string
	for i := range n {
		layers += fmt.Sprintf(`{"dense": {"units": 2, "name": "d%d", "inputs": ["input"]}},`, i)
		if then != "" {
			layers, last = layers+fmt.Sprintf(then, i, i), "r"
		}
	}
	for i := range n {
		ins = append(ins, fmt.Sprintf(`"%s%d"`, last, i))
	}
	join := fmt.Sprintf(`{"%s": {"inputs": [%s]}}`, merge, strings.Join(ins, ","))
	if head, ok := strings.CutSuffix(merge, `, "`); ok {
		join = fmt.Sprintf(`{"`+head+`}`, strings.Join(ins, ","))
	}
	return `{"inputs": ["input"], "layers": [` + layers + join + `]}`
}

// pooled lists pools by size, strides and padding, empty for the default.
func pooled(kind string, fields ...string) []string {
	var out []string
	for f := range slices.Chunk(fields, 3) {
		text := `"pool_size": ` + f[0]
		if f[1] != "" {
			text += `, "strides": ` + f[1]
		}
		if f[2] != "" {
			text += `, "padding": ` + f[2]
		}
		out = append(out, fmt.Sprintf(`[{"%s": {%s}}]`, kind, text))
	}
	return out
}

func lstm(units int, more string) string {
	return fmt.Sprintf(`[{"lstm": {"units": %d, "recurrent_activation": {"name": "hard_sigmoid", "slope": 0.2}%s}}]`, units, more)
}

func both(merge, layer string) string {
	return fmt.Sprintf(`[{"bidirectional": {"merge_mode": "%s", "layer": %s}}]`, merge, layer)
}

func line(filters, size int, more string) string {
	return fmt.Sprintf(`{"conv2d": {"filters": %d, "kernel_size": %d%s}}`, filters, size, more)
}

func relu(filters, size int, more string) string {
	return line(filters, size, `, "activation": "relu"`+more)
}

func deep(pool string) string {
	return relu(5, 3, `, "strides": 2`) + norm + relu(4, 3, full) + norm + relu(3, 3, full) + norm + pool + "," + line(4, 3, ``) + norm + relu(2, 3, full) + norm + pool
}

// twoTowers is a stack of convolutions on each of two inputs, and what follows.
func twoTowers(padding string, n int, then string) string {
	layers := ""
	for i := range n { // layer by layer, as Keras lists them
		for _, in := range []string{"a", "b"} {
			from := in
			if i > 0 {
				from = fmt.Sprint(in, i-1)
			}
			layers += fmt.Sprintf(`{"conv2d": {"filters": 4, "kernel_size": 3, "padding": %s, "activation": "relu", "name": "%s%d", "inputs": ["%s"]}},`, padding, in, i, from)
		}
	}
	return `{"inputs": {"a": "8x8x2", "b": "8x8x2"}, "layers": [` + layers + then + `]}`
}

// TestKerasLayers holds layers and small nets to what Keras 2 computed, from text.
func TestKerasLayers(t *testing.T) {
	t.Parallel()
	cases := map[string]kerasCase{}
	file, err := os.Open(shared.File(t, "models", "keras-layer-golden", "keras-js-layers.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(zip); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(header.Name, ".json") {
			if err := json.NewDecoder(archive).Decode(&cases); err != nil {
				t.Fatalf("%s: %v", header.Name, err)
			}
		}
	}
	want := 0
	for _, list := range kerasModels {
		want += len(list)
	}
	if len(cases) != want {
		t.Errorf("there are %d cases and %d models", len(cases), want)
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		kind, i := name, 0
		if at := strings.LastIndexByte(name, '.'); at > 0 {
			kind = name[:at]
			fmt.Sscan(name[at+1:], &i)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if i >= len(kerasModels[kind]) {
				t.Fatal("no model is known")
			}
			if c.Inputs == nil {
				c.Inputs = []kerasTensor{c.Input}
			}
			// Four LSTMs keep their state and saw the input twice: that is a sequence
			// of twice the length, whose second half is the result.
			twice := kind == "recurrent.LSTM" && i >= 5
			if twice {
				in := &c.Inputs[0]
				in.Data = append(in.Data, in.Data...)
				in.Shape[0] *= 2
			}
			for _, b := range []backend.Backend{ref.Backend{}, cpu.New()} {
				got, shape := keras(t, b, kerasModels[kind][i], c)
				if n := len(c.Expected.Data); twice && len(got) == 2*n {
					got, shape[0] = got[n:], shape[0]/2
				}
				if !shape.Equal(c.Expected.Shape) {
					t.Fatalf("%s: a sample becomes %v, want %v", b.Name(), shape, c.Expected.Shape)
				}
				largest := 1.0
				for _, v := range c.Expected.Data {
					largest = max(largest, math.Abs(v))
				}
				for k, v := range c.Expected.Data {
					// The file has six digits behind the point.
					if !(math.Abs(got[k]-v) <= 1e-5*largest) {
						t.Fatalf("%s: number %d is %v, want %v", b.Name(), k, got[k], v)
					}
				}
			}
		})
	}
}

// keras runs a model on one sample with the given weights.
func keras(t *testing.T, b backend.Backend, text string, c kerasCase) ([]float64, tensor.Shape) {
	t.Helper()
	v, err := spec.ParseJSON("model", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := nn.Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	g, set := graph.New(), param.NewSet(tensor.Float32)
	ins, _ := m.Ports()
	values := map[string]*tensor.Tensor{}
	var nodes []graph.Node
	for i, x := range c.Inputs {
		data := tensor.New(tensor.Float32, append([]int{1}, x.Shape...)...)
		for k, f := range x.Data {
			data.SetFlat(k, f)
		}
		values[ins[i].Name] = data
		nodes = append(nodes, g.Input(ins[i].Name, graph.Float, data.Shape()...))
	}
	out := m.Trace(param.NewScope(g, set, param.Options{}), nodes)[0]
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	i := 0
	for p := range set.All() {
		if i >= len(c.Weights) || !p.Value.Shape().Equal(c.Weights[i].Shape) {
			t.Fatalf("weight %d is %s %v, which the file has not there", i, p.Name, p.Value.Shape())
		}
		for k, f := range c.Weights[i].Data {
			p.Value.SetFlat(k, f)
		}
		i++
	}
	if i != len(c.Weights) {
		t.Fatalf("the model has %d weights, the file %d", i, len(c.Weights))
	}
	g.Output("y", out)
	p, err := b.Compile(g, backend.Options{State: set.Value})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(context.Background(), backend.Inputs{Values: values}); err != nil {
		t.Fatal(err)
	}
	y := p.Output("y")
	got := make([]float64, y.Len())
	for k := range got {
		got[k] = y.Flat(k)
	}
	return got, out.Shape()[1:].Clone()
}
