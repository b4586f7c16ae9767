package hdf5_test

import (
	"bytes"
	"fmt"

	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/tensor"
)

func Example() {
	root := &hdf5.Node{}
	root.Set("keras_version", "2.3.0")
	root.Put("model_weights/dense/kernel:0", tensor.Of([]float32{1, 2, 3, 4}, 2, 2))
	root.Group("model_weights/dense").Set("weight_names", hdf5.Fixed{"kernel:0"})

	var file bytes.Buffer
	if err := hdf5.Write(&file, root); err != nil {
		fmt.Println(err)
		return
	}
	f, err := hdf5.NewFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for o, err := range f.Root().Walk() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.Path())
	}
	d, err := f.Root().Dataset("model_weights/dense/kernel:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Read())
	// Output:
	// /model_weights
	// /model_weights/dense
	// /model_weights/dense/kernel:0
	// float32[2 2]{1 2 3 4} <nil>
}

func ExampleAttr() {
	root := &hdf5.Node{}
	root.Set("layer_names", hdf5.Fixed{"dense", "dense_1"})
	var file bytes.Buffer
	if err := hdf5.Write(&file, root); err != nil {
		fmt.Println(err)
		return
	}
	f, err := hdf5.NewFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := f.Root().Attr("layer_names")
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := a.Texts()
	fmt.Printf("%s%v %q %v\n", a.Type(), a.Shape(), names, err)
	// Output: string of 7 bytes[2] ["dense" "dense_1"] <nil>
}
