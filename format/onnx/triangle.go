package onnx

import (
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	ops["CumSum"], ops["Trilu"] = op{cumSum, 2, floating}, op{trilu, 1, anything}
	folded["Trilu"] = triangleOf
	wholly["CumSum"], wholly["Trilu"] = true, true
}

// cumSum adds up the numbers along an axis, from one end to each place: a triangle of ones.
func cumSum(c *converter, n *node, args []*value, _ int) (*value, error) {
	v := c.unflat(n, args[0])
	axis, err := c.number(n, args[1])
	if err != nil {
		return nil, err
	}
	a, _, err := c.sampleAxis(n, v, c.behind(int(axis)))
	if err != nil {
		return nil, err
	}
	size := v.shape[a]
	if err := matrixFits(n, size, size); err != nil {
		return nil, err
	}
	m := make([]float64, size*size)
	without, back := n.int("exclusive", 0) != 0, n.int("reverse", 0) != 0
	for from := range size {
		for to := range size {
			if from == to && !without || from < to && !back || from > to && back {
				m[from*size+to] = 1
			}
		}
	}
	return c.along(n, v, a, size, m)
}

// side reports whether a place of a matrix is on the side that a Trilu keeps, k places off the
// diagonal.
func side(n *node, k, row, column int) bool {
	if n.int("upper", 1) != 0 {
		return column-row >= k
	}
	return column-row <= k
}

// off is how far from the diagonal a Trilu cuts.
func (c *converter) off(n *node, args []*value) (int, error) {
	if len(args) < 2 || args[1] == nil {
		return 0, nil
	}
	k, err := c.number(n, args[1])
	return int(k), err
}

// trilu keeps one side of matrices; on the other is 0.
func trilu(c *converter, n *node, args []*value, _ int) (*value, error) {
	k, err := c.off(n, args)
	if err != nil {
		return nil, err
	}
	v := args[0]
	rank := v.rank()
	if rank < 3 || v.perm[0] >= rank-2 {
		return nil, refuse(n, "values of shape %v are no matrices of samples", v.shape)
	}
	shape := tensor.Shape{v.shape[rank-2], v.shape[rank-1]}
	if err := matrixFits(n, shape[0], shape[1]); err != nil {
		return nil, err
	}
	if err := c.fill(n, shape.Len()); err != nil {
		return nil, err
	}
	mask := &value{k: &constant{name: nameOf(n) + ".side", code: 1, shape: shape, read: func() (*tensor.Tensor, error) {
		t, err := tensor.TryNew(tensor.Float32, shape...)
		if err == nil {
			for i := range t.Len() {
				if side(n, k, i/shape[1], i%shape[1]) {
					t.SetFlat(i, 1)
				}
			}
		}
		return t, err
	}}}
	return c.elementary(n, "select", []*value{mask, v, {vec: []int{0}, scalar: true}}, v.code)
}

// triangleOf is trilu of a constant.
func triangleOf(c *converter, n *node, args []*value) (*value, error) {
	if err := need(n, args, 1); err != nil {
		return nil, err
	}
	k, err := c.off(n, args)
	if err != nil {
		return nil, err
	}
	of := args[0].k
	if of == nil || len(of.shape) < 2 || args[0].rows > 0 {
		return nil, refuse(n, "what it takes is no constant matrix")
	}
	rows, columns := of.shape[len(of.shape)-2], of.shape[len(of.shape)-1]
	return c.derived(n, of, of.shape, func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0].Clone()
		for i := range t.Len() {
			if !side(n, k, i/columns%rows, i%columns) {
				t.SetFlat(i, 0)
			}
		}
		return t, nil
	})
}
