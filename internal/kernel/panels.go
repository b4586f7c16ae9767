package kernel

// Panels are how the B (k×n) of products is laid out that is the same for many of them:
// as the tiles of the family in use read it. Its columns are cut into panels, the rows of
// a panel lie one behind the other and begin where lines of memory begin, so that
// products read each number once and in order.
type Panels struct {
	N, K int

	width int // columns of a panel
	last  int // where the last begins, which may be wider
	row   int // numbers of a row of all panels, with what fills up the last
	end   int // numbers behind the last that tiles may read
}

// NewPanels are those for products of m rows, and whether there are any: where B is
// better read as it lies there are not.
func NewPanels[T Float](m, n, k int) (Panels, bool) {
	if !vectorized[T]() || m <= 0 || n <= 0 || k <= 0 {
		return Panels{}, false
	}
	p := Panels{N: n, K: k}
	most, unit := 0, 0
	if p.width, most, unit, p.end = panelsOf(m, n, k); unit == 0 {
		return Panels{}, false
	}
	p.row = (n + unit - 1) / unit * unit
	if n > most {
		p.last = (n - most + p.width - 1) / p.width * p.width
	}
	return p, true
}

// Len is how many numbers B has as it is laid out.
func (p *Panels) Len() int { return p.row*p.K + p.end }

// at is where column j lies in the first row of a pass that begins at from, the distance
// to the next row, and how many columns follow in its panel.
func (p *Panels) at(j, from, to int) (off, ld, cols int) {
	first := j / p.width * p.width
	next := first + p.width
	ld = p.width
	if first >= p.last {
		first, next, ld = p.last, p.N, p.row-p.last
	}
	return from*p.row + (to-from)*first + j - first, ld, next - j
}

// LayPanels lays op(B) out, dst being of p's length: b is stored as for [MatMul].
func LayPanels[T Float](p *Panels, dst, b []T, ldb int, tb bool) {
	checkMatMul(0, 0, 0, 0, false, len(b), ldb, tb, 0, p.N, p.K, 0, 0, 0, 0)
	dst = dst[:p.Len()]
	clear(dst)
	if !tb {
		LayPanelRows(p, dst, b, ldb, 0, p.K)
		return
	}
	for s := range passes(p.K) {
		from, to := pass(p.K, s, passes(p.K))
		for j, cols := 0, 0; j < p.N; j += cols {
			var off, ld int
			off, ld, cols = p.at(j, from, to)
			for i := from; i < to; i++ {
				row := dst[off+(i-from)*ld:][:cols]
				for q := range row {
					row[q] = b[(j+q)*ldb+i]
				}
			}
		}
	}
}

// LayPanelRows lays rows [k0, k1) of B out, which is stored k×n. What fills up the panels
// stays as it is.
func LayPanelRows[T Float](p *Panels, dst, b []T, ldb, k0, k1 int) {
	checkMatMul(0, 0, 0, 0, false, len(b), ldb, false, 0, p.N, p.K, 0, 0, 0, 0)
	dst = dst[:p.Len()]
	for s := range passes(p.K) {
		from, to := pass(p.K, s, passes(p.K))
		first, end := max(from, k0), min(to, k1)
		for j, cols := 0, 0; j < p.N && first < end; j += cols {
			var off, ld int
			off, ld, cols = p.at(j, from, to)
			CopyRows(dst[off+(first-from)*ld:], b[first*ldb+j:], ld, ldb, cols, end-first)
		}
	}
}

// MatMulPanels is [MatMul] of a B that is laid out, to the bit. m is how many rows A and
// C have.
func MatMulPanels[T Float](p *Panels, c []T, ldc int, a []T, lda int, ta bool, b []T, m, i0, i1, j0, j1 int, acc bool) {
	checkMatMul(len(c), ldc, len(a), lda, ta, p.K*p.N, p.N, false, m, p.N, p.K, i0, i1, j0, j1)
	if i0 >= i1 || j0 >= j1 {
		return
	}
	matMulPanels32(p, as32(c), ldc, as32(a), lda, ta, as32(b[:p.Len()]), m, i0, i1, j0, j1, acc)
}
