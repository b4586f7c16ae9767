package rewrite

import "github.com/nadir-ml/nadir/graph"

// Joined puts one op in the place of two or more elementwise ones, for backends
// that have a loop for it. Every result keeps its bits: products are rounded before
// their sums, and only where nothing else reads them.
//
//	a·b + c, a·b − c, a − b·c, (a − b)·c
//	a·s + b·t, a·s + b²·t                for numbers s and t: a running mean
//	min(max(a, s), t)                    for numbers s and t
//	a − b/(√c + e)                       for a number e: a step as long as Adam's
//	x where x > 0, else eˣ − 1           an ELU, and that of a sum
//	dy where y > 0, else dy·(y + 1)      its gradient
//	dy where y > 0, else 0               that of a ReLU
//
// It is for graphs of simple ops, where nothing is left to be lowered.
func Joined(g *graph.Builder) *graph.Builder {
	r := read(g)
	return graph.Rewrite(g, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		switch x.Op().Name {
		case "select":
			return r.joinSelect(dst, x, in)
		case "add":
			if y := r.joinWeighted(dst, x, in); y.Valid() {
				return y
			}
			return r.joinPair(dst, x, in)
		case "sub":
			if y := r.joinRoot(dst, x, in); y.Valid() {
				return y
			}
			return r.joinPair(dst, x, in)
		case "mul":
			return r.joinPair(dst, x, in)
		case "min":
			return r.joinClamp(dst, x, in)
		}
		return graph.Node{}
	})
}

func (r *reading) joinSelect(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
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
		// Nothing else may read the sum.
		if old := x.In(0).In(0); y.Op().Name == "add" && len(r.by[old.ID()]) == 3 && !r.kept[old.ID()] && r.alone(x, 0) &&
			r.alone(x, 2) && r.alone(x.In(2), 0) && spread(y.In(0), y) && spread(y.In(1), y) {
			return dst.Apply("add_elu", nil, y.In(0), y.In(1))
		}
		return dst.Apply("elu_of_one", nil, y)
	case no.Op().Name == "mul" && no.In(0) == yes && no.In(1).Op().Name == "add" && no.In(1).In(0) == y && isNumber(no.In(1).In(1), 1):
		return dst.Apply("elu_gradient", nil, y, yes)
	}
	return graph.Node{}
}

// alone reports whether nothing but one node reads what operand k of x gives.
func (r *reading) alone(x graph.Node, k int) bool {
	id := x.In(k).ID()
	return len(r.by[id]) == 1 && !r.kept[id]
}

// joinWeighted joins a sum to its two terms, each of which is something as large times
// a number. A square among these is computed anew, though others may read it: it costs
// less than to keep it.
func (r *reading) joinWeighted(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	if x.Shape().Len() < 2 || in[0] == in[1] || !r.alone(x, 0) || !r.alone(x, 1) {
		return graph.Node{}
	}
	a, s := times(in[0], x)
	b, t := times(in[1], x)
	switch {
	case !a.Valid() || !b.Valid():
		return graph.Node{}
	case b.Op().Name == "square":
		return dst.Apply("weighted_square", nil, a, b.In(0), s, t)
	}
	return dst.Apply("weighted", nil, a, b, s, t)
}

// joinClamp joins a minimum of a number and what a maximum with another one gives.
func (r *reading) joinClamp(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	y, hi := in[0], in[1]
	if x.Shape().Len() < 2 || y.Op().Name != "max" || hi.Rank() != 0 || !r.alone(x, 0) {
		return graph.Node{}
	}
	a, lo := y.In(0), y.In(1)
	if lo.Rank() != 0 || !a.Shape().Equal(x.Shape()) || a.Type().Kind != graph.Float || lo.Type().Kind != graph.Float || hi.Type().Kind != graph.Float {
		return graph.Node{}
	}
	return dst.Apply("clamp", nil, a, lo, hi)
}

// times takes a product as large as x apart into what is as large and a number.
func times(y, x graph.Node) (whole, number graph.Node) {
	if y.Op().Name != "mul" || !y.Shape().Equal(x.Shape()) {
		return whole, number
	}
	for k := range 2 {
		if a, s := y.In(k), y.In(1-k); a.Shape().Equal(x.Shape()) && s.Rank() == 0 && a.Type().Kind == graph.Float && s.Type().Kind == graph.Float {
			return a, s
		}
	}
	return whole, number
}

// joinRoot joins a difference x = a − b/(√c + e) to what it consists of.
func (r *reading) joinRoot(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	old, q := x.In(1), in[1]
	if x.Shape().Len() < 2 || in[0] == q || q.Op().Name != "div" || !r.alone(x, 1) || !r.alone(old, 1) || old.In(0) == old.In(1) {
		return graph.Node{}
	}
	b, d := q.In(0), q.In(1)
	if d.Op().Name != "add" {
		return graph.Node{}
	}
	for k := range 2 {
		root, e := d.In(k), d.In(1-k)
		if root.Op().Name != "sqrt" || e.Rank() != 0 || !r.alone(old.In(1), k) {
			continue
		}
		for _, y := range []graph.Node{in[0], b, root} {
			if !y.Shape().Equal(x.Shape()) || y.Type().Kind != graph.Float {
				return graph.Node{}
			}
		}
		return dst.Apply("over_root", nil, in[0], b, root.In(0), e)
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
