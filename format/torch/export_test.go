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
		{"hidden1.weight", []int{1, 5}, "hidden1/kernel", []int{5, 1}, tensor.Shape{2, 24}},
	} {
		x, err := f.Tensor(tc.name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := x.At(tc.index...), m.Params.Value(tc.from).At(tc.at...); !x.Shape().Equal(tc.shape) || got != want {
			t.Errorf("%s%v at %v is %g, want %g", tc.name, x.Shape(), tc.index, got, want)
		}
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], `layer "hidden1" takes what "flatten" flattens in the order [2 2 6], channels last; in PyTorch put x.permute(0, 2, 3, 1)`) {
		t.Errorf("warnings %q", r.Warnings)
	}
	if n, err := check(path, m); n != len(want) || err != nil {
		t.Errorf("checked %d: %v", n, err)
	}
	m.Params.Value("bn/gamma").Bytes()[0] ^= 1
	if _, err := check(path, m); err == nil {
		t.Error("another number is not noticed")
	}
	if _, err := export(&b, numbered(t, nn.Sequential{nn.LSTM{Units: 2}}, 3, 2)); err == nil || !strings.Contains(err.Error(), "recurrent layers") {
		t.Errorf("an LSTM: %v", err)
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
