package keras

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
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
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// filled is a model whose numbers are all different.
func filled(t formattest.Failer, prep nn.Sequential, net nn.Model, shape ...int) *format.Model {
	t.Helper()
	return formattest.Filled(t, loss.CrossEntropy{}, prep, net, shape)
}

// stacks are models of all layers that are written.
func stacks(t testing.TB) map[string]*format.Model {
	ints := filled(t, nil, nn.Sequential{nn.Embedding{Words: 11, Units: 4}, nn.LSTM{Units: 3, Sequences: true}, nn.GRU{Units: 3, Sequences: true}, nn.SimpleRNN{Units: 2}}, 5)
	ints.Data.Inputs[0].DType = tensor.Int32
	return map[string]*format.Model{
		"dense": filled(t, nn.Sequential{nn.Rescale{Scale: 1.0 / 255}, nn.Flatten{}, nn.Standardize{Name: "dense"}}, nn.Sequential{
			nn.Dense{Units: 5, Act: act.ELU{Alpha: 0.5}, Name: "hidden1"}, nn.BatchNorm{Momentum: 0.9, Epsilon: 1e-4}, nn.Activation{Act: act.SELU{}},
			nn.Dropout{Rate: 0.3}, nn.Dense{Units: 4, Act: act.PReLU{}}, nn.AlphaDropout{Rate: 0.1}, nn.GaussianNoise{Stddev: 0.1},
			nn.Dense{Units: 4, Act: act.LeakyReLU{}, NoBias: true}, nn.Activation{Act: act.PReLU{}, Name: "slopes"}, nn.LayerNorm{},
			nn.Block{Name: "inner", Layers: nn.Sequential{nn.Dense{Units: 3}, nn.BatchNorm{}, nn.Dense{Units: 4, Act: act.ReLU{MaxValue: 6}}}},
			nn.Dense{Units: 3, Act: act.Softmax{}, Name: "out"}}, 2, 3),
		"conv": filled(t, nn.Sequential{nn.Standardize{Axis: -1}}, nn.Sequential{
			nn.Conv2D{Filters: 3, Kernel: tensor.Shape{3}, Act: act.ReLU{}}, nn.ZeroPadding2D{Padding: nn.Sides{{1, 0}, {2, 1}}}, nn.MaxPooling2D{},
			nn.DepthwiseConv2D{Kernel: tensor.Shape{3, 2}, Multiplier: 2, Padding: nn.Same}, nn.SeparableConv2D{Filters: 4, Kernel: tensor.Shape{2}},
			nn.BatchNorm{NoScale: true}, nn.GroupNorm{Groups: 2}, nn.GroupNorm{Groups: -1, Epsilon: 1e-5, NoCenter: true}, nn.AveragePooling2D{Size: tensor.Shape{2}, Strides: tensor.Shape{1}}, nn.Conv2DTranspose{Filters: 2, Kernel: tensor.Shape{2}, Strides: tensor.Shape{2}},
			nn.UpSampling2D{}, nn.Cropping2D{Cropping: nn.Even(1)}, nn.GlobalAveragePooling2D{}, nn.Dense{Units: 3}}, 12, 12, 2),
		"volume": filled(t, nil, nn.Sequential{nn.Conv3D{Filters: 2, Kernel: tensor.Shape{2}}, nn.Conv3DTranspose{Filters: 3, Kernel: tensor.Shape{2}, Strides: tensor.Shape{1, 2, 1}, Padding: nn.Same},
			nn.GlobalAveragePooling3D{}}, 3, 4, 3, 2),
		"sequence": filled(t, nil, nn.Sequential{nn.Conv1D{Filters: 3, Kernel: tensor.Shape{2}, Padding: nn.Causal}, nn.MaxPooling1D{}, nn.Permute{Dims: []int{2, 1}},
			nn.Reshape{Shape: []int{9}}, nn.RepeatVector{N: 2}, nn.GlobalMaxPooling1D{}}, 6, 2),
		"padded by numbers": filled(t, nil, nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{9, 8, 2}}}, Layers: []nn.Entry{
			{Layer: nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3}, Padding: nn.Pad(nn.Even(1)), Act: act.ReLU{}, Name: "same"}},
			{Layer: nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3, 2}, Strides: tensor.Shape{2}, Padding: nn.Pad(nn.Sides{{1, 0}, {2, 1}}), Name: "strided"}},
			{Layer: nn.DepthwiseConv2D{Kernel: tensor.Shape{3}, Dilation: tensor.Shape{2}, Padding: nn.Pad(nn.Even(2)), Act: act.PReLU{}}},
			{Layer: nn.Flatten{}}, {Layer: nn.Reshape{Shape: []int{-1, 4}}},
			{Layer: nn.Conv1D{Filters: 2, Kernel: tensor.Shape{5}, Padding: nn.Pad(nn.Even(1)), Name: "steps"}}, {Layer: nn.Conv1D{Filters: 2, Kernel: tensor.Shape{5}, Padding: nn.Pad(nn.Even(2))}}}}, 9, 8, 2),
		"shared": filled(t, nil, nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{4}}}, Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 4, Act: act.PReLU{}, Name: "twin"}, Inputs: []string{"x"}}, {Layer: nn.Dense{Units: 4, Act: act.Tanh{}, Name: "other"}, Inputs: []string{"x"}},
			{Share: "twin", Name: "again", Inputs: []string{"other"}}, {Share: "twin", Name: "once more", Inputs: []string{"again"}}, {Layer: nn.BatchNorm{Name: "norm"}}, {Share: "other", Name: "o2"}, {Share: "norm", Name: "n2"},
			{Layer: nn.Concatenate{Name: "c"}, Inputs: []string{"twin", "again", "once more", "n2", "norm"}}, {Layer: nn.Dense{Units: 2, Name: "out"}}}, Out: []string{"out"}}, 4),
		"padded in order": filled(t, nil, nn.Sequential{nn.Conv3D{Filters: 2, Kernel: tensor.Shape{2}, Padding: nn.Pad(nn.Even(1, 0, 2))},
			nn.Block{Name: "inner", Layers: nn.Sequential{nn.Conv3D{Filters: 2, Kernel: tensor.Shape{3, 1, 3}, Padding: nn.Pad(nn.Sides{{1, 1}, {0, 0}, {1, 1}})}, nn.Conv3D{Filters: 2, Kernel: tensor.Shape{1}, Padding: nn.Pad(nn.Even(1))}}},
			nn.GlobalAveragePooling3D{}}, 3, 4, 3, 2),
		"recurrent": ints,
		"masked":    filled(t, nil, nn.Sequential{nn.Masking{Value: -1}, nn.Dense{Units: 3, Act: act.LeakyReLU{}}, nn.LSTM{Units: 3, Sequences: true, ZeroMasked: true}, nn.GRU{Units: 2, Sequences: true}, nn.GlobalAveragePooling1D{}}, 5, 2),
		"branches": filled(t, nn.Sequential{nn.Rescale{Scale: 0.5}}, nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{4}}}, Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 3, Act: act.PReLU{}, Name: "a"}, Inputs: []string{"x"}}, {Layer: nn.Dense{Units: 3, Name: "b"}, Inputs: []string{"x"}},
			{Layer: nn.Concatenate{Name: "c"}, Inputs: []string{"a", "b"}}, {Layer: nn.BatchNorm{}}, {Layer: nn.Dense{Units: 3, Name: "d"}},
			{Layer: nn.Add{Name: "e"}, Inputs: []string{"d", "b"}}, {Layer: nn.Dense{Units: 2, Name: "out"}}}, Out: []string{"out"}}, 4),
	}
}

