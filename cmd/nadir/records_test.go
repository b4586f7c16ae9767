package main

import (
	"bytes"
	"image"
	"image/png"
	"os"

	"github.com/nadir-ml/nadir/format/tfrecord"
)

// What the scripts that read TFRecord files need.
func init() {
	// 30 examples of three classes: 16 floats, the same bytes raw and as a picture of 4×4.
	makers["tfrecord"] = func(path string) error {
		var file []byte
		for i := range 30 {
			m := image.NewGray(image.Rect(0, 0, 4, 4))
			values := make([]float32, 16)
			for j := range values {
				m.Pix[j] = uint8(80*(i%3) + j)
				values[j] = float32(m.Pix[j]) / 255
			}
			var picture bytes.Buffer
			if err := png.Encode(&picture, m); err != nil {
				return err
			}
			e := tfrecord.Example{
				{Name: "animal", Kind: tfrecord.Bytes, Bytes: [][]byte{[]byte([]string{"cat", "cow", "dog"}[i%3])}},
				{Name: "class", Kind: tfrecord.Ints, Ints: []int64{int64(i % 3)}},
				{Name: "pixels", Kind: tfrecord.Bytes, Bytes: [][]byte{m.Pix}},
				{Name: "png", Kind: tfrecord.Bytes, Bytes: [][]byte{picture.Bytes()}},
				{Name: "values", Kind: tfrecord.Floats, Floats: values},
			}
			file = tfrecord.Append(file, e.Append(nil))
		}
		return os.WriteFile(path, file, 0o644)
	}
}
