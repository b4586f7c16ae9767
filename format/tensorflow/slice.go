package tensorflow

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// several are operations with more than one result: they are called with the number of that
// which is asked for.
var several map[string]func(c *converter, n *node, out int) (string, error)

func init() {
	several = map[string]func(c *converter, n *node, out int) (string, error){"Split": split, "SplitV": split, "Unpack": unpack}
}

// part takes places lo to hi of an axis, 1 being the first behind the batch's.
func (c *converter) part(n *node, in string, shape tensor.Shape, axis, lo, hi int) (string, error) {
	switch {
	case axis < 1 || axis > len(shape):
		return "", unsupported(n, "it cuts samples apart, or an axis that is not there")
	case lo < 0 || hi > shape[axis-1] || lo >= hi:
		return "", unsupported(n, "places %d to %d are none of axis %d of samples of shape %v", lo, hi, axis, shape)
	case lo == 0 && hi == shape[axis-1]:
		return in, nil
	}
	return c.add(n, "slice", format.Map("axis", axis, "begin", lo, "end", hi), in), nil
}

// split is one of the parts of a value along an axis.
func split(c *converter, n *node, out int) (string, error) {
	at, of := ref{}, ref{}
	switch {
	case n.op == "Split" && len(n.in) == 2:
		at, of = n.in[0], n.in[1]
	case n.op == "SplitV" && len(n.in) == 3:
		at, of = n.in[2], n.in[0]
	default:
		return "", unsupported(n, "it has %d inputs", len(n.in))
	}
	in, shape, err := c.of(of)
	if err != nil {
		return "", err
	}
	axes, err := c.axesOf(n, at, len(shape)+1)
	if err != nil {
		return "", err
	}
	if len(axes) != 1 {
		return "", unsupported(n, "it splits along axes %v", axes)
	}
	length := shape[axes[0]-1]
	if n.op == "Split" {
		parts := n.int("num_split", 0)
		if parts < 1 || length%parts != 0 || out >= parts {
			return "", unsupported(n, "it splits %d places in %d parts", length, parts)
		}
		return c.part(n, in, shape, axes[0], out*length/parts, (out+1)*length/parts)
	}
	sizes, ok := c.whole(n.in[1])
	if !ok || out >= len(sizes) {
		return "", unsupported(n, "the sizes of its parts are computed")
	}
	sizes = slices.Clone(sizes)
	sum := 0
	for _, s := range sizes {
		sum += max(s, 0)
	}
	lo := 0
	for i := range sizes {
		if sizes[i] == -1 { // the rest
			sizes[i] = length - sum
		}
		if i < out {
			lo += sizes[i]
		}
	}
	return c.part(n, in, shape, axes[0], lo, lo+sizes[out])
}

// unpack is one of the places of an axis, without it.
func unpack(c *converter, n *node, out int) (string, error) {
	if err := operands(n, 1); err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	axis := n.int("axis", 0)
	if axis < 0 {
		axis += len(shape) + 1
	}
	if in, err = c.part(n, in, shape, axis, out, out+1); err != nil {
		return "", err
	}
	return c.shaped(n, in, slices.Delete(shape.Clone(), axis-1, axis))
}

// shaped gives samples another shape.
func (c *converter) shaped(n *node, in string, shape tensor.Shape) (string, error) {
	if len(shape) == 0 {
		return "", unsupported(n, "nothing of a sample is left but a number, without an axis")
	}
	return c.add(n, "reshape", format.Map("target_shape", []int(shape)), in), nil
}

// pack puts values side by side along a new axis.
func pack(c *converter, n *node) (string, error) {
	axis := n.int("axis", 0)
	var ins []string
	for _, r := range n.in {
		in, shape, err := c.of(r)
		if err != nil {
			return "", err
		}
		if axis < 0 {
			axis += len(shape) + 2
		}
		if axis < 1 || axis > len(shape)+1 {
			return "", unsupported(n, "it puts values side by side as samples")
		}
		if in, err = c.shaped(n, in, slices.Insert(shape.Clone(), axis-1, 1)); err != nil {
			return "", err
		}
		ins = append(ins, in)
	}
	switch len(ins) {
	case 0:
		return "", operands(n, 1)
	case 1:
		return ins[0], nil
	}
	return c.add(n, "concatenate", format.Map("axis", axis), ins...), nil
}

// expand adds an axis of length 1, and squeeze takes such away.
func expand(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	at, ok := c.number(n.in[1])
	axis := int(at)
	if axis < 0 {
		axis += len(shape) + 2
	}
	if !ok || axis < 1 || axis > len(shape)+1 {
		return "", unsupported(n, "its axis is computed, or stands before the samples")
	}
	return c.shaped(n, in, slices.Insert(shape.Clone(), axis-1, 1))
}

func squeeze(c *converter, n *node) (string, error) {
	if err := operands(n, 1); err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	axes := slices.Clone(n.ints("squeeze_dims"))
	for i := range axes {
		if axes[i] < 0 {
			axes[i] += len(shape) + 1
		}
		if axes[i] < 1 || axes[i] > len(shape) || shape[axes[i]-1] != 1 {
			return "", unsupported(n, "its axes %v of samples of shape %v do not all have length 1", n.ints("squeeze_dims"), shape)
		}
	}
	var out tensor.Shape
	for a, d := range shape {
		if d != 1 || len(axes) > 0 && !slices.Contains(axes, a+1) {
			out = append(out, d)
		}
	}
	if len(out) == len(shape) {
		return in, nil
	}
	return c.shaped(n, in, out)
}