var writes = map[Format]string{H5: "m.h5", Weights: "m.weights.h5", Archive: "m.keras"}

// TestWrite writes models, reads them back, and holds what they predict to what
// the first ones do.
func TestWrite(t *testing.T) {
	t.Parallel()
	for name, m := range stacks(t) {
		for as, file := range writes {
			t.Run(name+"/"+file, func(t *testing.T) {
				t.Parallel()
				var b, again bytes.Buffer
				r, err := Write(&b, m, as)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Write(&again, m, as); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
					t.Errorf("the same model gives other bytes: %v", err)
				}
				path := saveAs(t, file, b.Bytes())
				n, err := check(path, m)
				if err != nil || n != m.Params.Len() || len(r.Tensors) != n {
					t.Errorf("checked %d of %d, linked %d: %v", n, m.Params.Len(), len(r.Tensors), err)
				}
				if as == Weights {
					return
				}
				back, _ := formattest.Import(t, path, format.Options{})
				if len(back.Losses) != 1 || back.Losses[0].Loss != (loss.CrossEntropy{}) {
					t.Errorf("losses %v", back.Losses)
				}
				x := formattest.Rows(2, -1, append([]int{3}, m.Data.Inputs[0].Shape...)...)
				if name == "recurrent" {
					ids := tensor.New(tensor.Int32, 3, 5)
					for i := range ids.Len() {
						ids.SetFlat(i, float64(i%11))
					}
					x = ids
				}
				var want []float64
				for i, y := 0, formattest.Predict(t, m, x); i < y.Len(); i++ {
					want = append(want, y.Flat(i))
				}
				formattest.Near(t, formattest.Predict(t, back, x), want...)
			})
		}
	}
}

