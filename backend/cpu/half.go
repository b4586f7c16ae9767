package cpu

import (
	"fmt"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// checkProducts says what is wrong with the type that operands are rounded to.
func checkProducts(o backend.Options) error {
	switch {
	case o.Products == tensor.Invalid || o.Products == tensor.BFloat16 && o.Float != tensor.Float64:
		return nil
	case o.Products == tensor.BFloat16:
		return fmt.Errorf("cpu: products of bfloat16 are added up in float32, not in %v", o.Float)
	}
	return fmt.Errorf("cpu: no product rounds its operands to %v; want bfloat16", o.Products)
}

// halfPerChunk is how many multiply-adds of bfloat16 are worth handing to another core,
// and halfGranule the rows or columns that share what is packed.
const (
	halfPerChunk = 4 << 20
	halfGranule  = 64
)

// halfProduct compiles matmul with operands of bfloat16. A chunk packs both operands, one
// of them whole, so that there are few: along the longer side of the result.
func halfProduct[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	a, b, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	attr := x.Attr().(graph.MatMulAttr)
	m, n := x.Dim(0), x.Dim(1)
	k, lda, ldb := x.In(0).Dim(1), x.In(0).Dim(1), x.In(1).Dim(1)
	if attr.TransA {
		k = x.In(0).Dim(0)
	}
	c.flops = 2 * float64(m) * float64(n) * float64(k)
	long := max(m, n)
	chunks := max(1, min(m*n*k/halfPerChunk, 4, long/halfGranule))
	per := (long + chunks - 1) / chunks
	if chunks > 1 {
		per = (per + halfGranule - 1) / halfGranule * halfGranule
	}
	chunks = (long + per - 1) / max(per, 1)
	var laid []uint32
	if c.frozen(b) && n > 0 && k > 0 {
		laid = c.keepWords(b, fmt.Sprint("bfloat16 ", attr.TransB, n), kernel.HalfLen(n, k), func(dst []uint32) {
			kernel.LayHalf(dst, b.f, ldb, attr.TransB, n, k)
		})
	}
	return chunks, func(_, chunk int) {
		i0, i1, j0, j1 := 0, m, chunk*per, min(n, (chunk+1)*per)
		if m >= n {
			i0, i1, j0, j1 = chunk*per, min(m, (chunk+1)*per), 0, n
		}
		if laid != nil {
			kernel.MatMulLaidBF16(y.f, n, a.f, lda, attr.TransA, laid, m, n, k, i0, i1, j0, j1, false)
			return
		}
		kernel.MatMulBF16(y.f, n, a.f, lda, attr.TransA, b.f, ldb, attr.TransB, m, n, k, i0, i1, j0, j1, false)
	}
}
