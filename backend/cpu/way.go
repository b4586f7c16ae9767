package cpu

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// How the elements of a value fall to the n parts of a way.
type lie uint8

const (
	whole  lie = iota // every part has all
	byRows            // part i has the i-th of n equal stretches
	byCols            // part i has column i of n
)

// A touch is what an instruction reads or writes of a value: a stretch of it, and which
// elements of that are whose.
type touch[T float] struct {
	v        *value[T]
	off, len int
	lie      lie
}

// meets reports whether two touches have an element in common.
func (a touch[T]) meets(b touch[T]) bool {
	return a.v == b.v && a.off < b.off+b.len && b.off < a.off+a.len
}

// agrees reports whether each part has in both touches the same elements, and no other
// part has one of them.
func (a touch[T]) agrees(b touch[T]) bool {
	return a.off == b.off && a.len == b.len && a.lie == b.lie && a.lie != whole
}

// A way is how an instruction falls into n parts that can be done in any order and any
// number at a time: the bytes are the same. Chunks begin at multiples of granule parts.
type way[T float] struct {
	n, granule    int
	reads, writes []touch[T]
	each          float64                         // ns that a worker takes once for whatever number of parts
	cost, remote  float64                         // ns: what it takes on one core, and what a worker waits for another's cache
	make          func() func(worker, lo, hi int) // the loop over parts
}

// touch is all of a node's value, by parts.
func (c *compiler[T]) touch(x graph.Node, n int, by lie) touch[T] {
	count := x.Shape().Len()
	if by == byCols && count == n {
		by = byRows
	}
	return touch[T]{c.memory(c.root[x.ID()]), c.off[x.ID()], count, by}
}

// way notes that the instruction which is compiled can be cut into n parts.
func (c *compiler[T]) way(n, granule int, run func(worker, lo, hi int), writes []touch[T], reads ...touch[T]) {
	if n > 1 && c.fuse {
		w := &way[T]{n: n, granule: granule, reads: reads, writes: writes, make: func() func(int, int, int) { return run }}
		c.ways = append(c.ways, w)
	}
}

// estimate sets what the way costs an instruction that takes so long on one core. One of
// two workers reads of all parts what the other has made of them, and of a parameter's
// columns what the other has changed of them, which went by rows.
func (w *way[T]) estimate(cost float64) {
	w.cost, w.remote = cost, 0
	const line = 16
	for _, t := range append(slices.Clip(w.reads), w.writes...) {
		if t.lie == byCols && w.n%line != 0 && !t.v.param {
			w.remote += float64(t.len/w.n) * lineTime // the line of every row that two workers share
		}
	}
	for _, t := range w.reads {
		switch {
		case t.lie == whole:
			w.remote += float64(t.len) / 2 * remoteTime
		case t.lie == byCols && t.v.param:
			w.remote += float64(t.len) / 4 * remoteTime
		}
	}
}

// rowWay is way for an op that makes rows of rows: operands fall as they say.
func (c *compiler[T]) rowWay(x graph.Node, n int, run func(lo, hi int), by ...lie) {
	var reads []touch[T]
	for i, in := range x.Ins() {
		reads = append(reads, c.touch(in, n, by[i]))
	}
	c.way(n, 1, func(_, lo, hi int) { run(lo, hi) }, []touch[T]{c.touch(x, n, byRows)}, reads...)
}

// colWay is way for an op that makes a number for each of n columns.
func (c *compiler[T]) colWay(x graph.Node, n int, run func(lo, hi int), by ...lie) {
	c.rowWay(x, n, run, by...)
	if k := len(c.ways); k > 0 {
		c.ways[k-1].granule = 16
	}
}

// lineWay is way for a convolution, of which each of n lines of results, or samples, sees
// lines of the whole input: what comes behind it can be done line by line with it. Alone it
// keeps the chunks that it has.
func (c *compiler[T]) lineWay(x graph.Node, n, granule int, run func(worker, lo, hi int)) {
	var reads []touch[T]
	for _, in := range x.Ins() {
		reads = append(reads, c.touch(in, n, whole))
	}
	c.way(n, granule, run, []touch[T]{c.touch(x, n, byRows)}, reads...)
	c.own = true
}

// inSquares is from how many multiply-adds on a product is better cut both ways.
const inSquares = 128 << 20

// A product reads a B of so few elements as they lie, and its A more than once where
// that stays in the second-level cache.
const (
	inFirstCache  = 10 << 10
	inSecondCache = 128 << 10
)

// operandLies is how rows of a product fall on its A, and columns on its B.
func operandLies(attr graph.MatMulAttr) (left, right lie) {
	left, right = byRows, byCols
	if attr.TransA {
		left = byCols
	}
	if attr.TransB {
		right = byRows
	}
	return left, right
}

