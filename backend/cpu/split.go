package cpu

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// splitPerChunk is how many multiply-adds in parts are worth handing to another core.
const splitPerChunk = 1 << 20

// splitProduct compiles x, the product m×n over k, in parts: see [kernel.MatMulSplit]. A
// chunk packs its rows of A and its columns of B, so that the longer side is cut.
func (c *compiler[T]) splitProduct(x graph.Node, attr graph.MatMulAttr, m, n, k int) (int, func(int, int)) {
	const granule, most = 32, 8
	a, b, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	lda, ldb := k, n
	if attr.TransA {
		lda = m
	}
	if attr.TransB {
		ldb = k
	}
	var laid []uint32
	if c.frozen(b) {
		words := kernel.SplitLen(n, k)
		laid = c.kept.Once(keptKey{b.t, fmt.Sprint("parts ", attr.TransB, n)}, 4*words, func() any {
			words := make([]uint32, words)
			kernel.LaySplit(words, b.f, ldb, attr.TransB, n, k)
			return words
		}).([]uint32)
	}
	part := func(i0, i1, j0, j1 int) {
		kernel.MatMulSplitLaid(y.f, n, a.f, lda, attr.TransA, b.f, ldb, attr.TransB, laid, m, n, k, i0, i1, j0, j1)
	}
	long := max(m, n)
	chunks := max(1, min(m*n*k/splitPerChunk, most, long/granule))
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
