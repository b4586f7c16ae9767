package format_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// Bare weights, as PyTorch calls them, become a model of the net that they are for.
func ExampleImport() {
	dir, err := os.MkdirTemp("", "weights")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var b bytes.Buffer
	err = safetensors.Write(&b, []safetensors.Named{
		{Name: "fc.weight", Tensor: tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)},
		{Name: "fc.bias", Tensor: tensor.Of([]float32{7, 8}, 2)},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "weights.bin")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		log.Fatal(err)
	}

	f, err := format.OpenFile(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, t := range f.Tensors {
		fmt.Println(f.Format, t.Name, t.TypeName(), t.Shape)
	}
	m, report, err := f.Import(format.Options{
		Net:    nn.Sequential{nn.Dense{Units: 2, Name: "out"}},
		Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{3}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range report.Tensors {
		fmt.Println(l.From, "became", l.To, m.Params.Value(l.To).Shape())
	}
	// Output:
	// safetensors fc.weight float32 [2 3]
	// safetensors fc.bias float32 [2]
	// fc.weight became out/kernel [3 2]
	// fc.bias became out/bias [2]
}
