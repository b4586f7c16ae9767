package graph

import "fmt"

func init() {
	lastAxis := func(in []Type, _ any) (Type, error) {
		if s := in[0].Shape; in[0].Kind != Float || len(s) == 0 || s[len(s)-1] == 0 {
			return Type{}, fmt.Errorf("wants floats with a last axis, got %v", in[0])
		}
		return in[0], nil
	}
	shifted := func(x Node) Node { // x − max: exponentials never overflow
		return x.Sub(x.reduce("reduce_max", true, []int{-1}).StopGradient())
	}
	Register(Op{Name: "softmax", Arity: 1, Type: lastAxis,
		Lower: func(in []Node, _ any) Node {
			e := shifted(in[0]).Exp()
			return e.Div(e.SumKeep(-1))
		},
		VJP: func(y Node, _ []Node, dy Node) []Node {
			return []Node{y.Mul(dy.Sub(dy.Mul(y).SumKeep(-1)))}
		}})
	Register(Op{Name: "log_softmax", Arity: 1, Type: lastAxis,
		Lower: func(in []Node, _ any) Node {
			s := shifted(in[0])
			return s.Sub(s.Exp().SumKeep(-1).Log())
		},
		VJP: func(y Node, _ []Node, dy Node) []Node {
			return []Node{dy.Sub(y.Exp().Mul(dy.SumKeep(-1)))}
		}})
	Register(Op{Name: "cross_entropy", Arity: 2,
		Type: func(in []Type, _ any) (Type, error) {
			x, l := in[0], in[1]
			if x.Kind != Float || len(x.Shape) == 0 || x.Shape[len(x.Shape)-1] == 0 || l.Kind != Int || !l.Shape.Equal(x.Shape[:len(x.Shape)-1]) {
				return Type{}, fmt.Errorf("wants logits (…, classes) and an int label for each row, got %v and %v", x, l)
			}
			return Type{Float, l.Shape}, nil
		},
		Lower: func(in []Node, _ any) Node {
			x := in[0]
			hit := in[1].OneHot(x.Dim(-1))
			// A logit of -Inf at another class leaves no trace; where no class
			// is hit, the last division is 0/0.
			return hit.Select(x.LogSoftmax(), x.b.Const(0)).Sum(-1).Neg().Div(hit.Sum(-1))
		},
		VJP: func(_ Node, in []Node, dy Node) []Node {
			x := in[0]
			d := x.Softmax().Sub(in[1].OneHot(x.Dim(-1)))
			return []Node{d.Mul(dy.Reshape(append(dy.Shape().Clone(), 1)...)), {}}
		}})
}

// Softmax is eˣ over its sum along the last axis.
func (x Node) Softmax() Node { return x.apply("softmax", nil) }

// LogSoftmax is the logarithm of Softmax, without its underflow.
func (x Node) LogSoftmax() Node { return x.apply("log_softmax", nil) }

// CrossEntropy is −log softmax(x)[label] for logits x (…, classes) and int
// labels (…), NaN where a label is none of the classes.
func (x Node) CrossEntropy(labels Node) Node { return x.apply("cross_entropy", nil, labels) }
