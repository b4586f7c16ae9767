package keras_test

import (
	"bytes"
	"fmt"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/keras"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func ExampleWrite() {
	m := &format.Model{Net: nn.Sequential{nn.Dense{Units: 1, NoBias: true, Name: "out"}}, Params: param.NewSet(tensor.Float32)}
	m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
	if _, err := m.Params.Put("out/kernel", param.Weight, tensor.Of([]float32{1, 2}, 2, 1)); err != nil {
		fmt.Println(err)
		return
	}
	var b bytes.Buffer
	if _, err := keras.Write(&b, m, keras.H5); err != nil {
		fmt.Println(err)
		return
	}
	f, err := keras.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range f.Layers() {
		for _, w := range l.Weights {
			fmt.Println(l.Name, w.Name, w.Shape)
		}
	}
	// Output: out out/kernel:0 [2 1]
}
