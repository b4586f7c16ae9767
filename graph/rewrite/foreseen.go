package rewrite

import "github.com/nadir-ml/nadir/graph"

// Foreseen bounds guards by what is there before the largest products among the gradients
// are, so that a parameter can be updated with each part of its gradient as soon as that is
// made: the gradient as a whole need never be in memory. late says which products are worth
// it.
//
// A guard that is the norm of all gradients is finite where the sum of bounds of their
// squares is. With the Euclidean norm of all elements (Cauchy and Schwarz),
//
//	‖Aᵀ·B‖² ≤ ‖A‖²·‖B‖²
//
// and of what "affine_gradients" gives, with G = hᵀ·dZ and db = Σ_n dZ,
//
//	‖γ∘G + β·dbᵀ‖² ≤ 2·(‖γ‖²·‖G‖² + ‖β‖²·‖db‖²)
//	‖Σ_k W∘G‖² ≤ ‖W‖²·‖G‖²,  ‖W·db‖² ≤ ‖W‖²·‖db‖²
//
// A sum of n floats is off by less than n half units in the last place, in whatever order
// it is taken, and so are the products themselves: four times a bound is above all of
// them. Products that other things read than their squares' sum and updates are left as
// they are, and so are all where an update waits for the norm.
func Foreseen(g *graph.Builder, late func(product graph.Node) bool) *graph.Builder {
	if len(g.Guards()) == 0 || len(g.Updates()) == 0 || len(g.Bounds()) > 0 {
		return g
	}
	f := &foresight{reading: read(g), products: map[int]bool{}, affine: map[int]graph.Node{}, behind: make([]bool, g.Len()), to: make([]graph.Node, g.Len())}
	for x := range g.Nodes() {
		if len(f.by[x.ID()]) > 0 && isMatMul(x, true, false) && !f.kept[x.ID()] && late(x) {
			f.find(x)
		}
	}
	if len(f.products) == 0 || !f.apart(g) {
		return g
	}
	dst := graph.Rewrite(g, f.replace)
	for i, x := range g.Guards() {
		if f.behind[x.ID()] {
			dst.Bound(f.bound(dst, x).Scale(4))
		} else {
			dst.Bound(dst.Guards()[i])
		}
	}
	return dst
}

// A foresight is what is known of the products that are made late.
type foresight struct {
	*reading
	products map[int]bool
	affine   map[int]graph.Node // by the number of a product, and of the op itself
	behind   []bool             // a product or what needs one
	to       []graph.Node       // nodes of the old graph in the new one
}

// find notes a product if all that reads it is known.
func (f *foresight) find(x graph.Node) {
	if by := f.by[x.ID()]; len(by) == 1 && by[0].Op().Name == "affine_gradients" && by[0].In(0) == x {
		y := by[0]
		for _, z := range f.by[y.ID()] {
			if part, ok := affinePart(z); !ok || part == 0 && !f.updates(z) {
				return
			}
		}
		if !f.kept[y.ID()] {
			f.products[x.ID()], f.affine[x.ID()], f.affine[y.ID()] = true, y, y
		}
		return
	}
	if f.updates(x) {
		f.products[x.ID()] = true
	}
}

// updates reports whether of a gradient x and its other shapes elementwise ops alone are
// made, and of its squares their sum.
func (f *foresight) updates(x graph.Node) bool {
	some := false
	for _, y := range f.by[x.ID()] {
		switch {
		case y.Op().Name == "reshape":
			if f.kept[y.ID()] || !f.updates(y) {
				return false
			}
			some = true
		case y.Op().Name == "square":
			if f.kept[y.ID()] {
				return false
			}
			for _, z := range f.by[y.ID()] {
				if !isSum(z) {
					return false
				}
			}
		case !y.Op().Elementwise || !y.Shape().Equal(x.Shape()):
			return false
		default:
			some = true
		}
	}
	return some
}

// isSum reports whether x is the sum of all there is.
func isSum(x graph.Node) bool { return x.Op().Name == "sum" && x.Shape().Len() == 1 }

// affinePart says which part of what "affine_gradients" gives x is: the gradient of W, that
// of γ, that of β, or the sums of the squares of W's.
func affinePart(x graph.Node) (part int, ok bool) {
	a, ok := x.Attr().(graph.SliceAttr)
	if !ok || x.Op().Name != "slice" {
		return 0, false
	}
	c, all := x.In(0).In(0).Dim(0), x.In(0).In(0).Shape().Len()
	for part := range 4 {
		lo, n := 0, all
		if part > 0 {
			lo, n = all+(part-1)*c, c
		}
		if a.Lo == lo && a.Hi == lo+n {
			return part, true
		}
	}
	return 0, false
}

