//go:build !noasm

package kernel

// The products of this file add in the order of those of the other families that have
// assembly, so that equal operands give equal bits in all of them: k is cut into
// passes; in a pass every element of C is one chain of fused multiply-adds from 0 in the
// order of k; the passes are added in turn.
const (
	blockRows = 12 * tileRows // of A that are packed at a time: they stay in L2
	tileRows  = 8             // of C: 8×12 sums stay in registers
	tileCols  = 12
	wideCols  = 48 // of a single row
	stripPad  = 0
	groupCols = 2 * tileCols // of the panels' room, half of it for a tile at an edge
)

// A product is one call of a tile kernel. The kernels know the offsets of its fields;
// strides are in bytes.
type product struct {
	c, a, b *float32
	ldc     int // C's row
	ap, ldb int // A's column and B's row
	k       int
	add     int // 1: C += …
}

// tile8, tile4 and tile1 are tiles of so many rows and 12 columns, the rows of a column
// of A side by side; wide1 is one row of 48 columns.

//go:noescape
func tile8(p *product)

//go:noescape
func tile4(p *product)

//go:noescape
func tile1(p *product)

//go:noescape
func wide1(p *product)

// turn4 transposes four rows of n numbers.
//
//go:noescape
func turn4(dst, src *float32, dstStep, srcStep, n int)

func matMul32(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, k, i0, i1, j0, j1 int, acc bool) {
	if k == 0 {
		matMul(c, ldc, a, lda, ta, b, ldb, tb, k, i0, i1, j0, j1, acc)
		return
	}
	multiply(multiplier{c: c, a: a, b: b, ldc: ldc, lda: lda, ldb: ldb, ta: ta, tb: tb}, k, i0, i1, j0, j1, acc)
}

// multiply goes through the passes over k.
func multiply(m multiplier, k, i0, i1, j0, j1 int, acc bool) {
	m.w = claim()
	defer m.w.release()
	m.p.ldc = 4 * m.ldc
	if acc {
		m.p.add = 1
	}
	for s := range passes(k) {
		from, to := pass(k, s, passes(k))
		m.p0, m.p.k = from, to-from
		// In blocks, because the scheduler cannot interrupt a call for long.
		for i := i0; i < i1; i += blockRows {
			m.rows(i, min(blockRows, i1-i), j0, j1)
		}
		m.p.add = 1
	}
}

// A multiplier is one product under way.
type multiplier struct {
	p             product
	w             *workspace
	c, a, b       []float32
	ldc, lda, ldb int
	ta, tb        bool
	panels        *Panels // of a B that is laid out
	p0            int     // where the pass begins in k
}

// rows is a pass of rows [i, i+n), n ≤ blockRows. Rows are packed but a last one that
// is alone, columns where they are stored transposed or read more than once, or are
// too few for a tile.
func (m *multiplier) rows(i, n, j0, j1 int) {
	packed := n
	if n%tileRows == 1 {
		packed--
	}
	for r := 0; r < packed; r += tileRows {
		m.packA(m.w.block[r*m.p.k:], i+r, min(tileRows, packed-r))
	}
	j := j0
	if n == 1 && !m.tb {
		for ; j+wideCols <= j1; j += wideCols {
			if m.setB(j) < wideCols {
				break
			}
			m.single(i, j, wideCols)
		}
	}
	cols := 0
	for ; j < j1; j += cols {
		cols = min(tileCols, j1-j)
		switch {
		case m.panels != nil:
			cols = min(cols, m.setB(j))
		case m.tb || cols < tileCols || packed > tileRows:
			m.packB(j, cols)
			m.p.b, m.p.ldb = &m.w.panels[0], 4*tileCols
		default:
			m.setB(j)
		}
		for r := 0; r < packed; r += tileRows {
			m.p.a = &m.w.block[r*m.p.k]
			if rows := min(tileRows, packed-r); rows > 4 {
				m.p.ap = 4 * tileRows
				m.tile(i+r, j, rows, tileRows, cols)
			} else {
				m.p.ap = 4 * 4
				m.tile(i+r, j, rows, 4, cols)
			}
		}
		switch {
		case packed == n:
		case cols == tileCols:
			m.single(i+packed, j, tileCols)
		default:
			m.setA(i + packed)
			m.tile(i+packed, j, 1, 1, cols)
		}
	}
}

// setA lets a row of A be read where it lies.
func (m *multiplier) setA(i int) {
	row, col := m.lda, 1
	if m.ta {
		row, col = 1, m.lda
	}
	m.p.a, m.p.ap = &m.a[i*row+m.p0*col], 4*col
}

// setB lets B be read where it lies, from column j on: so many columns.
func (m *multiplier) setB(j int) int {
	off, ld, cols := m.p0*m.ldb+j, m.ldb, wideCols
	if m.panels != nil {
		off, ld, cols = m.panels.at(j, m.p0, m.p0+m.p.k)
	}
	m.p.b, m.p.ldb = &m.b[off], 4*ld
	return cols
}

// single is a tile of one row and so many columns, all of them in C.
func (m *multiplier) single(i, j, cols int) {
	m.setA(i)
	m.p.c = &m.c[i*m.ldc+j]
	if cols == wideCols {
		wide1(&m.p)
	} else {
		tile1(&m.p)
	}
}

// tile is a tile of height rows, of which so many rows and columns are in C.
func (m *multiplier) tile(i, j, rows, height, cols int) {
	edge := rows < height || cols < tileCols
	add, sums := m.p.add, m.w.panels[depth*tileCols:]
	if edge {
		m.p.c, m.p.ldc, m.p.add = &sums[0], 4*tileCols, 0
	} else {
		m.p.c = &m.c[i*m.ldc+j]
	}
	switch height {
	case 1:
		tile1(&m.p)
	case 4:
		tile4(&m.p)
	default:
		tile8(&m.p)
	}
	if !edge {
		return
	}
	m.p.ldc, m.p.add = 4*m.ldc, add
	for r := range rows {
		d, s := m.c[(i+r)*m.ldc+j:][:cols], sums[r*tileCols:]
		if add != 0 {
			Add(d, d, s[:cols])
		} else {
			copy(d, s)
		}
	}
}

// packA lays n rows of A out column by column, in columns of 4 or of 8; rows that are
// missing are zero.
func (m *multiplier) packA(dst []float32, i, n int) {
	height := 4
	if n > 4 {
		height = tileRows
	}
	turnPanel(dst[:height*m.p.k], height, m.a, m.lda, !m.ta, i, n, m.p0, m.p.k)
}

// packB lays n columns of B out row by row, in rows of 12.
func (m *multiplier) packB(j, n int) {
	turnPanel(m.w.panels[:tileCols*m.p.k], tileCols, m.b, m.ldb, m.tb, j, n, m.p0, m.p.k)
}

// turnPanel sets dst[p·width + r] to number (at+r, from+p) of x, stored row by row, or column
// by column if it is not byRow, for r < n and p < k, and to 0 for n ≤ r < width.
func turnPanel(dst []float32, width int, x []float32, ldx int, byRow bool, at, n, from, k int) {
	if n < width {
		clear(dst)
	}
	if !byRow {
		lines32(&dst[0], &x[from*ldx+at], 4*width, 4*ldx, n, k)
		return
	}
	r := 0
	for ; r+4 <= n; r += 4 {
		turn4(&dst[r], &x[(at+r)*ldx+from], 4*width, 4*ldx, k)
	}
	for ; r < n; r++ {
		for p, v := range x[(at+r)*ldx+from:][:k] {
			dst[p*width+r] = v
		}
	}
}