// sliced is a part of a value, begin and size given for each axis.
func sliced(c *converter, n *node) (string, error) {
	if err := operands(n, 3); err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	begin, ok := c.whole(n.in[1])
	size, ok2 := c.vector(n.in[2])
	if !ok || !ok2 || len(begin) != len(shape)+1 || len(size) != len(begin) {
		return "", unsupported(n, "where it begins, or how much it takes, is computed")
	}
	if begin[0] != 0 || size[0] != nil && *size[0] != -1 {
		return "", unsupported(n, "it takes some of the samples")
	}
	for a, d := range shape {
		if size[a+1] == nil {
			return "", unsupported(n, "how much it takes depends on the number of samples")
		}
		hi := begin[a+1] + *size[a+1]
		if *size[a+1] == -1 {
			hi = d
		}
		if in, err = c.part(n, in, shape, a+1, begin[a+1], hi); err != nil {
			return "", err
		}
	}
	return in, nil
}

// cut is what indices of Python give of a value: x[:, 1:3, 0].
func cut(c *converter, n *node) (string, error) {
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	begin, ok := c.vector(n.in[1])
	end, ok1 := c.vector(n.in[2])
	stride, ok2 := c.whole(n.in[3])
	if !ok || !ok1 || !ok2 || len(begin) != len(stride) || len(end) != len(stride) {
		return "", unsupported(n, "where it begins or ends is computed")
	}
	bit := func(key string, i int) bool { return n.int(key, 0)>>i&1 == 1 }
	var out tensor.Shape // of a sample
	axis := 0            // of the value
	for i := range stride {
		switch {
		case bit("ellipsis_mask", i):
			behind := 0 // axes that the entries behind it are about
			for j := i + 1; j < len(stride); j++ {
				if !bit("new_axis_mask", j) {
					behind++
				}
			}
			for ; axis < len(shape)+1-behind; axis++ {
				if axis > 0 {
					out = append(out, shape[axis-1])
				}
			}
			continue
		case bit("new_axis_mask", i):
			if axis == 0 {
				return "", unsupported(n, "it puts an axis before the samples")
			}
			out = append(out, 1)
			continue
		case axis == 0:
			if stride[i] != 1 || bit("shrink_axis_mask", i) || !bit("begin_mask", i) && (begin[i] == nil || *begin[i] != 0) || !bit("end_mask", i) && end[i] != nil {
				return "", unsupported(n, "it takes some of the samples")
			}
			axis++
			continue
		case axis > len(shape):
			return "", unsupported(n, "it has more indices than its value has axes")
		}
		length, by := shape[axis-1], stride[i]
		first, last := 0, length // of the places, as slices of Python have them
		if by < 0 {
			first, last = -1, length-1
		}
		place := func(v *int, masked bool, def int) (int, bool) {
			switch {
			case masked:
				return def, true
			case v == nil:
				return 0, false
			case *v < 0:
				return max(*v+length, first), true
			}
			return min(*v, last), true
		}
		from, to := 0, length
		if by < 0 {
			from, to = length-1, -1
		}
		lo, ok := place(begin[i], bit("begin_mask", i) && !bit("shrink_axis_mask", i), from)
		hi, ok1 := place(end[i], bit("end_mask", i), to)
		if bit("shrink_axis_mask", i) {
			hi, ok1, by = lo+1, true, 1
		}
		if !ok || !ok1 {
			return "", unsupported(n, "where it begins or ends depends on the number of samples")
		}
		if by == 0 || by == math.MinInt {
			return "", unsupported(n, "it takes each %d. place", by)
		}
		around := by < 0
		if around { // down from lo to above hi
			lo, hi, by = hi+1, lo+1, -by
		}
		if in, err = c.part(n, in, shape, axis, lo, hi); err != nil {
			return "", err
		}
		if around && hi-lo > 1 {
			in = c.add(n, "reverse", format.Map("axis", axis), in)
		}
		if by = min(by, hi-lo); by > 1 {
			in = c.add(n, "slice", format.Map("axis", axis, "step", by), in)
			hi = lo + (hi-lo+by-1)/by
		}
		if !bit("shrink_axis_mask", i) {
			out = append(out, hi-lo)
		}
		axis++
	}
	for ; axis <= len(shape); axis++ {
		if axis > 0 {
			out = append(out, shape[axis-1])
		}
	}
	if n.int("shrink_axis_mask", 0) == 0 && n.int("new_axis_mask", 0) == 0 {
		return in, nil
	}
	return c.shaped(n, in, out)
}

// reverse turns the order along an axis around.
func reverse(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	in, shape, err := c.of(n.in[0])
	if err != nil {
		return "", err
	}
	axes, err := c.axesOf(n, n.in[1], len(shape)+1)
	if err != nil {
		return "", err
	}
	for _, a := range axes {
		in = c.add(n, "reverse", format.Map("axis", a), in)
	}
	return in, nil
}
