package tensorflow

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// add adds a layer to the sketch that is called after a node, and gives its name.
func (c *converter) add(n *node, kind string, fields spec.Value, in ...string) string {
	fields.Kind = spec.Map
	return c.emit(&format.Sketched{Kind: kind, Fields: fields, Name: c.scoped(n), In: in})
}

// axesOf are axes that an input names, counted from the front, 0 being the batch's, of values
// of so many axes.
func (c *converter) axesOf(n *node, r ref, rank int) ([]int, error) {
	axes, ok := c.whole(r)
	if !ok {
		return nil, unsupported(n, "its axes are computed")
	}
	axes = slices.Clone(axes)
	for i := range axes {
		if axes[i] < 0 {
			axes[i] += rank
		}
		if axes[i] < 0 || axes[i] >= rank || slices.Contains(axes[:i], axes[i]) {
			return nil, unsupported(n, "it goes over axes %v of values of %d axes", axes, rank)
		}
		if axes[i] == 0 {
			return nil, unsupported(n, "it goes over the samples of a batch")
		}
	}
	slices.Sort(axes)
	return axes, nil
}

// reduce takes the mean, the sum, the largest or the smallest over axes of a sample: a global
// pooling.
func reduce(c *converter, n *node) (string, error) {
	if err := operands(n, 2); err != nil {
		return "", err
	}
	in, err := c.act(n.in[0])
	if err != nil {
		return "", err
	}
	keep := n.flag("keep_dims")
	shape, err := c.shapeOf(in)
	if axes, ok := c.whole(n.in[1]); err != nil && ok && n.op == "Mean" && len(axes) == 2 && axes[0]+axes[1] == 3 && axes[0]*axes[1] == 2 {
		return c.add(n, "global_average_pooling2d", keepdims(keep), in), nil // pictures of a size that is not known yet
	}
	if err != nil {
		return "", err
	}
	rank := len(shape) + 1
	axes, err := c.axesOf(n, n.in[1], rank)
	if err != nil {
		return "", err
	}
	if len(axes) == 0 {
		return in, nil
	}
	count := 1
	var stay, left []int
	for a := 1; a < rank; a++ {
		if slices.Contains(axes, a) {
			count *= shape[a-1]
		} else {
			stay, left = append(stay, a), append(left, shape[a-1])
		}
	}
	if len(stay) == 0 && !keep {
		return "", unsupported(n, "nothing of a sample is left but a number, without an axis")
	}
	kind := "global_average_pooling"
	if n.op == "Max" || n.op == "Min" {
		kind = "global_max_pooling"
	}
	if n.op == "Min" {
		in = c.add(n, "rescaling", format.Map("scale", -1, "offset", 0), in)
	}
	var out []int // of the result
	for a := 1; a < rank; a++ {
		switch {
		case !slices.Contains(axes, a):
			out = append(out, shape[a-1])
		case keep:
			out = append(out, 1)
		}
	}
	if len(stay) == 1 && stay[0] == rank-1 && rank <= 5 { // places, then channels
		in = c.add(n, fmt.Sprintf("%s%dd", kind, rank-2), keepdims(keep), in)
	} else {
		order := slices.Concat(axes, stay)
		if !slices.IsSorted(order) {
			in = c.add(n, "permute", format.Map("dims", order), in)
		}
		in = c.add(n, "reshape", format.Map("target_shape", []int{count, tensor.Shape(left).Len()}), in)
		in = c.add(n, kind+"1d", spec.Value{}, in)
		if !slices.Equal(out, []int{tensor.Shape(left).Len()}) {
			in = c.add(n, "reshape", format.Map("target_shape", out), in)
		}
	}
	switch {
	case n.op == "Min":
		in = c.add(n, "rescaling", format.Map("scale", -1, "offset", 0), in)
	case n.op == "Sum" && count != 1:
		in = c.add(n, "rescaling", format.Map("scale", count, "offset", 0), in)
	}
	return in, nil
}

// keepdims are the fields of a pooling that may keep its axes.
func keepdims(keep bool) spec.Value {
	if keep {
		return format.Map("keepdims", true)
	}
	return spec.Value{Kind: spec.Map}
}
