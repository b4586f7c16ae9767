package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// A constant is a tensor that depends on no input. It is read when it is asked for.
type constant struct {
	name  string
	code  int64
	shape tensor.Shape
	read  func() (*tensor.Tensor, error)
	// learned says that it is a tensor of the graph's, or is computed of one: what a network
	// learns is such, and numbers that its program has are not.
	learned bool
}

// known is a tensor of the file.
func known(t *tensorProto) *constant {
	return &constant{name: t.name, code: t.code, shape: t.shape, read: t.read}
}

// maxFold is how many elements a constant may have that is computed with at import.
const maxFold = 1 << 22

// maxFilled is how many elements all constants together may have that a file only
// describes, by a shape and a number: maxFilled in all, and filledOfFile for each byte of
// the file, as many bytes as deflate makes of one at most, and some more, as networks do whose
// weights were left out.
const (
	maxFilled    = 1 << 25
	fewFilled    = 1 << 21
	filledOfFile = 340
)

// fill counts such elements.
func (c *converter) fill(n *node, elems int) error {
	most := min(fewFilled+filledOfFile*c.m.size, maxFilled)
	if elems > most || c.filled+elems > most {
		return refuse(n, "constants that are a shape and a number have more than %d elements", most)
	}
	c.filled += elems
	return nil
}

// work counts elements of constants that are computed at import.
func (c *converter) work(n *node, elems int) error {
	if c.worked += elems; c.worked > fewFilled+2*c.there {
		return refuse(n, "constants of more than %d elements are computed, of %d that the file has", fewFilled+2*c.there, c.there)
	}
	return nil
}

func (k *constant) tensor() format.Tensor {
	return format.Tensor{Name: k.name, DType: dtypeOf(k.code), Type: typeName(k.code), Shape: k.shape, Read: k.read}
}

// weight makes a constant one of the file's tensors, which parameters are made of.
func (c *converter) weight(n *node, v *value) (*constant, error) {
	if v == nil {
		return nil, refuse(n, "an input is missing")
	}
	if v.isAct() {
		return nil, refuse(n, "its weights depend on an input of the model; want a constant")
	}
	if v.k == nil || !dtypeOf(v.k.code).IsFloat() {
		return nil, refuse(n, "its weights are no floats")
	}
	if c.held == nil {
		c.held = map[string]bool{}
		for _, t := range c.file.Tensors {
			c.held[t.Name] = true
		}
	}
	// Each use is a parameter of its own.
	elems, err := v.k.shape.Elems()
	if err != nil {
		return nil, err
	}
	if c.weighs == nil {
		c.weighs = map[weighed]bool{}
	}
	if u := (weighed{n, v.k.name}); !c.weighs[u] {
		c.weighs[u] = true
		c.taken += elems
	}
	if elems > maxSample*16 || c.taken > fewFilled+2*c.there+c.filled {
		return nil, refuse(n, "weights of %d elements and more are made of %d that the file has", c.taken, c.there)
	}
	if !c.held[v.k.name] {
		c.held[v.k.name] = true
		c.file.Tensors = append(c.file.Tensors, v.k.tensor())
	}
	return v.k, nil
}

// numbers reads a constant that is small.
func (c *converter) numbers(v *value) ([]float64, tensor.Shape, bool, error) {
	if v == nil || v.isAct() {
		return nil, nil, false, nil
	}
	if v.k == nil {
		out := make([]float64, len(v.vec))
		for i, n := range v.vec {
			if isBatches(n) {
				return nil, nil, false, nil
			}
			out[i] = float64(n)
		}
		if v.scalar {
			return out, tensor.Shape{}, true, nil
		}
		return out, tensor.Shape{len(out)}, true, nil
	}
	if n, err := v.k.shape.Elems(); err != nil || n > maxFold {
		return nil, nil, false, err
	}
	t, err := v.k.read()
	if err != nil {
		return nil, nil, false, err
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Flat(i)
	}
	return out, v.k.shape, true, nil
}

