package main

import (
	"bytes"
	"os"

	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/tensor"
)

// What the scripts of the verbs that read arrays need beside the rest.
func init() {
	// three rows of pictures of 4×4: bytes, the same between 0 and 1, one alone
	makers["rows.npy"] = func(path string) error { return array(path, tensor.Uint8, 1, 3, 4, 4) }
	makers["unit.npy"] = func(path string) error { return array(path, tensor.Float32, 255, 3, 4, 4) }
	makers["one.npy"] = func(path string) error { return array(path, tensor.Uint8, 1, 4, 4) }
	// those pictures as numbers, with labels
	makers["unit.npz"] = func(path string) error {
		x, y := tensor.New(tensor.Float32, 30, 4, 4), tensor.New(tensor.Int32, 30)
		for i := range 30 {
			y.SetFlat(i, float64(i%3))
			for j := range 16 {
				x.SetFlat(16*i+j, float64(80*(i%3)+j)/255)
			}
		}
		var b bytes.Buffer
		if err := npy.WriteArchive(&b, func(yield func(string, *tensor.Tensor) bool) { _ = yield("x", x) && yield("y", y) }); err != nil {
			return err
		}
		return os.WriteFile(path, b.Bytes(), 0o644)
	}
	makers["long.npy"] = func(path string) error { return array(path, tensor.Float32, 1, 3, 5) }
}

// array is a picture of each of the classes that the images of "idx" have, one
// or three of them, divided by a number.
func array(path string, dt tensor.DType, by float64, shape ...int) error {
	t := tensor.New(dt, shape...)
	for i := range t.Len() {
		t.SetFlat(i, float64(80*(i/16)+i%16)/by)
	}
	var b bytes.Buffer
	if err := npy.Write(&b, t); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
