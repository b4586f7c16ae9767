package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

// MatMulAttr says which operands are stored transposed.
type MatMulAttr struct{ TransA, TransB bool }

func init() {
	Register(Op{Name: "matmul", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) {
			a, b, t := in[0], in[1], attr.(MatMulAttr)
			if a.Kind != Float || b.Kind != Float || len(a.Shape) != 2 || len(b.Shape) != 2 {
				return Type{}, fmt.Errorf("wants two float matrices, got %v and %v", a, b)
			}
			m, k, k2, n := a.Shape[0], a.Shape[1], b.Shape[0], b.Shape[1]
			if t.TransA {
				m, k = k, m
			}
			if t.TransB {
				k2, n = n, k2
			}
			if k != k2 {
				return Type{}, fmt.Errorf("inner lengths differ: (%d, %d) by (%d, %d)", m, k, k2, n)
			}
			return Type{Float, tensor.Shape{m, n}}, nil
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			da, db := productVJP(y.Attr().(MatMulAttr), in[0], in[1], dy, Node.matmul)
			return []Node{da, db}
		}})
}

// productVJP gives the gradients of a and b from that of their product, which are products
// themselves.
func productVJP(t MatMulAttr, a, b, dy Node, product func(x, y Node, ta, tb bool) Node) (da, db Node) {
	if t.TransA {
		da = product(b, dy, t.TransB, true) // (n,k)ᵀ… : A is stored (k, m)
	} else {
		da = product(dy, b, false, !t.TransB)
	}
	if t.TransB {
		db = product(dy, a, true, t.TransA)
	} else {
		db = product(a, dy, !t.TransA, false)
	}
	return da, db
}

func (x Node) matmul(y Node, ta, tb bool) Node { return x.apply("matmul", MatMulAttr{ta, tb}, y) }

// MatMul is the matrix product of x (m, k) and y (k, n), shape (m, n).
func (x Node) MatMul(y Node) Node { return x.matmul(y, false, false) }

// MatMulT is the matrix product of x (m, k) and the transpose of y (n, k),
// shape (m, n).
func (x Node) MatMulT(y Node) Node { return x.matmul(y, false, true) }
