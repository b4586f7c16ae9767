package format

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// weights writes bare weights.
func weights(t testing.TB, ts ...safetensors.Named) string {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, ts, nil); err != nil {
		t.Fatal(err)
	}
	return save(t, b.Bytes())
}

// drawn is a tensor of random numbers.
func drawn(name string, shape ...int) safetensors.Named {
	x := tensor.New(tensor.Float32, shape...)
	r := rng.New(rng.Key(1, name), 0)
	for i := range x.Len() {
		x.SetFlat(i, r.Norm())
	}
	return safetensors.Named{Name: name, Tensor: x}
}

func samples(shape ...int) []data.Field {
	return []data.Field{{Name: "x", DType: tensor.Float32, Shape: shape}}
}

// TestMatch ties weights to the parameters of nets, whatever they are called.
func TestMatch(t *testing.T) {
	t.Parallel()
	net := nn.Sequential{nn.Dense{Units: 3, Act: act.ReLU{}, Name: "a"}, nn.BatchNorm{Name: "bn"}, nn.Dense{Units: 2, Name: "b"}}
	norm := func(prefix string, names ...string) []safetensors.Named {
		var out []safetensors.Named
		for _, n := range names {
			out = append(out, drawn(prefix+n, 3))
		}
		return out
	}
	torch := append(norm("norm.", "weight", "bias", "running_mean", "running_var"), drawn("fc1.weight", 3, 4), drawn("fc1.bias", 3), drawn("fc10.weight", 2, 3), drawn("fc10.bias", 2))
	keras := append(norm("bn/", "beta", "gamma", "moving_mean", "moving_variance"), drawn("a/kernel", 4, 3), drawn("a/bias", 3), drawn("b/kernel", 3, 2), drawn("b/bias", 2))
	for name, tc := range map[string]struct {
		ts   []safetensors.Named
		want map[string]string
	}{
		"torch": {torch, map[string]string{"a/kernel": "fc1.weight", "bn/gamma": "norm.weight", "bn/beta": "norm.bias", "bn/moving_mean": "norm.running_mean",
			"bn/moving_variance": "norm.running_var", "b/kernel": "fc10.weight", "b/bias": "fc10.bias"}},
		"keras": {keras, map[string]string{"a/kernel": "a/kernel", "bn/gamma": "bn/gamma", "bn/beta": "bn/beta", "b/bias": "b/bias"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, r, err := Import(weights(t, tc.ts...), Options{Net: net, Inputs: samples(4)})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, l := range r.Tensors {
				got[l.To] = l.From
			}
			for to, from := range tc.want {
				if got[to] != from {
					t.Errorf("%s is of %q, want %q", to, got[to], from)
				}
				for _, n := range tc.ts {
					if n.Name != from {
						continue
					}
					x := n.Tensor
					if len(x.Shape()) == 2 && name == "torch" {
						if x, err = Transpose([]*tensor.Tensor{x}); err != nil {
							t.Fatal(err)
						}
					}
					if p := m.Params.Value(to); !bytes.Equal(p.Bytes(), x.Bytes()) {
						t.Errorf("%s is %v, want %v", to, p, x)
					}
				}
			}
		})
	}
}

// TestMisfit refuses weights of another net, naming what fits nothing.
func TestMisfit(t *testing.T) {
	t.Parallel()
	path := weights(t, drawn("w", 4, 3))
	_, _, err := Import(path, Options{Net: nn.Sequential{nn.Dense{Units: 2}}, Inputs: samples(4)})
	if m := (*Misfit)(nil); !errors.As(err, &m) || !strings.Contains(err.Error(), `"dense/kernel" of shape [4 2]`) || !strings.Contains(err.Error(), "w[4 3]") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(path, tensor.Float32); !errors.Is(err, ErrBare) || !strings.HasPrefix(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// TestFormats opens each format that this package knows.
func TestFormats(t *testing.T) {
	t.Parallel()
	var array, archive bytes.Buffer
	x := tensor.Of([]float32{1, 2}, 2)
	if err := npy.Write(&array, x); err != nil {
		t.Fatal(err)
	}
	if err := npy.WriteArchive(&archive, func(yield func(string, *tensor.Tensor) bool) { yield("a/kernel", x) }); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"npy": array.Bytes(), "npz": archive.Bytes(), "nadir": write(t, model(t, sequential(), images()))} {
		path := filepath.Join(t.TempDir(), "x.bin")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if !Known(path) {
			t.Errorf("%s is not known", name)
		}
		f, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Format != name || len(f.Tensors) == 0 || f.Path != path {
			t.Errorf("got %+v, want %s", f, name)
		}
		for _, ts := range f.Tensors {
			if y, err := ts.Read(); err != nil || !y.Shape().Equal(ts.Shape) || y.DType() != ts.DType {
				t.Errorf("%s: %v is read as %v, %v", name, ts, y, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenFileErrors tells what is not there, a folder and other content apart.
func TestOpenFileErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := OpenFile(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	var c *Corrupt
	if _, err := OpenFile(dir); !errors.As(err, &c) || !strings.Contains(err.Error(), "safetensors, npy, npz") {
		t.Errorf("got %v", err)
	}
	if _, err := OpenFile(save(t, []byte("<html>"))); !errors.As(err, &c) || !strings.Contains(err.Error(), "HTML") {
		t.Errorf("got %v", err)
	}
}

// TestPermute puts axes in another order and back.
func TestPermute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
		axes := make([]int, len(shape))
		for i := range axes {
			axes[i] = i
		}
		order := rapid.Permutation(axes).Draw(t, "order")
		back := make([]int, len(order))
		for i, a := range order {
			back[a] = i
		}
		x := tensor.New(tensor.Float32, shape...)
		for i := range x.Len() {
			x.SetFlat(i, float64(i))
		}
		y, err := Permute(order...)([]*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		index, turned := make([]int, len(shape)), make([]int, len(shape))
		for range x.Len() {
			for i, a := range order {
				turned[i] = index[a]
			}
			if y.At(turned...) != x.At(index...) {
				t.Fatalf("at %v: %v, want %v", turned, y.At(turned...), x.At(index...))
			}
			for a := len(shape) - 1; a >= 0; a-- {
				if index[a]++; index[a] < shape[a] {
					break
				}
				index[a] = 0
			}
		}
		z, err := Permute(back...)([]*tensor.Tensor{y})
		if err != nil || !z.Shape().Equal(shape) || !bytes.Equal(z.Bytes(), x.Bytes()) {
			t.Fatalf("back: %v, %v", z, err)
		}
	})
}

// TestNatural stands numbers in their order.
func TestNatural(t *testing.T) {
	t.Parallel()
	for _, p := range [][2]string{{"conv2", "conv10"}, {"a", "b"}, {"a", "a1"}, {"a1b2", "a1b10"}, {"x09", "x10"}} {
		if natural(p[0], p[1]) >= 0 || natural(p[1], p[0]) <= 0 || natural(p[0], p[0]) != 0 {
			t.Errorf("%q does not stand before %q", p[0], p[1])
		}
	}
}
