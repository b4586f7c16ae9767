package tflite

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func concatenation(c *converter, op operator) (string, error) {
	var in []string
	for i := range op.in {
		name, err := c.value(op, i)
		if err != nil {
			return "", err
		}
		in = append(in, name)
	}
	axis, rank := op.options.int(0, 0), len(c.shape(op, 0))
	if axis < 0 {
		axis += rank
	}
	if axis < 1 || axis >= rank {
		return "", unsupported(op, "its axis is %d of %d", axis, rank)
	}
	return c.behind(op, 1, c.sketch.Add("concatenate", "concatenate", format.Map("axis", axis), in).Name)
}

func pad(c *converter, op operator) (string, error) {
	sides, err := c.whole(op, 1)
	if err != nil {
		return "", err
	}
	rank := len(c.shape(op, 0))
	if rank < 2 || len(sides) != 2*rank || sides[0] != 0 || sides[1] != 0 || slices.Min(sides) < 0 {
		return "", unsupported(op, "it pads values of %d axes by %v", rank, sides)
	}
	if len(op.in) > 2 {
		t, err := c.constant(op, 2, -1)
		if err != nil {
			return "", err
		}
		if x, err := t.Read(); err != nil || x.Len() != 1 || x.Flat(0) != 0 {
			return "", unsupported(op, "it pads with another number than 0")
		}
	}
	list := spec.Value{Kind: spec.List}
	for a := 1; a < rank; a++ {
		list.Items = append(list.Items, format.List(sides[2*a], sides[2*a+1]))
	}
	return c.add("pad", op, format.Map("padding", list))
}

func transpose(c *converter, op operator) (string, error) {
	order, err := c.whole(op, 1)
	if err != nil {
		return "", err
	}
	if len(order) < 2 || order[0] != 0 {
		return "", unsupported(op, "it puts axes into the order %v, and the batch does not stay where it is", order)
	}
	return c.add("permute", op, format.Map("dims", order[1:]))
}

// reduce is a mean or a largest number over the places of images or sequences.
func reduce(c *converter, op operator) (string, error) {
	axes, err := c.whole(op, 1)
	if err != nil {
		return "", err
	}
	rank := len(c.shape(op, 0))
	for i := range axes {
		if axes[i] < 0 {
			axes[i] += rank
		}
	}
	slices.Sort(axes)
	var places []int
	for a := 1; a < rank-1; a++ {
		places = append(places, a)
	}
	if len(places) < 1 || len(places) > 3 || !slices.Equal(axes, places) {
		return "", unsupported(op, "it goes over axes %v of %d; only all places of images or sequences are read", axes, rank)
	}
	kind := "global_average_pooling"
	if op.code == 82 {
		kind = "global_max_pooling"
	}
	fields := spec.Value{}
	if op.options.byte(0) != 0 {
		fields = format.Map("keepdims", true)
	}
	return c.add(fmt.Sprintf("%s%dd", kind, len(places)), op, fields)
}

// resize makes images larger by whole factors.
func resize(c *converter, op operator) (string, error) {
	in, to := c.shape(op, 0), c.g.vars[op.out[0]].shape
	if size, err := c.whole(op, 1); err == nil && len(size) == 2 && len(in) == 4 {
		to = tensor.Shape{in[0], size[0], size[1], in[3]}
	}
	if len(in) != 4 || len(to) != 4 || slices.Min(in[1:]) < 1 || to[1]%in[1] != 0 || to[2]%in[2] != 0 || to[1] < in[1] || to[2] < in[2] {
		return "", unsupported(op, "it makes images of %v of those of %v; only whole factors are read", to, in)
	}
	fields, corners, half := format.Map("size", []int{to[1] / in[1], to[2] / in[2]}), 0, 1
	if op.code == 23 {
		fields, corners, half = fields.With("interpolation", spec.Str("bilinear")), 2, 3
	}
	if op.options.byte(corners) != 0 || op.code == 23 && op.options.byte(half) == 0 && !slices.Equal(in, to) {
		return "", unsupported(op, "it takes corners or edges of pixels for their places; only their middles are read (half_pixel_centers)")
	}
	return c.add("up_sampling2d", op, fields)
}

func deconv(c *converter, op operator) (string, error) {
	w, err := c.constant(op, 1, 4)
	if err != nil {
		return "", err
	}
	in, err := c.value(op, 2)
	if err != nil {
		return "", err
	}
	from, to, o := c.shape(op, 2), c.g.vars[op.out[0]].shape, op.options
	if size, err := c.whole(op, 0); err == nil && len(size) == 4 {
		to = size
	}
	strides := []int{o.int(2, 1), o.int(1, 1)}
	fields := format.Map("filters", w.Shape[0], "kernel_size", []int(w.Shape[1:3]), "strides", strides, "padding", padding(op))
	for i, s := range strides {
		if len(from) != 4 || len(to) != 4 || s < 1 {
			return "", unsupported(op, "it makes %v of %v", to, from)
		}
		n := from[1+i] * s
		if padding(op) == "valid" {
			n = (from[1+i]-1)*s + w.Shape[1+i]
		}
		if n != to[1+i] {
			return "", unsupported(op, "it makes images of %v of those of %v, where its window gives %d", to, from, n)
		}
	}
	parts := []format.Part{{Leaf: "kernel", From: []string{w.Name}, Move: format.Reorder(w.Shape, 1, 2, 0, 3)}}
	if len(op.in) > 3 && op.in[3] >= 0 {
		b, err := c.constant(op, 3, 1)
		if err != nil {
			return "", err
		}
		parts = append(parts, format.Part{Leaf: "bias", From: []string{b.Name}})
	} else {
		fields = fields.With("use_bias", spec.Flag(false))
	}
	if fields, err = fused(op, 3, fields); err != nil {
		return "", err
	}
	return c.sketch.Add("conv2d_transpose", "conv2d_transpose", fields, []string{in}, parts...).Name, nil
}

