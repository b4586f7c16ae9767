package kernel

// The plain product's tile: 2×4 sums stay in registers, a panel of A of
// blockM×blockK and one of B of blockK×4 stay in the first-level cache.
const (
	tileM, tileN   = 2, 4
	blockM, blockK = 32, 128
)

// depth is the most of k that the products of families with assembly add at a time: a
// tile's rows of A stay in the first-level cache, a panel of B near it.
const depth = 400

// passes is into how many ranges those cut k: evenly, and by k alone. From two on they
// are an even number, so that two workers can have half of them each.
func passes(k int) int {
	if k <= depth {
		return 1
	}
	return 2 * ((k + 2*depth - 1) / (2 * depth))
}

// pass is range s of n.
func pass(k, s, n int) (from, to int) { return s * k / n, (s + 1) * k / n }

// Passes is into how many ranges a product cuts k. It adds their sums in turn, so that
// products over one range each, added in that order, are the product to the bit.
func Passes[T Float](k int) int {
	if vectorized[T]() {
		return passes(k)
	}
	return max(1, (k+blockK-1)/blockK)
}

// Pass is the s-th of these ranges.
func Pass[T Float](k, s int) (from, to int) {
	if vectorized[T]() {
		return pass(k, s, passes(k))
	}
	return s * blockK, min(k, (s+1)*blockK)
}

// MatMul computes rows [i0, i1) and columns [j0, j1) of
//
//	C (m×n) = op(A)·op(B), or C += op(A)·op(B) with acc
//
// where lda, ldb and ldc are the row strides of the stored matrices. With ta, A
// is stored k×m and op transposes it, else it is stored m×k; with tb, B is
// stored n×k, else k×n. Every element of C is summed over k in one order that
// depends on nothing but k.
func MatMul[T Float](c []T, ldc int, a []T, lda int, ta bool, b []T, ldb int, tb bool, m, n, k, i0, i1, j0, j1 int, acc bool) {
	checkMatMul(len(c), ldc, len(a), lda, ta, len(b), ldb, tb, m, n, k, i0, i1, j0, j1)
	if i0 >= i1 || j0 >= j1 {
		return
	}
	if vectorized[T]() {
		matMul32(as32(c), ldc, as32(a), lda, ta, as32(b), ldb, tb, k, i0, i1, j0, j1, acc)
		return
	}
	matMul(c, ldc, a, lda, ta, b, ldb, tb, k, i0, i1, j0, j1, acc)
}

// checkMatMul panics where a kernel would read or write outside its slices.
func checkMatMul(lc, ldc, la, lda int, ta bool, lb, ldb int, tb bool, m, n, k, i0, i1, j0, j1 int) {
	if i0 < 0 || i1 > m || j0 < 0 || j1 > n || k < 0 {
		panic("kernel: range outside the product")
	}
	fits := func(l, ld, rows, cols int, t bool) bool {
		if t {
			rows, cols = cols, rows
		}
		return rows <= 0 || cols <= 0 || ld >= cols && (rows-1)*ld+cols <= l
	}
	if !fits(lc, ldc, m, n, false) || !fits(la, lda, m, k, ta) || !fits(lb, ldb, k, n, tb) {
		panic("kernel: matrix larger than its slice")
	}
}

func matMul[T Float](c []T, ldc int, a []T, lda int, ta bool, b []T, ldb int, tb bool, k, i0, i1, j0, j1 int, acc bool) {
	if k == 0 && !acc {
		for i := i0; i < i1; i++ {
			clear(c[i*ldc+j0 : i*ldc+j1])
		}
	}
	var pa [blockM / tileM * blockK][tileM]T
	var pb [blockK][tileN]T
	for p0 := 0; p0 < k; p0 += blockK {
		kc := min(blockK, k-p0)
		add := acc || p0 > 0
		for ib := i0; ib < i1; ib += blockM {
			mc := min(blockM, i1-ib)
			packA(pa[:], a, lda, ta, ib, mc, p0, kc)
			for j := j0; j < j1; j += tileN {
				nc := min(tileN, j1-j)
				packB(pb[:kc], b, ldb, tb, p0, j, nc)
				for i := 0; i < mc; i += tileM {
					s := tile(pa[i/tileM*kc:][:kc], pb[:kc])
					for r := range min(tileM, mc-i) {
						row := c[(ib+i+r)*ldc+j:][:nc]
						for q := range row {
							if add {
								row[q] += s[r][q]
							} else {
								row[q] = s[r][q]
							}
						}
					}
				}
			}
		}
	}
}

// packA lays rows [i, i+mc) and columns [p, p+kc) of op(A) out as panels of
// tileM rows; a row that is missing from the last panel is zero.
func packA[T Float](dst [][tileM]T, a []T, lda int, ta bool, i, mc, p, kc int) {
	for r := 0; r < mc; r += tileM {
		panel := dst[r/tileM*kc:][:kc]
		two := r+1 < mc
		if ta {
			for q := range panel {
				at := (p+q)*lda + i + r
				panel[q][0] = a[at]
				if two {
					panel[q][1] = a[at+1]
				} else {
					panel[q][1] = 0
				}
			}
			continue
		}
		x := a[(i+r)*lda+p:][:kc]
		if !two {
			for q, v := range x {
				panel[q] = [tileM]T{v}
			}
			continue
		}
		y := a[(i+r+1)*lda+p:][:kc]
		for q, v := range x {
			panel[q] = [tileM]T{v, y[q]}
		}
	}
}

// packB lays rows p … and columns [j, j+nc) of op(B) out as one panel of tileN
// columns; a column that is missing is zero.
func packB[T Float](panel [][tileN]T, b []T, ldb int, tb bool, p, j, nc int) {
	if nc < tileN {
		clear(panel)
	}
	kc := len(panel)
	switch {
	case tb && nc == tileN:
		x0, x1 := b[j*ldb+p:][:kc], b[(j+1)*ldb+p:][:kc]
		x2, x3 := b[(j+2)*ldb+p:][:kc], b[(j+3)*ldb+p:][:kc]
		for q := range panel {
			panel[q] = [tileN]T{x0[q], x1[q], x2[q], x3[q]}
		}
	case tb:
		for r := range nc {
			for q, v := range b[(j+r)*ldb+p:][:kc] {
				panel[q][r] = v
			}
		}
	case nc == tileN:
		for q := range panel {
			panel[q] = [tileN]T(b[(p+q)*ldb+j:])
		}
	default:
		for q := range panel {
			copy(panel[q][:], b[(p+q)*ldb+j:][:nc])
		}
	}
}

// tile is the product of one panel of A and one of B.
func tile[T Float](a [][tileM]T, b [][tileN]T) [tileM][tileN]T {
	var s00, s01, s02, s03, s10, s11, s12, s13 T
	a = a[:len(b)]
	for p := range b {
		x, y := &a[p], &b[p]
		x0, x1 := x[0], x[1]
		y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
		s00 += T(x0 * y0)
		s01 += T(x0 * y1)
		s02 += T(x0 * y2)
		s03 += T(x0 * y3)
		s10 += T(x1 * y0)
		s11 += T(x1 * y1)
		s12 += T(x1 * y2)
		s13 += T(x1 * y3)
	}
	return [tileM][tileN]T{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
}
