package all_test

import (
	"errors"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

// FuzzFile takes any bytes for a file, finds its format, reads all tensors, builds the model,
// that of bare weights for the net of the samples, and predicts with it.
func FuzzFile(f *testing.F) {
	for _, s := range samples(f) {
		if b, single := s.files[s.open]; single && !s.data {
			f.Add(b)
		}
	}
	dir := formattest.NewFolder(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := dir.Write("m.bin", b)
		err := formattest.Use(path, format.Options{})
		if errors.Is(err, format.ErrBare) {
			err = formattest.Use(path, format.Options{Net: net(), Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}})
		}
		if err != nil {
			formattest.Told(t, err)
		}
	})
}
