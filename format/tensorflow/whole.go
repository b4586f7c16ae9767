package tensorflow

import (
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// vector is a list of whole numbers that is constant, or computed of the shapes of values.
// What depends on the number of samples is nil.
func (c *converter) vector(r ref) ([]*int, bool) {
	if c.depth++; c.depth > maxDepth {
		c.depth--
		return nil, false
	}
	defer func() { c.depth-- }()
	_, n, err := c.source(r)
	if err != nil {
		return nil, false
	}
	switch n.op {
	case "Const":
		k, ok := n.constant()
		if !ok || k.shape.Len() > 64 {
			return nil, false
		}
		t, err := k.read()
		if err != nil {
			return nil, false
		}
		var out []*int
		for i := range t.Len() {
			v := int(t.Flat(i))
			out = append(out, &v)
		}
		return out, true
	case "Pack", "ConcatV2":
		in := n.in
		if n.op == "ConcatV2" {
			in = in[:max(len(in)-1, 0)] // the axis
		}
		var out []*int
		for _, r := range in {
			v, ok := c.vector(r)
			if n.op == "Pack" && (!ok || len(v) != 1) {
				v, ok = []*int{nil}, true
			}
			if !ok || len(out)+len(v) > 64 {
				return nil, false
			}
			out = append(out, v...)
		}
		return out, true
	case "Cast", "Squeeze", "ExpandDims", "Reshape":
		if len(n.in) == 0 || c.isAct(n.in[0]) {
			return nil, false
		}
		return c.vector(n.in[0])
	case "Shape":
		if len(n.in) != 1 || !c.isAct(n.in[0]) {
			return nil, false
		}
		name, err := c.act(n.in[0])
		if err != nil {
			return nil, false
		}
		shape, err := c.shapeOf(name)
		if err != nil {
			return nil, false
		}
		out := []*int{nil}
		for _, d := range shape {
			out = append(out, &d)
		}
		return out, true
	case "StridedSlice":
		return c.cutVector(n)
	case "Prod":
		if len(n.in) == 0 {
			return nil, false
		}
		v, ok := c.vector(n.in[0])
		product := 1
		for _, p := range v {
			if p == nil {
				return []*int{nil}, ok
			}
			product *= *p
		}
		return []*int{&product}, ok
	case "Mul", "Add", "AddV2", "Sub", "FloorDiv", "Maximum":
		if len(n.in) != 2 {
			return nil, false
		}
		a, ok := c.vector(n.in[0])
		b, ok2 := c.vector(n.in[1])
		if !ok || !ok2 || len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
			return nil, false
		}
		var out []*int
		for i := range max(len(a), len(b)) {
			x, y := a[i%len(a)], b[i%len(b)]
			if x == nil || y == nil || n.op == "FloorDiv" && *y <= 0 {
				out = append(out, nil)
				continue
			}
			v := *x * *y
			switch n.op {
			case "Add", "AddV2":
				v = *x + *y
			case "Sub":
				v = *x - *y
			case "FloorDiv":
				v = *x / *y
			case "Maximum":
				v = max(*x, *y)
			}
			out = append(out, &v)
		}
		return out, true
	}
	return nil, false
}

// cutVector is a part of a list of whole numbers.
func (c *converter) cutVector(n *node) ([]*int, bool) {
	if len(n.in) != 4 {
		return nil, false
	}
	v, ok := c.vector(n.in[0])
	begin, ok1 := c.whole(n.in[1])
	end, ok2 := c.whole(n.in[2])
	stride, ok3 := c.whole(n.in[3])
	if !ok || !ok1 || !ok2 || !ok3 || len(begin) != 1 || len(end) != 1 || len(stride) != 1 || stride[0] != 1 ||
		n.int("ellipsis_mask", 0) != 0 || n.int("new_axis_mask", 0) != 0 {
		return nil, false
	}
	lo, hi := begin[0], end[0]
	if n.int("begin_mask", 0) != 0 {
		lo = 0
	}
	if n.int("end_mask", 0) != 0 {
		hi = len(v)
	}
	if lo < 0 {
		lo += len(v)
	}
	if hi < 0 {
		hi += len(v)
	}
	if n.int("shrink_axis_mask", 0) != 0 {
		hi = lo + 1
	}
	lo, hi = max(lo, 0), min(hi, len(v))
	if lo >= hi {
		return nil, false
	}
	return slices.Clone(v[lo:hi]), true
}

// mostShapes is how many shapes of a graph's values are found out.
const mostShapes = 1024

// shapeOf is the shape of the value of that name, one sample's.
func (c *converter) shapeOf(name string) (tensor.Shape, error) {
	if s, ok := c.shapes[name]; ok {
		return s, nil
	}
	for _, f := range c.sketch.Inputs {
		if c.optional[f.Name] {
			return nil, &format.Choice{Key: "input", Msg: "input " + f.Name + " has no fixed shape, on which what is computed of it depends: say it with input=, such as input=28x28"}
		}
	}
	if c.asked++; c.asked > mostShapes {
		return nil, &unsupportedNode{"the graph", "more of its operations than is sensible depend on the shapes of what they are given"}
	}
	if c.shapes == nil {
		c.shapes = map[string]tensor.Shape{}
	}
	return c.sketch.Shape(name, c.shapes)
}

// of converts a value, and finds its shape.
func (c *converter) of(r ref) (name string, shape tensor.Shape, err error) {
	if name, err = c.act(r); err != nil {
		return "", nil, err
	}
	shape, err = c.shapeOf(name)
	return name, shape, err
}

// lossy reports whether a Cast makes whole numbers of others.
func lossy(n *node) bool {
	from, ok := n.attr("SrcT", 6)
	to, ok2 := n.attr("DstT", 6)
	floats := []uint64{1, 2, 14, 19}
	return ok && ok2 && slices.Contains(floats, from.Int) && !slices.Contains(floats, to.Int)
}
