package cpu

import "github.com/nadir-ml/nadir/internal/kernel"

// A product of so few rows is worth cutting by k: what is added is little besides its B.
const fewRanged = 128

// ranged compiles y (m×n) = A·B over k, B being a parameter, by the ranges of k that a
// product adds in turn, if that is worth it: with few rows of A, reading B is what takes
// time. So each worker reads rows of B that it updated itself, and finds them in its
// cache; of columns it would fetch half from another's, and the update would have to
// claim them back. Sums of ranges lie apart until the last of them is there.
func (c *compiler[T]) ranged(y, a, b *value[T], m, n, k int) (int, func(int, int)) {
	const granule = 32
	ranges := kernel.Passes[T](k)
	if c.threads == 1 || ranges < 2 || m > fewRanged || !b.param || m*n*k < 8*productPerChunk || m*n*ranges > inSecondCache*2 {
		return 0, nil
	}
	groups := max(2, (2*c.threads+ranges-1)/ranges) // of columns: two chunks for each worker
	cols := ((n+groups-1)/groups + granule - 1) / granule * granule
	groups = (n + cols - 1) / cols
	c.work.need(0, (ranges-1)*m*n)
	left := make([]counter, groups)
	return ranges * groups, func(_, chunk int) {
		s, g := chunk/groups, chunk%groups
		from, to := kernel.Pass[T](k, s)
		j0, j1 := min(n, g*cols), min(n, (g+1)*cols)
		sums := y.f
		if s > 0 {
			sums = c.work.shared[(s-1)*m*n:][:m*n]
		}
		kernel.MatMul(sums, n, a.f[from:], k, false, b.f[from*n:], n, false, m, n, to-from, 0, m, j0, j1, false)
		if left[g].last(1, ranges) {
			for i := range m {
				row := y.f[i*n+j0 : i*n+j1]
				for s := range ranges - 1 {
					kernel.Add(row, row, c.work.shared[(s*m+i)*n+j0:][:len(row)])
				}
			}
		}
	}
}