// taken slices a value along one axis after the other.
func (c *converter) taken(op operator, in string, shape tensor.Shape, begin, end []int) (string, error) {
	if len(begin) != len(shape) || len(end) != len(shape) || len(shape) < 2 {
		return "", unsupported(op, "it takes %v to %v of %v", begin, end, shape)
	}
	for a, n := range shape {
		if begin[a] < 0 || end[a] > n || begin[a] >= end[a] || a == 0 && (begin[a] != 0 || end[a] != n) {
			return "", unsupported(op, "it takes %v to %v of %v", begin, end, shape)
		}
		if begin[a] != 0 || end[a] != n {
			in = c.sketch.Add("slice", "slice", format.Map("axis", a, "begin", begin[a], "end", end[a]), []string{in}).Name
		}
	}
	return in, nil
}

func slice(c *converter, op operator) (string, error) {
	in, err := c.value(op, 0)
	if err != nil {
		return "", err
	}
	begin, err := c.whole(op, 1)
	if err != nil {
		return "", err
	}
	size, err := c.whole(op, 2)
	if err != nil {
		return "", err
	}
	shape := c.shape(op, 0)
	end := make([]int, len(begin))
	for a := range begin {
		if a >= len(size) || a >= len(shape) {
			return "", unsupported(op, "it takes %v from %v of %v", size, begin, shape)
		}
		if end[a] = begin[a] + size[a]; size[a] == -1 {
			end[a] = shape[a]
		}
	}
	return c.taken(op, in, shape, begin, end)
}

func strided(c *converter, op operator) (string, error) {
	in, err := c.value(op, 0)
	if err != nil {
		return "", err
	}
	var of [3][]int // begin, end, strides
	for i := range of {
		if of[i], err = c.whole(op, 1+i); err != nil {
			return "", err
		}
	}
	shape, o := c.shape(op, 0), op.options
	if len(of[0]) > len(shape) || len(of[1]) != len(of[0]) || len(of[2]) != len(of[0]) || o.int(2, 0) != 0 || o.int(3, 0) != 0 {
		return "", unsupported(op, "it has an ellipsis or new axes, or takes %v to %v of %v", of[0], of[1], shape)
	}
	begin, end := make([]int, len(shape)), slices.Clone(shape)
	for a := range of[0] {
		if of[2][a] != 1 {
			return "", unsupported(op, "its strides are %v; only 1 is read", of[2])
		}
		within := func(v int) int {
			if v < 0 {
				v += shape[a]
			}
			return min(max(v, 0), shape[a])
		}
		if o.int(0, 0)>>a&1 == 0 {
			begin[a] = within(of[0][a])
		}
		if o.int(1, 0)>>a&1 == 0 {
			end[a] = within(of[1][a])
		}
		if o.int(4, 0)>>a&1 != 0 { // one place, whose axis goes
			end[a] = begin[a] + 1
		}
	}
	name, err := c.taken(op, in, shape, begin, end)
	if err != nil || o.int(4, 0) == 0 {
		return name, err
	}
	to := tensor.Shape{}
	for a := 1; a < len(shape); a++ {
		if o.int(4, 0)>>a&1 == 0 {
			to = append(to, end[a]-begin[a])
		}
	}
	if o.int(4, 0)&1 != 0 {
		return "", unsupported(op, "it takes one sample of a batch")
	}
	return c.sketch.Add("reshape", "reshape", format.Map("target_shape", []int(to)), []string{name}).Name, nil
}

// split gives each part of a value along an axis.
func (c *converter) split(op operator) error {
	axis, value := 0, 1
	if op.code == 102 {
		axis, value = 2, 0
	}
	in, err := c.value(op, value)
	if err != nil {
		return err
	}
	at, err := c.whole(op, axis)
	if err != nil {
		return err
	}
	shape := c.shape(op, value)
	if len(at) != 1 || len(op.out) == 0 {
		return unsupported(op, "its axis is %v", at)
	}
	a := at[0]
	if a < 0 {
		a += len(shape)
	}
	if a < 1 || a >= len(shape) {
		return unsupported(op, "its axis is %d of %v", at[0], shape)
	}
	sizes := make([]int, len(op.out))
	for i := range sizes {
		sizes[i] = shape[a] / len(sizes)
	}
	if op.code == 102 {
		if sizes, err = c.whole(op, 1); err != nil {
			return err
		}
	}
	if len(sizes) != len(op.out) {
		return unsupported(op, "it gives %d parts of sizes %v", len(op.out), sizes)
	}
	first := 0
	for i, n := range sizes {
		if n == -1 && i == len(sizes)-1 {
			n = shape[a] - first
		}
		begin, end := make([]int, len(shape)), slices.Clone(shape)
		begin[a], end[a] = first, first+n
		name, err := c.taken(op, in, shape, begin, end)
		if err != nil {
			return err
		}
		if op.out[i] < 0 {
			return unsupported(op, "a part has no name")
		}
		c.values[op.out[i]], first = name, first+n
	}
	if first != shape[a] {
		return unsupported(op, "its parts %v are not all of %v", sizes, shape)
	}
	return nil
}
