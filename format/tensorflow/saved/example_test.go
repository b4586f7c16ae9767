package saved_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	_ "github.com/nadir-ml/nadir/format/tensorflow" // to read it again
	"github.com/nadir-ml/nadir/format/tensorflow/saved"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func ExampleWriteModel() {
	m := &format.Model{Net: nn.Sequential{nn.Dense{Units: 1, NoBias: true, Name: "out"}}, Params: param.NewSet(tensor.Float32)}
	m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
	if _, err := m.Params.Put("out/kernel", param.Weight, tensor.Of([]float32{1, 2}, 2, 1)); err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "saved")
	if _, err := saved.WriteModel(path, m); err != nil {
		log.Fatal(err)
	}
	back, err := format.Open(path, tensor.Float32)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(back.Params.Value("out/kernel").Float32s())
	// Output: [1 2]
}
