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

	graph.Register(graph.Op{Name: "square_sum", Arity: 1, // any floats → the sum of their squares
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			if in[0].Kind != graph.Float {
				return graph.Type{}, fmt.Errorf("wants floats, got %v", in[0])
			}
			return graph.Type{Kind: graph.Float}, nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node { return in[0].Square().Sum() }})
	graph.Register(graph.Op{Name: "cross_entropy_gradient", Arity: 2, // logits (…, C), labels (…) → (rows + rows·C)
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			x, l := in[0], in[1]
			if x.Kind != graph.Float || len(x.Shape) == 0 || x.Shape[len(x.Shape)-1] == 0 || l.Kind != graph.Int || !l.Shape.Equal(x.Shape[:len(x.Shape)-1]) {
				return graph.Type{}, fmt.Errorf("wants logits (…, classes) and an int label for each row, got %v and %v", x, l)
			}
			return graph.Type{Kind: graph.Float, Shape: tensor.Shape{l.Shape.Len() + x.Shape.Len()}}, nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node {
			x, label := in[0], in[1]
			return graph.Concat(0, x.CrossEntropy(label).Reshape(-1), x.Softmax().Sub(label.OneHot(x.Dim(-1))).Reshape(-1))
		}})
	graph.Register(graph.Op{Name: "max_pool_gradient", Arity: 3, // x (N, …, C), its max_pool y, dy → dx
		Type: func(in []graph.Type, attr any) (graph.Type, error) {
			if in[0].Kind != graph.Float || in[1].Kind != graph.Float || len(in[0].Shape) != len(in[1].Shape) || !in[1].Shape.Equal(in[2].Shape) {
				return graph.Type{}, fmt.Errorf("wants x, a pool of it and numbers like that, got %v", in)
			}
			if space := attr.(graph.PoolAttr).Space(); !in[0].Shape[1 : len(in[0].Shape)-1].Equal(space) {
				return graph.Type{}, fmt.Errorf("the input is %v; want spatial axes %v", in[0], space)
			}
			return in[0], nil
		},
		Lower: func(in []graph.Node, attr any) graph.Node {
			return graph.PoolGradient(in[0], in[2], attr.(graph.PoolAttr))
		}})
	graph.Register(graph.Op{Name: "conv_bias", Arity: 3, // x (N, …, C), w (…, C/groups, F), b (F) → (N, …, F)
		Type: func(in []graph.Type, attr any) (graph.Type, error) {
			if len(in[1].Shape) == 0 || in[2].Kind != graph.Float || !in[2].Shape.Equal(in[1].Shape[len(in[1].Shape)-1:]) {
				return graph.Type{}, fmt.Errorf("wants a number for each filter, got %v", in)
			}
			return graph.Lookup("conv").Type(in[:2], attr.(ConvBias).ConvAttr)
		},
		Lower: func(in []graph.Node, attr any) graph.Node {
			a := attr.(ConvBias)
			y := in[0].Builder().Apply("conv", a.ConvAttr, in[0], in[1]).Add(in[2])
			if a.Rectify {
				y = y.Relu()
			}
			return y
		}})
	joined("mul_add", 3, func(in []graph.Node) graph.Node { return in[0].Mul(in[1]).Add(in[2]) })
	joined("mul_sub", 3, func(in []graph.Node) graph.Node { return in[0].Mul(in[1]).Sub(in[2]) })
	joined("sub_mul", 3, func(in []graph.Node) graph.Node { return in[0].Sub(in[1]).Mul(in[2]) })
	joined("sub_product", 3, func(in []graph.Node) graph.Node { return in[0].Sub(in[1].Mul(in[2])) })
	withNumbers("weighted", 2, 2, func(in []graph.Node) graph.Node { return in[0].Mul(in[2]).Add(in[1].Mul(in[3])) })
	withNumbers("weighted_square", 2, 2, func(in []graph.Node) graph.Node { return in[0].Mul(in[2]).Add(in[1].Square().Mul(in[3])) })
	withNumbers("clamp", 1, 2, func(in []graph.Node) graph.Node { return in[0].Max(in[1]).Min(in[2]) })
	withNumbers("over_root", 3, 1, func(in []graph.Node) graph.Node { return in[0].Sub(in[1].Div(in[2].Sqrt().Add(in[3]))) })
	elu := func(x graph.Node) graph.Node {
		zero := x.Builder().Const(0)
		return x.Greater(zero).Select(x, x.Min(zero).Expm1())
	}
	joined("elu_of_one", 1, func(in []graph.Node) graph.Node { return elu(in[0]) })
	joined("add_elu", 2, func(in []graph.Node) graph.Node { return elu(in[0].Add(in[1])) })
	joined("elu_gradient", 2, func(in []graph.Node) graph.Node {
		y, dy := in[0], in[1]
		return y.Greater(y.Builder().Const(0)).Select(dy, dy.Mul(y.AddScalar(1)))
	})
	joined("gate", 2, func(in []graph.Node) graph.Node {
		y, zero := in[0], in[0].Builder().Const(0)
		return y.Greater(zero).Select(in[1], zero)
	})
}

// withNumbers registers an op of so many arrays of one shape and, behind them, single
// numbers.
func withNumbers(name string, arrays, numbers int, lower func(in []graph.Node) graph.Node) {
	graph.Register(graph.Op{Name: name, Arity: arrays + numbers, Elementwise: true,
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			for i, t := range in {
				if t.Kind != graph.Float || i < arrays && !t.Shape.Equal(in[0].Shape) || i >= arrays && len(t.Shape) > 0 {
					return graph.Type{}, fmt.Errorf("wants %d floats of one shape and %d numbers, got %v", arrays, numbers, in)
				}
			}
			return in[0], nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node { return lower(in) }})
}

// joined registers an op that is as large as the largest of its operands; the
// others are as large, or a row under each of its rows.
func joined(name string, arity int, lower func(in []graph.Node) graph.Node) {
	graph.Register(graph.Op{Name: name, Arity: arity, Elementwise: true,
		Type: func(in []graph.Type, _ any) (graph.Type, error) {
			whole := in[0]
			for _, t := range in {
				if len(t.Shape) > len(whole.Shape) {
					whole = t
				}
			}
			for _, t := range in {
				row := len(t.Shape) == 1 && len(whole.Shape) == 2 && t.Shape[0] == whole.Shape[1] && t.Shape[0] > 1
				if t.Kind != graph.Float || !row && !t.Shape.Equal(whole.Shape) {
					return graph.Type{}, fmt.Errorf("wants floats of one shape or rows of them, got %v", in)
				}
			}
			return whole, nil
		},
		Lower: func(in []graph.Node, _ any) graph.Node { return lower(in) }})
}
