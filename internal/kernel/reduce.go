package kernel

// Sums are taken in blocks of sumBlock elements, lanes running sums a block
// (element i goes to sum i mod lanes, then the upper half of the sums to the lower
// until one is left), and the blocks' sums are added in a balanced tree: the error
// grows with the logarithm of the length.
const (
	sumBlock = 256
	lanes    = 32
)

// Sum is Σ x[i] in one order that depends only on len(x).
func Sum[T Float](x []T) T {
	if len(x) <= sumBlock {
		return sumLeaf(x)
	}
	half := (len(x)/sumBlock + 1) / 2 * sumBlock
	return Sum(x[:half]) + Sum(x[half:])
}

func sumLeaf[T Float](x []T) T {
	if vectorized[T]() && len(x) > 0 {
		return T(sum8(first(x), len(x)))
	}
	var s [lanes]T
	for ; len(x) >= lanes; x = x[lanes:] {
		for i, v := range (*[lanes]T)(x) {
			s[i] += v
		}
	}
	for i, v := range x {
		s[i] += v
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for i := range half {
			s[i] += s[i+half]
		}
	}
	return s[0]
}

// rowBlock is how many of so many rows are added at a time by sums of columns: few,
// so that rows are read as they lie, and not so few that the blocks' sums would be
// many.
func rowBlock(rows int) int {
	if rows <= 16*sumBlock {
		return 16
	}
	return sumBlock
}

// RowSum sets dst[i] = Σ_j x[i,j] for rows i0 ≤ i < i1 of x (rows×cols), each
// summed as by [Sum].
func RowSum[T Float](dst, x []T, rows, cols, i0, i1 int) {
	x = x[:rows*cols]
	for i := i0; i < i1; i++ {
		dst[i] = Sum(x[i*cols : (i+1)*cols])
	}
}

// RowMax sets dst[i] = max_j x[i,j] for rows i0 ≤ i < i1 of x (rows×cols), NaN
// if the row holds one. cols is at least 1.
func RowMax[T Float](dst, x []T, rows, cols, i0, i1 int) {
	x = x[:rows*cols]
	for i := i0; i < i1; i++ {
		dst[i] = maxOf(x[i*cols : (i+1)*cols])
	}
}

func maxOf[T Float](x []T) T {
	if vectorized[T]() {
		return T(rowMax8(first(x), len(x)))
	}
	m := x[0]
	for _, v := range x[1:] {
		m = max(m, v)
	}
	return m
}

// ColSum sets dst[j] = Σ_i x[i,j] for columns j0 ≤ j < j1 of x (rows×cols): rows
// are added in order within blocks (16 rows, or 256 where there are more than 4096),
// then the blocks in order.
func ColSum[T Float](dst, x []T, rows, cols, j0, j1 int) {
	x = x[:rows*cols]
	if vectorized[T]() && rows > 0 && j0 < j1 {
		dst = dst[j0:j1]
		block := rowBlock(rows)
		for i := 0; i < rows; i += block {
			colSum8(first(dst), first(x[i*cols+j0:]), 4*cols, min(block, rows-i), j1-j0, i)
		}
		return
	}
	for j := j0; j < j1; j += 8 {
		w := min(8, j1-j)
		var total [8]T
		block := rowBlock(rows)
		for i := 0; i < rows; i += block {
			part := colPart(x[i*cols+j:], cols, min(block, rows-i), w)
			for q := range total {
				total[q] += part[q]
			}
		}
		copy(dst[j:j+w], total[:w])
	}
}

// colPart sums w ≤ 8 neighbouring columns of the given rows.
func colPart[T Float](x []T, cols, rows, w int) (s [8]T) {
	if w < 8 {
		for i := range rows {
			for q, v := range x[i*cols:][:w] {
				s[q] += v
			}
		}
		return s
	}
	var s0, s1, s2, s3, s4, s5, s6, s7 T
	for i := range rows {
		r := (*[8]T)(x[i*cols:])
		s0 += r[0]
		s1 += r[1]
		s2 += r[2]
		s3 += r[3]
		s4 += r[4]
		s5 += r[5]
		s6 += r[6]
		s7 += r[7]
	}
	return [8]T{s0, s1, s2, s3, s4, s5, s6, s7}
}
