package onnx

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	ops["InstanceNormalization"], ops["GroupNormalization"] = op{groupNorm, 3, floating}, op{groupNorm, 3, floating}
	ops["MeanVarianceNormalization"] = op{meanVariance, 1, floating}
	ops["DepthToSpace"], ops["SpaceToDepth"] = op{depthToSpace, 1, moving}, op{spaceToDepth, 1, moving}
}

// groupNorm normalizes the channels of each sample one by one, or in groups.
func groupNorm(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := args[0]
	if v.rank() < 3 {
		return nil, refuse(n, "values of shape %v have no places", v.shape)
	}
	v, err := c.arrange(n, v, channelsLast(v.rank()))
	if err != nil {
		return nil, err
	}
	channels, groups := v.shape[1], v.shape[1]
	if n.op == "GroupNormalization" {
		groups = n.int("num_groups", 0)
	}
	if groups < 1 || channels%groups != 0 {
		return nil, refuse(n, "%d channels do not divide into %d groups", channels, groups)
	}
	fields := format.Map("epsilon", n.float("epsilon", 1e-5))
	var parts []format.Part
	for i, leaf := range []string{"gamma", "beta"} {
		w, err := c.weight(n, args[i+1])
		if err != nil {
			return nil, err
		}
		if !w.learned { // ones and zeros that a program has
			all, _, ok, err := c.numbers(args[i+1])
			if err != nil {
				return nil, err
			}
			if ok && !slices.ContainsFunc(all, func(x float64) bool { return x != float64(1-i) }) {
				fields = fields.With([]string{"scale", "center"}[i], spec.Flag(false))
				continue
			}
		}
		part := format.Part{Leaf: leaf, From: []string{w.name}}
		switch {
		case len(w.shape) == 1 && w.shape[0] == channels:
		case len(w.shape) == 1 && w.shape[0] == groups && c.m.opset < 21: // one for each group
			part.Make = func(from []*tensor.Tensor) (*tensor.Tensor, error) {
				t, err := tensor.TryNew(from[0].DType(), channels)
				if err == nil {
					for i := range channels {
						t.SetFlat(i, from[0].Flat(i/(channels/groups)))
					}
				}
				return t, err
			}
		default:
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: %s of shape %v for values of shape %v", n.what(), leaf, w.shape, v.shape)}
		}
		parts = append(parts, part)
	}
	if groups == channels {
		groups = -1
	}
	return c.emit(n, "group_normalization", fields.With("groups", spec.Num(float64(groups))), v, parts...), nil
}

// mean is that of a value over axes of the graph, which stay with length 1.
func (c *converter) mean(name string, v *value, axes []int) (*value, error) {
	of := &node{op: "ReduceMean", name: name, attrs: map[string]*attr{"axes": {ints: axes}, "keepdims": {i: 1}}}
	return reduce(c, of, []*value{v}, 0)
}

// centered is a value without its mean over axes, the mean, and that of the squares of what is left.
func (c *converter) centered(n *node, v *value, axes []int) (rest, mean, variance *value, err error) {
	name := nameOf(n)
	if mean, err = c.mean(name+".mean", v, axes); err != nil {
		return nil, nil, nil, err
	}
	if rest, err = c.joined(&node{name: name + ".centered"}, "subtract", []*value{v, mean}); err != nil {
		return nil, nil, nil, err
	}
	squares, err := c.raised(&node{name: name + ".squares"}, []*value{rest}, 2)
	if err == nil {
		variance, err = c.mean(name+".variance", squares, axes)
	}
	return rest, mean, variance, err
}

