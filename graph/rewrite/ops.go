package rewrite

import (
	"errors"
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// The ops that rules put in the place of others. Each has its definition in simpler
// ones; none has a gradient, since rules see a graph that holds its gradients.
func init() {
	matrix := func(t graph.Type) bool { return t.Kind == graph.Float && len(t.Shape) == 2 }
	graph.Register(graph.Op{Name: "column_dot", Arity: 2, // (N, C), (N, C) → (C)
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			if !matrix(in[0]) || !matrix(in[1]) || !in[0].Shape.Equal(in[1].Shape) {
				return graph.Type{}, fmt.Errorf("wants two float matrices of one shape, got %v and %v", in[0], in[1])
			}
			return graph.Type{Kind: graph.Float, Shape: in[0].Shape[1:]}, nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node { return in[0].Mul(in[1]).Sum(0) }})
	graph.Register(graph.Op{Name: "column_spread", Arity: 2, // (N, C), (C) → (C)
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			if !matrix(in[0]) || in[1].Kind != graph.Float || !in[1].Shape.Equal(in[0].Shape[1:]) {
				return graph.Type{}, fmt.Errorf("wants a float matrix and a row of it, got %v and %v", in[0], in[1])
			}
			return in[1], nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node { return in[0].Sub(in[1]).Square().Sum(0) }})
	graph.Register(graph.Op{Name: "affine_gradients", Arity: 5, // G (C, K), W (C, K), db (K), γ (C), β (C) → (C·K + 3·C)
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			if !matrix(in[0]) || !in[0].Shape.Equal(in[1].Shape) || !in[2].Shape.Equal(in[0].Shape[1:]) ||
				!in[3].Shape.Equal(in[0].Shape[:1]) || !in[4].Shape.Equal(in[0].Shape[:1]) {
				return graph.Type{}, errors.New("wants two matrices (C, K), a row (K) and two columns (C)")
			}
			c, k := in[0].Shape[0], in[0].Shape[1]
			return graph.Type{Kind: graph.Float, Shape: tensor.Shape{c*k + 3*c}}, nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node {
			g, w, db, gamma, beta := in[0], in[1], in[2], in[3], in[4]
			dw := g.Mul(gamma.Reshape(-1, 1)).Add(db.Mul(beta.Reshape(-1, 1)))
			return graph.Concat(0, dw.Reshape(-1), w.Mul(g).Sum(1), w.Mul(db).Sum(1), dw.Square().Sum(1))
		}})
}
