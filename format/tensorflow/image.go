package tensorflow

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// convTranspose is the gradient of a convolution as a layer: a transposed convolution.
func convTranspose(c *converter, n *node) (string, error) {
	if err := operands(n, 3); err != nil {
		return "", err
	}
	k, err := c.kernel(n)
	if err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[2])
	if err != nil {
		return "", err
	}
	size, ok := c.vector(n.in[0])
	if !ok || len(size) != 4 && len(size) != 2 || len(shape) != 3 || k.dilations[0] != 1 || k.dilations[1] != 1 {
		return "", unsupported(n, "the size of its result is computed, or it is dilated")
	}
	size = size[len(size)/2-1:] // without the batch's axis
	for i := range 2 {
		want := shape[i] * k.strides[i]
		if k.padding == "valid" {
			want += max(k.w.Shape[i]-k.strides[i], 0)
		}
		if size[i] == nil || *size[i] != want {
			return "", unsupported(n, "the size of its result is not known, or not %d along axis %d: other sizes, which the graph may ask for, are not read", want, i+1)
		}
	}
	fields := format.Map("filters", k.w.Shape[2], "kernel_size", k.w.Shape[:2], "strides", k.strides, "padding", k.padding, "use_bias", false)
	return c.emit(&format.Sketched{Kind: "conv2d_transpose", Fields: fields, Name: c.layerName(k.w.variable, n), In: []string{in}, Parts: []format.Part{{Leaf: "kernel", From: []string{k.w.Name}}}}), nil
}

// maxMatrix is how many numbers a matrix that makes new places of old ones may have.
const maxMatrix = 1 << 20

// resize makes images of another size: by up-sampling where factors are whole and places are
// counted so, else by a matrix along each axis.
func resize(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	size, ok := c.whole(n.in[1])
	if !ok || len(size) != 2 || len(shape) != 3 {
		return "", unsupported(n, "the size of its result is not known before it runs")
	}
	corners, half := n.flag("align_corners"), n.flag("half_pixel_centers")
	if corners && half {
		return "", unsupported(n, "it counts places with align_corners and with half_pixel_centers")
	}
	linear := n.op == "ResizeBilinear"
	factors, whole := make([]int, 2), true
	for i := range factors {
		if size[i] < 1 || size[i] > maxMatrix || shape[i] > maxMatrix || size[i]*shape[i] > maxMatrix {
			return "", unsupported(n, "it makes images of %d×%d of such of %d×%d, which is too large", size[0], size[1], shape[0], shape[1])
		}
		factors[i] = size[i] / shape[i]
		whole = whole && factors[i]*shape[i] == size[i]
	}
	switch {
	case size[0] == shape[0] && size[1] == shape[1]:
		return in, nil
	case whole && linear && half:
		return c.add(n, "up_sampling2d", format.Map("size", factors, "interpolation", "bilinear"), in), nil
	case whole && !linear && !corners:
		return c.add(n, "up_sampling2d", format.Map("size", factors), in), nil
	}
	for i, to := range size {
		from := shape[i]
		if from == to {
			continue
		}
		name := fmt.Sprintf("%s/axis%d", n.name, i+1)
		c.file.Tensors = append(c.file.Tensors, format.Tensor{Name: name, DType: tensor.Float32, Shape: tensor.Shape{from, to}, Read: func() (*tensor.Tensor, error) {
			t, err := tensor.TryNew(tensor.Float32, from, to)
			if err == nil {
				resampled(t, from, to, linear, corners, half)
			}
			return t, err
		}})
		order := []int{3, 2, 1} // the axis of the places last
		if i == 1 {
			order = []int{1, 3, 2}
		}
		in = c.add(n, "permute", format.Map("dims", order), in)
		in = c.emit(&format.Sketched{Kind: "dense", Fields: format.Map("units", to, "use_bias", false, "trainable", false), Name: c.scoped(n), In: []string{in}, Parts: []format.Part{{Leaf: "kernel", From: []string{name}}}})
		in = c.add(n, "permute", format.Map("dims", order), in)
	}
	return in, nil
}

// resampled fills a matrix (from, to): column o is what new place o has of the old ones.
func resampled(m *tensor.Tensor, from, to int, linear, corners, half bool) {
	scale := float32(from) / float32(to) // in float32, as TensorFlow counts
	if corners && to > 1 {
		scale = float32(from-1) / float32(to-1)
	}
	add := func(at, o int, w float64) {
		at = min(max(at, 0), from-1)
		m.SetFlat(at*to+o, m.Flat(at*to+o)+w)
	}
	for o := range to {
		x := float32(o) * scale
		switch {
		case half && linear:
			x = float32((float32(o)+0.5)*scale) - 0.5
		case half:
			x = (float32(o) + 0.5) * scale
		}
		low := math.Floor(float64(x))
		switch {
		case linear:
			share := float64(x) - low
			add(int(low), o, 1-share)
			if share > 0 {
				add(int(low)+1, o, share)
			}
		case corners:
			add(int(math.Round(float64(x))), o, 1)
		default:
			add(int(low), o, 1)
		}
	}
}
