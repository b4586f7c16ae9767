package cpu

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// What a program adds up of a tile's elements: these as they are, or something that one
// loop makes of them and adds up, with the same bits.
type sumOf uint8

const (
	ofAll     sumOf = iota
	ofSquares       // Σ x²
	ofBeyond        // how many have |x| > c
)

// sum is that of elements x.
func (r *folded[T]) sum(x []T, c T) T {
	switch r.of {
	case ofSquares:
		return kernel.SumSquares(x)
	case ofBeyond:
		return T(kernel.CountBeyond(x, c))
	}
	return kernel.Sum(x)
}

// findSums finds sums of what nothing else needs and one loop makes and adds up.
func (b *programmer[T]) findSums() {
	if b.g.shape.Len() < 2 {
		return
	}
	uses := map[int]int{}
	for _, x := range b.g.nodes {
		for _, in := range x.Ins() {
			uses[b.root[in.ID()]]++
		}
	}
	inner := func(x graph.Node, k int, op string) int {
		y := x.In(k)
		if uses[y.ID()] != 1 || b.value[y.ID()] != nil || b.root[y.ID()] != y.ID() {
			return -1
		}
		return slices.IndexFunc(b.g.nodes, func(z graph.Node) bool { return z.ID() == y.ID() && z.Op().Name == op })
	}
	for i, x := range b.g.nodes {
		if !b.folded[x.ID()] {
			continue
		}
		s := sumNodes{of: ofSquares, last: inner(x, 0, "square")}
		s.first = s.last
		if s.last < 0 {
			row, _ := rowsOf(x)
			if s.last = inner(x, 0, "greater"); s.last < 0 || row != 0 {
				continue
			}
			// The limit is one number, from outside.
			beyond := b.g.nodes[s.last]
			s.of, s.first = ofBeyond, inner(beyond, 0, "abs")
			if s.first < 0 || beyond.In(1).Rank() != 0 || b.inGroup(b.root[beyond.In(1).ID()]) {
				continue
			}
		}
		whole := b.g.nodes[s.first].In(0)
		if whole.Shape().Len() != b.g.shape.Len() || whole.Type().Kind != graph.Float {
			continue
		}
		b.sums[x.ID()] = s
		for _, k := range []int{s.first, s.last} {
			b.joined[b.g.nodes[k].ID()] = i
		}
	}
}

// sumNodes are the places in a group of what a sum takes with it.
type sumNodes struct {
	of          sumOf
	first, last int
}
