package graph

import "fmt"

func init() {
	type rule struct {
		name string
		vjp  func(a, b, y, dy Node) (da, db Node)
	}
	for _, r := range []rule{
		{"add", func(a, b, y, dy Node) (Node, Node) { return dy, dy }},
		{"sub", func(a, b, y, dy Node) (Node, Node) { return dy, dy.Neg() }},
		{"mul", func(a, b, y, dy Node) (Node, Node) { return dy.Mul(b), dy.Mul(a) }},
		{"div", func(a, b, y, dy Node) (Node, Node) { return dy.Div(b), dy.Mul(y.Div(b)).Neg() }},
		// Where both are equal the gradient goes to the first: a subgradient,
		// and the whole of it once.
		{"max", func(a, b, y, dy Node) (Node, Node) {
			zero := y.b.Const(0)
			c := a.GreaterEqual(b)
			return c.Select(dy, zero), c.Select(zero, dy)
		}},
		{"min", func(a, b, y, dy Node) (Node, Node) {
			zero := y.b.Const(0)
			c := a.Greater(b)
			return c.Select(zero, dy), c.Select(dy, zero)
		}},
		{"pow", func(a, b, y, dy Node) (Node, Node) {
			one, zero := y.b.Const(1), y.b.Const(0)
			da := dy.Mul(b).Mul(a.Pow(b.Sub(one)))
			// b·aᵇ⁻¹ is 0 for b = 0, even at a = 0.
			if v, ok := b.Value(); !ok || v == 0 {
				da = b.Equal(zero).Select(zero, da)
			}
			// aᵇ·ln a is 0 at a = 0 for b > 0.
			pos := a.Greater(zero)
			return da, dy.Mul(y).Mul(pos.Select(pos.Select(a, one).Log(), zero))
		}},
		{"greater", nil}, {"greater_equal", nil},
	} {
		op := Op{Name: r.name, Arity: 2, Elementwise: true}
		if r.vjp != nil {
			op.VJP = func(y Node, in []Node, dy Node) []Node {
				da, db := r.vjp(in[0], in[1], y, dy)
				return []Node{da.SumTo(in[0].Shape()...), db.SumTo(in[1].Shape()...)}
			}
		}
		Register(op)
	}
	Register(Op{Name: "equal", Arity: 2, Elementwise: true,
		Type: func(in []Type, _ any) (Type, error) {
			s, ok := Broadcast(in[0].Shape, in[1].Shape)
			if in[0].Kind != in[1].Kind || in[0].Kind == Byte {
				return Type{}, fmt.Errorf("compares floats or ints, got %v and %v", in[0], in[1])
			}
			if !ok {
				return Type{}, fmt.Errorf("shapes %v and %v do not broadcast", in[0].Shape, in[1].Shape)
			}
			return Type{Float, s}, nil
		}})
	Register(Op{Name: "select", Arity: 3, Elementwise: true,
		VJP: func(y Node, in []Node, dy Node) []Node {
			zero := y.b.Const(0)
			return []Node{{}, in[0].Select(dy, zero).SumTo(in[1].Shape()...), in[0].Select(zero, dy).SumTo(in[2].Shape()...)}
		}})
}

// Add is x + y.
func (x Node) Add(y Node) Node { return x.apply("add", nil, y) }

// Sub is x − y.
func (x Node) Sub(y Node) Node { return x.apply("sub", nil, y) }

// Mul is x·y, element by element.
func (x Node) Mul(y Node) Node { return x.apply("mul", nil, y) }

// Div is x/y.
func (x Node) Div(y Node) Node { return x.apply("div", nil, y) }

// Max is the larger of x and y, NaN where either is.
func (x Node) Max(y Node) Node { return x.apply("max", nil, y) }

// Min is the smaller of x and y, NaN where either is.
func (x Node) Min(y Node) Node { return x.apply("min", nil, y) }

// Pow is x to the power y.
func (x Node) Pow(y Node) Node { return x.apply("pow", nil, y) }

// Greater is 1 where x > y, else 0. No gradient flows through.
func (x Node) Greater(y Node) Node { return x.apply("greater", nil, y) }

// GreaterEqual is 1 where x ≥ y, else 0. No gradient flows through.
func (x Node) GreaterEqual(y Node) Node { return x.apply("greater_equal", nil, y) }

// Equal is 1 where x = y, else 0, of floats or of ints. No gradient flows
// through.
func (x Node) Equal(y Node) Node { return x.apply("equal", nil, y) }

// Select is a where x is not 0, else b. The branch not taken leaves no trace in
// the value, be it Inf or NaN, and its gradient is 0. An op within that branch
// whose slope is infinite there still makes 0·∞ of it: keep its input away with
// a Select of its own.
func (x Node) Select(a, b Node) Node { return x.apply("select", nil, a, b) }

// Scale is c·x.
func (x Node) Scale(c float64) Node {
	if !x.Valid() || c == 1 {
		return x
	}
	return x.Mul(x.b.Const(c))
}

// AddScalar is x + c.
func (x Node) AddScalar(c float64) Node {
	if !x.Valid() || c == 0 {
		return x
	}
	return x.Add(x.b.Const(c))
}
