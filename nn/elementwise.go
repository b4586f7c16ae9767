package nn

import (
	"maps"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("elementwise", Elementwise{}, spec.Doc("a function of each number, or of those of several inputs at each place, such as log or greater"))
}

// An elementary function takes one number or more. What is true is 1, what is not is 0; and
// whatever is not 0 is true.
type elementary struct {
	arity int
	f     func(x []graph.Node) graph.Node
}

// one is a function of one number, two of two.
func one(f func(x graph.Node) graph.Node) elementary {
	return elementary{1, func(x []graph.Node) graph.Node { return f(x[0]) }}
}

func two(f func(x, y graph.Node) graph.Node) elementary {
	return elementary{2, func(x []graph.Node) graph.Node { return f(x[0], x[1]) }}
}

// opposite is 1 where x is 0, else 0.
func opposite(x graph.Node) graph.Node { return x.Equal(x.Builder().Const(0)) }

// nearest rounds to the nearest whole number, and from the middle to the even one.
func nearest(x graph.Node) graph.Node {
	up := x.AddScalar(0.5).Floor()
	odd := up.Sub(up.Scale(0.5).Floor().Scale(2))
	return up.Sub(odd.Mul(up.Sub(x).Equal(x.Builder().Const(0.5))))
}

// elementaries are the functions by name.
var elementaries = map[string]elementary{
	"abs": one(graph.Node.Abs), "sign": one(graph.Node.Sign), "floor": one(graph.Node.Floor), "ceil": one(func(x graph.Node) graph.Node { return x.Neg().Floor().Neg() }), "round": one(nearest),
	"log": one(graph.Node.Log), "log1p": one(graph.Node.Log1p), "expm1": one(graph.Node.Expm1), "erf": one(graph.Node.Erf),
	"sin": one(graph.Node.Sin), "cos": one(graph.Node.Cos), "tan": one(func(x graph.Node) graph.Node { return x.Sin().Div(x.Cos()) }),
	"sinh":  one(func(x graph.Node) graph.Node { return x.Expm1().Sub(x.Neg().Expm1()).Scale(0.5) }),
	"cosh":  one(func(x graph.Node) graph.Node { return x.Exp().Add(x.Neg().Exp()).Scale(0.5) }),
	"atanh": one(func(x graph.Node) graph.Node { return x.Log1p().Sub(x.Neg().Log1p()).Scale(0.5) }),
	"pow":   two(graph.Node.Pow), "not": one(opposite),
	"greater": two(graph.Node.Greater), "greater_equal": two(graph.Node.GreaterEqual), "equal": two(graph.Node.Equal),
	"less":       two(func(x, y graph.Node) graph.Node { return y.Greater(x) }),
	"less_equal": two(func(x, y graph.Node) graph.Node { return y.GreaterEqual(x) }),
	"not_equal":  two(func(x, y graph.Node) graph.Node { return opposite(x.Equal(y)) }),
	"and":        two(func(x, y graph.Node) graph.Node { return opposite(opposite(x).Max(opposite(y))) }),
	"or":         two(func(x, y graph.Node) graph.Node { return opposite(opposite(x).Mul(opposite(y))) }),
	"xor":        two(func(x, y graph.Node) graph.Node { return opposite(opposite(x).Equal(opposite(y))) }),
	"select":     {3, func(x []graph.Node) graph.Node { return x[0].Select(x[1], x[2]) }},
}

// Elementwise applies a function to each number of x (N, …), or to those of several inputs at each
// place, whose samples' shapes broadcast. Of one number these are abs, sign, floor, ceil, round (half
// to even), log, log1p = ln(1 + x), expm1 = eˣ − 1, erf, sin, cos, tan, sinh, cosh, atanh,
// and not; of two pow = xʸ, greater, greater_equal, less, less_equal, equal, not_equal, and,
// or, xor; of three select, which is the second where the first is not 0, else the third.
//
// What is true is 1, what is not is 0, and what is not 0 is true. No gradient flows through sign,
// rounding and comparisons, nor to select's first input.
type Elementwise struct {
	Function string `spec:"function,required,scalar" doc:"name of the function, such as log, sin or greater"`
	Name     string `spec:"name" doc:"name of the layer"`
}

// Validate refuses names of no function.
func (l Elementwise) Validate() error {
	if _, ok := elementaries[l.Function]; !ok {
		return spec.Field("function", "%q is none; there are %s", l.Function, strings.Join(slices.Sorted(maps.Keys(elementaries)), ", "))
	}
	return nil
}

// Apply computes a function of one number.
func (l Elementwise) Apply(s *Scope, x graph.Node) graph.Node {
	return s.KeepMask(l.Join(s, []graph.Node{x}), x)
}

// Join computes a function of as many numbers as there are inputs.
func (l Elementwise) Join(s *Scope, xs []graph.Node) graph.Node {
	if !check(s, l.Validate()) || slices.ContainsFunc(xs, func(x graph.Node) bool { return !x.Valid() }) {
		return graph.Node{}
	}
	e := elementaries[l.Function]
	if len(xs) != e.arity {
		return s.B.Fail("%s takes %d inputs, got %d", l.Function, e.arity, len(xs))
	}
	rank := 0
	for _, x := range xs {
		rank = max(rank, x.Rank())
	}
	in := make([]graph.Node, len(xs))
	for i, x := range xs {
		in[i] = even(x.ToFloat(), rank)
	}
	y := e.f(in)
	if !y.Valid() {
		return standIn(s, in[0], in[0].Shape()[min(1, in[0].Rank()):])
	}
	return y
}
