package rewrite

import "github.com/nadir-ml/nadir/graph"

// CrossEntropy takes the cross-entropy of logits and its gradient from the same
// exponentials: softmax(x) − one_hot(label) is what the loss is made of on the way.
// Where a graph has both, one op gives both.
func CrossEntropy(g *graph.Builder) *graph.Builder {
	live := g.Live()
	type pair struct{ x, label int }
	losses := map[pair]bool{}
	slopes := map[int]pair{} // softmax(x) − one_hot(label)
	for x := range g.Nodes() {
		if !live[x.ID()] {
			continue
		}
		switch x.Op().Name {
		case "cross_entropy":
			losses[pair{x.In(0).ID(), x.In(1).ID()}] = x.Shape().Len() > 0
		case "sub":
			p, hit := x.In(0), x.In(1)
			if p.Op().Name == "softmax" && hit.Op().Name == "one_hot" && hit.Shape().Equal(p.Shape()) {
				slopes[x.ID()] = pair{p.In(0).ID(), hit.In(0).ID()}
			}
		}
	}
	wanted := map[pair]bool{}
	for _, p := range slopes {
		wanted[p] = losses[p]
	}
	to := map[int]graph.Node{}
	both := func(dst *graph.Builder, p pair) graph.Node {
		return dst.Apply("cross_entropy_gradient", nil, to[p.x], to[p.label])
	}
	out := graph.Rewrite(g, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		for i, old := range x.Ins() {
			to[old.ID()] = in[i]
		}
		n := x.Shape().Len()
		if p, ok := slopes[x.ID()]; ok && wanted[p] {
			rows := n / x.Dim(-1)
			return both(dst, p).Slice(0, rows, rows+n).Reshape(x.Shape()...)
		}
		if x.Op().Name == "cross_entropy" {
			if p := (pair{x.In(0).ID(), x.In(1).ID()}); wanted[p] {
				return both(dst, p).Slice(0, 0, n).Reshape(x.Shape()...)
			}
		}
		return graph.Node{}
	})
	return out
}