// integers reads whole numbers, of which the number of samples may be one.
func (c *converter) integers(n *node, v *value) ([]int, error) {
	if v == nil {
		return nil, refuse(n, "an input is missing")
	}
	if v.vec != nil {
		return v.vec, nil
	}
	if v.isAct() {
		return nil, refuse(n, "whole numbers depend on an input of the model; want constants")
	}
	if v.k.shape.Len() > 1024 {
		return nil, refuse(n, "%q of shape %v is no list of a few whole numbers", v.k.name, v.k.shape)
	}
	f, _, _, err := c.numbers(v)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(f))
	for i, x := range f {
		if x != math.Trunc(x) {
			return nil, refuse(n, "%q holds %g, want whole numbers", v.k.name, x)
		}
		// Ends of slices are written as the largest number there is.
		out[i] = int(min(max(x, -1<<53), 1<<53))
	}
	return out, nil
}

// number reads one number.
func (c *converter) number(n *node, v *value) (float64, error) {
	f, _, ok, err := c.numbers(v)
	if err != nil {
		return 0, err
	}
	if !ok || len(f) != 1 {
		return 0, refuse(n, "want one constant number as an input")
	}
	return f[0], nil
}

// A constant of so few elements is made at once, as long as they are not too many together;
// of others so many may be made one of the other.
const (
	fewElements = 1 << 12
	maxLazy     = 64
)

// derived is a constant that is made of another, at once if it is small, else when it is
// read: a chain of them is not gone through for each of its links.
func (c *converter) derived(n *node, k *constant, shape tensor.Shape, make format.Turn) (*value, error) {
	read := func() (*tensor.Tensor, error) {
		t, err := k.read()
		if err != nil || make == nil {
			return t, err
		}
		return make([]*tensor.Tensor{t})
	}
	return c.lazily(n, &constant{name: n.out[0], code: k.code, shape: shape, read: read}, k)
}

// lazily makes a constant of others at once if it is small.
func (c *converter) lazily(n *node, k *constant, of ...*constant) (*value, error) {
	deep := 0
	for _, from := range of {
		deep = max(deep, c.lazy[from]+1)
		k.learned = k.learned || from.learned
	}
	size := k.shape.Len()
	for _, from := range of {
		size = max(size, from.shape.Len())
	}
	if size <= fewElements && c.small+size < fewFilled {
		c.small += size
		t, err := k.read()
		if err != nil {
			return nil, err
		}
		k.read = func() (*tensor.Tensor, error) { return t.Clone(), nil }
		return &value{k: k}, nil
	}
	if deep > maxLazy {
		return nil, refuse(n, "more than %d operations on constants follow one another", maxLazy)
	}
	if c.lazy == nil {
		c.lazy = map[*constant]int{}
	}
	c.lazy[k] = deep
	return &value{k: k}, nil
}

// folded says what an operation makes of constants.
var folded map[string]func(c *converter, n *node, args []*value) (*value, error)

func init() {
	folded = map[string]func(c *converter, n *node, args []*value) (*value, error){
		"Constant": constantOf, "ConstantOfShape": constantOfShape, "Shape": shapeOf, "Size": sizeOf, "Identity": same, "Cast": castConstant,
		"Gather": gatherConstant, "Slice": sliceConstant, "Concat": concatConstant, "Unsqueeze": squeezeConstant, "Squeeze": squeezeConstant,
		"Reshape": reshapeConstant, "Transpose": transposeConstant, "Dropout": same, "Expand": expandConstant, "Flatten": flattenConstant,
		"Gemm": productConstant, "MatMul": productConstant,
		"Add": arith(func(a, b float64) float64 { return a + b }), "Sub": arith(func(a, b float64) float64 { return a - b }),
		"Mul": arith(func(a, b float64) float64 { return a * b }), "Div": arith(func(a, b float64) float64 { return a / b }),
	}
}

