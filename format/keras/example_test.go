package keras_test

import (
	"bytes"
	"fmt"

	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/format/keras"
	"github.com/nadir-ml/nadir/tensor"
)

func Example() {
	// A file as save_weights of Keras 2 writes it.
	root := &hdf5.Node{}
	root.Set("layer_names", hdf5.Fixed{"flatten", "dense"})
	root.Group("flatten").Set("weight_names", hdf5.Fixed{})
	root.Group("dense").Set("weight_names", hdf5.Fixed{"dense/kernel:0"})
	root.Put("dense/dense/kernel:0", tensor.Of([]float32{1, 2}, 2, 1))
	var b bytes.Buffer
	if err := hdf5.Write(&b, root); err != nil {
		fmt.Println(err)
		return
	}

	f, err := keras.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Format())
	for _, l := range f.Layers() {
		fmt.Println(l.Name)
		for _, w := range l.Weights {
			x, err := w.Read()
			fmt.Println(" ", w.Name, x, err)
		}
	}
	// Output:
	// h5 weights
	// flatten
	// dense
	//   dense/kernel:0 float32[2 1]{1 2} <nil>
}
