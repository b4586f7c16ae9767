package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Register(Op{Name: "batch_matmul", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) {
			a, b, t := in[0], in[1], attr.(MatMulAttr)
			n := len(a.Shape)
			if a.Kind != Float || b.Kind != Float || n < 3 || n >= tensor.MaxRank || len(b.Shape) != n || !a.Shape[:n-2].Equal(b.Shape[:n-2]) {
				return Type{}, fmt.Errorf("wants two float stacks of matrices, as many in each, got %v and %v", a, b)
			}
			product, err := table["matmul"].Type([]Type{{Float, a.Shape[n-2:]}, {Float, b.Shape[n-2:]}}, t)
			if err != nil {
				return Type{}, err
			}
			return Type{Float, append(a.Shape[:n-2].Clone(), product.Shape...)}, nil
		},
		Lower: func(in []Node, attr any) Node {
			a, b, t := in[0], in[1], attr.(MatMulAttr)
			if t.TransA {
				a = a.transposed()
			}
			if t.TransB {
				b = b.transposed()
			}
			n := a.Rank()
			a = a.Reshape(append(a.Shape().Clone(), 1)...)                                   // (…, m, k, 1)
			b = b.Reshape(append(append(b.Shape()[:n-2].Clone(), 1), b.Shape()[n-2:]...)...) // (…, 1, k, n)
			return a.Mul(b).reduce("sum", false, []int{-2})                                  // (…, m, n)
		},
		VJP: func(y Node, in []Node, dy Node) []Node {
			da, db := productVJP(y.Attr().(MatMulAttr), in[0], in[1], dy, Node.batchMatMul)
			return []Node{da, db}
		}})
}

// transposed exchanges the last two axes.
func (x Node) transposed() Node {
	axes := make([]int, x.Rank())
	for i := range axes {
		axes[i] = i
	}
	n := len(axes)
	axes[n-2], axes[n-1] = n-1, n-2
	return x.Transpose(axes...)
}

func (x Node) batchMatMul(y Node, ta, tb bool) Node {
	return x.apply("batch_matmul", MatMulAttr{ta, tb}, y)
}

// BatchMatMul multiplies each matrix of the stack x (…, m, k) with the one of the stack
// y (…, k, n) in its place: (…, m, n). The axes before the matrices' broadcast.
func (x Node) BatchMatMul(y Node) Node {
	if !x.Valid() || !y.Valid() {
		return Node{}
	}
	r := max(x.Rank(), y.Rank())
	if min(x.Rank(), y.Rank()) < 2 {
		return x.b.Fail("batch_matmul: wants stacks of matrices, got %v and %v", x.Type(), y.Type())
	}
	if r == 2 {
		return x.MatMul(y)
	}
	stack, ok := Broadcast(x.Shape()[:x.Rank()-2], y.Shape()[:y.Rank()-2])
	if !ok {
		return x.b.Fail("batch_matmul: stacks %v and %v do not broadcast", x.Type(), y.Type())
	}
	over := func(z Node) Node { return z.BroadcastTo(append(stack.Clone(), z.Shape()[z.Rank()-2:]...)...) }
	return over(x).batchMatMul(over(y), false, false)
}