// meanVariance is (x − mean)/(deviation + 1e-9), over the batch and all places unless it says
// over which axes.
func meanVariance(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := c.unflat(n, args[0])
	axes := n.ints("axes")
	if axes == nil {
		axes = []int{0, 2, 3}
	}
	if len(axes) >= v.rank() {
		return nil, refuse(n, "it goes over axes %v of %v", axes, v.shape)
	}
	rest, _, variance, err := c.centered(n, v, axes)
	if err != nil {
		return nil, err
	}
	name := nameOf(n)
	deviation, err := c.raised(&node{name: name + ".deviation"}, []*value{variance}, 0.5)
	if err != nil {
		return nil, err
	}
	if deviation, err = c.scaled(&node{name: name + ".safe"}, []*value{deviation}, 1, 1e-9); err != nil {
		return nil, err
	}
	if deviation, err = c.raised(&node{name: name + ".reciprocal"}, []*value{deviation}, -1); err != nil {
		return nil, err
	}
	return c.joined(n, "multiply", []*value{rest, deviation})
}

// blocks is the side of the squares that channels become, or that become channels.
func (c *converter) blocks(n *node, v *value) (*value, int, error) {
	b := n.int("blocksize", 0)
	v, err := c.image(n, v, 4, 4)
	if err == nil && (b < 1 || b > 1<<12) {
		err = refuse(n, "its blocks have side %d", b)
	}
	return v, b, err
}

// rearranged gives the axes of samples, which have other lengths before, an order and then a shape.
func (c *converter) rearranged(n *node, v *value, from, order, to []int) *value {
	x := c.shaped(n, ".blocks", v, from)
	x = c.emit(&node{name: nameOf(n) + ".permute"}, "permute", format.Map("dims", order), x)
	return c.emit(n, "reshape", format.Map("target_shape", to), x)
}

// depthToSpace makes squares of places of channels.
func depthToSpace(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, b, err := c.blocks(n, args[0])
	if err != nil {
		return nil, err
	}
	h, w, depth := v.shape[2], v.shape[3], v.shape[1]
	if depth%(b*b) != 0 {
		return nil, refuse(n, "%d channels do not become squares of side %d", depth, b)
	}
	depth /= b * b
	var out *value
	to := []int{h * b, w * b, depth}
	switch mode := n.text("mode", "DCR"); mode {
	case "DCR": // (h, w, row, column, channel)
		out = c.rearranged(n, v, []int{h, w, b, b, depth}, []int{1, 3, 2, 4, 5}, to)
	case "CRD": // (h, w, channel, row, column)
		out = c.rearranged(n, v, []int{h, w, depth, b, b}, []int{1, 4, 2, 5, 3}, to)
	default:
		return nil, refuse(n, "its mode is %q; want DCR or CRD", mode)
	}
	out.shape = []int{-1, depth, h * b, w * b}
	return out, nil
}

// spaceToDepth makes channels of squares of places.
func spaceToDepth(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, b, err := c.blocks(n, args[0])
	if err != nil {
		return nil, err
	}
	h, w, depth := v.shape[2], v.shape[3], v.shape[1]
	if h%b != 0 || w%b != 0 {
		return nil, refuse(n, "%d×%d places are no squares of side %d", h, w, b)
	}
	out := c.rearranged(n, v, []int{h / b, b, w / b, b, depth}, []int{1, 3, 2, 4, 5}, []int{h / b, w / b, depth * b * b})
	out.shape = []int{-1, depth * b * b, h / b, w / b}
	return out, nil
}

// statistics are the further outputs of a layer normalization: the mean, and 1/√(variance + ε).
func (c *converter) statistics(n *node, v *value, axis, out int) (*value, error) {
	var axes []int
	for a := axis; a < v.rank(); a++ {
		axes = append(axes, a-v.rank())
	}
	one := &node{op: n.op, name: n.out[out]}
	_, mean, variance, err := c.centered(one, v, axes)
	if err != nil || out == 1 {
		return mean, err
	}
	if variance, err = c.scaled(&node{name: n.out[out] + ".safe"}, []*value{variance}, 1, n.float("epsilon", 1e-5)); err != nil {
		return nil, err
	}
	return c.raised(one, []*value{variance}, -0.5)
}

