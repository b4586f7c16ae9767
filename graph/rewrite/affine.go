package rewrite

import "github.com/nadir-ml/nadir/graph"

// AffineGradients takes the gradients of a scale γ and an offset β in front of a
// dense layer from those of its kernel, where nothing else needs the gradient of
// the layer's input. That is so for a batch normalization of the data itself, and
// for one whose layers before it are frozen.
//
// With y = h∘γ + β (N×C), z = y·W (W: C×K) and the gradient dZ (N×K) of z, the
// gradient of y is dY = dZ·Wᵀ, and
//
//	dβ_c = Σ_n dY_nc        = Σ_k W_ck Σ_n dZ_nk         = Σ_k W_ck db_k
//	dγ_c = Σ_n dY_nc h_nc   = Σ_k W_ck Σ_n h_nc dZ_nk    = Σ_k W_ck G_ck
//	dW   = yᵀ·dZ            = γ∘(hᵀ·dZ) + β·dbᵀ          = γ∘G + β·dbᵀ
//
// with G = hᵀ·dZ and db = Σ_n dZ, which is the gradient of the layer's bias. One
// product, G, stands for two.
func AffineGradients(g *graph.Builder) *graph.Builder {
	r := read(g)
	rule := &affineRule{products: map[int]*affineProduct{}, sums: map[int]*affineSum{}, kernels: map[int]*affineProduct{}, norms: map[int]*affineProduct{}, to: map[int]graph.Node{}}
	live := g.Live()
	for x := range g.Nodes() {
		if live[x.ID()] && isMatMul(x, false, true) && !r.kept[x.ID()] {
			rule.find(r, x)
		}
	}
	if len(rule.products) == 0 {
		return g
	}
	return graph.Rewrite(g, rule.replace)
}

// An affineProduct is a gradient dY = dZ·Wᵀ that only sums read.
type affineProduct struct {
	dz, w   graph.Node
	h       graph.Node // the one that dY is multiplied by; invalid where it is by none
	y, beta graph.Node // h∘γ + β, and what it consists of, where W's gradient is known
	gamma   graph.Node
}

// An affineSum is Σ_n dY, or Σ_n dY∘h.
type affineSum struct {
	*affineProduct
	scaled bool
}

type affineRule struct {
	products map[int]*affineProduct
	sums     map[int]*affineSum
	kernels  map[int]*affineProduct // yᵀ·dZ
	norms    map[int]*affineProduct // the sum of the squares of that
	to       map[int]graph.Node     // nodes of the old graph in the new one
}

// find notes a product if all that reads it are sums of this kind.
func (a *affineRule) find(r *reading, x graph.Node) {
	p := &affineProduct{dz: x.In(0), w: x.In(1)}
	var plain, scaled []graph.Node
	for _, y := range r.by[x.ID()] {
		switch {
		case isColumnSum(y):
			plain = append(plain, y)
		case y.Op().Name == "mul" && !r.kept[y.ID()] && y.In(0) != y.In(1):
			h := y.In(0)
			if h == x {
				h = y.In(1)
			}
			if !h.Shape().Equal(x.Shape()) || p.h.Valid() && p.h != h {
				return
			}
			p.h = h
			for _, z := range r.by[y.ID()] {
				if !isColumnSum(z) {
					return
				}
				scaled = append(scaled, z)
			}
		default:
			return
		}
	}
	var kernels []graph.Node
	if p.h.Valid() {
		// W's gradient must be the same product with y = h∘γ + β in h's place, or
		// G would be a product more.
		for _, y := range r.by[p.dz.ID()] {
			if isMatMul(y, true, false) && y.In(1) == p.dz && p.affine(y.In(0)) {
				kernels = append(kernels, y)
			}
		}
		if len(kernels) == 0 {
			return
		}
	}
	if len(plain)+len(scaled) == 0 {
		return
	}
	a.products[x.ID()] = p
	for _, y := range plain {
		a.sums[y.ID()] = &affineSum{p, false}
	}
	for _, y := range scaled {
		a.sums[y.ID()] = &affineSum{p, true}
	}
	for _, y := range kernels {
		a.kernels[y.ID()] = p
		for _, q := range r.by[y.ID()] {
			if q.Op().Name != "square" {
				continue
			}
			for _, s := range r.by[q.ID()] {
				if s.Op().Name == "sum" && s.Shape().Len() == 1 && p.whole() {
					a.norms[s.ID()] = p
				}
			}
		}
	}
}

