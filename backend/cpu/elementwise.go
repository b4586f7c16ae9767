package cpu

import "github.com/nadir-ml/nadir/internal/kernel"

// An elementwise is the loop of an elementwise op. right and left are the
// forms with a scalar as second or first operand; a is the other one. cost is
// the time an element takes, in units of an addition. averaged, rooted and clamped have
// numbers for their last operands.
type elementwise[T float] struct {
	unary   func(dst, a []T)
	binary  func(dst, a, b []T)
	right   func(dst, a []T, s T)
	left    func(dst, a []T, s T)
	ternary func(dst, a, b, c []T)
	scaled  func(dst, a []T, s T, b []T)

	averaged func(dst, a, b []T, s, t T)
	rooted   func(dst, a, b, c []T, s T)
	clamped  func(dst, a []T, s, t T)
	cost     int
}

// numbered reports whether operand k is a number whatever else it could be.
func (e *elementwise[T]) numbered(k int) bool {
	return e != nil && (e.averaged != nil && k >= 2 || e.rooted != nil && k >= 3 || e.clamped != nil && k >= 1)
}

// axpy is a + s·b: what a sum with a product by a scalar is joined to. The product
// is rounded before the sum, so that no bit is another one.
func axpy[T float]() *elementwise[T] { return &elementwise[T]{scaled: kernel.Axpy[T], cost: 2} }

// elementwiseOps is the table of loops by the op's name.
func elementwiseOps[T float]() map[string]*elementwise[T] {
	unary := func(f func(dst, a []T), cost int) *elementwise[T] { return &elementwise[T]{unary: f, cost: cost} }
	binary := func(f func(dst, a, b []T), right, left func(dst, a []T, s T), cost int) *elementwise[T] {
		return &elementwise[T]{binary: f, right: right, left: left, cost: cost}
	}
	return map[string]*elementwise[T]{
		"neg": unary(kernel.Neg[T], 1), "abs": unary(kernel.Abs[T], 1), "sign": unary(kernel.Sign[T], 2),
		"floor": unary(kernel.Floor[T], 2), "exp": unary(kernel.Exp[T], 8), "expm1": unary(kernel.Expm1[T], 10),
		"log": unary(kernel.Log[T], 8), "log1p": unary(kernel.Log1p[T], 10), "sqrt": unary(kernel.Sqrt[T], 4),
		"rsqrt": unary(kernel.Rsqrt[T], 6), "square": unary(kernel.Square[T], 1), "sin": unary(kernel.Sin[T], 15),
		"cos": unary(kernel.Cos[T], 15), "erf": unary(kernel.Erf[T], 15), "tanh": unary(kernel.Tanh[T], 12),
		"sigmoid": unary(kernel.Sigmoid[T], 10), "softplus": unary(kernel.Softplus[T], 18), "relu": unary(kernel.Relu[T], 1),
		"broadcast": unary(kernel.Copy[T], 1), "to_float": unary(kernel.Copy[T], 1),
		"add":           binary(kernel.Add[T], kernel.AddS[T], kernel.AddS[T], 1),
		"sub":           binary(kernel.Sub[T], kernel.SubS[T], kernel.RSubS[T], 1),
		"mul":           binary(kernel.Mul[T], kernel.MulS[T], kernel.MulS[T], 1),
		"div":           binary(kernel.Div[T], kernel.DivS[T], kernel.RDivS[T], 3),
		"max":           binary(kernel.Max[T], kernel.MaxS[T], kernel.MaxS[T], 2),
		"min":           binary(kernel.Min[T], kernel.MinS[T], kernel.MinS[T], 2),
		"pow":           binary(kernel.Pow[T], kernel.PowS[T], kernel.RPowS[T], 40),
		"greater":       binary(kernel.Gt[T], kernel.GtS[T], kernel.LtS[T], 2),
		"greater_equal": binary(kernel.Ge[T], kernel.GeS[T], kernel.LeS[T], 2),
		"equal":         binary(kernel.Eq[T], kernel.EqS[T], kernel.EqS[T], 2),
		"select":        {ternary: kernel.Select[T], cost: 2},
		"mul_add":       {ternary: kernel.MulAdd[T], cost: 2},
		"mul_sub":       {ternary: kernel.MulSub[T], cost: 2},
		"sub_mul":       {ternary: kernel.SubMul[T], cost: 2},
		"sub_product":   {ternary: kernel.SubProduct[T], cost: 2},
		"elu_of_one":    {unary: kernel.ELU[T], cost: 8},
		"add_elu":       {binary: kernel.AddELU[T], cost: 9},
		"elu_gradient":  {binary: kernel.ELUGradient[T], cost: 2},
		"gate":          {binary: kernel.Gate[T], cost: 1},

		"weighted":        {averaged: kernel.Weighted[T], cost: 3},
		"weighted_square": {averaged: kernel.WeightedSquare[T], cost: 4},
		"over_root":       {rooted: kernel.OverRoot[T], cost: 9},
		"clamp":           {clamped: kernel.Clamp[T], cost: 1},
	}
}