func need(n *node, args []*value, want int) error {
	if len(args) < want || slices.Contains(args[:want], nil) {
		return refuse(n, "it has too few inputs, want %d", want)
	}
	return nil
}

func same(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	return args[0], nil
}

func constantOf(c *converter, n *node, args []*value) (*value, error) {
	for key, a := range n.attrs {
		floats, ints := a.floats, a.ints
		switch key {
		case "value":
			if a.t == nil {
				return nil, refuse(n, "it has no value")
			}
			k := known(a.t)
			k.name = n.out[0]
			return &value{k: k}, nil
		case "value_float":
			floats = []float64{a.f}
		case "value_int":
			ints = []int{int(a.i)}
		case "value_floats", "value_ints":
		default:
			return nil, refuse(n, "a constant by its attribute %q is not read", key)
		}
		if key == "value_int" || key == "value_ints" {
			if ints == nil {
				ints = []int{}
			}
			return &value{vec: ints, scalar: key == "value_int"}, nil
		}
		shape := tensor.Shape{len(floats)}
		if key == "value_float" {
			shape = tensor.Shape{}
		}
		return &value{k: &constant{name: n.out[0], code: 1, shape: shape, read: func() (*tensor.Tensor, error) {
			t, err := tensor.TryNew(tensor.Float32, shape...)
			if err == nil {
				for i, v := range floats {
					t.SetFlat(i, v)
				}
			}
			return t, err
		}}}, nil
	}
	return nil, refuse(n, "it has no value")
}

func constantOfShape(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	shape, err := c.integers(n, args[0])
	if err != nil {
		return nil, err
	}
	code, fill := int64(1), 0.0
	if a := n.attrs["value"]; a != nil && a.t != nil {
		t, err := a.t.read()
		if err != nil {
			return nil, err
		}
		if t.Len() != 1 {
			return nil, refuse(n, "its value has %d elements, want one", t.Len())
		}
		code, fill = a.t.code, t.Flat(0)
	}
	total, rows := 1, 0
	shape = slices.Clone(shape)
	for i, d := range shape {
		if d == batch && rows == 0 {
			shape[i], rows = 1, i+1
			continue
		}
		if d < 0 || d > maxFilled {
			return nil, refuse(n, "shape %v is none of a constant, or is too large", shape)
		}
		if total *= d; total > maxFilled {
			break
		}
	}
	if err := c.fill(n, total); err != nil {
		return nil, err
	}
	s := tensor.Shape(shape)
	return withRows(&value{k: &constant{name: n.out[0], code: code, shape: s, read: func() (*tensor.Tensor, error) {
		t, err := tensor.TryNew(dtypeOf(code), s...)
		if err == nil && fill != 0 {
			for i := range t.Len() {
				t.SetFlat(i, fill)
			}
		}
		return t, err
	}}}, rows), nil
}

func shapeOf(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	v := args[0]
	var dims []int
	switch {
	case v.isAct():
		for _, d := range v.lengths()[c.first():] {
			if d == -1 {
				d = batch
			}
			dims = append(dims, d)
		}
	case v.k != nil:
		dims = slices.Clone([]int(v.k.shape))
		if v.rows > 0 {
			dims[v.rows-1] = batch
		}
	case !v.scalar:
		dims = []int{len(v.vec)}
	}
	start, end := n.int("start", 0), n.int("end", len(dims))
	if start < 0 {
		start += len(dims)
	}
	if end < 0 {
		end += len(dims)
	}
	start = min(max(start, 0), len(dims))
	end = min(max(end, start), len(dims))
	return &value{vec: append([]int{}, dims[start:end]...)}, nil
}

func sizeOf(c *converter, n *node, args []*value) (*value, error) {
	return nil, refuse(n, "the number of elements of a batch is not known before it runs")
}

func castConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	v, to := args[0], dtypeOf(int64(n.int("to", 0)))
	if to == tensor.Invalid {
		return nil, refuse(n, "it makes %s, which are not read", typeName(int64(n.int("to", 0))))
	}
	if v.vec != nil {
		if to == tensor.Int64 || to == tensor.Int32 {
			return v, nil
		}
		f, shape, ok, _ := c.numbers(v)
		if !ok || !to.IsFloat() {
			return nil, refuse(n, "whole numbers of a shape become %v", to)
		}
		return &value{k: &constant{name: n.out[0], code: int64(n.int("to", 0)), shape: shape, read: func() (*tensor.Tensor, error) {
			t, err := tensor.TryNew(to, shape...)
			if err == nil {
				for i, x := range f {
					t.SetFlat(i, x)
				}
			}
			return t, err
		}}}, nil
	}
	if to == tensor.Bool && v.rows == 0 {
		return c.each(n, args[:1], truth, func(x []float64) float64 {
			if x[0] != 0 {
				return 1
			}
			return 0
		})
	}
	from := dtypeOf(v.k.code)
	if from.IsFloat() != to.IsFloat() && !to.IsFloat() || !from.IsFloat() && from != to && to != tensor.Int64 && !to.IsFloat() {
		return nil, refuse(n, "%v become %v", from, to)
	}
	out, err := c.derived(n, v.k, v.k.shape, func(from []*tensor.Tensor) (*tensor.Tensor, error) { return from[0].Convert(to), nil })
	if err != nil {
		return nil, err
	}
	out.k.code = int64(n.int("to", 0))
	return withRows(out, v.rows), nil
}

func gatherConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 2); err != nil {
		return nil, err
	}
	if tensorial(args[0]) {
		return c.gatherTensor(n, args)
	}
	from, err := c.integers(n, args[0])
	if err != nil {
		return nil, err
	}
	if args[0].scalar || args[0].k != nil && len(args[0].k.shape) != 1 || n.int("axis", 0) > 0 {
		return nil, refuse(n, "only elements of a list of whole numbers are gathered")
	}
	at, err := c.integers(n, args[1])
	if err != nil {
		return nil, err
	}
	out := &value{vec: []int{}, scalar: args[1].scalar || args[1].k != nil && len(args[1].k.shape) == 0}
	for _, i := range at {
		if i < 0 {
			i += len(from)
		}
		if i < 0 || i >= len(from) {
			return nil, refuse(n, "element %d of %d is gathered", i, len(from))
		}
		out.vec = append(out.vec, from[i])
	}
	return out, nil
}

func sliceConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	if tensorial(args[0]) {
		return c.sliceTensor(n, args)
	}
	from, err := c.integers(n, args[0])
	if err != nil {
		return nil, err
	}
	bounds := [4][]int{n.ints("starts"), n.ints("ends"), n.ints("axes"), nil}
	for i := 1; i < len(args) && i < 5; i++ {
		if args[i] != nil {
			if bounds[i-1], err = c.integers(n, args[i]); err != nil {
				return nil, err
			}
		}
	}
	if len(bounds[0]) != 1 || len(bounds[1]) != 1 || len(bounds[3]) > 0 && bounds[3][0] != 1 || args[0].scalar {
		return nil, refuse(n, "only runs of a list of whole numbers are cut out")
	}
	clamp := func(i int) int {
		if i < 0 {
			i += len(from)
		}
		return min(max(i, 0), len(from))
	}
	lo, hi := clamp(bounds[0][0]), clamp(bounds[1][0])
	return &value{vec: append([]int{}, from[lo:max(lo, hi)]...)}, nil
}

// tensorial reports whether a constant is more than a list of whole numbers.
func tensorial(v *value) bool {
	return v.k != nil && (v.rows > 0 || dtypeOf(v.k.code).IsFloat() || len(v.k.shape) > 1)
}