// affine takes y apart into h∘γ + β, either of which may be missing.
func (p *affineProduct) affine(y graph.Node) bool {
	var gamma, beta graph.Node
	row := func(x graph.Node) bool { return x.Rank() == 1 && x.Dim(0) == p.h.Dim(1) }
	at := y
	if at.Op().Name == "add" && row(at.In(1)) {
		at, beta = at.In(0), at.In(1)
	}
	if at.Op().Name == "mul" && at.In(0) == p.h && row(at.In(1)) {
		at, gamma = at.In(0), at.In(1)
	}
	if at != p.h || p.y.Valid() && p.y != y {
		return false
	}
	p.y, p.gamma, p.beta = y, gamma, beta
	return true
}

func (a *affineRule) replace(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
	for i, old := range x.Ins() {
		a.to[old.ID()] = in[i]
	}
	if s := a.sums[x.ID()]; s != nil {
		w, c := a.to[s.w.ID()], s.w.Dim(0)
		switch {
		case s.whole() && s.scaled:
			return a.part(dst, s.affineProduct, 0, c)
		case s.whole():
			return a.part(dst, s.affineProduct, c, c)
		case s.scaled:
			return w.Mul(a.outer(dst, s.affineProduct)).Sum(1)
		}
		return w.Mul(a.to[s.dz.ID()].Sum(0)).Sum(1)
	}
	if p := a.norms[x.ID()]; p != nil {
		return a.part(dst, p, 2*p.w.Dim(0), p.w.Dim(0)).Sum().Reshape(x.Shape()...)
	}
	p := a.kernels[x.ID()]
	switch {
	case p == nil:
		return graph.Node{}
	case p.whole():
		return a.all(dst, p).Slice(0, 0, p.w.Shape().Len()).Reshape(p.w.Shape()...)
	}
	dw := a.outer(dst, p)
	if p.gamma.Valid() {
		dw = a.to[p.gamma.ID()].Reshape(-1, 1).Mul(dw)
	}
	if p.beta.Valid() {
		dw = dw.Add(a.to[p.beta.ID()].Reshape(-1, 1).Mul(a.to[p.dz.ID()].Sum(0)))
	}
	return dw
}

// whole reports whether there are a scale and an offset, whose gradients and that
// of the kernel one op gives.
func (p *affineProduct) whole() bool { return p.gamma.Valid() && p.beta.Valid() }

// all is dW, dγ, dβ and the sums of the squares of dW's rows.
func (a *affineRule) all(dst *graph.Builder, p *affineProduct) graph.Node {
	return dst.Apply("affine_gradients", nil, a.outer(dst, p), a.to[p.w.ID()], a.to[p.dz.ID()].Sum(0), a.to[p.gamma.ID()], a.to[p.beta.ID()])
}

// part is n numbers of all, from at behind dW on.
func (a *affineRule) part(dst *graph.Builder, p *affineProduct, at, n int) graph.Node {
	at += p.w.Shape().Len()
	return a.all(dst, p).Slice(0, at, at+n)
}

// outer is G = hᵀ·dZ.
func (a *affineRule) outer(dst *graph.Builder, p *affineProduct) graph.Node {
	return dst.Apply("matmul", graph.MatMulAttr{TransA: true}, a.to[p.h.ID()], a.to[p.dz.ID()])
}
