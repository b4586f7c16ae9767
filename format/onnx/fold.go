package onnx

import (
	"github.com/nadir-ml/nadir/tensor"
)

// lists reports whether constants are lists of whole numbers, among which the number of samples
// may be, as those of shapes.
func lists(args []*value) bool {
	for _, v := range args {
		if v.k != nil && (dtypeOf(v.k.code).IsFloat() || dtypeOf(v.k.code) == tensor.Bool && len(v.k.shape) > 0 || len(v.k.shape) > 1) {
			return false
		}
	}
	return true
}

// each computes with the numbers of constants at each place.
func (c *converter) each(n *node, args []*value, code int64, f func(x []float64) float64) (*value, error) {
	if dtypeOf(code) == tensor.Invalid {
		return nil, refuse(n, "it computes with %s", typeName(code))
	}
	numbers, shapes := make([][]float64, len(args)), make([]tensor.Shape, len(args))
	var shape []int
	for i, v := range args {
		var ok bool
		var err error
		if numbers[i], shapes[i], ok, err = c.numbers(v); err != nil {
			return nil, err
		}
		if !ok || v.rows > 0 {
			return nil, refuse(n, "it computes with the number of samples, or with constants that are too large")
		}
		if shape, err = broadcast(n, shape, shapes[i]); err != nil {
			return nil, err
		}
	}
	total, err := tensor.Shape(shape).Elems()
	if err != nil || total > maxFold {
		return nil, refuse(n, "its result is too large")
	}
	if err := c.work(n, total); err != nil {
		return nil, err
	}
	held, err := tensor.TryNew(dtypeOf(code), shape...)
	if err != nil {
		return nil, err
	}
	x := make([]float64, len(args))
	for i := range total {
		for k := range args {
			x[k] = numbers[k][locate(i, shape, shapes[k])]
		}
		held.SetFlat(i, f(x))
	}
	return &value{k: &constant{name: n.out[0], code: code, shape: shape, read: func() (*tensor.Tensor, error) { return held.Clone(), nil }}}, nil
}

func init() {
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for name, f := range map[string]func(x []float64) bool{
		"Greater": func(x []float64) bool { return x[0] > x[1] }, "GreaterOrEqual": func(x []float64) bool { return x[0] >= x[1] }, "Less": func(x []float64) bool { return x[0] < x[1] },
		"LessOrEqual": func(x []float64) bool { return x[0] <= x[1] }, "Equal": func(x []float64) bool { return x[0] == x[1] }, "And": func(x []float64) bool { return x[0] != 0 && x[1] != 0 },
		"Or": func(x []float64) bool { return x[0] != 0 || x[1] != 0 }, "Xor": func(x []float64) bool { return (x[0] != 0) != (x[1] != 0) }, "Not": func(x []float64) bool { return x[0] == 0 },
	} {
		needs := 2
		if name == "Not" {
			needs = 1
		}
		folded[name] = func(c *converter, n *node, args []*value) (*value, error) {
			if err := need(n, args, needs); err != nil {
				return nil, err
			}
			if name == "Equal" && lists(args[:needs]) {
				return chosen(c, n, args)
			}
			return c.each(n, args[:needs], truth, func(x []float64) float64 { return is(f(x)) })
		}
	}
	folded["Where"] = func(c *converter, n *node, args []*value) (*value, error) {
		if err := need(n, args, 3); err != nil {
			return nil, err
		}
		if lists(args[:3]) {
			return chosen(c, n, args)
		}
		code := int64(7)
		if args[1].k != nil {
			code = args[1].k.code
		}
		return c.each(n, args[:3], code, func(x []float64) float64 {
			if x[0] != 0 {
				return x[1]
			}
			return x[2]
		})
	}
}
