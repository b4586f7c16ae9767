package tensorflow

import (
	"github.com/nadir-ml/nadir/format"
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

// resize makes images larger by whole factors.
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
	factors := make([]int, 2)
	for i := range factors {
		if factors[i] = size[i] / shape[i]; factors[i] < 1 || size[i] != factors[i]*shape[i] {
			return "", unsupported(n, "it makes images of %d×%d of such of %d×%d; only whole factors are read", size[0], size[1], shape[0], shape[1])
		}
	}
	if factors[0] == 1 && factors[1] == 1 {
		return in, nil
	}
	fields := format.Map("size", factors)
	switch {
	case n.flag("align_corners"):
		return "", unsupported(n, "it counts places with align_corners; only half_pixel_centers are read")
	case n.op == "ResizeBilinear" && !n.flag("half_pixel_centers"):
		return "", unsupported(n, "it counts places from the corners of images, as TensorFlow 1 does; only half_pixel_centers are read")
	case n.op == "ResizeBilinear":
		fields = fields.With("interpolation", format.Map("", "bilinear").Entries[0].Value)
	}
	return c.add(n, "up_sampling2d", fields, in), nil
}
