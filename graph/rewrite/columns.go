package rewrite

import "github.com/nadir-ml/nadir/graph"

// ColumnSums takes sums over rows in one pass, without a matrix in between:
//
//	Σ_n a∘r       = r∘Σ_n a             for a row r
//	Σ_n (a∘r)∘b   = r∘column_dot(a, b)
//	Σ_n a∘b       = column_dot(a, b)
//	Σ_n (a − r)²  = column_spread(a, r)
//
// The first two let what a batch normalization needs of its gradient, Σ dx̂ and
// Σ dx̂∘x̂ with dx̂ = dy∘γ, follow from those of β and γ, Σ dy and Σ dy∘x̂. A row is left
// where it is if nothing else wants what it multiplies: x̂ = (x − m)∘r is kept for its
// own sake, and x − m then needs no memory.
func ColumnSums(g *graph.Builder) *graph.Builder {
	live := g.Live()
	for x := range g.Nodes() {
		if live[x.ID()] && isColumnSum(x) && (x.In(0).Op().Name == "mul" || x.In(0).Op().Name == "square") {
			return graph.Rewrite(g, read(g).columnSum)
		}
	}
	return g
}

func (r *reading) columnSum(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	if !isColumnSum(x) {
		return graph.Node{}
	}
	return r.sumColumns(dst, in[0], x.In(0))
}

// wanted reports whether something reads operand k of x but x and squares of it.
func (r *reading) wanted(x graph.Node, k int) bool {
	y := x.In(k)
	if r.kept[y.ID()] {
		return true
	}
	for _, by := range r.by[y.ID()] {
		if by != x && by.Op().Name != "square" {
			return true
		}
	}
	return false
}

// sumColumns is the sum over the rows of x, which old became, invalid where no rule
// knows better than to take it.
func (r *reading) sumColumns(dst *graph.Builder, x, old graph.Node) graph.Node {
	row := func(r, x graph.Node) bool {
		return r.Rank() == 1 && r.Dim(0) == x.Dim(1) && x.Rank() == 2 && x.Dim(0) > 1
	}
	switch x.Op().Name {
	case "square":
		if d := x.In(0); d.Op().Name == "sub" && d.In(0).Shape().Equal(x.Shape()) && row(d.In(1), x) {
			return dst.Apply("column_spread", nil, d.In(0), d.In(1))
		}
	case "mul":
		for _, k := range []int{0, 1} {
			a, b := x.In(k), x.In(1-k)
			if !a.Shape().Equal(x.Shape()) {
				continue
			}
			if row(b, x) {
				if s := r.sumColumns(dst, a, old.In(k)); s.Valid() {
					return s.Mul(b)
				}
				return a.Sum(0).Mul(b)
			}
			if !b.Shape().Equal(x.Shape()) {
				continue
			}
			if a.Op().Name == "mul" {
				for _, q := range []int{0, 1} {
					by := a.In(q)
					if row(by, x) && a.In(1-q).Shape().Equal(x.Shape()) && r.wanted(old.In(k), 1-q) {
						return dot(dst, a.In(1-q), b).Mul(by)
					}
				}
			}
		}
		if x.In(0).Shape().Equal(x.In(1).Shape()) {
			return dot(dst, x.In(0), x.In(1))
		}
	}
	return graph.Node{}
}

// dot has its operands in the order of their numbers, so that equal ones are one.
func dot(dst *graph.Builder, a, b graph.Node) graph.Node {
	if a.ID() > b.ID() {
		a, b = b, a
	}
	return dst.Apply("column_dot", nil, a, b)
}
