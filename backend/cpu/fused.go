package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

func columnDot[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	a, b, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	r, n := x.In(0).Dim(0), x.In(0).Dim(1)
	chunks, per := cut(n, 64, r)
	c.colWay(x, n, func(lo, hi int) { kernel.ColDot(y.f, a.f, b.f, r, n, lo, hi) }, byCols, byCols)
	return chunks, func(_, k int) { kernel.ColDot(y.f, a.f, b.f, r, n, k*per, min(n, (k+1)*per)) }
}

func columnSpread[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	a, m, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	r, n := x.In(0).Dim(0), x.In(0).Dim(1)
	chunks, per := cut(n, 64, r)
	c.colWay(x, n, func(lo, hi int) { kernel.ColSpread(y.f, a.f, m.f, r, n, lo, hi) }, byCols, byRows)
	return chunks, func(_, k int) { kernel.ColSpread(y.f, a.f, m.f, r, n, k*per, min(n, (k+1)*per)) }
}

// affineGradients works in place where the product has the result's memory.
func affineGradients[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	g, w, db, gamma, beta, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x.In(4)), c.of(x)
	r, n := x.In(0).Dim(0), x.In(0).Dim(1)
	inPlace := c.early[x.ID()]
	rows := func(lo, hi int) {
		if !inPlace {
			copy(y.f[lo*n:hi*n], g.f[lo*n:hi*n])
		}
		kernel.AffineGradients(y.f[r*n:], y.f[:r*n], w.f, db.f, gamma.f, beta.f, r, n, lo, hi)
	}
	all := c.touch(x, r, byRows)
	writes := []touch[T]{{all.v, 0, r * n, byRows}}
	for at := r * n; at < all.len; at += r {
		writes = append(writes, touch[T]{all.v, at, r, byRows})
	}
	c.way(r, 1, func(_, lo, hi int) { rows(lo, hi) }, writes, c.touch(x.In(0), r, byRows), c.touch(x.In(1), r, byRows), c.touch(x.In(2), r, whole),
		c.touch(x.In(3), r, byRows), c.touch(x.In(4), r, byRows))
	chunks, per := cut(r, 1, 3*n)
	return chunks, func(_, k int) { rows(k*per, min(r, (k+1)*per)) }
}

// crossEntropyGradient has the losses of all rows and, behind them, the gradients.
func crossEntropyGradient[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, label, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	r, n := x.In(1).Shape().Len(), x.In(0).Dim(-1)
	rows := func(lo, hi int) { kernel.CrossEntropyRow(y.f[:r], y.f[r:], in.f, label.i, r, n, lo, hi) }
	all := c.touch(x, r, byRows)
	writes := []touch[T]{{all.v, 0, r, byRows}, {all.v, r, r * n, byRows}}
	c.way(r, 1, func(_, lo, hi int) { rows(lo, hi) }, writes, c.touch(x.In(0), r, byRows), c.touch(x.In(1), r, byRows))
	chunks, per := cut(r, 1, 12*n)
	return chunks, func(_, k int) { rows(k*per, min(r, (k+1)*per)) }
}
