package app

import (
	"path/filepath"
	"strings"

	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// namesFile reports whether a value that may be a number names a file.
func namesFile(v spec.Value) bool {
	var r nn.Ratio
	if v.Kind != spec.String || spec.Decode(v, &r) == nil {
		return false
	}
	switch strings.ToLower(filepath.Ext(v.Text)) {
	case ".npy", ".npz", ".binaryproto", ".safetensors":
		return true
	}
	return exists(v.Text)
}

// meanImage reads a picture of means, such as Caffe's, whose channels stand in the
// order that the model takes them in: a number for each element of a sample. It is
// brought to the model's size as a picture is.
func (in *intake) meanImage(path string) ([]float64, error) {
	if len(in.own) != 1 {
		return nil, usage("input.mean=%s: the model has %d inputs; a mean image is for one", path, len(in.own))
	}
	to, ok := in.geometry(in.own[0].Shape)
	if !ok {
		return nil, usage("input.mean=%s: the model takes %s, which is no picture", path, shapeText(in.own[0].Shape))
	}
	if !exists(path) {
		return nil, usage("input.mean: no file is called %q%s", path, nearFiles(path))
	}
	f, err := format.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if len(f.Tensors) != 1 || f.Tensors[0].Read == nil || f.Tensors[0].DType == tensor.Invalid {
		return nil, usage("input.mean=%s: want a file of one array, found %d", path, len(f.Tensors))
	}
	x, err := f.Tensors[0].Read()
	if err != nil {
		return nil, err
	}
	shape := x.Shape()
	for len(shape) > 3 && shape[0] == 1 {
		shape = shape[1:]
	}
	from, ok := (&intake{}).geometry(shape)
	if !ok || len(shape) < 2 || from.c != to.c {
		return nil, usage("input.mean=%s: an array of shape %s, but the model takes pictures of %d×%d with %d channels", path, shapeText(x.Shape()), to.w, to.h, to.c)
	}
	m, err := tensor.TryNew(tensor.Float32, from.h, from.w, from.c)
	if err != nil {
		return nil, err
	}
	n := from.h * from.w
	for p := range n {
		for ch := range from.c {
			at := p*from.c + ch
			if from.planes {
				at = ch*n + p
			}
			m.Float32s()[p*from.c+ch] = float32(x.Flat(at))
		}
	}
	if from.h != to.h || from.w != to.w {
		in.say("%s: a mean image of %d×%d is brought to the model's %d×%d", path, from.w, from.h, to.w, to.h)
		if m, err = images.ResizeFloat(m, to.h, to.w); err != nil {
			return nil, err
		}
	}
	out := make([]float64, m.Len())
	n = to.h * to.w
	for p := range n {
		for ch := range to.c {
			at := p*to.c + ch
			if to.planes {
				at = ch*n + p
			}
			out[at] = float64(m.Float32s()[p*to.c+ch])
		}
	}
	return out, nil
}
