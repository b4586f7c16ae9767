package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	ops["Slice"], ops["Split"], ops["Tile"], ops["Expand"] = op{slice, 1, moving}, op{split, 1, moving}, op{tile, 2, floating}, op{expand, 2, floating}
	several["Split"] = true
}

// inside is the shape of a sample as the layer gives it.
func (v *value) inside() []int {
	var out []int
	for _, a := range v.perm[1:] {
		out = append(out, v.shape[a])
	}
	return out
}

// shaped gives samples another shape as the layer has them; what the graph says of them is
// left as it is.
func (c *converter) shaped(n *node, name string, v *value, to []int) *value {
	if slices.Equal(v.inside(), to) {
		return v
	}
	return c.emit(&node{name: v.layer + name}, "reshape", format.Map("target_shape", to), v)
}

// sampleAxis finds an axis of the graph among those of the layer's result. That of the
// batch is refused.
func (c *converter) sampleAxis(n *node, v *value, axis int) (a, j int, err error) {
	if a = axis; a < 0 {
		a += v.rank()
	}
	if j = slices.Index(v.perm, a); j < 1 {
		return 0, 0, refuse(n, "its axis %d is the batch's, or none of %d", axis, v.rank())
	}
	return a, j, nil
}

// cut takes places lo to before hi of an axis of the graph, place j of the layer's.
func (c *converter) cut(n *node, v *value, a, j, lo, hi int) *value {
	size := v.shape[a]
	if lo == 0 && hi == size {
		return v
	}
	out := c.emit(n, "slice", format.Map("axis", j, "begin", lo, "end", hi), v)
	out.shape = slices.Clone(v.shape)
	out.shape[a] = hi - lo
	return out
}

// turned goes over an axis the other way.
func (c *converter) turned(n *node, v *value, j int) (*value, error) {
	if l := c.sketch.Layer(v.layer); l != nil && l.Kind == "reverse" { // twice is not at all
		if axis, _ := l.Fields.Get("axis"); string(axis.JSON()) == string(spec.Num(float64(j)).JSON()) {
			out := *v
			out.layer = l.In[0]
			return &out, nil
		}
	}
	if err := c.spend(n, v.inside()[j-1]); err != nil {
		return nil, err
	}
	return c.emit(n, "reverse", format.Map("axis", j), v), nil
}

// slice takes runs of places of some axes.
func slice(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	var err error
	bounds := [4][]int{n.ints("starts"), n.ints("ends"), n.ints("axes"), nil}
	for i := 1; i < len(args) && i < 5; i++ {
		if args[i] != nil {
			if bounds[i-1], err = c.integers(n, args[i]); err != nil {
				return nil, err
			}
		}
	}
	starts, ends, axes, by := bounds[0], bounds[1], bounds[2], bounds[3]
	if axes == nil {
		axes = natural(len(starts))
	}
	axes = c.behindAll(axes)
	if by == nil {
		by = slices.Repeat([]int{1}, len(starts))
	}
	if len(starts) != len(ends) || len(starts) != len(axes) || len(starts) != len(by) {
		return nil, refuse(n, "its starts %v, ends %v, axes %v and steps %v do not go together", starts, ends, axes, by)
	}
	v = c.unflat(n, v)
	for i, axis := range axes {
		a := axis
		if a < 0 {
			a += v.rank()
		}
		lo, hi := starts[i], ends[i]
		if a >= 0 && a == v.perm[0] && lo == 0 && hi >= 1<<31-1 && by[i] == 1 { // the whole batch
			continue
		}
		a, j, err := c.sampleAxis(n, v, axis)
		if err != nil {
			return nil, err
		}
		size := v.shape[a]
		for _, p := range []*int{&lo, &hi} {
			if *p < 0 && *p != batch {
				*p += size
			}
			if *p == batch {
				return nil, refuse(n, "it cuts at the number of samples")
			}
		}
		around, step := by[i] < 0, max(by[i], -by[i])
		switch {
		case by[i] > 0:
			lo, hi = min(max(lo, 0), size), min(max(hi, 0), size)
		case by[i] < 0: // from lo down to above hi
			lo, hi = min(max(hi, -1), size-1)+1, min(max(lo, -1), size-1)+1
		default:
			return nil, refuse(n, "it takes each 0th place")
		}
		if lo >= hi {
			return nil, refuse(n, "it takes places %d to %d of %d, which are none", lo, hi, size)
		}
		v = c.cut(n, v, a, j, lo, hi)
		if around {
			if v, err = c.turned(n, v, j); err != nil {
				return nil, err
			}
		}
		if step > 1 && hi-lo > 1 {
			step = min(step, hi-lo)
			out := c.emit(n, "slice", format.Map("axis", j, "step", step), v)
			out.shape = slices.Clone(v.shape)
			out.shape[a] = (hi - lo + step - 1) / step
			v = out
		}
	}
	return v, nil
}

