package rewrite

import "github.com/nadir-ml/nadir/graph"

// MaxPools finds the place that a pool's gradient belongs to by comparing with the
// pool's result, instead of noting it in an array, and pools before it rectifies:
//
//	plane_put(dy, max_pool_index(x))  = max_pool_gradient(x, y, dy)      y being max_pool(x)
//	max_pool(relu(z))                 = relu(max_pool(z))
//	gate(relu(z), max_pool_gradient(relu(z), relu(y), dy)) = max_pool_gradient(z, y, gate(relu(y), dy))
//	Σ max_pool_gradient(x, y, dy)     = Σ dy                             over samples and places
//
// relu does not fall, so that the largest stays the largest; where it makes equal
// numbers of different ones, both are 0 and no gradient passes the gate. These two
// are for a relu that nothing else reads. The sums are equal since every window has a
// largest number, whose place has the window's dy. It is for graphs that have been [Joined].
func MaxPools(g *graph.Builder) *graph.Builder {
	if !has(g, "max_pool", "max_pool_index") {
		return g
	}
	r := read(g)
	return graph.Rewrite(g, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		switch x.Op().Name {
		case "max_pool":
			if r.pooled(x.In(0)) {
				return dst.Apply("max_pool", x.Attr(), in[0].In(0)).Relu()
			}
		case "plane_put":
			if at := in[1]; at.Op().Name == "max_pool_index" {
				y := dst.Apply("max_pool", at.Attr(), at.In(0))
				return dst.Apply("max_pool_gradient", at.Attr(), at.In(0), y, in[0])
			}
		case "gate":
			if !r.pooled(x.In(0)) || in[1].Op().Name != "max_pool_gradient" || in[1].In(0) != in[0] {
				return graph.Node{}
			}
			z, attr := in[0].In(0), in[1].Attr()
			y := dst.Apply("max_pool", attr, z)
			return dst.Apply("max_pool_gradient", attr, z, y, dst.Apply("gate", nil, y.Relu(), in[1].In(2)))
		case "sum":
			if in[0].Op().Name == "max_pool_gradient" && byChannel(x) {
				return dst.Apply("sum", x.Attr(), in[0].In(2))
			}
		}
		return graph.Node{}
	})
}

// byChannel reports whether a sum is over all axes but the last.
func byChannel(x graph.Node) bool {
	a, last := x.Attr().(graph.ReduceAttr), x.In(0).Rank()-1
	for i := range last {
		if !a.Has(i) {
			return false
		}
	}
	return !a.Has(last)
}

// pooled reports whether x is a relu that only pools and their gradients read.
func (r *reading) pooled(x graph.Node) bool {
	if x.Op().Name != "relu" || r.kept[x.ID()] {
		return false
	}
	for _, by := range r.by[x.ID()] {
		switch by.Op().Name {
		case "max_pool", "max_pool_index":
		case "gate": // of the gradient of such a pool, which nothing else reads
			g := by.In(1)
			if by.In(0) != x || g.Op().Name != "plane_put" || g.In(1).Op().Name != "max_pool_index" || g.In(1).In(0) != x || len(r.by[g.ID()]) != 1 || r.kept[g.ID()] {
				return false
			}
		default:
			return false
		}
	}
	return true
}
