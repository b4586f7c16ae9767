package gosource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// filled is a model whose numbers differ from one another.
func filled(t formattest.Failer, l loss.Loss, prep nn.Sequential, net nn.Model, shape ...int) *format.Model {
	t.Helper()
	return formattest.Filled(t, l, prep, net, shape)
}

// nets are models that use every operation there is a line for.
func nets(t *testing.T) map[string]*format.Model {
	var acts nn.Sequential
	for _, a := range []act.Activation{act.ELU{}, act.SELU{}, act.ReLU{MaxValue: 6}, act.LeakyReLU{}, act.PReLU{}, act.Tanh{}, act.Sigmoid{}, act.Softplus{},
		act.GELU{}, act.Mish{}, act.HardSigmoid{}, act.Softsign{}, act.SiLU{}, act.Exponential{}, act.LogSoftmax{}} {
		acts = append(acts, nn.Dense{Units: 6, Act: a})
	}
	words := filled(t, loss.MSE{}, nil, nn.Sequential{nn.Embedding{Words: 9, Units: 3}, nn.LSTM{Units: 3, Sequences: true}, nn.GRU{Units: 2}}, 4)
	padded := filled(t, loss.MSE{}, nil, nn.Sequential{nn.Embedding{Words: 9, Units: 3, MaskZero: true}, nn.Bidirectional{Layer: nn.LSTM{Units: 3, Projection: 2, Sequences: true}}, nn.GRU{Units: 2}}, 4)
	padded.Data.Inputs[0].DType = tensor.Int32
	words.Data.Inputs[0].DType = tensor.Int32
	digits := filled(t, loss.CrossEntropy{}, nn.Sequential{nn.Rescale{Scale: 1.0 / 255}, nn.Standardize{}}, nn.Sequential{nn.Flatten{},
		nn.Dense{Units: 8, Act: act.ELU{}, Name: "hidden1"}, nn.BatchNorm{}, nn.Dropout{Rate: 0.5}, nn.Dense{Units: 5, Act: act.SELU{}}, nn.LayerNorm{}, nn.Dense{Units: 3, Name: "out"}}, 4, 3)
	digits.Data.Classes = []string{"no", "yes", "\"maybe\"\n"}
	return map[string]*format.Model{
		"digits": digits, "acts": filled(t, loss.MSE{}, nil, acts, 5), "words": words, "padded": padded,
		"conv": filled(t, loss.CrossEntropy{}, nil, nn.Sequential{nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3}, Padding: nn.Same, Groups: 2, Act: act.ReLU{}}, nn.BatchNorm{},
			nn.MaxPooling2D{Padding: nn.Same}, nn.DepthwiseConv2D{Kernel: tensor.Shape{2}, Strides: tensor.Shape{2}}, nn.ZeroPadding2D{Padding: nn.Sides{{1, 0}, {0, 2}}},
			nn.Conv2DTranspose{Filters: 3, Kernel: tensor.Shape{3}, Strides: tensor.Shape{2}}, nn.AveragePooling2D{Padding: nn.Same}, nn.Cropping2D{Cropping: nn.Even(1)},
			nn.SeparableConv2D{Filters: 3, Kernel: tensor.Shape{2}}, nn.Permute{Dims: []int{3, 1, 2}}, nn.UpSampling2D{}, nn.GlobalMaxPooling2D{}, nn.Dense{Units: 4}}, 9, 8, 2),
		"branches": filled(t, loss.BinaryCrossEntropy{}, nil, nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{4}}}, Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 3, Name: "a"}, Inputs: []string{"x"}}, {Layer: nn.Dense{Units: 3, Name: "b"}, Inputs: []string{"x"}},
			{Layer: nn.Concatenate{Name: "c"}, Inputs: []string{"a", "b"}}, {Layer: nn.Dense{Units: 1, Name: "out"}, Inputs: []string{"c"}}}, Out: []string{"out"}}, 4),
	}
}

