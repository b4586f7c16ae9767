package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("matmul", MatMul{}, spec.Doc("the matrix product of two inputs, sample by sample"))
}

// MatMul is the matrix product of its two inputs, sample by sample: x (N, …, m, k) and
// y (N, …, k, n) give (N, …, m, n). Axes between the batch's and the matrices' broadcast;
// where a sample has fewer, it stands for all. Of queries (N, heads, steps, units) and
// keys (N, heads, units, steps) it makes the scores of attention.
type MatMul struct {
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply fails: one input is no product.
func (l MatMul) Apply(s *Scope, x graph.Node) graph.Node { return l.Join(s, []graph.Node{x}) }

// Join multiplies.
func (MatMul) Join(s *Scope, xs []graph.Node) graph.Node {
	if len(xs) != 2 {
		return s.B.Fail("takes two inputs, got %d", len(xs))
	}
	x, y := xs[0].ToFloat(), xs[1].ToFloat()
	if !x.Valid() || !y.Valid() {
		return graph.Node{}
	}
	if x.Rank() < 3 || y.Rank() < 3 || x.Dim(-1) != y.Dim(-2) {
		return s.B.Misfit("wants samples that are matrices, (N, …, m, k) and (N, …, k, n), got %v and %v", x.Type(), y.Type())
	}
	return even(x, y.Rank()).BatchMatMul(even(y, x.Rank()))
}

// even gives samples with fewer axes than a rank axes of length 1 behind the batch's.
func even(x graph.Node, rank int) graph.Node {
	if !x.Valid() || x.Rank() < 1 || x.Rank() >= rank {
		return x
	}
	shape := make(tensor.Shape, rank)
	for a := range shape {
		shape[a] = 1
	}
	shape[0] = x.Dim(0)
	copy(shape[rank-x.Rank()+1:], x.Shape()[1:])
	return x.Reshape(shape...)
}