// split takes an axis apart, a layer for each part.
func split(c *converter, n *node, args []*value, out int) (*value, error) {
	v := args[0]
	v = c.unflat(n, v)
	a, j, err := c.sampleAxis(n, v, c.axis(n, "axis", 0))
	if err != nil {
		return nil, err
	}
	sizes := n.ints("split")
	if len(args) > 1 && args[1] != nil {
		if sizes, err = c.integers(n, args[1]); err != nil {
			return nil, err
		}
	}
	total := v.shape[a]
	if sizes == nil { // equal parts, the last of which may be smaller
		parts := n.int("num_outputs", len(n.out))
		if parts < 1 || parts > total {
			return nil, refuse(n, "%d places become %d parts", total, parts)
		}
		each := (total + parts - 1) / parts
		for left := total; left > 0; left -= each {
			sizes = append(sizes, min(each, left))
		}
	}
	lo := 0
	for i, s := range sizes {
		if s < 0 || s > total-lo {
			return nil, refuse(n, "%d places become parts of %v", total, sizes)
		}
		if i == out {
			if s == 0 {
				return nil, refuse(n, "its part %d is empty", i+1)
			}
			one := *n
			one.name = nameOf(n)
			if len(n.out) > out {
				one.name = n.out[out]
			}
			return c.cut(&one, v, a, j, lo, lo+s), nil
		}
		lo += s
	}
	return nil, refuse(n, "it has %d parts, of which part %d is used", len(sizes), out+1)
}

// maxTimes bounds how often values are put side by side.
const maxTimes = 256

// repeated puts a value side by side along an axis of the graph.
func (c *converter) repeated(n *node, v *value, a, j, times int) (*value, error) {
	if times == 1 {
		return v, nil
	}
	dims := v.inside()
	out := *v
	out.shape = slices.Clone(v.shape)
	out.shape[a] *= times
	if v.shape[a] == 1 {
		rows, behind := tensor.Shape(dims[:j-1]).Len(), tensor.Shape(dims[j:]).Len()
		x := c.shaped(n, ".vector", v, []int{rows * behind})
		x = c.emit(n, "repeat_vector", format.Map("n", times), x)
		dims[j-1] = times
		if rows > 1 {
			x = c.emit(&node{name: x.layer + ".parts"}, "reshape", format.Map("target_shape", []int{times, rows, behind}), x)
			x = c.emit(&node{name: x.layer + ".permute"}, "permute", format.Map("dims", []int{2, 1, 3}), x)
		}
		if rows > 1 || len(dims) != 2 {
			x = c.emit(&node{name: x.layer + ".shape"}, "reshape", format.Map("target_shape", dims), x)
		}
		out.layer = x.layer
		return &out, nil
	}
	if times > maxTimes {
		return nil, refuse(n, "it puts values side by side %d times, at most %d times are", times, maxTimes)
	}
	if err := c.spend(n, times); err != nil {
		return nil, err
	}
	x := c.emit(n, "concatenate", format.Map("axis", j), v)
	c.last().In = slices.Repeat([]string{v.layer}, times)
	out.layer = x.layer
	return &out, nil
}

// tile repeats values along axes.
func tile(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	times, err := c.integers(n, args[1])
	if err != nil {
		return nil, err
	}
	v = c.unflat(n, v)
	times = c.dims(times, 1)
	if len(times) != v.rank() {
		return nil, refuse(n, "it repeats %d axes of values of shape %v", len(times), v.shape)
	}
	return c.repeat(n, v, times)
}

func (c *converter) repeat(n *node, v *value, times []int) (*value, error) {
	var err error
	for a, k := range times {
		if k == 1 {
			continue
		}
		if k < 1 || k > 1<<20 {
			return nil, refuse(n, "it repeats axis %d %d times", a, k)
		}
		_, j, err := c.sampleAxis(n, v, a)
		if err != nil {
			return nil, err
		}
		if v, err = c.repeated(n, v, a, j, k); err != nil {
			return nil, err
		}
		if err := c.bounded(n, v); err != nil {
			return nil, err
		}
	}
	return v, err
}

// expand repeats along axes of length 1, to a shape.
func expand(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	to, err := c.integers(n, args[1])
	if err != nil {
		return nil, err
	}
	if v.shared != sole { // each sample has it here
		if len(to) != v.rank() || to[v.perm[0]] != batch {
			return nil, refuse(n, "it gives what is one for all samples of a batch the shape %v; one for each sample is", said(to))
		}
		each := *v
		each.shared, v = sole, &each
	}
	v = c.unflat(n, v)
	if len(to) > v.rank() {
		return nil, refuse(n, "it makes more axes of values of shape %v", v.shape)
	}
	times := slices.Repeat([]int{1}, v.rank())
	for i, d := range to {
		a := i + v.rank() - len(to)
		switch {
		case a == v.perm[0] && (d == batch || d == 1 || c.rows > 0 && d == c.rows), d == 1, d == v.shape[a]:
		case v.shape[a] == 1 && d > 1:
			times[a] = d
		default:
			return nil, refuse(n, "values of shape %v get shape %v", v.shape, said(to))
		}
	}
	return c.repeat(n, v, times)
}