// TestCompiled builds what is written as a program of its own, and compares what it
// predicts with what the models predict.
func TestCompiled(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command")
	}
	dir := t.TempDir()
	put := func(name string, text []byte) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rows = 3
	models := nets(t)
	xs := map[string]*tensor.Tensor{}
	given := map[string][]float64{}
	var imports, calls strings.Builder
	for name, m := range models {
		var b bytes.Buffer
		if _, err := Write(&b, m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		put(name+"/model.go", b.Bytes())
		if n, err := check(filepath.Join(dir, name, "model.go"), m); err != nil || n == 0 {
			t.Errorf("%s: checked %d: %v", name, n, err)
		}
		x := formattest.Rows(2, -1, append([]int{rows}, m.Data.Inputs[0].Shape...)...)
		if name == "words" || name == "padded" {
			x = tensor.New(tensor.Int32, rows, 4)
			for i := range x.Len() {
				x.SetFlat(i, float64(i*5%9))
			}
		}
		xs[name] = x
		for i := range x.Len() {
			given[name] = append(given[name], x.Flat(i))
		}
		fmt.Fprintf(&imports, "%s \"example.com/nets/%s\"\n", name, name)
		fmt.Fprintf(&calls, "out[%q] = run(in[%q], %s.Inputs, %s.Predict)\n", name, name, name, name)
	}
	put("go.mod", []byte("module example.com/nets\n\ngo 1.22\n"))
	put("main.go", []byte(`package main

import (
	"encoding/json"
	"os"
`+imports.String()+`)

func run(x []float32, n int, f func([]float32) []float32) (y []float32) {
	for ; len(x) > 0; x = x[n:] {
		y = append(y, f(x[:n])...)
	}
	return y
}

func main() {
	var in map[string][]float32
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	out := map[string][]float32{}
`+calls.String()+`	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
`))
	in, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var got map[string][]float64
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for name, m := range models {
		want := formattest.Predict(t, m, xs[name])
		if len(got[name]) != want.Len() {
			t.Errorf("%s: %d numbers, want %d", name, len(got[name]), want.Len())
			continue
		}
		for i, v := range got[name] {
			if w := want.Flat(i); math.Abs(v-w) > 1e-6*max(1, math.Abs(w)) {
				t.Errorf("%s: number %d is %v, want %v", name, i, v, w)
			}
		}
	}
}

// TestWriteAny writes drawn stacks and reads their weights back; one bit that
// differs is found.
func TestWriteAny(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model.go")
	rapid.Check(t, func(t *rapid.T) {
		var net nn.Sequential
		for range rapid.IntRange(1, 4).Draw(t, "layers") {
			net = append(net, nn.Dense{Units: rapid.IntRange(1, 4).Draw(t, "units"), Act: rapid.SampledFrom([]act.Activation{nil, act.ReLU{}, act.SELU{}, act.PReLU{}}).Draw(t, "act")})
			if rapid.Bool().Draw(t, "norm") {
				net = append(net, nn.BatchNorm{})
			}
		}
		m := filled(t, loss.MSE{}, nil, net, rapid.IntRange(1, 4).Draw(t, "in"))
		var b, again bytes.Buffer
		r, err := Write(&b, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Write(&again, m); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Fatal("the same model gives other bytes", err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := check(path, m); err != nil || n != len(r.Tensors) {
			t.Fatal(n, err)
		}
		m.Params.Value("dense/kernel").Bytes()[3] ^= 0x40
		if _, err := check(path, m); err == nil {
			t.Fatal("another number is not noticed")
		}
	})
}

func TestUnwritten(t *testing.T) {
	t.Parallel()
	two := nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{4}}}, Layers: []nn.Entry{{Layer: nn.Dense{Units: 3, Name: "a"}, Inputs: []string{"x"}},
		{Layer: nn.Dense{Units: 3, Name: "b"}, Inputs: []string{"x"}}}, Out: []string{"a", "b"}}
	m := filled(t, loss.MSE{}, nil, two, 4)
	var b bytes.Buffer
	if _, err := Write(&b, m); err == nil || !strings.Contains(err.Error(), "1 inputs and 2 outputs") || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
	m = filled(t, loss.MSE{}, nil, nn.Sequential{nn.BatchStandardize{}, nn.Dense{Units: 3}}, 4)
	if _, err := Write(&b, m); err == nil || !strings.Contains(err.Error(), "depends on the others of its batch") || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
	if !slices.ContainsFunc(format.Exporters(), func(e format.Exporter) bool { return e.Name == "go" }) {
		t.Error("it is not registered")
	}
}
