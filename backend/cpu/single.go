package cpu

import (
	"math"
	"math/bits"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// A single compiles an op that runs as an instruction of its own: the number of
// chunks, which depends on shapes alone, and the loop over one of them.
type single[T float] func(c *compiler[T], x graph.Node) (chunks int, run func(worker, chunk int))

// cut divides n units of work of the given cost, in additions, into chunks of
// whole granules, nearly equal.
func cut(n, granule, cost int) (chunks, per int) {
	chunks = even(n*max(cost, 1)/costPerChunk, (n+granule-1)/granule)
	per = max(1, (n+chunks-1)/chunks)
	per = (per + granule - 1) / granule * granule
	return max(1, (n+per-1)/per), per
}

// even rounds a number of chunks, of which there are most at most, so that 2, 4 or 8
// workers end together: to a power of two or, of many, a multiple of 16.
func even(chunks, most int) int {
	chunks = max(1, min(chunks, most, maxChunks))
	if chunks >= 16 {
		return chunks &^ 15
	}
	return 1 << (bits.Len(uint(chunks)) - 1)
}

// singleOps is the table by the op's name.
func singleOps[T float]() map[string]single[T] {
	return map[string]single[T]{
		"matmul":                 matmul[T],
		"batch_matmul":           batchMatMul[T],
		"conv":                   conv[T],
		"conv_bias":              convBias[T],
		"conv_input":             convInput[T],
		"conv_kernel":            convKernel[T],
		"max_pool":               maxPool[T],
		"max_pool_gradient":      maxPoolGradient[T],
		"max_pool_index":         maxPoolIndex[T],
		"plane_take":             planeTake[T],
		"plane_put":              planePut[T],
		"to_int":                 toInt[T],
		"sum":                    reduction(kernel.Sum[T], kernel.RowSum[T], kernel.ColSum[T], T(0), func(a, b T) T { return a + b }),
		"reduce_max":             reduction(nil, kernel.RowMax[T], colMax[T], T(math.Inf(-1)), func(a, b T) T { return max(a, b) }),
		"column_dot":             columnDot[T],
		"column_spread":          columnSpread[T],
		"affine_gradients":       affineGradients[T],
		"square_sum":             squareSum[T],
		"transpose":              transpose[T],
		"slice":                  slice[T],
		"pad":                    pad[T],
		"concat":                 concat[T],
		"softmax":                rows(kernel.SoftmaxRow[T]),
		"log_softmax":            rows(kernel.LogSoftmaxRow[T]),
		"cross_entropy":          crossEntropy[T],
		"cross_entropy_gradient": crossEntropyGradient[T],
		"argmax":                 argmax[T],
		"one_hot":                oneHot[T],
		"gather":                 gather[T],
		"scatter_add":            scatterAdd[T],
		"equal":                  equalInts[T],
		"random_uniform":         random(kernel.Uniform[T]),
		"random_normal":          random(kernel.Normal[T]),
	}
}

// macsPerChunk is how many multiply-adds of a convolution are worth handing to
// another core.
const macsPerChunk = 256 * 1024

// A product is cut into so many chunks at most: enough for a few cores to end together,
// but of this many multiply-adds at least.
const (
	mostProductChunks = 32
	productPerChunk   = 192 * 1024
)

// cutProduct divides a product m×n over k into chunks of so many rows and columns: of
// all grids that one which ends first on 1, 2, 4 and 8 workers. Every chunk reads its
// rows of A and its columns of B, and lays the latter out anew; a B that is stored
// transposed, tb, has to be turned for it, or else A and the chunk of C.
func cutProduct(m, n, k int, tb bool) (rows, cols int) {
	const granule, fewRows = 32, 14
	most := max(1, min(mostProductChunks, m*n*k/productPerChunk))
	best := math.Inf(1)
	for down := 1; down <= most && (down == 1 || m/down >= fewRows); down++ {
		for across := 1; down*across <= most; across++ {
			r := (m + down - 1) / down
			c := ((n+across-1)/across + granule - 1) / granule * granule
			if across == 1 {
				c = n
			}
			if t := productTime(m, n, k, r, c, tb); t < best {
				best, rows, cols = t, r, c
			}
		}
	}
	return rows, cols
}

// productTime estimates what a product takes, per element of k and in multiply-adds, as
// the sum of what it takes on 1, 2, 4 and 8 workers, one counted twice. What a
// worker reads was mostly written by others, and comes from their caches.
func productTime(m, n, k, rows, cols int, tb bool) (sum float64) {
	const (
		lanes  = 16
		layOut = 8.0     // of an element of B
		turn   = 10.0    // of one that is turned
		read   = 2.0     // of one of A
		remote = 40.0    // of an element from another core
		call   = 40000.0 // of a chunk, for all of k
	)
	down, across := (m+rows-1)/rows, (n+cols-1)/cols
	for workers := 1; workers <= 8; workers *= 2 {
		longest, others := 0.0, float64(workers-1)/float64(workers)
		for w := range workers {
			own, last := 0.0, -1
			for i := partOf(w, workers, down*across); i < partOf(w+1, workers, down*across); i++ {
				r := float64(min(rows, m-i/across*rows))
				c := min(cols, n-i%across*cols)
				whole := float64((c + lanes - 1) / lanes * lanes)
				time := whole * (r + layOut)
				if tb { // with B or with A in the vectors
					n := float64(c)
					swapped := math.Ceil(r/lanes)*lanes*n + turn*r*(1+n/float64(k))
					time = min(time+turn*whole, swapped)
				}
				own += time + whole*remote*others + read*r + call/float64(k)
				if i/across != last {
					own += remote * others * r
				}
				last = i / across
			}
			longest = max(longest, own)
		}
		if sum += longest; workers == 1 {
			sum += longest
		}
	}
	return sum
}

func matmul[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	k := x.In(0).Dim(1)
	attr := x.Attr().(graph.MatMulAttr)
	if attr.TransA {
		k = x.In(0).Dim(0)
	}
	return c.product(x, attr, x.Dim(0), x.Dim(1), k)
}

// product compiles x, which is the product m×n over k of its operands.
func (c *compiler[T]) product(x graph.Node, attr graph.MatMulAttr, m, n, k int) (int, func(int, int)) {
	a, b, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	lda, ldb := k, n
	if attr.TransA {
		lda = m
	}
	if attr.TransB {
		ldb = k
	}
	c.flops = 2 * float64(m) * float64(n) * float64(k)
	if k == 0 {
		return 1, func(int, int) { kernel.Fill(y.f, 0) }
	}
	if m == 0 || n == 0 {
		return 1, func(int, int) {}
	}
	if kernel.Splits[T](m, n, k, attr.TransA, attr.TransB) {
		return c.splitProduct(x, attr, y, a, b, lda, ldb, m, n, k)
	}
	rows, cols := cutProduct(m, n, k, attr.TransB)
	across := (n + cols - 1) / cols
	left := func() []T { return a.f }
	by := c.right(b, 0, ldb, attr.TransB, m, n, k)
	if !attr.TransA && !attr.TransB && by.laid == nil {
		if chunks, run := c.ranged(y, a, b, m, n, k); chunks > 0 {
			return chunks, run
		}
	}
	if ld := apart(m, n, k, lda); ld > lda && !attr.TransA && by.laid == nil {
		c.work.need(0, m*ld)
		chunks, per := cut(m, 1, 2*k)
		from := lda
		c.before = &job{chunks: chunks, run: func(_, chunk int) {
			i := chunk * per
			kernel.CopyRows(c.work.shared[i*ld:], a.f[i*from:], ld, from, k, min(per, m-i))
		}}
		left, lda = func() []T { return c.work.shared }, ld
	}
	part := func(i0, i1, j0, j1 int) {
		by.multiply(y.f, n, left(), lda, attr.TransA, m, i0, i1, j0, j1, false)
	}
	if c.before == nil {
		c.productWays(x, attr, m, n, k, by.laid != nil, part)
	}
	return (m + rows - 1) / rows * across, func(_, chunk int) {
		i, j := chunk/across*rows, chunk%across*cols
		part(i, min(m, i+rows), j, min(n, j+cols))
	}
}

// apart is the distance at which rows of A, ld apart, are read: where it is a large
// power of two, they share the sets of a cache, and a copy whose rows do not is soon
// worth its while.
func apart(m, n, k, ld int) int {
	const line, large, often = 16, 256, 64
	if ld%large == 0 && n >= often && m > line && m*n*k >= mostProductChunks*productPerChunk {
		return ld + line
	}
	return ld
}

// reduction compiles sum and its like. Reduced axes that lie together are one:
// all of them, the last (row), or the first (col) have loops of their own; what
// is left goes element by element.
func reduction[T float](all func([]T) T, row, col func(dst, x []T, rows, cols, lo, hi int), zero T, join func(a, b T) T) single[T] {
	return func(c *compiler[T], x graph.Node) (int, func(int, int)) {
		in, y := c.of(x.In(0)), c.of(x)
		attr := x.Attr().(graph.ReduceAttr)
		shape := x.In(0).Shape()
		// Collapse to alternating kept and reduced axes.
		var dims []int
		var red []bool
		for i, d := range shape {
			if d == 1 {
				continue
			}
			if k := len(dims); k > 0 && red[k-1] == attr.Has(i) {
				dims[k-1] *= d
			} else {
				dims, red = append(dims, d), append(red, attr.Has(i))
			}
		}
		total := shape.Len()
		outs := x.Shape().Len()
		switch {
		case total == 0 || outs == 0:
			return 1, func(int, int) { kernel.Fill(y.f, zero) }
		case len(dims) == 0 || len(dims) == 1 && !red[0]:
			return 1, func(int, int) { copy(y.f, in.f) }
		case len(dims) == 1 && all != nil && total > sumPerPart:
			return sumAll(c, x, all, all)
		case len(dims) == 1 && all != nil:
			return 1, func(int, int) { y.f[0] = all(in.f) }
		case len(dims) == 1:
			return 1, func(int, int) { row(y.f, in.f, 1, total, 0, 1) }
		case len(dims) == 2 && red[1]:
			r, n := dims[0], dims[1]
			chunks, per := cut(r, 1, n)
			c.rowWay(x, r, func(lo, hi int) { row(y.f, in.f, r, n, lo, hi) }, byRows)
			return chunks, func(_, k int) { row(y.f, in.f, r, n, k*per, min(r, (k+1)*per)) }
		case len(dims) == 2 && col != nil:
			r, n := dims[0], dims[1]
			chunks, per := cut(n, 16, r)
			c.colWay(x, n, func(lo, hi int) { col(y.f, in.f, r, n, lo, hi) }, byCols)
			return chunks, func(_, k int) { col(y.f, in.f, r, n, k*per, min(n, (k+1)*per)) }
		case len(dims) == 3 && red[1] && col != nil: // the places of each image
			n, r, c := dims[0], dims[1], dims[2]
			chunks, per := cut(n, 1, r*c)
			return chunks, func(_, k int) {
				for i := k * per; i < min(n, (k+1)*per); i++ {
					col(y.f[i*c:(i+1)*c], in.f[i*r*c:(i+1)*r*c], r, c, 0, c)
				}
			}
		}
		// Strides of the kept and of the reduced axes.
		var kept, reduced []axis
		step := 1
		for i := len(dims) - 1; i >= 0; i-- {
			if red[i] {
				reduced = append(reduced, axis{dims[i], step})
			} else {
				kept = append(kept, axis{dims[i], step})
			}
			step *= dims[i]
		}
		each := total / outs
		chunks, per := cut(outs, 1, 2*each)
		return chunks, func(_, k int) {
			for o := k * per; o < min(outs, (k+1)*per); o++ {
				base := offset(kept, o)
				acc := zero
				for i := range each {
					acc = join(acc, in.f[base+offset(reduced, i)])
				}
				y.f[o] = acc
			}
		}
	}
}

// colMax sets dst[j] to the largest of column j of x (rows×cols), for j0 ≤ j < j1.
func colMax[T float](dst, x []T, rows, cols, j0, j1 int) {
	dst = dst[j0:j1]
	copy(dst, x[j0:j1])
	for i := 1; i < rows; i++ {
		kernel.Max(dst, dst, x[i*cols+j0:i*cols+j1])
	}
}

// An axis has a length and the distance between neighbours. Lists of axes go
// from the innermost outwards.
type axis struct{ n, step int }

func offset(axes []axis, i int) int {
	at := 0
	for _, a := range axes {
		at += i % a.n * a.step
		i /= a.n
	}
	return at
}

// sumPerPart is how many numbers are summed at a time: the sum depends on it.
const sumPerPart = 48 * 1024

func squareSum[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	return sumAll(c, x, kernel.SumSquares[T], kernel.Sum[T])
}

// sumAll sums a long array: blocks of fixed length in chunks, each as part has it, then
// the blocks' sums. The last chunk to finish adds them up, in order.
func sumAll[T float](c *compiler[T], x graph.Node, block, all func([]T) T) (int, func(int, int)) {
	in, y := c.of(x.In(0)), c.of(x)
	n := x.In(0).Shape().Len()
	per := max(sumPerPart, (n+maxChunks-1)/maxChunks)
	chunks := max(1, (n+per-1)/per)
	part := make([]T, chunks)
	left := new(counter)
	return chunks, func(_, k int) {
		part[k] = block(in.f[k*per : min(n, (k+1)*per)])
		if left.last(1, chunks) {
			y.f[0] = all(part)
		}
	}
}

func rows[T float](f func(dst, x []T, rows, cols, lo, hi int)) single[T] {
	return func(c *compiler[T], x graph.Node) (int, func(int, int)) {
		in, y := c.of(x.In(0)), c.of(x)
		n := x.Dim(-1)
		r := x.Shape().Len() / n
		chunks, per := cut(r, 1, 12*n)
		c.rowWay(x, r, func(lo, hi int) { f(y.f, in.f, r, n, lo, hi) }, byRows)
		return chunks, func(_, k int) { f(y.f, in.f, r, n, k*per, min(r, (k+1)*per)) }
	}
}

func crossEntropy[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, label, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	n := x.In(0).Dim(-1)
	r := x.Shape().Len()
	chunks, per := cut(r, 1, 12*n)
	block := max(1, min(per, tile/max(n, 1)))
	scratch := make([][]T, c.threads) // some rows for every worker
	for w := range scratch {
		scratch[w] = alignedSlice[T](block * n)
	}
	return chunks, func(worker, k int) {
		end := min(r, (k+1)*per)
		for i := k * per; i < end; i += block {
			m := min(block, end-i)
			kernel.CrossEntropyRow(y.f[i:i+m], scratch[worker], in.f[i*n:(i+m)*n], label.i[i:i+m], m, n, 0, m)
		}
	}
}

func argmax[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, y := c.of(x.In(0)), c.of(x)
	n := x.In(0).Dim(-1)
	r := x.Shape().Len()
	chunks, per := cut(r, 1, 2*n)
	return chunks, func(_, k int) {
		for i := k * per; i < min(r, (k+1)*per); i++ {
			row := in.f[i*n : (i+1)*n]
			best := 0
			for j, v := range row {
				if v > row[best] || v != v && row[best] == row[best] {
					best = j
				}
			}
			y.i[i] = int32(best)
		}
	}
}

func oneHot[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, y := c.of(x.In(0)), c.of(x)
	n := x.Dim(-1)
	r := x.In(0).Shape().Len()
	chunks, per := cut(r, 1, n)
	return chunks, func(_, k int) {
		for i := k * per; i < min(r, (k+1)*per); i++ {
			row := y.f[i*n : (i+1)*n]
			clear(row)
			if l := in.i[i]; l >= 0 && int(l) < n {
				row[l] = 1
			}
		}
	}
}

func gather[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	table, index, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	rows := x.In(0).Dim(0)
	n := x.In(0).Shape()[1:].Len()
	r := x.In(1).Shape().Len()
	chunks, per := cut(r, 1, n)
	return chunks, func(_, k int) {
		for i := k * per; i < min(r, (k+1)*per); i++ {
			row := y.f[i*n : (i+1)*n]
			if j := int(index.i[i]); j >= 0 && j < rows {
				copy(row, table.f[j*n:(j+1)*n])
			} else {
				clear(row)
			}
		}
	}
}

// scatterAdd is cut by columns: every chunk sees all rows in their order.
func scatterAdd[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, index, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	rows := x.Dim(0)
	n := x.Shape()[1:].Len()
	r := x.In(1).Shape().Len()
	chunks, per := cut(n, 16, rows+r)
	return chunks, func(_, k int) {
		lo, hi := k*per, min(n, (k+1)*per)
		for i := range rows {
			clear(y.f[i*n+lo : i*n+hi])
		}
		for i := range r {
			if j := int(index.i[i]); j >= 0 && j < rows {
				dst := y.f[j*n+lo : j*n+hi]
				kernel.Add(dst, dst, in.f[i*n+lo:i*n+hi])
			}
		}
	}
}

func equalInts[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	a, b, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x)
	n := x.Shape().Len()
	stretch := func(in tensor.Shape) []axis {
		var out []axis
		step, off := 1, x.Rank()-len(in)
		for i := x.Rank() - 1; i >= 0; i-- {
			ax := axis{n: x.Dim(i)}
			if i >= off && in[i-off] != 1 {
				ax.step = step
				step *= in[i-off]
			}
			out = append(out, ax)
		}
		return out
	}
	ax, bx := stretch(x.In(0).Shape()), stretch(x.In(1).Shape())
	chunks, per := cut(n, 1, 4)
	return chunks, func(_, k int) {
		for i := k * per; i < min(n, (k+1)*per); i++ {
			y.f[i] = 0
			if a.i[offset(ax, i)] == b.i[offset(bx, i)] {
				y.f[i] = 1
			}
		}
	}
}

func random[T float](f func(dst []T, key [2]uint32, stream, step uint64, first int)) single[T] {
	return func(c *compiler[T], x graph.Node) (int, func(int, int)) {
		y := c.of(x)
		n := x.Shape().Len()
		stream := x.Attr().(graph.RandomAttr).Stream
		chunks, per := cut(n, 4, 10)
		return chunks, func(_, k int) {
			key := [2]uint32{uint32(c.key.seed), uint32(c.key.seed >> 32)}
			f(y.f[k*per:min(n, (k+1)*per)], key, stream, c.key.step, k*per)
		}
	}
}
