package rewrite

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
)

// Foreseen bounds guards by what is there before the largest products among the gradients
// are, so that a parameter can be updated with each part of its gradient as soon as that is
// made: the gradient as a whole need never be in memory. late says which products are worth
// it.
//
// A guard that is the norm of all gradients is finite where the sum of the squares of some
// and bounds of those of the others are, since in the norm of all elements (Cauchy and
// Schwarz)
//
//	‖Aᵀ·B‖² ≤ ‖A‖²·‖B‖²
//
// Rounding adds less than four times as much to sums that fit a memory. Products that
// other things read than the sum of their squares and updates are left as they are, and so
// are all where an update waits for the norm.
func Foreseen(g *graph.Builder, late func(product graph.Node) bool) *graph.Builder {
	if len(g.Guards()) == 0 || len(g.Updates()) == 0 || len(g.Bounds()) > 0 {
		return g
	}
	var next []graph.Node
	for _, u := range g.Updates() {
		next = append(next, u.Next)
	}
	f := &foresight{reading: read(g), products: map[int]bool{}, behind: make([]bool, g.Len()), waited: g.Needed(next...), to: make([]graph.Node, g.Len())}
	for x := range g.Nodes() {
		if len(f.by[x.ID()]) > 0 && isMatMul(x, true, false) && !f.kept[x.ID()] && late(x) && f.updates(x) {
			f.products[x.ID()] = true
		}
	}
	if len(f.products) == 0 || !f.apart(g) {
		return g
	}
	dst := graph.Rewrite(g, f.replace)
	for i, x := range g.Guards() {
		bound := dst.Guards()[i]
		if f.behind[x.ID()] {
			bound = f.bound(dst, x).Scale(4)
		}
		dst.Bound(bound)
	}
	return dst
}

// A foresight is what is known of the products that are made late.
type foresight struct {
	*reading
	products map[int]bool
	behind   []bool       // a product or what needs one
	waited   []bool       // what updates need
	to       []graph.Node // nodes of the old graph in the new one
}

// updates reports whether elementwise ops alone, from the gradient x on, lead to updates.
func (f *foresight) updates(x graph.Node) bool {
	some := false
	for queue := []graph.Node{x}; len(queue) > 0; queue = queue[1:] {
		for _, y := range f.by[queue[0].ID()] {
			switch {
			case y.Op().Elementwise && y.Shape().Equal(x.Shape()):
				if f.waited[y.ID()] && !slices.Contains(queue, y) {
					some, queue = true, append(queue, y)
				}
			case queue[0] == x || f.waited[y.ID()]:
				return false
			}
		}
	}
	return some
}

// isSum reports whether x is the sum of all there is.
func isSum(x graph.Node) bool { return x.Op().Name == "sum" && x.Shape().Len() == 1 }

// apart reports whether all guards have bounds that no product which is to come late is
// behind, and no update waits for one of those guards.
func (f *foresight) apart(g *graph.Builder) bool {
	live := g.Live()
	for x := range g.Nodes() {
		for _, in := range x.Ins() {
			f.behind[x.ID()] = f.behind[x.ID()] || live[x.ID()] && f.behind[in.ID()]
		}
		if f.products[x.ID()] {
			if f.behind[x.ID()] {
				return false
			}
			f.behind[x.ID()] = true
		}
	}
	some := false
	for _, x := range g.Guards() {
		if !f.behind[x.ID()] {
			continue
		}
		if f.waited[x.ID()] || !f.bounded(x) {
			return false
		}
		some = true
	}
	return some
}

// bounded reports whether there is a bound for x, a number that is not negative.
func (f *foresight) bounded(x graph.Node) bool {
	switch name := x.Op().Name; {
	case name == "sqrt" || name == "reshape":
		return f.bounded(x.In(0))
	case name == "add":
		return f.bounded(x.In(0)) && f.bounded(x.In(1))
	case isSum(x):
		return x.In(0).Op().Name == "square" && (!f.behind[x.ID()] || f.products[x.In(0).In(0).ID()])
	}
	v, ok := x.Value()
	return ok && v >= 0
}

// bound is the bound of x in the new graph.
func (f *foresight) bound(dst *graph.Builder, x graph.Node) graph.Node {
	of := func(x graph.Node) graph.Node { return dst.Apply("square_sum", nil, f.to[x.ID()]) }
	switch name := x.Op().Name; {
	case !f.behind[x.ID()]:
		return f.to[x.ID()].Reshape()
	case name == "sqrt" || name == "reshape":
		return f.bound(dst, x.In(0)) // the root of what is finite is
	case name == "add":
		return f.bound(dst, x.In(0)).Add(f.bound(dst, x.In(1)))
	}
	product := x.In(0).In(0)
	return of(product.In(0)).Mul(of(product.In(1)))
}

// replace notes what nodes become, and lets the sum of a late product's squares be one op.
func (f *foresight) replace(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	for i, old := range x.Ins() {
		f.to[old.ID()] = in[i]
	}
	if isSum(x) && x.In(0).Op().Name == "square" && f.products[x.In(0).In(0).ID()] {
		return dst.Apply("square_sum", nil, f.to[x.In(0).In(0).ID()]).Reshape(x.Shape()...)
	}
	return graph.Node{}
}
