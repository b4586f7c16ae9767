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

// affineKernel and affineSums are for where their product is wanted as it is; else a
// [bundle] computes both.
func affineKernel[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	g, db, gamma, beta, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x)
	r, n := x.Dim(0), x.Dim(1)
	rows := func(worker, lo, hi int) {
		sums := c.work.worker[worker][:3]
		for i := lo; i < hi; i++ {
			row := y.f[i*n : (i+1)*n]
			copy(row, g.f[i*n:])
			kernel.AffineGradients(sums, row, db.f, db.f, gamma.f[i:i+1], beta.f[i:i+1], 1, n, 0, 1)
		}
	}
	c.work.need(3, 0)
	chunks, per := cut(r, 1, 3*n)
	return chunks, func(worker, k int) { rows(worker, k*per, min(r, (k+1)*per)) }
}

func affineSums[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	g, w, db, gamma, beta, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x.In(4)), c.of(x)
	r, n := x.In(0).Dim(0), x.In(0).Dim(1)
	c.work.need(3+n, 0)
	chunks, per := cut(r, 1, 3*n)
	return chunks, func(worker, k int) {
		sums, row := c.work.worker[worker][:3], c.work.worker[worker][3:3+n]
		for i := k * per; i < min(r, (k+1)*per); i++ {
			copy(row, g.f[i*n:])
			kernel.AffineGradients(sums, row, w.f[i*n:(i+1)*n], db.f, gamma.f[i:i+1], beta.f[i:i+1], 1, n, 0, 1)
			y.f[i], y.f[r+i], y.f[2*r+i] = sums[0], sums[1], sums[2]
		}
	}
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