// TestCheckFinds changes one bit of a file and expects to hear of it.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	m := filled(t, nil, nn.Sequential{nn.Dense{Units: 3}}, 2)
	other := filled(t, nil, nn.Sequential{nn.Dense{Units: 3}}, 2)
	v := other.Params.Value("dense/kernel")
	v.Bytes()[0] ^= 1
	for as, file := range writes {
		var b bytes.Buffer
		if _, err := Write(&b, m, as); err != nil {
			t.Fatal(err)
		}
		if _, err := check(saveAs(t, file, b.Bytes()), other); err == nil || !strings.Contains(err.Error(), `the numbers of "dense/kernel" are not those`) {
			t.Errorf("%s: %v", as, err)
		}
	}
}

// TestClasses holds the table to the reader's way back.
func TestClasses(t *testing.T) {
	t.Parallel()
	for kind, class := range classes {
		if got := kindOf(class); got != kind {
			t.Errorf("%s is written for %s and read as %s", class, kind, got)
		}
		if _, ok := fieldsOf(kind); !ok {
			t.Errorf("no layer is of the kind %s", kind)
		}
	}
	for name := range functions {
		if _, ok := named3(spec.Str(name), act.Registry.Describe); !ok {
			t.Errorf("no activation is called %s", name)
		}
	}
}

// TestUnwritten names what Keras has no words for.
func TestUnwritten(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		layer nn.Layer
		want  string
	}{
		{nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 2}}}, "no layer for it"},
		{nn.Dense{Units: 2, Act: act.RReLU{}}, "no such activation"},
		{nn.Dense{Units: 2, Act: act.Threshold{Threshold: 1}}, "no such activation"},
		{nn.LSTM{Units: 2, Act: act.LeakyReLU{Slope: 0.5}}, "has no name in Keras"},
		{nn.MaxPooling1D{Ceil: true}, "ceil_mode"},
		{nn.MaxPooling1D{Padding: nn.Pad(nn.Even(1))}, "padding=1"},
		{nn.Standardize{}, "flatten the samples before it"},
		{nn.TimeDistributed{Layer: nn.Dense{Units: 2}}, "no layer for it"},
	} {
		m := filled(t, nil, nn.Sequential{tc.layer}, 4, 2)
		var b bytes.Buffer
		_, err := Write(&b, m, Archive)
		if err == nil || !strings.Contains(err.Error(), tc.want) || b.Len() > 0 {
			t.Errorf("%T: %v, %d bytes; want %q", tc.layer, err, b.Len(), tc.want)
		}
	}
}

// TestWriteAny writes stacks of drawn widths and activations.
func TestWriteAny(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var net nn.Sequential
		for range rapid.IntRange(1, 5).Draw(t, "layers") {
			net = append(net, nn.Dense{Units: rapid.IntRange(1, 4).Draw(t, "units"),
				Act: rapid.SampledFrom([]act.Activation{nil, act.ReLU{}, act.ELU{Alpha: 2}, act.PReLU{}, act.Tanh{}, act.LeakyReLU{Slope: 0.01}}).Draw(t, "act")})
			if rapid.Bool().Draw(t, "norm") {
				net = append(net, nn.BatchNorm{NoScale: rapid.Bool().Draw(t, "scale")})
			}
		}
		m := filled(t, nil, net, rapid.IntRange(1, 4).Draw(t, "in"))
		as := rapid.SampledFrom([]Format{H5, Weights, Archive}).Draw(t, "as")
		var b bytes.Buffer
		if _, err := Write(&b, m, as); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, writes[as])
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := check(path, m); err != nil || n != m.Params.Len() {
			t.Fatal(n, err)
		}
	})
}