// gatherTensor takes places of an axis of a constant, or one.
func (c *converter) gatherTensor(n *node, args []*value) (*value, error) {
	k, axis := args[0].k, n.int("axis", 0)
	if axis < 0 {
		axis += len(k.shape)
	}
	at, err := c.integers(n, args[1])
	if err != nil {
		return nil, err
	}
	if args[1].k != nil && len(args[1].k.shape) > 1 || axis < 0 || axis >= len(k.shape) || slices.Contains(at, batch) {
		return nil, refuse(n, "of a constant, places of one of its axes are gathered by a list")
	}
	at = slices.Clone(at)
	for i := range at {
		if at[i] < 0 {
			at[i] += k.shape[axis]
		}
	}
	v, err := c.picked(n, args[0], axis, at)
	if err != nil || !(args[1].scalar || args[1].k != nil && len(args[1].k.shape) == 0) {
		return v, err
	}
	rows := v.rows
	if rows > axis+1 {
		rows--
	}
	shape := slices.Delete(v.k.shape.Clone(), axis, axis+1)
	if v, err = c.derived(n, v.k, shape, format.Reshape(shape...)); err != nil {
		return nil, err
	}
	return withRows(v, rows), nil
}

// sliceTensor takes runs of places of a constant's axes.
func (c *converter) sliceTensor(n *node, args []*value) (*value, error) {
	bounds := [4][]int{n.ints("starts"), n.ints("ends"), n.ints("axes"), nil}
	for i := 1; i < len(args) && i < 5; i++ {
		if args[i] != nil {
			var err error
			if bounds[i-1], err = c.integers(n, args[i]); err != nil {
				return nil, err
			}
		}
	}
	starts, ends, axes, by := bounds[0], bounds[1], bounds[2], bounds[3]
	if axes == nil {
		axes = natural(len(starts))
	}
	if by == nil {
		by = slices.Repeat([]int{1}, len(starts))
	}
	v := args[0]
	if len(starts) != len(ends) || len(starts) != len(axes) || len(starts) != len(by) || len(axes) > maxAxes {
		return nil, refuse(n, "its starts %v, ends %v, axes %v and steps %v do not go together", said(starts), said(ends), axes, by)
	}
	for i, a := range axes {
		if a < 0 {
			a += len(v.k.shape)
		}
		if a < 0 || a >= len(v.k.shape) || by[i] == 0 || starts[i] == batch || ends[i] == batch {
			return nil, refuse(n, "of a constant of shape %v it takes places %v to %v of axes %v by %v", v.k.shape, said(starts), said(ends), axes, by)
		}
		size := v.k.shape[a]
		lo, hi, step := starts[i], ends[i], by[i]
		for _, p := range []*int{&lo, &hi} {
			if *p < 0 {
				*p += size
			}
		}
		if step > 0 {
			lo, hi = min(max(lo, 0), size), min(max(hi, 0), size)
		} else {
			lo, hi = min(max(lo, -1), size-1), min(max(hi, -1), size-1)
		}
		if lo == 0 && step == 1 && (hi == size || v.rows == a+1 && ends[i] >= 1<<31-1) {
			continue
		}
		var at []int
		for p := lo; size <= maxFold && (step > 0 && p < hi || step < 0 && p > hi); p += step {
			at = append(at, p)
		}
		if len(at) == 0 {
			return nil, refuse(n, "it takes places %d to %d of %d of a constant", lo, hi, size)
		}
		var err error
		if v, err = c.picked(n, v, a, at); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func concatConstant(c *converter, n *node, args []*value) (*value, error) {
	if len(args) > 0 && args[0] != nil && args[0].k != nil && (dtypeOf(args[0].k.code).IsFloat() || len(args[0].k.shape) > 1) {
		return c.joinedConstants(n, args)
	}
	out := &value{vec: []int{}}
	for _, v := range args {
		if v != nil && v.k != nil && dtypeOf(v.k.code).IsFloat() {
			return nil, refuse(n, "constants of several types are joined")
		}
		more, err := c.integers(n, v)
		if err != nil {
			return nil, err
		}
		if out.vec = append(out.vec, more...); len(out.vec) > 1<<16 {
			return nil, refuse(n, "too many whole numbers are joined")
		}
	}
	return out, nil
}

// joinedConstants puts constants side by side.
func (c *converter) joinedConstants(n *node, args []*value) (*value, error) {
	if err := need(n, args, len(args)); err != nil {
		return nil, err
	}
	first := args[0].k
	rank := len(first.shape)
	axis := n.int("axis", 0)
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank {
		return nil, refuse(n, "it joins along axis %d of %d", n.int("axis", 0), rank)
	}
	shape := first.shape.Clone()
	shape[axis] = 0
	for _, v := range args {
		if v.k == nil || v.k.code != first.code || len(v.k.shape) != rank || v.rows != args[0].rows || v.rows == axis+1 {
			return nil, refuse(n, "constants of several types or numbers of axes are joined")
		}
		for a, d := range v.k.shape {
			if a == axis {
				shape[a] += d
			} else if d != shape[a] {
				return nil, &format.Corrupt{Err: fmt.Errorf("%s: shapes %v and %v do not go together", n.what(), first.shape, v.k.shape)}
			}
		}
	}
	if _, err := shape.Elems(); err != nil {
		return nil, err
	}
	outer, width := 1, dtypeOf(first.code).Size()
	for _, d := range shape[:axis] {
		outer *= d
	}
	var of []*constant
	for _, v := range args {
		of = append(of, v.k)
	}
	joined, err := c.lazily(n, &constant{name: n.out[0], code: first.code, shape: shape, read: func() (*tensor.Tensor, error) {
		out, err := tensor.TryNew(dtypeOf(first.code), shape...)
		if err != nil {
			return nil, err
		}
		row, at := len(out.Bytes())/max(outer, 1), 0
		for _, v := range args {
			t, err := v.k.read()
			if err != nil {
				return nil, err
			}
			part := len(t.Bytes()) / max(outer, 1)
			for i := range outer {
				copy(out.Bytes()[i*row+at:i*row+at+part], t.Bytes()[i*part:(i+1)*part])
			}
			at += part
		}
		if at != row || row%width != 0 {
			return nil, fmt.Errorf("%s: its parts do not fill it", n.what())
		}
		return out, nil
	}}, of...)
	if err != nil {
		return nil, err
	}
	return withRows(joined, args[0].rows), nil
}

// axesOf are the axes of a Squeeze or Unsqueeze, which are an attribute or an input.
func (c *converter) axesOf(n *node, args []*value) ([]int, bool, error) {
	if a := n.attrs["axes"]; a != nil {
		return a.ints, true, nil
	}
	if len(args) < 2 || args[1] == nil {
		return nil, false, nil
	}
	axes, err := c.integers(n, args[1])
	return axes, true, err
}

// inserted is a shape with axes of length 1 put in.
func inserted(n *node, shape, axes []int) ([]int, error) {
	rank := len(shape) + len(axes)
	if rank > maxAxes {
		return nil, refuse(n, "it makes more than %d axes", maxAxes)
	}
	out := make([]int, rank)
	for _, a := range axes {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank || out[a] != 0 {
			return nil, refuse(n, "axes %v are none of %d", axes, rank)
		}
		out[a] = 1
	}
	next := 0
	taken := slices.Clone(out)
	for i := range out {
		if taken[i] == 0 {
			out[i] = shape[next]
			next++
		}
	}
	return out, nil
}

// removed lists the axes that a Squeeze leaves.
func removed(n *node, shape, axes []int, given bool) (kept []int, err error) {
	gone := make([]bool, len(shape))
	if !given {
		for i, d := range shape {
			gone[i] = d == 1
		}
	}
	for _, a := range axes {
		if a < 0 {
			a += len(shape)
		}
		if a < 0 || a >= len(shape) || shape[a] != 1 {
			return nil, refuse(n, "axes %v of %v are not all of length 1", axes, shape)
		}
		gone[a] = true
	}
	for i := range shape {
		if !gone[i] {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

func squeezeConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	axes, given, err := c.axesOf(n, args)
	if err != nil {
		return nil, err
	}
	v := args[0]
	shape := []int{}
	if v.k != nil {
		shape = v.k.shape
	} else if !v.scalar {
		shape = []int{len(v.vec)}
	}
	var out []int
	rows := 0
	if n.op == "Unsqueeze" {
		marked := slices.Clone(shape)
		if v.rows > 0 {
			marked[v.rows-1] = batch
		}
		out, err = inserted(n, marked, axes)
		if rows = slices.Index(out, batch) + 1; rows > 0 {
			out[rows-1] = 1
		}
	} else {
		var kept []int
		kept, err = removed(n, shape, axes, given)
		if rows = slices.Index(kept, v.rows-1) + 1; err == nil && v.rows > 0 && (rows == 0 || !given) {
			return nil, refuse(n, "it leaves out an axis that has as many rows as the batch has samples")
		}
		for _, a := range kept {
			out = append(out, shape[a])
		}
	}
	if err != nil {
		return nil, err
	}
	if v.k != nil {
		if v, err = c.derived(n, v.k, out, format.Reshape(out...)); err != nil {
			return nil, err
		}
		return withRows(v, rows), nil
	}
	if len(out) > 1 {
		return nil, refuse(n, "whole numbers of a shape get %d axes", len(out))
	}
	return &value{vec: v.vec, scalar: len(out) == 0}, nil
}

func reshapeConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	to := n.ints("shape")
	if len(args) > 1 {
		var err error
		if to, err = c.integers(n, args[1]); err != nil {
			return nil, err
		}
	}
	if vec := args[0].vec; vec != nil && len(to) == 1 && (to[0] == -1 || to[0] == len(vec)) {
		return &value{vec: vec}, nil
	}
	v, err := solid(n, args[0])
	if err != nil {
		return nil, err
	}
	k := v.k
	out, open, have, total := make(tensor.Shape, len(to)), -1, 1, k.shape.Len()
	for i, d := range to {
		switch {
		case d == -1 && open < 0:
			open = i
			continue
		case d == 0 && i < len(k.shape) && n.int("allowzero", 0) == 0:
			d = k.shape[i]
		case d < 1 || len(to) > maxAxes:
			return nil, refuse(n, "a constant cannot get shape %v", to)
		}
		out[i] = d
		if have *= d; have > total {
			return nil, refuse(n, "a constant of shape %v cannot get shape %v", k.shape, to)
		}
	}
	if open >= 0 {
		if have == 0 {
			return nil, refuse(n, "a constant of shape %v cannot get shape %v", k.shape, to)
		}
		out[open] = total / have
		have *= out[open]
	}
	if have != total {
		return nil, refuse(n, "a constant of shape %v cannot get shape %v", k.shape, to)
	}
	return c.derived(n, k, out, format.Reshape(out...))
}

// permOf reads the order of axes of a Transpose.
func permOf(n *node, rank int) ([]int, error) {
	perm := n.ints("perm")
	if perm == nil {
		for i := range rank {
			perm = append(perm, rank-1-i)
		}
	}
	if len(perm) != rank || !slices.Equal(slices.Sorted(slices.Values(perm)), natural(rank)) {
		return nil, refuse(n, "%v is no order of %d axes", perm, rank)
	}
	return perm, nil
}

func transposeConstant(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	k := args[0].k
	if k == nil {
		return args[0], nil
	}
	perm, err := permOf(n, len(k.shape))
	if err != nil {
		return nil, err
	}
	shape := make(tensor.Shape, len(perm))
	for i, a := range perm {
		shape[i] = k.shape[a]
	}
	out, err := c.derived(n, k, shape, format.Permute(perm...))
	if err != nil {
		return nil, err
	}
	return withRows(out, slices.Index(perm, args[0].rows-1)+1), nil
}

// arith computes with constants, element by element.
func arith(f func(a, b float64) float64) func(c *converter, n *node, args []*value) (*value, error) {
	return func(c *converter, n *node, args []*value) (*value, error) {
		if err := need(n, args, 2); err != nil {
			return nil, err
		}
		if v, err := c.counted(n, args[0], args[1]); v != nil || err != nil {
			return v, err
		}
		a, sa, ok, err := c.numbers(args[0])
		if err != nil {
			return nil, err
		}
		b, sb, ok2, err := c.numbers(args[1])
		if err != nil {
			return nil, err
		}
		if !ok || !ok2 {
			return nil, refuse(n, "it computes with the number of samples, or with constants that are too large")
		}
		code := func(v *value) int64 {
			if v.k == nil {
				return 7
			}
			return v.k.code
		}
		if code(args[0]) != code(args[1]) {
			return nil, refuse(n, "its inputs are %s and %s", typeName(code(args[0])), typeName(code(args[1])))
		}
		dt := dtypeOf(code(args[0]))
		if !dt.IsFloat() && dt != tensor.Int64 && dt != tensor.Int32 {
			return nil, refuse(n, "it computes with %v", dt)
		}
		shape, err := broadcast(n, sa, sb)
		if err != nil {
			return nil, err
		}
		total := tensor.Shape(shape).Len()
		if total > maxFold {
			return nil, refuse(n, "its result is too large")
		}
		if err := c.work(n, total); err != nil {
			return nil, err
		}
		out := make([]float64, total)
		for i := range out {
			x := f(a[locate(i, shape, sa)], b[locate(i, shape, sb)])
			if !dt.IsFloat() {
				if x = math.Trunc(x); math.IsNaN(x) || math.Abs(x) > 1<<53 {
					return nil, refuse(n, "it computes %g, which is no whole number", x)
				}
			}
			out[i] = x
		}
		if dt == tensor.Int64 && len(shape) < 2 {
			v := &value{vec: make([]int, len(out)), scalar: len(shape) == 0}
			for i, x := range out {
				v.vec[i] = int(x)
			}
			return v, nil
		}
		held, err := tensor.TryNew(dt, shape...)
		if err != nil {
			return nil, err
		}
		for i, x := range out {
			held.SetFlat(i, x)
		}
		rows, learned := 0, false
		for _, v := range args[:2] {
			learned = learned || v.k != nil && v.k.learned
			if v.rows > 0 {
				rows = v.rows + len(shape) - len(v.k.shape)
			}
		}
		return &value{k: &constant{name: n.out[0], code: code(args[0]), shape: shape, learned: learned, read: func() (*tensor.Tensor, error) { return held.Clone(), nil }}, rows: rows}, nil
	}
}

// broadcast is the shape that two shapes have together.
func broadcast(n *node, a, b []int) ([]int, error) {
	rank := max(len(a), len(b))
	out := make([]int, rank)
	for i := range out {
		x, y := 1, 1
		if j := i - rank + len(a); j >= 0 {
			x = a[j]
		}
		if j := i - rank + len(b); j >= 0 {
			y = b[j]
		}
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		default:
			return nil, &format.Corrupt{Err: fmt.Errorf("%s: shapes %v and %v do not go together", n.what(), a, b)}
		}
	}
	if _, err := tensor.Shape(out).Elems(); err != nil && !slices.Contains(out, -1) {
		return nil, err
	}
	return out, nil
}

// locate finds the element of a smaller shape that is element i of a larger one.
func locate(i int, large, small []int) int {
	at, step := 0, 1
	for a := len(large) - 1; a >= 0; a-- {
		k := i % large[a]
		i /= large[a]
		if j := a - len(large) + len(small); j >= 0 {
			if small[j] != 1 {
				at += k * step
			}
			step *= small[j]
		}
	}
	return at
}
