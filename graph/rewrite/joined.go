package rewrite

import "github.com/nadir-ml/nadir/graph"

// Joined puts one op in the place of two or more elementwise ones, for backends
// that have a loop for it. Every result keeps its bits: products are rounded before
// their sums, and only where nothing else reads them.
//
//	a·b + c, a·b − c, a − b·c, (a − b)·c
//	x where x > 0, else eˣ − 1           what follows an ELU
//	dy where y > 0, else dy·(y + 1)      its gradient
//	dy where y > 0, else 0               that of a ReLU
//
// It is for graphs of simple ops, where nothing is left to be lowered.
func Joined(g *graph.Builder) *graph.Builder {
	r := read(g)
	return graph.Rewrite(g, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		switch x.Op().Name {
		case "select":
			return joinSelect(dst, in)
		case "add", "sub", "mul":
			return r.joinPair(dst, x, in)
		}
		return graph.Node{}
	})
}

func joinSelect(dst *graph.Builder, in []graph.Node) graph.Node {
	at, yes, no := in[0], in[1], in[2]
	if at.Op().Name != "greater" || !isNumber(at.In(1), 0) || !at.Shape().Equal(yes.Shape()) || at.Shape().Len() < 2 {
		return graph.Node{}
	}
	y := at.In(0)
	switch {
	case !y.Shape().Equal(yes.Shape()):
	case isNumber(no, 0):
		return dst.Apply("gate", nil, y, yes)
	case yes == y && no.Op().Name == "expm1" && no.In(0).Op().Name == "min" && no.In(0).In(0) == y && isNumber(no.In(0).In(1), 0):
		return dst.Apply("elu_of_one", nil, y)
	case no.Op().Name == "mul" && no.In(0) == yes && no.In(1).Op().Name == "add" && no.In(1).In(0) == y && isNumber(no.In(1).In(1), 1):
		return dst.Apply("elu_gradient", nil, y, yes)
	}
	return graph.Node{}
}

// joinPair joins x to one of its operands that nothing else reads.
func (r *reading) joinPair(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	if x.Shape().Len() < 2 {
		return graph.Node{}
	}
	inner := "mul"
	if x.Op().Name == "mul" {
		inner = "sub"
	}
	for k := range in {
		// The operand must be whole, and so must one of its own.
		y, other := in[k], in[1-k]
		old := x.In(k)
		if y.Op().Name != inner || !y.Shape().Equal(x.Shape()) || r.kept[old.ID()] || len(r.by[old.ID()]) != 1 || x.In(0) == x.In(1) {
			continue
		}
		a, b := y.In(0), y.In(1)
		if !spread(a, x) || !spread(b, x) || !spread(other, x) {
			continue
		}
		switch {
		case inner == "sub":
			return dst.Apply("sub_mul", nil, a, b, other)
		case x.Op().Name == "add":
			return dst.Apply("mul_add", nil, a, b, other)
		case k == 0:
			return dst.Apply("mul_sub", nil, a, b, other)
		default:
			return dst.Apply("sub_product", nil, other, a, b)
		}
	}
	return graph.Node{}
}

// spread reports whether y is as large as x, or a row under each of its rows.
func spread(y, x graph.Node) bool {
	if y.Type().Kind != graph.Float {
		return false
	}
	return y.Shape().Equal(x.Shape()) || y.Rank() == 1 && x.Rank() == 2 && y.Dim(0) == x.Dim(1) && y.Dim(0) > 1
}

func isNumber(x graph.Node, v float64) bool {
	num, ok := x.Value()
	return ok && num == v
}