// TestH5py reads written files with h5py, as Keras does: layers and weights by name.
func TestH5py(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import h5py").Run(); err != nil {
		t.Skip("h5py is not installed: apt-get install python3-h5py")
	}
	m := stacks(t)["dense"]
	var b bytes.Buffer
	if _, err := Write(&b, m, H5); err != nil {
		t.Fatal(err)
	}
	path := saveAs(t, "m.h5", b.Bytes())
	const script = `
import h5py, json, sys
f = h5py.File(sys.argv[1], "r")
text = lambda x: x.decode() if isinstance(x, bytes) else x
g = f["model_weights"]
config = json.loads(text(f.attrs["model_config"]))
names = [text(n) for n in g.attrs["layer_names"]]
assert names == [l["config"]["name"] for l in config["config"]["layers"][1:]], names
for n in names:
    for w in g[n].attrs["weight_names"]:
        print(n + "/" + text(w), g[n][text(w)][()].astype("<f8").tobytes().hex())
`
	out, err := exec.Command(interpreter, "-c", script, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[name] = text
	}
	names, values, err := format.Parameters(m)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(names, "hidden1/kernel")
	if want := f8(values[i]); got["hidden1/hidden1/kernel:0"] != want {
		t.Errorf("hidden1/hidden1/kernel:0 is %s, want %s", got["hidden1/hidden1/kernel:0"], want)
	}
	if len(got) != len(names)+1 { // and the count of the standardization
		t.Errorf("%d weights, want %d", len(got), len(names)+1)
	}
}

// TestNumberedH5py reads what Keras 3 would with h5py, and what h5dump says of it: every
// number of the model is there, by path and number.
func TestNumberedH5py(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import h5py").Run(); err != nil {
		t.Skip("h5py is not installed: apt-get install python3-h5py")
	}
	const script = `
import h5py, io, sys, zipfile
file = sys.argv[1]
if file.endswith(".keras"):
    file = io.BytesIO(zipfile.ZipFile(file).read("model.weights.h5"))
with h5py.File(file, "r") as f:
    f.visititems(lambda name, d: print(name, d[()].astype("<f8").tobytes().hex()) if isinstance(d, h5py.Dataset) else None)
`
	for name, m := range stacks(t) {
		if name == "recurrent" || name == "branches" {
			continue
		}
		for as, file := range map[Format]string{Weights: "m.weights.h5", Archive: "m.keras"} {
			var b bytes.Buffer
			if _, err := Write(&b, m, as); err != nil {
				t.Fatal(err)
			}
			path := saveAs(t, file, b.Bytes())
			out, err := exec.Command(interpreter, "-c", script, path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			have := map[string]int{}
			for line := range strings.Lines(string(out)) {
				path, text, _ := strings.Cut(strings.TrimSpace(line), " ")
				if !strings.Contains(path, "/vars/") {
					t.Errorf("%s: a dataset %q", name, path)
				}
				have[text]++
			}
			_, values, err := format.Parameters(m)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				if have[f8(v)]--; have[f8(v)] < 0 {
					t.Errorf("%s, %s: the numbers of parameter %d are not there", name, file, i)
				}
			}
			if _, err := exec.LookPath("h5dump"); as == Weights && err == nil {
				out, err := exec.Command("h5dump", "-H", path).CombinedOutput()
				if n := strings.Count(string(out), "DATASET"); err != nil || n < len(values) {
					t.Errorf("%s: h5dump lists %d datasets for %d parameters: %v", name, n, len(values), err)
				}
			}
		}
	}
}

// f8 is a tensor's numbers as float64, in hexadecimal.
func f8(x *tensor.Tensor) string {
	var b []byte
	for i := range x.Len() {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x.Flat(i)))
	}
	return hex.EncodeToString(b)
}