// apart reports whether all guards have bounds that no product which is to come late is
// behind, and no update waits for one of those guards.
func (f *foresight) apart(g *graph.Builder) bool {
	live := g.Live()
	for x := range g.Nodes() {
		if !live[x.ID()] {
			continue
		}
		for _, in := range x.Ins() {
			if f.behind[in.ID()] {
				if f.products[x.ID()] {
					return false
				}
				f.behind[x.ID()] = true
			}
		}
		f.behind[x.ID()] = f.behind[x.ID()] || f.products[x.ID()]
	}
	waited := make([]bool, g.Len())
	for _, u := range g.Updates() {
		waited[u.Next.ID()] = true
	}
	for i := g.Len() - 1; i >= 0; i-- {
		for _, in := range g.Node(i).Ins() {
			waited[in.ID()] = waited[in.ID()] || waited[i]
		}
	}
	some := false
	for _, x := range g.Guards() {
		if f.behind[x.ID()] {
			if waited[x.ID()] || !f.bounded(x) {
				return false
			}
			some = true
		}
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
	case isSum(x) && x.In(0).Op().Name == "square":
		if f.behind[x.ID()] {
			_, ok := f.gradient(x.In(0).In(0))
			return ok
		}
		return true
	case isSum(x) && f.behind[x.ID()]:
		part, ok := affinePart(x.In(0))
		return ok && part == 3 && f.affine[x.In(0).In(0).ID()].Valid()
	}
	v, ok := x.Value()
	return ok && v >= 0
}

// A gradient is what squares are taken of: a late product, or part of an affine one.
type gradient struct {
	product graph.Node
	part    int // as [affinePart] has it
}

func (f *foresight) gradient(x graph.Node) (gradient, bool) {
	for x.Op().Name == "reshape" {
		x = x.In(0)
	}
	if f.products[x.ID()] && !f.affine[x.ID()].Valid() {
		return gradient{product: x}, true
	}
	if part, ok := affinePart(x); ok && f.affine[x.In(0).ID()].Valid() {
		return gradient{x.In(0).In(0), part}, true
	}
	return gradient{}, false
}

// bound is the bound of x in the new graph.
func (f *foresight) bound(dst *graph.Builder, x graph.Node) graph.Node {
	if !f.behind[x.ID()] {
		return f.to[x.ID()]
	}
	switch name := x.Op().Name; {
	case name == "sqrt" || name == "reshape":
		return f.bound(dst, x.In(0)).Reshape() // of what is finite the root is
	case name == "add":
		return f.bound(dst, x.In(0)).Add(f.bound(dst, x.In(1)))
	case x.In(0).Op().Name == "square":
		q, _ := f.gradient(x.In(0).In(0))
		return f.squares(dst, q)
	}
	return f.squares(dst, gradient{x.In(0).In(0).In(0), 3})
}

// squares bounds the sum of a gradient's squares.
func (f *foresight) squares(dst *graph.Builder, g gradient) graph.Node {
	of := func(x graph.Node) graph.Node { return dst.Apply("square_sum", nil, f.to[x.ID()]) }
	product := of(g.product.In(0)).Mul(of(g.product.In(1)))
	y := f.affine[g.product.ID()]
	if !y.Valid() {
		return product
	}
	w, db, gamma, beta := y.In(1), y.In(2), y.In(3), y.In(4)
	switch g.part {
	case 1:
		return of(w).Mul(product)
	case 2:
		return of(w).Mul(of(db))
	}
	return of(gamma).Mul(product).Add(of(beta).Mul(of(db))).Scale(2)
}

// replace notes what nodes become, and lets the parts of affine gradients be ops of their
// own, and the sum of a late product's squares one.
func (f *foresight) replace(dst *graph.Builder, x graph.Node, in []graph.Node) (y graph.Node) {
	for i, old := range x.Ins() {
		f.to[old.ID()] = in[i]
	}
	switch {
	case x.Op().Name == "slice" && f.affine[x.In(0).ID()].Valid():
		all := x.In(0)
		part, _ := affinePart(x)
		at := func(k int) graph.Node { return f.to[all.In(k).ID()] }
		if part == 0 {
			return dst.Apply("affine_kernel", nil, at(0), at(2), at(3), at(4)).Reshape(-1)
		}
		c := all.In(0).Dim(0)
		return dst.Apply("affine_sums", nil, at(0), at(1), at(2), at(3), at(4)).Slice(0, (part-1)*c, part*c)
	case isSum(x) && x.In(0).Op().Name == "square":
		if z := x.In(0).In(0); f.products[z.ID()] && !f.affine[z.ID()].Valid() {
			return dst.Apply("square_sum", nil, f.to[z.ID()]).Reshape(x.Shape()...)
		}
	}
	return graph.Node{}
}
