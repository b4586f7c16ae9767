package models_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/format/torch"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// TestPublishedResNets gives the nets for CIFAR-10 the weights that others trained:
// every weight has its place, and the logits of eight images are PyTorch's.
func TestPublishedResNets(t *testing.T) {
	t.Parallel()
	images := cifar(t, 8)
	for name, file := range map[string]string{"resnet20-cifar": "resnet20-cifar10/resnet20-12fca82f.th", "resnet32-cifar": "resnet32-cifar10/resnet32-d509ac18.th"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := shared.File(t, "models", "pytorch-legacy", file)
			var want struct {
				Logits [][]float64 `json:"logits_first_8"`
			}
			text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "expected.json"))
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := models.New(name)
			if err != nil {
				t.Fatal(err)
			}
			g, set := graph.New(), param.NewSet(tensor.Float32)
			out := m.Trace(param.NewScope(g, set, param.Options{}), []graph.Node{g.Input("input", graph.Float, images.Shape()...)})[0]
			if err := g.Err(); err != nil {
				t.Fatal(err)
			}
			fill(t, path, set)
			g.Output("y", out)
			p, err := cpu.New().Compile(g, backend.Options{State: set.Value})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if err := p.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"input": images}}); err != nil {
				t.Fatal(err)
			}
			for i, row := range want.Logits {
				for j, v := range row {
					if got := p.Output("y").At(i, j); !(math.Abs(got-v) <= 1e-4+1e-3*math.Abs(v)) {
						t.Errorf("image %d, class %d: %g, want %g", i, j, got, v)
					}
				}
			}
		})
	}
}

// cifar is the first n test images, normalized as PyTorch's examples do it.
func cifar(t *testing.T, n int) *tensor.Tensor {
	t.Helper()
	f, err := os.Open(shared.File(t, "data", "cifar10", "test_batch_first1000.bin.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, n, 32, 32, 3)
	mean, std := [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}
	record := make([]byte, 1+3*32*32)
	for i := range n {
		if _, err := io.ReadFull(z, record); err != nil {
			t.Fatal(err)
		}
		for k, b := range record[1:] {
			c, at := k/1024, k%1024
			x.SetFlat((i*1024+at)*3+c, (float64(b)/255-mean[c])/std[c])
		}
	}
	return x
}

// fill gives every parameter the tensor that PyTorch has under its name.
func fill(t *testing.T, path string, set *param.Set) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := torch.Read(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
	for p := range set.All() {
		layer, field, _ := strings.Cut(p.Name, "/")
		w, err := f.Tensor(strings.ReplaceAll(layer, "_", ".") + "." + names[field])
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if w.Len() != p.Value.Len() {
			t.Fatalf("%s %v: the file has %v", p.Name, p.Value.Shape(), w.Shape())
		}
		s := p.Value.Shape()
		if field != "kernel" {
			for i := range w.Len() {
				p.Value.SetFlat(i, w.Flat(i))
			}
			continue
		}
		// (out, in, rows, columns) becomes (rows, columns, in, out).
		in, out := s[len(s)-2], s[len(s)-1]
		taps := s[:len(s)-2].Len()
		for i := range w.Len() {
			at, c := i%taps, i/taps
			p.Value.SetFlat((at*in+c%in)*out+c/in, w.Flat(i))
		}
	}
}
