package cpu

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// splitPerChunk is how many multiply-adds in parts are worth handing to another core.
const splitPerChunk = 1 << 20

// splitProduct compiles x, the product y (m×n) = a·b over k, in parts: see [kernel.MatMulSplit]. A
// chunk packs its rows of A and its columns of B: there is one for each worker, and it is
// the longer side that is cut.
func (c *compiler[T]) splitProduct(x graph.Node, attr graph.MatMulAttr, y, a, b *value[T], lda, ldb, m, n, k int) (int, func(int, int)) {
	const granule = 32
	var laid []uint32
	if c.frozen(b) {
		laid = c.keepWords(b, fmt.Sprint("parts ", attr.TransB, n), kernel.SplitLen(n, k), func(dst []uint32) {
			kernel.LaySplit(dst, b.f, ldb, attr.TransB, n, k)
		})
	}
	part := func(i0, i1, j0, j1 int) {
		kernel.MatMulSplitLaid(y.f, n, a.f, lda, attr.TransA, b.f, ldb, attr.TransB, laid, m, n, k, i0, i1, j0, j1)
	}
	c.splitWays(x, attr, m, n, k, laid != nil, part)
	long := max(m, n)
	chunks := max(1, min(m*n*k/splitPerChunk, c.threads, long/granule))
	per := ((long+chunks-1)/chunks + granule - 1) / granule * granule
	return (long + per - 1) / per, func(_, chunk int) {
		lo, hi := chunk*per, min(long, (chunk+1)*per)
		if m >= n {
			part(lo, hi, 0, n)
		} else {
			part(0, m, lo, hi)
		}
	}
}

// splitWays are those of a product in parts, by rows and by columns.
func (c *compiler[T]) splitWays(x graph.Node, attr graph.MatMulAttr, m, n, k int, laid bool, part func(i0, i1, j0, j1 int)) {
	const granule = 32
	a, b := x.In(0), x.In(1)
	left, right := operandLies(attr)
	if m*n*k > inSquares || m <= granule || n <= granule || !c.fuse {
		return
	}
	c.way(m, granule, func(_, lo, hi int) { part(lo, hi, 0, n) }, []touch[T]{c.touch(x, m, byRows)}, c.touch(a, m, left), c.touch(b, m, whole))
	c.way(n, granule, func(_, lo, hi int) { part(0, m, lo, hi) }, []touch[T]{c.touch(x, n, byCols)}, c.touch(a, n, whole), c.touch(b, n, right))
	if !laid {
		c.ways[0].each = float64(n*k) * packTime
	}
	c.ways[1].each = float64(m*k) * packTime
}
