package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// batchMatMul multiplies stacks of matrices. A chunk has several products where they are
// small, and a band of rows of one where they are few and large.
func batchMatMul[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	a, b, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	attr := x.Attr().(graph.MatMulAttr)
	r := x.Rank()
	m, n, count := x.Dim(r-2), x.Dim(r-1), x.Shape()[:r-2].Len()
	k, lda, ldb := x.In(0).Dim(r-1), x.In(0).Dim(r-1), x.In(1).Dim(r-1)
	if attr.TransA {
		k = x.In(0).Dim(r - 2)
	}
	if k == 0 {
		return 1, func(int, int) { kernel.Fill(y.f, 0) }
	}
	if m == 0 || n == 0 || count == 0 {
		return 1, func(int, int) {}
	}
	product := func(s, from, to int) {
		kernel.MatMul(y.f[s*m*n:(s+1)*m*n], n, a.f[s*m*k:(s+1)*m*k], lda, attr.TransA, b.f[s*k*n:(s+1)*k*n], ldb, attr.TransB, m, n, k, from, to, 0, n, false)
	}
	if rows, _ := cutProduct(m, n, k, attr.TransB); rows < m && count*((m+rows-1)/rows) <= maxChunks {
		bands := (m + rows - 1) / rows
		return count * bands, func(_, chunk int) {
			i := chunk % bands * rows
			product(chunk/bands, i, min(m, i+rows))
		}
	}
	per := max(1, macsPerChunk/(m*n*k), (count+maxChunks-1)/maxChunks)
	return (count + per - 1) / per, func(_, chunk int) {
		for s := chunk * per; s < min(count, (chunk+1)*per); s++ {
			product(s, 0, m)
		}
	}
}
