package rewrite

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
)

// Apply is the graph after every rule that finds something to do in it, and the
// graph itself where none does.
func Apply(g *graph.Builder) *graph.Builder {
	return CrossEntropy(AffineGradients(g))
}

// A reading is what is known of a graph before it is rewritten: by node number,
// the live nodes that read it, and whether something outside the graph does.
type reading struct {
	by   [][]graph.Node
	kept []bool
}

func read(g *graph.Builder) *reading {
	r := &reading{by: make([][]graph.Node, g.Len()), kept: make([]bool, g.Len())}
	live := g.Live()
	for x := range g.Nodes() {
		if !live[x.ID()] {
			continue
		}
		for i, in := range x.Ins() {
			if i > 0 && x.In(0) == in {
				continue
			}
			r.by[in.ID()] = append(r.by[in.ID()], x)
		}
	}
	for _, o := range g.Outputs() {
		r.kept[o.Node.ID()] = true
	}
	for _, u := range g.Updates() {
		r.kept[u.Next.ID()] = true
	}
	for _, x := range g.Guards() {
		r.kept[x.ID()] = true
	}
	for _, x := range g.Bounds() {
		r.kept[x.ID()] = true
	}
	return r
}

// has reports whether a live node is one of these ops.
func has(g *graph.Builder, ops ...string) bool {
	live := g.Live()
	for x := range g.Nodes() {
		if live[x.ID()] && slices.Contains(ops, x.Op().Name) {
			return true
		}
	}
	return false
}

// isMatMul reports whether x is a product with that attribute.
func isMatMul(x graph.Node, ta, tb bool) bool {
	a, ok := x.Attr().(graph.MatMulAttr)
	return ok && x.Op().Name == "matmul" && a == graph.MatMulAttr{TransA: ta, TransB: tb}
}

// isColumnSum reports whether x adds up the rows of a matrix.
func isColumnSum(x graph.Node) bool {
	a, ok := x.Attr().(graph.ReduceAttr)
	return ok && x.Op().Name == "sum" && x.In(0).Rank() == 2 && a.Axes == 1 && !a.Keep
}
