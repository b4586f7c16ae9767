package graph

import (
	"fmt"
	"math"
)

func init() {
	type rule struct {
		name  string
		vjp   func(x, y, dy Node) Node
		lower func(x Node) Node
	}
	for _, r := range []rule{
		{"neg", func(_, _, dy Node) Node { return dy.Neg() }, nil},
		{"abs", func(x, _, dy Node) Node { return dy.Mul(x.Sign()) }, nil},
		{"sign", nil, nil},
		{"floor", nil, nil},
		{"exp", func(_, y, dy Node) Node { return dy.Mul(y) }, nil},
		{"expm1", func(_, y, dy Node) Node { return dy.Mul(y.AddScalar(1)) }, nil},
		{"log", func(x, _, dy Node) Node { return dy.Div(x) }, nil},
		{"log1p", func(x, _, dy Node) Node { return dy.Div(x.AddScalar(1)) }, nil},
		{"sqrt", func(_, y, dy Node) Node { return dy.Scale(0.5).Div(y) }, nil},
		{"sin", func(x, _, dy Node) Node { return dy.Mul(x.Cos()) }, nil},
		{"cos", func(x, _, dy Node) Node { return dy.Mul(x.Sin()).Neg() }, nil},
		{"erf", func(x, _, dy Node) Node { return dy.Mul(x.Square().Neg().Exp()).Scale(2 / math.Sqrt(math.Pi)) }, nil},
		{"tanh", func(_, y, dy Node) Node { return dy.Mul(y.Square().Neg().AddScalar(1)) }, nil},
		{"square", func(x, _, dy Node) Node { return dy.Mul(x).Scale(2) },
			func(x Node) Node { return x.Mul(x) }},
		{"rsqrt", func(_, y, dy Node) Node { return dy.Mul(y.Mul(y.Square())).Scale(-0.5) },
			func(x Node) Node { return x.b.Const(1).Div(x.Sqrt()) }},
		{"relu", func(_, y, dy Node) Node { return y.Greater(y.b.Const(0)).Select(dy, y.b.Const(0)) },
			func(x Node) Node { return x.Max(x.b.Const(0)) }},
		{"sigmoid", func(_, y, dy Node) Node { return dy.Mul(y.Mul(y.Neg().AddScalar(1))) },
			// ½(1 + tanh(x/2)) neither overflows nor divides.
			func(x Node) Node { return x.Scale(0.5).Tanh().AddScalar(1).Scale(0.5) }},
		{"softplus", func(x, _, dy Node) Node { return dy.Mul(x.Sigmoid()) },
			func(x Node) Node { return x.Max(x.b.Const(0)).Add(x.Abs().Neg().Exp().Log1p()) }},
	} {
		op := Op{Name: r.name, Arity: 1, Elementwise: true}
		if r.vjp != nil {
			op.VJP = func(y Node, in []Node, dy Node) []Node { return []Node{r.vjp(in[0], y, dy)} }
		}
		if r.lower != nil {
			op.Lower = func(in []Node, _ any) Node { return r.lower(in[0]) }
		}
		Register(op)
	}
	Register(Op{Name: "stop_gradient", Arity: 1, Elementwise: true,
		Lower: func(in []Node, _ any) Node { return in[0] }})
	Register(Op{Name: "to_float", Arity: 1,
		Type: func(in []Type, _ any) (Type, error) {
			if in[0].Kind == Float {
				return Type{}, fmt.Errorf("%v is a float already", in[0])
			}
			return Type{Float, in[0].Shape}, nil
		}})
	Register(Op{Name: "to_int", Arity: 1,
		Type: func(in []Type, _ any) (Type, error) {
			if in[0].Kind == Int {
				return Type{}, fmt.Errorf("%v is an int already", in[0])
			}
			return Type{Int, in[0].Shape}, nil
		}})
}

// Neg is −x.
func (x Node) Neg() Node { return x.apply("neg", nil) }

// Abs is |x|; its gradient at 0 is 0.
func (x Node) Abs() Node { return x.apply("abs", nil) }

// Sign is −1, 0 or 1. No gradient flows through.
func (x Node) Sign() Node { return x.apply("sign", nil) }

// Floor is the greatest whole number not above x. No gradient flows through.
func (x Node) Floor() Node { return x.apply("floor", nil) }

// Exp is eˣ.
func (x Node) Exp() Node { return x.apply("exp", nil) }

// Expm1 is eˣ − 1, exact near 0.
func (x Node) Expm1() Node { return x.apply("expm1", nil) }

// Log is the natural logarithm.
func (x Node) Log() Node { return x.apply("log", nil) }

// Log1p is ln(1 + x), exact near 0.
func (x Node) Log1p() Node { return x.apply("log1p", nil) }

// Sqrt is √x.
func (x Node) Sqrt() Node { return x.apply("sqrt", nil) }

// Rsqrt is 1/√x.
func (x Node) Rsqrt() Node { return x.apply("rsqrt", nil) }

// Square is x².
func (x Node) Square() Node { return x.apply("square", nil) }

// Sin is the sine of x in radians.
func (x Node) Sin() Node { return x.apply("sin", nil) }

// Cos is the cosine of x in radians.
func (x Node) Cos() Node { return x.apply("cos", nil) }

// Erf is the error function.
func (x Node) Erf() Node { return x.apply("erf", nil) }

// Tanh is the hyperbolic tangent.
func (x Node) Tanh() Node { return x.apply("tanh", nil) }

// Sigmoid is 1/(1 + e⁻ˣ).
func (x Node) Sigmoid() Node { return x.apply("sigmoid", nil) }

// Softplus is ln(1 + eˣ), without overflow.
func (x Node) Softplus() Node { return x.apply("softplus", nil) }

// Relu is max(x, 0); its gradient at 0 is 0.
func (x Node) Relu() Node { return x.apply("relu", nil) }

// StopGradient is x, as if it were a constant to whatever came before.
func (x Node) StopGradient() Node { return x.apply("stop_gradient", nil) }

// ToFloat reads bytes and ints as floats; a float stays what it is.
func (x Node) ToFloat() Node {
	if x.Type().Kind == Float {
		return x
	}
	return x.apply("to_float", nil)
}

// ToInt reads floats and bytes as ints: what is behind the point is cut off, and
// what an int32 does not hold, or is no number, is −1. No gradient flows through.
func (x Node) ToInt() Node {
	if x.Valid() && x.Type().Kind == Int {
		return x
	}
	return x.apply("to_int", nil)
}