// productWays are those of a matrix product, by rows and by columns. part computes so
// many of each; B is laid out once or for each part.
func (c *compiler[T]) productWays(x graph.Node, attr graph.MatMulAttr, m, n, k int, laid bool, part func(i0, i1, j0, j1 int)) {
	a, b := x.In(0), x.In(1)
	if m*n*k > inSquares && !laid {
		return
	}
	left, right := operandLies(attr)
	few, wide := 4, 16
	if attr.TransB && !laid {
		few = 16 // rows of A are laid out for so many
	}
	if n >= 128 {
		wide = 32
	}
	c.way(m, few, func(_, lo, hi int) { part(lo, hi, 0, n) }, []touch[T]{c.touch(x, m, byRows)}, c.touch(a, m, left), c.touch(b, m, whole))
	byCol := len(c.ways)
	c.way(n, wide, func(_, lo, hi int) { part(0, m, lo, hi) }, []touch[T]{c.touch(x, n, byCols)}, c.touch(a, n, whole), c.touch(b, n, right))
	for k, w := range c.ways {
		switch {
		case k >= byCol:
			w.each = float64(max(0, a.Shape().Len()-inSecondCache)) * readTime
		case laid:
			if c.weights > 3*inSecondCache {
				w.each = float64(b.Shape().Len()) * readTime
			}
		case b.Shape().Len() > inFirstCache:
			w.each = float64(b.Shape().Len()) * packTime
		}
	}
}

// outside lists what a group reads of values that it does not make.
func (c *compiler[T]) outside(at int, g *group[T]) (list []graph.Node) {
	seen := map[int]bool{}
	for _, x := range g.nodes {
		for _, in := range x.Ins() {
			root := c.root[in.ID()]
			if _, number := c.g.Node(root).Value(); !number && c.at[root] != at && !seen[in.ID()] {
				seen[in.ID()] = true
				list = append(list, in)
			}
		}
	}
	return list
}

// inside lists what of a group's nodes has memory.
func (c *compiler[T]) inside(g *group[T]) (list []graph.Node) {
	for _, x := range g.nodes {
		if c.value[x.ID()] != nil {
			list = append(list, x)
		}
	}
	return list
}

// groupWays are those of a group that p computes: by rows and by columns of the shape
// cut in two behind any of its axes.
func (c *compiler[T]) groupWays(at int, g *group[T], p *program[T]) (ways []*way[T]) {
	total := g.shape.Len()
	for axis := 1; axis <= len(g.shape) && total > 0; axis++ {
		front, back := g.shape[:axis].Len(), g.shape[axis:].Len()
		if front > 1 && g.shape[axis-1] > 1 {
			if w := c.groupRows(at, g, p, axis, front, back); w != nil {
				ways = append(ways, w)
			}
		}
		if front > 1 && back >= 16 && g.shape[axis] > 1 {
			if w := c.groupCols(at, g, axis, back, len(p.steps)); w != nil {
				ways = append(ways, w)
			}
		}
	}
	return ways
}

func (c *compiler[T]) groupRows(at int, g *group[T], p *program[T], axis, n, each int) *way[T] {
	w := &way[T]{n: n, granule: p.granule / gcd(p.granule, each)}
	for _, in := range c.outside(at, g) {
		by := whole
		if own(in.Shape(), g.shape, 0, axis) {
			by = byRows
		}
		w.reads = append(w.reads, c.touch(in, n, by))
	}
	for _, x := range c.inside(g) {
		by := byRows
		if c.folded[x.ID()] {
			switch row, _ := rowsOf(x); {
			case row == 0:
				by = whole
			case each%row != 0:
				return nil
			}
		}
		w.writes = append(w.writes, c.touch(x, n, by))
	}
	w.make = func() func(int, int, int) {
		return func(worker, lo, hi int) { p.run(worker, lo*each, hi*each) }
	}
	return w
}

func (c *compiler[T]) groupCols(at int, g *group[T], axis, n, steps int) *way[T] {
	w := &way[T]{n: n, granule: 16, each: float64(g.shape.Len()/n*steps) * stepTime}
	for _, in := range c.outside(at, g) {
		by := whole
		if own(in.Shape(), g.shape, axis, len(g.shape)) {
			by = byCols
		}
		w.reads = append(w.reads, c.touch(in, n, by))
	}
	for _, x := range c.inside(g) {
		if c.folded[x.ID()] {
			return nil
		}
		w.writes = append(w.writes, c.touch(x, n, byCols))
	}
	total := g.shape.Len()
	w.make = func() func(int, int, int) {
		p := c.program(at, g, n)
		return func(worker, lo, hi int) {
			for r := 0; r < total; r += n {
				p.run(worker, r+lo, r+hi)
			}
		}
	}
	return w
}

// own reports whether an operand that is stretched to a shape has axes [from, to) of
// it itself.
func own(in, out tensor.Shape, from, to int) bool {
	off := len(out) - len(in)
	for i := from; i < to; i++ {
		if out[i] > 1 && (i < off || in[i-off] != out[i]) {
			return false
		}
	}
	return true
}

// touches are those of an instruction that is not cut.
func (c *compiler[T]) touches(at int, in *instr[T]) (reads, writes []touch[T]) {
	var outs, ins []graph.Node
	if in.group != nil {
		outs, ins = c.inside(in.group), c.outside(at, in.group)
	} else {
		outs, ins = []graph.Node{in.node}, in.node.Ins()
	}
	for _, x := range ins {
		reads = append(reads, c.touch(x, 0, whole))
	}
	for _, x := range outs {
		writes = append(writes, c.touch(x, 0, whole))
	}
	return reads, writes
}
