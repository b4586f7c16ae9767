package onnx

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
)

func init() { ops["ConvTranspose"] = op{convTranspose, 2, floating} }

// convTranspose is a transposed convolution along sequences, over images or over volumes.
func convTranspose(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, err := c.image(n, args[0], 3, 5)
	if err != nil {
		return nil, err
	}
	w, err := c.weight(n, args[1])
	if err != nil {
		return nil, err
	}
	axes, groups := v.rank()-2, n.int("group", 1)
	if len(w.shape) != axes+2 || w.shape[0] != v.shape[1] || groups < 1 || w.shape[0]%groups != 0 || w.shape[1] < 1 {
		return nil, &format.Corrupt{Err: fmt.Errorf("%s: a kernel of shape %v and %d groups for values of shape %v", n.what(), w.shape, groups, v.shape)}
	}
	win, err := windowOf(n, v.shape[2:], []int(w.shape[2:]))
	if err != nil {
		return nil, err
	}
	more := slices.Clone(n.ints("output_padding"))
	if more == nil {
		more = make([]int, axes)
	}
	if len(more) != axes {
		return nil, refuse(n, "its output_padding %v is not one number for each of %d axes", more, axes)
	}
	// Padding that follows from the shape of the result.
	mode, wanted := n.text("auto_pad", "NOTSET"), n.ints("output_shape")
	if len(wanted) == axes+2 {
		wanted = wanted[2:]
	}
	if wanted != nil && len(wanted) != axes {
		return nil, refuse(n, "its output_shape %v is not one number for each of %d axes", wanted, axes)
	}
	for i, d := range v.shape[2:] {
		out := d * win.strides[i]
		if wanted != nil {
			out = wanted[i]
		} else if mode != "SAME_UPPER" && mode != "SAME_LOWER" {
			continue
		}
		all := (d-1)*win.strides[i] + more[i] + (win.size[i]-1)*win.dilations[i] + 1 - out
		if all < 0 {
			more[i], all = more[i]-all, 0
		}
		win.before[i], win.after[i] = all-all/2, all/2
		if mode == "SAME_UPPER" {
			win.before[i], win.after[i] = all/2, all-all/2
		}
	}
	filters := w.shape[1] * groups
	shape, order := []int{-1, filters}, []int{}
	pads := spec.Value{Kind: spec.List}
	for i, d := range v.shape[2:] {
		places := (d-1)*win.strides[i] + more[i] + (win.size[i]-1)*win.dilations[i] + 1 - win.before[i] - win.after[i]
		if places < 1 || more[i] < 0 || more[i] >= win.strides[i] {
			return nil, refuse(n, "output_padding %v and pads leave %d places of an axis", more, places)
		}
		shape, order = append(shape, places), append(order, i+2)
		pads.Items = append(pads.Items, format.List(win.before[i], win.after[i]))
	}
	fields := win.fields(format.Map("filters", filters, "kernel_size", win.size)).With("padding", pads).With("use_bias", spec.Flag(false))
	if slices.Max(more) > 0 {
		fields = fields.With("output_padding", format.List(more...))
	}
	if groups > 1 {
		fields = fields.With("groups", spec.Num(float64(groups)))
	}
	out := c.emit(n, fmt.Sprintf("conv%dd_transpose", axes), fields, v, format.Part{Leaf: "kernel", From: []string{w.name}, Move: format.Reorder(w.shape, append(order, 1, 0)...)})
	out.shape = shape
	if len(args) < 3 || args[2] == nil {
		return out, nil
	}
	b, err := c.weight(n, args[2])
	if err != nil {
		return nil, err
	}
	return c.addChannels(n, out, b)
}
