package torch

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// numbered is a model whose parameters count up.
func numbered(t *testing.T, net nn.Sequential, shape ...int) *format.Model {
	t.Helper()
	m := &format.Model{Net: net, Params: param.NewSet(tensor.Float32)}
	m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: shape}}
	names, shapes, err := format.Declared(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		p, err := m.Params.Add(n, param.Weight, shapes[n])
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, float64(i+1))
		}
	}
	return m
}

func TestExport(t *testing.T) {
	t.Parallel()
	m := numbered(t, nn.Sequential{
		nn.Conv2D{Filters: 3, Kernel: tensor.Shape{1, 2}, Act: act.ReLU{}, Name: "conv"}, nn.DepthwiseConv2D{Kernel: tensor.Shape{2}, Multiplier: 2, Name: "depth"},
		nn.BatchNorm{Name: "bn"}, nn.Flatten{}, nn.Dense{Units: 2, Act: act.PReLU{}, Name: "hidden1"}, nn.Activation{Act: act.PReLU{}, Name: "slopes"},
		nn.Block{Name: "inner", Layers: nn.Sequential{nn.Dense{Units: 1, Name: "out"}}}}, 3, 4, 2)
	var b bytes.Buffer
	r, err := export(&b, m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.pt")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for _, i := range f.Infos() {
		names = append(names, i.Name)
	}
	want := []string{"conv.weight", "conv.bias", "depth.weight", "depth.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked",
		"hidden1.weight", "hidden1.bias", "hidden1.alpha", "slopes.weight", "inner.out.weight", "inner.out.bias"}
	if !slices.Equal(names, want) {
		t.Errorf("tensors %v", names)
	}
	for _, tc := range []struct {
		name  string
		index []int
		from  string
		at    []int
		shape tensor.Shape
	}{
		{"conv.weight", []int{2, 1, 0, 1}, "conv/kernel", []int{0, 1, 1, 2}, tensor.Shape{3, 2, 1, 2}},
		{"depth.weight", []int{2*2 + 1, 0, 1, 0}, "depth/depthwise_kernel", []int{1, 0, 2, 1}, tensor.Shape{6, 1, 2, 2}},
		{"hidden1.weight", []int{1, 5}, "hidden1/kernel", []int{7, 1}, tensor.Shape{2, 24}}, // channel 1, row 0, column 1 of 6, 2, 2
	} {
		x, err := f.Tensor(tc.name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := x.At(tc.index...), m.Params.Value(tc.from).At(tc.at...); !x.Shape().Equal(tc.shape) || got != want {
			t.Errorf("%s%v at %v is %g, want %g", tc.name, x.Shape(), tc.index, got, want)
		}
	}
	if len(r.Warnings) != 0 {
		t.Errorf("warnings %q", r.Warnings)
	}
	if n, err := check(path, m); n != len(want) || err != nil {
		t.Errorf("checked %d: %v", n, err)
	}
	m.Params.Value("bn/gamma").Bytes()[0] ^= 1
	if _, err := check(path, m); err == nil {
		t.Error("another number is not noticed")
	}
	for want, l := range map[string]nn.Layer{
		"cut at each step": nn.LSTM{Units: 2, CellClip: 1}, "reset_after": nn.GRU{Units: 2, ResetBefore: true}, "is no tanh": nn.LSTM{Units: 2, Act: act.ReLU{}}, "is no sigmoid": nn.GRU{Units: 2, RecurrentAct: act.HardSigmoid{}},
	} {
		if _, err := export(&b, numbered(t, nn.Sequential{l}, 3, 2)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestExportFlattened reads a convolutional net back, whose dense layers stand before
// and behind what changes the order in which pictures are flattened.
func TestExportFlattened(t *testing.T) {
	t.Parallel()
	for name, net := range map[string]nn.Sequential{
		"flattened": {nn.Conv2D{Filters: 3, Kernel: tensor.Shape{2}, Name: "c"}, nn.Activation{Act: act.ReLU{}}, nn.Flatten{}, nn.Dropout{Rate: 0.5}, nn.Dense{Units: 4, Name: "d"}, nn.Dense{Units: 2, Name: "e"}},
		"permuted":  {nn.Conv2D{Filters: 3, Kernel: tensor.Shape{2}, Name: "c"}, nn.Permute{Dims: []int{3, 1, 2}}, nn.Flatten{}, nn.Dense{Units: 4, Name: "d"}},
		"volume":    {nn.Conv3D{Filters: 3, Kernel: tensor.Shape{2}, Name: "c"}, nn.Flatten{}, nn.Dense{Units: 4, Name: "d"}},
	} {
		shape := []int{4, 3, 2}
		if name == "volume" {
			shape = []int{4, 3, 3, 2}
		}
		m := numbered(t, net, shape...)
		path := filepath.Join(t.TempDir(), "m.pt")
		var b bytes.Buffer
		if _, err := export(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		back, r, err := format.Import(path, format.Options{Net: net, Inputs: m.Data.Inputs})
		if err != nil {
			t.Fatal(err)
		}
		for p := range m.Params.All() {
			if got := back.Params.Value(p.Name); got == nil || !bytes.Equal(got.Bytes(), p.Value.Bytes()) {
				t.Errorf("%s: %s comes back as %v, want %v", name, p.Name, got, p.Value)
			}
		}
		told := strings.Contains(strings.Join(r.Warnings, "\n"), "d.weight: the rows of its kernel were put from the order of channels first")
		if told != (name != "permuted") {
			t.Errorf("%s: warnings %q", name, r.Warnings)
		}
	}
}

// TestExportImported reads a state dict back for the same net.
func TestExportImported(t *testing.T) {
	t.Parallel()
	net := nn.Sequential{nn.BatchNorm{}, nn.Dense{Units: 3, Name: "hidden1"}, nn.Dense{Units: 3, Name: "hidden2"}, nn.Dense{Units: 1, Name: "out"}}
	m := numbered(t, net, 3)
	var b bytes.Buffer
	if _, err := export(&b, m); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.pt")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	back, _, err := format.Import(path, format.Options{Net: net, Inputs: m.Data.Inputs})
	if err != nil {
		t.Fatal(err)
	}
	for p := range m.Params.All() {
		if err := format.Same(p.Name, p.Value, back.Params.Value(p.Name)); err != nil {
			t.Error(err)
		}
	}
}
