//go:build !noasm

package kernel

// A product is one call of a tile kernel: rows fixed by the kernel, tiles whole
// tiles of columns side by side, or one masked tile of tail vectors. Strides are
// in bytes. The generator knows the offsets of these fields.
type product struct {
	c, a, b     *float32
	mask        *int32 // of the tail's last vector
	ldc, ai, ap int    // C's row; A's row and column
	ldb, k      int
	tiles, tail int
	add         int // 1: C += …
}

//go:noescape
func product1(p *product)

//go:noescape
func product2(p *product)

//go:noescape
func product3(p *product)

//go:noescape
func product4(p *product)

//go:noescape
func product5(p *product)

//go:noescape
func product6(p *product)

// tailMask has a mask for w of 8 lanes at 8−w.
var tailMask = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}

// run computes rows×cols elements; width is the columns of a whole tile.
func (p *product) run(rows, cols, width int) {
	p.tiles, p.tail = cols/width, 0
	if p.tiles > 0 {
		p.call(rows)
	}
	if w := cols % width; w > 0 {
		done := 4 * (cols - w)
		c, b := p.c, p.b
		p.c, p.b = offset(c, done), offset(b, done)
		p.tail = (w + 7) / 8
		p.mask = &tailMask[7-(w-1)%8]
		p.call(rows)
		p.c, p.b = c, b
	}
}

func (p *product) call(rows int) {
	switch rows {
	case 1:
		product1(p)
	case 2:
		product2(p)
	case 3:
		product3(p)
	case 4:
		product4(p)
	case 5:
		product5(p)
	default:
		product6(p)
	}
}

// tileWidth is the columns of a whole tile of so many rows.
var tileWidth = [...]int{1: 32, 2: 32, 3: 24, 4: 16, 5: 16, 6: 16}

const (
	mostRows  = 6   // of a tile
	depth     = 256 // the most of k in one pass: a panel of B stays in L1
	panelCols = 16
)

func matMul32(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, k, i0, i1, j0, j1 int, acc bool) {
	if k == 0 {
		matMul(c, ldc, a, lda, ta, b, ldb, tb, k, i0, i1, j0, j1, acc)
		return
	}
	if tb {
		matMulNT(c, ldc, a, lda, ta, b, ldb, k, i0, i1, j0, j1, acc)
		return
	}
	matMulN(c, ldc, a, lda, ta, b, ldb, k, i0, i1, j0, j1, acc)
}

// matMulN is the product with B as stored: nothing is packed.
func matMulN(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, k, i0, i1, j0, j1 int, acc bool) {
	ai, ap := lda, 1
	if ta {
		ai, ap = 1, lda
	}
	p := product{ldc: 4 * ldc, ai: 4 * ai, ap: 4 * ap, ldb: 4 * ldb}
	if acc {
		p.add = 1
	}
	m := i1 - i0
	tiles := (m + mostRows - 1) / mostRows
	passes := (k + depth - 1) / depth
	for s := range passes {
		p0 := s * k / passes
		p.k = (s+1)*k/passes - p0
		width := j1 - j0
		if m >= 4 && p.k > 64 {
			width = panelCols
		}
		for j := j0; j < j1; j += width {
			p.b = &b[p0*ldb+j]
			cols := min(width, j1-j)
			for t := range tiles {
				i := t * m / tiles
				rows := (t+1)*m/tiles - i
				p.a, p.c = &a[(i0+i)*ai+p0*ap], &c[(i0+i)*ldc+j]
				p.run(rows, cols, tileWidth[rows])
			}
		}
		p.add = 1
	}
}

// matMulNT is the product with B transposed, panel by panel in a buffer.
func matMulNT(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, k, i0, i1, j0, j1 int, acc bool) {
	ai, ap := lda, 1
	if ta {
		ai, ap = 1, lda
	}
	p := product{ldc: 4 * ldc, ai: 4 * ai, ap: 4 * ap, ldb: 4 * panelCols}
	if acc {
		p.add = 1
	}
	var panel [depth * panelCols]float32
	m := i1 - i0
	tiles := (m + mostRows - 1) / mostRows
	passes := (k + depth - 1) / depth
	for s := range passes {
		p0 := s * k / passes
		p.k = (s+1)*k/passes - p0
		for j := j0; j < j1; j += panelCols {
			cols := min(panelCols, j1-j)
			for q := range cols {
				for r, v := range b[(j+q)*ldb+p0:][:p.k] {
					panel[r*panelCols+q] = v
				}
			}
			p.b = &panel[0]
			for t := range tiles {
				i := t * m / tiles
				rows := (t+1)*m/tiles - i
				p.a, p.c = &a[(i0+i)*ai+p0*ap], &c[(i0+i)*ldc+j]
				p.run(rows, cols, tileWidth[rows])
			}
		}
		p.add = 1
	}
}
