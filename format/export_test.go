package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// line is a model of one layer.
func line() *format.Model {
	m := &format.Model{Net: nn.Sequential{nn.Dense{Units: 1, Name: "out"}}, Params: param.NewSet(tensor.Float32)}
	m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
	_, err := m.Params.Put("out/kernel", param.Weight, tensor.Of([]float32{1, 2}, 2, 1))
	_, err2 := m.Params.Put("out/bias", param.Weight, tensor.Of([]float32{3}, 1))
	if err := errors.Join(err, err2); err != nil {
		panic(err)
	}
	return m
}

func ExampleExporter() {
	m := line()
	e, ok := format.ExporterFor("", "weights.npz")
	if !ok {
		return
	}
	var b bytes.Buffer
	r, err := e.Write(&b, m)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range r.Tensors {
		fmt.Println(l.From, "is", l.To)
	}
	// Output:
	// out/kernel is out/kernel
	// out/bias is out/bias
}

func TestExporters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"npz", "safetensors"} {
		e, ok := format.ExporterFor(name, "whatever")
		if !ok {
			t.Fatal(name)
		}
		m := line()
		var b bytes.Buffer
		if _, err := e.Write(&b, m); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "m"+e.Ending)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := e.Check(path, m); n != 2 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		m.Params.Value("out/bias").SetFlat(0, 3.0000002)
		if _, err := e.Check(path, m); err == nil || !strings.Contains(err.Error(), `the numbers of "out/bias" are not those`) {
			t.Errorf("%s: %v", name, err)
		}
		m.Params.Remove("out/bias")
		if _, err := e.Write(&b, m); err == nil || !strings.Contains(err.Error(), "out/bias") {
			t.Errorf("%s: a parameter is missing: %v", name, err)
		}
	}
	if _, ok := format.ExporterFor("", "m.txt"); ok {
		t.Error(".txt is a format")
	}
	if e, _ := format.ExporterFor("", "M.NPZ"); e.Name != "npz" {
		t.Errorf("M.NPZ is %q", e.Name)
	}
}