// reductions are sums of something else than the numbers themselves, and something of the sum.
func init() {
	of := func(before, after maker) op {
		return op{func(c *converter, n *node, args []*value, _ int) (*value, error) {
			v, err := before(c, &node{name: nameOf(n) + ".each"}, args[:1], 0)
			if err != nil {
				return nil, err
			}
			sum := *n
			sum.op, sum.name = "ReduceSum", nameOf(n)+".sum"
			if v, err = reduce(c, &sum, append([]*value{v}, args[1:]...), 0); err != nil {
				return nil, err
			}
			return after(c, n, []*value{v}, 0)
		}, 1, floating}
	}
	square := func(c *converter, n *node, args []*value, _ int) (*value, error) { return c.raised(n, args, 2) }
	root := func(c *converter, n *node, args []*value, _ int) (*value, error) { return c.raised(n, args, 0.5) }
	function := func(name string) maker {
		return func(c *converter, n *node, args []*value, _ int) (*value, error) {
			return c.emit(n, "elementwise", format.Map("function", name), args[0]), nil
		}
	}
	ops["ReduceL1"], ops["ReduceL2"], ops["ReduceSumSquare"], ops["ReduceLogSum"] = of(function("abs"), identity), of(square, root), of(square, identity), of(identity, function("log"))
	ops["ReduceLogSumExp"] = op{logSumExp, 1, floating}
	for _, name := range []string{"ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"} {
		wholly[name] = true
	}
}

// logSumExp takes the largest out before, as numbers may be too large for their powers.
func logSumExp(c *converter, n *node, args []*value, _ int) (*value, error) {
	part := func(op, name string, v *value, keep bool) (*value, error) {
		m := *n
		m.op, m.name = op, nameOf(n)+name
		if keep {
			m.attrs = map[string]*attr{"keepdims": {i: 1}}
			for _, key := range []string{"axes", "noop_with_empty_axes"} {
				if a := n.attrs[key]; a != nil {
					m.attrs[key] = a
				}
			}
		}
		return reduce(c, &m, append([]*value{v}, args[1:]...), 0)
	}
	v := c.unflat(n, args[0])
	most, err := part("ReduceMax", ".most", v, true)
	if err != nil {
		return nil, err
	}
	rest, err := c.joined(&node{name: nameOf(n) + ".rest"}, "subtract", []*value{v, most})
	if err != nil {
		return nil, err
	}
	sum, err := part("ReduceSum", ".sum", c.emit(&node{name: nameOf(n) + ".powers"}, activation, format.Map("activation", "exponential"), rest), false)
	if err != nil {
		return nil, err
	}
	if most, err = part("ReduceMax", ".largest", v, false); err != nil {
		return nil, err
	}
	log := c.emit(&node{name: nameOf(n) + ".log"}, "elementwise", format.Map("function", "log"), sum)
	return c.joined(n, "add", []*value{log, most})
}

// rangeOf are numbers at equal distances, as a constant.
func rangeOf(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 3); err != nil {
		return nil, err
	}
	var at [3]float64
	whole := true
	code := int64(7)
	for i := range at {
		var err error
		if at[i], err = c.number(n, args[i]); err != nil {
			return nil, err
		}
		if k := args[i].k; k != nil {
			code = k.code
			whole = whole && k.code == 7
		}
	}
	if at[2] == 0 || !((at[1]-at[0])/at[2] <= 1<<16) {
		return nil, refuse(n, "it counts from %g to %g by %g", at[0], at[1], at[2])
	}
	var all []float64
	for i := 0; at[2] > 0 && at[0]+float64(i)*at[2] < at[1] || at[2] < 0 && at[0]+float64(i)*at[2] > at[1]; i++ {
		all = append(all, at[0]+float64(i)*at[2])
	}
	if whole {
		v := &value{vec: []int{}}
		for _, x := range all {
			v.vec = append(v.vec, int(x))
		}
		return v, nil
	}
	shape := tensor.Shape{len(all)}
	return &value{k: &constant{name: n.out[0], code: code, shape: shape, read: func() (*tensor.Tensor, error) {
		t, err := tensor.TryNew(dtypeOf(code), shape...)
		if err == nil {
			for i, x := range all {
				t.SetFlat(i, x)
			}
		}
		return t, err
	}}}, nil
}

func init() { folded["Range"] = rangeOf }
