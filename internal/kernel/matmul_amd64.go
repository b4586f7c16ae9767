//go:build !noasm

package kernel

import "unsafe"

// The products of this file add in one order whatever path they take: k is cut
// into passes; in a pass every element of C is one chain of fused multiply-adds
// from 0 in the order of k; the passes are added in turn.
// So packing, the tiles' shapes and which operand lies in the vectors are free
// to follow the sizes.
const (
	groupCols = 1024     // of the panels that are packed at a time, at most
	blockRows = 192      // of A at a time: depth·blockRows stay in L2
	tileRows  = 4        // of a packed tile of A
	stripPad  = 32       // the most that is put between strips of A
	askFrom   = 64       // of k: a tile takes longer than memory to answer
	aheadCols = 32       // of a region that are asked for together: two lines
	shallow   = 64       // up to this k, whole rows of tiles share a call
	narrow    = 16       // columns that are not cut into vectors and a rest
	panelRows = 16       // below, a panel of B is used too seldom to be packed
	inL1      = 10 << 10 // elements of B that stay in L1 as they lie
	inL2      = 1 << 18  // elements of B that stay in L2 besides all else
	turnCols  = 64       // columns that are transposed at a time
	reread    = 64       // rows of A that swapped products read a large B for, at most
	turned    = 48       // rows of a swapped product kept before they are transposed
)

// A tiling is what depends on the vectors' width.
type tiling struct {
	lanes     int     // of a vector
	mostRows  int     // of a tile
	highRows  int     // of one of at most two vectors
	panelCols int     // columns of a packed panel, and of a tall tile
	lastCols  int     // of the last panel, at most
	groupCols int     // of the panels that are packed at a time: those that stay in L2, or else many
	unroll    int     // of k that a tile adds a turn
	splitRows int     // for so many of A a B is packed only because its vectors lie in two lines; 0: never
	asksAll   bool    // tiles ask for all of the next panel of a B that comes from afar
	width     [15]int // columns of a whole tile of so many rows
	turn      int     // tenths of a cycle that an element takes to transpose
	masked    int     // and a number of A that is multiplied by a masked vector
}

var tilings = [...]tiling{
	avx2: {
		lanes: 8, mostRows: 4, highRows: 6, panelCols: 24, lastCols: 32, groupCols: groupCols, unroll: 4, splitRows: 128, asksAll: true,
		width: [...]int{1: 96, 2: 32, 3: 24, 4: 24, 5: 16, 6: 16, 14: 0},
		turn:  4, masked: 5,
	},
	avx512: {
		lanes: 16, mostRows: 14, highRows: 14, panelCols: 32, lastCols: 32, groupCols: 512, unroll: 1,
		width: [...]int{1: 320, 2: 96, 3: 64, 4: 64, 5: 64, 6: 64, 7: 32, 8: 32, 9: 32, 10: 32, 11: 32, 12: 32, 13: 32, 14: 32},
		turn:  2, masked: 6,
	},
}

// A product is one call of a tile kernel, which goes along a row of whole tiles,
// or over one masked tile of tail vectors, and then down to the next row of
// tiles. Strides are in bytes. The generator knows the offsets of these fields;
// a call changes a, c, down and what counts.
type product struct {
	c, a, b      *float32
	mask         *int32 // of the tail's last vector
	ldc, ai, ap  int    // C's row; A's row and column
	ldb, k       int
	tiles, tail  int
	add          int // 1: C += …
	down         int // rows of tiles
	aDown, cDown int // from one to the next
	packed       *float32
	left         int     // tiles in a row of them, while it is walked
	asks         int     // how often a tile's sum over k is left to ask for memory
	part, rest   int     // turns until then, and after the last time
	ask          int     // how often still, while a tile is summed
	below        uintptr // the row of C that is asked for next
	ahead        uintptr // what is read after this call: strips of two lines, two rows at a time
	aheadStep    int
	aheadLeft    int // twos of rows of a strip still
	aheadRows    int // and of the next
	aheadTurn    int // from the end of a strip to the next
	aheadStrips  int // still
	odd          int // of k, before all turns
	eager        int // asks a tile, for all that is asked for ahead
	*tiling
}

// plan says when a tile of so many rows asks for memory. What takes less time than
// memory does not.
func (p *product) plan(rows, unroll int) {
	turns := p.k / unroll
	p.odd = p.k - turns*unroll
	if unroll > 1 && turns > 0 {
		turns-- // the last is for itself
	}
	if p.k < askFrom {
		p.asks, p.part, p.rest = 0, turns, 0
		return
	}
	// In time for the last row.
	p.asks = max(rows, min(p.eager, turns/2-3))
	p.part = turns / (p.asks + 3)
	p.rest = turns - p.asks*p.part
}

// A region is memory that will be read: rows of so many numbers, ld apart.
type region struct {
	at             *float32
	ld, rows, cols int
}

// expect makes the next calls, of m rows by cols columns, ask for r.
func (p *product) expect(r region, m, cols int) {
	p.ahead, p.aheadStep = uintptr(unsafe.Pointer(r.at)), 4*r.ld
	p.aheadRows = (r.rows + 1) / 2
	p.aheadLeft, p.aheadStrips = p.aheadRows, (r.cols+aheadCols-1)/aheadCols
	p.aheadTurn = 4*aheadCols - 2*p.aheadRows*p.aheadStep
	if p.eager = 0; !p.asksAll || r.ld*r.rows < inL2 {
		return // it may be near, and asking takes time
	}
	tiles := ((m + p.mostRows - 1) / p.mostRows) * ((cols + p.panelCols - 1) / p.panelCols)
	p.eager = (p.aheadRows*p.aheadStrips + tiles - 1) / tiles
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

//go:noescape
func pack4(p *product)

//go:noescape
func product1Wide(p *product)

//go:noescape
func product2Wide(p *product)

//go:noescape
func product3Wide(p *product)

//go:noescape
func product4Wide(p *product)

//go:noescape
func product5Wide(p *product)

//go:noescape
func product6Wide(p *product)

//go:noescape
func product7Wide(p *product)

//go:noescape
func product8Wide(p *product)

//go:noescape
func product9Wide(p *product)

//go:noescape
func product10Wide(p *product)

//go:noescape
func product11Wide(p *product)

//go:noescape
func product12Wide(p *product)

//go:noescape
func product13Wide(p *product)

//go:noescape
func product14Wide(p *product)

//go:noescape
func pack7Wide(p *product)

//go:noescape
func pack8Wide(p *product)

//go:noescape
func pack9Wide(p *product)

//go:noescape
func pack10Wide(p *product)

//go:noescape
func pack11Wide(p *product)

//go:noescape
func pack12Wide(p *product)

//go:noescape
func pack13Wide(p *product)

//go:noescape
func pack14Wide(p *product)

//go:noescape
func transpose8(dst, src *float32, dstStride, srcStride, blocks, add int)

//go:noescape
func transpose4(dst, src *float32, dstStride, srcStride, rows, cols, add int)

//go:noescape
func transpose4Wide(dst, src *float32, dstStride, srcStride, rows, cols, add int)

//go:noescape
func transpose16(dst, src *float32, dstStride, srcStride, blocks, add int)

//go:noescape
func tiles4(dst, src *float32, size, srcStride, rows, tall, tallStep, tiles, step int)

// tailMask has the mask of the first w of 8 lanes at 8−w, tailBits that of the
// first w of 16 at w.
var (
	tailMask = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}
	tailBits = [17]int32{0, 1, 3, 7, 0xF, 0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF, 0x3FFF, 0x7FFF, 0xFFFF}
)

func (p *product) call(rows int) {
	if rows == 1 {
		p.plan(1, 1)
	} else {
		p.plan(rows, p.unroll)
	}
	if p.lanes == 16 {
		switch rows {
		case 1:
			product1Wide(p)
		case 2:
			product2Wide(p)
		case 3:
			product3Wide(p)
		case 4:
			product4Wide(p)
		case 5:
			product5Wide(p)
		case 6:
			product6Wide(p)
		case 7:
			product7Wide(p)
		case 8:
			product8Wide(p)
		case 9:
			product9Wide(p)
		case 10:
			product10Wide(p)
		case 11:
			product11Wide(p)
		case 12:
			product12Wide(p)
		case 13:
			product13Wide(p)
		default:
			product14Wide(p)
		}
		return
	}
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

func (p *product) pack(rows int) {
	p.plan(rows, 1)
	if p.lanes == 16 {
		switch rows {
		case 7:
			pack7Wide(p)
		case 8:
			pack8Wide(p)
		case 9:
			pack9Wide(p)
		case 10:
			pack10Wide(p)
		case 11:
			pack11Wide(p)
		case 12:
			pack12Wide(p)
		case 13:
			pack13Wide(p)
		default:
			pack14Wide(p)
		}
		return
	}
	pack4(p)
}

// run computes down tiles of height rows, one below the other, and cols columns.
func (p *product) run(height, cols, down int) {
	p.tail, p.cDown = 0, height*p.ldc
	a, b, c := p.a, p.b, p.c
	width := p.width[height]
	if p.tiles = cols / width; p.tiles > 0 {
		p.down = down
		p.call(height)
	}
	if w := cols - p.tiles*width; w > 0 {
		p.a, p.b, p.c = a, offset(b, 4*(cols-w)), offset(c, 4*(cols-w))
		p.tail, p.down = (w+p.lanes-1)/p.lanes, down
		last := (w-1)%p.lanes + 1
		if p.lanes == 16 {
			p.mask = &tailBits[last]
		} else {
			p.mask = &tailMask[8-last]
		}
		p.call(height)
	}
	p.a, p.b, p.c = a, b, c
}

// rows computes m×cols elements by tiles of nearly equal heights. A tile's A
// begins aTile bytes, and aRow bytes a row, behind the last one's.
func (p *product) rows(m, cols, aRow, aTile int) {
	b, c := p.b, p.c
	for done := 0; done < cols; {
		w, most := p.alike(m, cols-done), p.mostRows
		if w <= 2*p.lanes && aTile == 0 {
			most = p.highRows
		}
		p.b, p.c = offset(b, 4*done), offset(c, 4*done)
		p.cut(m, most, w, aRow, aTile)
		done += w
	}
	p.b, p.c = b, c
}

// alike is how many columns, from the first, tiles of one shape are for. A single vector
// beside whole tiles has too few sums for the multiply-add: two of two are made of it and
// the tile before.
func (t *tiling) alike(m, cols int) int {
	whole := cols / t.panelCols * t.panelCols
	switch rest := cols - whole; {
	case t.lastCols == t.panelCols || m < 3:
		return cols
	case whole > 0 && 0 < rest && rest <= t.lanes:
		whole -= t.panelCols
	}
	switch {
	case whole > 0:
		return whole
	case cols > t.panelCols:
		return 2 * t.lanes
	}
	return cols
}

// cut is rows for tiles of one shape and at most so many rows.
func (p *product) cut(m, most, cols, aRow, aTile int) {
	height, down, taller := heights(m, most)
	a, c := p.a, p.c
	if taller > 0 {
		p.aDown = (height+1)*aRow + aTile
		p.run(height+1, cols, taller)
	}
	if down > taller {
		p.a, p.c = offset(a, taller*((height+1)*aRow+aTile)), offset(c, taller*(height+1)*p.ldc)
		p.aDown = height*aRow + aTile
		p.run(height, cols, down-taller)
	}
	p.a, p.c = a, c
}

// packRows is rows for one whole panel of B as it is stored, which the first tile
// copies to packed and the others read there.
func (p *product) packRows(m, aRow, aTile int) {
	height, tiles, taller := heights(m, p.mostRows)
	if taller > 0 {
		height++
	}
	if aTile == 0 { // A does not lie in tiles of those heights
		// A higher first tile has more time for what it copies.
		height = max(height, min(p.mostRows, m-(p.mostRows/2+1)*(tiles-1)))
	}
	p.pack(height)
	if m -= height; m > 0 {
		a, b, c, ldb := p.a, p.b, p.c, p.ldb
		p.a, p.b, p.c = offset(a, height*aRow+aTile), p.packed, offset(c, height*p.ldc)
		p.ldb = 4 * p.panelCols
		p.rows(m, p.panelCols, aRow, aTile)
		p.a, p.b, p.c, p.ldb = a, b, c, ldb
	}
}

// block is how many rows of m are multiplied at a time: whole tiles of at most so many,
// and as many each time.
func (t *tiling) block(m, most int) int {
	most /= t.mostRows
	tiles := (m + t.mostRows - 1) / t.mostRows
	blocks := (tiles + most - 1) / most
	return (tiles + blocks - 1) / blocks * t.mostRows
}

// panel is how many of the columns left the next panel has.
func (t *tiling) panel(left int) int {
	if left <= t.lastCols {
		return left
	}
	return t.panelCols
}

// heights cuts m rows into tiles of at most so many, the first few of them one row taller.
func heights(m, most int) (height, tiles, taller int) {
	tiles = (m + most - 1) / most
	return m / tiles, tiles, m % tiles
}

func matMul32(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, k, i0, i1, j0, j1 int, acc bool) {
	if k == 0 {
		matMul(c, ldc, a, lda, ta, b, ldb, tb, k, i0, i1, j0, j1, acc)
		return
	}
	add := 0
	if acc {
		add = 1
	}
	t := &tilings[active]
	swaps := tb && t.swaps(i1-i0, j1-j0, k/passes(k))
	side := j1
	if !swaps {
		side -= t.side(i1-i0, j1-j0, k/passes(k), ta)
	}
	for s := range passes(k) {
		p0, p1 := pass(k, s, passes(k))
		kc := p1 - p0
		switch {
		case side == j0:
		case tb && !swaps || !tb && i1-i0 >= panelRows && j1-j0 >= t.panelCols && t.worthPacking(i1-i0, kc, lda, ta, ldb):
			matMulPacked(t, c, ldc, a, lda, ta, b, ldb, tb, p0, kc, i0, i1, j0, side, add)
		case tb:
			matMulSwapped(t, c, ldc, a, lda, ta, b, ldb, tb, p0, kc, i0, i1, j0, j1, add)
		default:
			matMulDirect(t, c, ldc, a, lda, ta, b, ldb, p0, kc, i0, i1, j0, side, add)
		}
		if side < j1 {
			matMulSwapped(t, c, ldc, a, lda, ta, b, ldb, tb, p0, kc, i0, i1, side, j1, add)
		}
		add = 1
	}
}

// worthPacking reports whether B, of enough columns for enough rows, is better packed: where not
// all of it stays in L1, where rows a power of two apart share its sets, and for many rows where
// its own do not begin where vectors do, since a vector in two lines is loaded twice.
func (t *tiling) worthPacking(m, k, lda int, ta bool, ldb int) bool {
	if k <= shallow {
		return ldb%256 == 0 || ta && lda%256 == 0
	}
	split := t.splitRows > 0 && m >= t.splitRows && ldb%t.lanes != 0
	return k*ldb > inL1 || split && k*ldb > inL1/2
}

// swaps reports whether m×n elements over k, B stored transposed, take less time with A
// in the vectors: then it is A and C that are transposed instead of B, and rows that do not
// fill vectors instead of columns. But a swapped product reads B anew for every strip of A.
func (t *tiling) swaps(m, n, k int) bool {
	if m > reread && n*k > inL2 {
		return false
	}
	few := t.side(m, n, k, false)
	plain := t.turn*k*(n-few) + 5*k*m*t.vectors(n-few)
	if few > 0 {
		plain += t.swapped(m, few, k, false)
	}
	return t.swapped(m, n, k, false) < plain
}

// side is how many of m×n elements' columns over k, the last, are better multiplied by a
// swapped product, A stored transposed or not.
func (t *tiling) side(m, n, k int, ta bool) int {
	few := n % t.lanes
	if n < narrow {
		few = n
	}
	if m < 2*t.lanes || t.swapped(m, few, k, ta) > t.masked*m*k*t.vectors(few) {
		return 0
	}
	return few
}

// swapped is how many tenths of a cycle a swapped product takes: a vector is multiplied in
// half a cycle, and each row adds to what calls take.
func (t *tiling) swapped(m, n, k int, ta bool) int {
	tenths := 5*k*n*t.vectors(m) + (t.turn+1)*m*n + 40*m
	if !ta {
		tenths += t.turn * m * k
	}
	return tenths
}

func (t *tiling) vectors(n int) int { return (n + t.lanes - 1) / t.lanes }

// matMulDirect is a pass with A and B as they are stored, B not transposed.
func matMulDirect(t *tiling, c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb, p0, kc, i0, i1, j0, j1, add int) {
	ai, ap := strides(lda, ta)
	p := product{tiling: t, ldc: 4 * ldc, ai: 4 * ai, ap: 4 * ap, ldb: 4 * ldb, k: kc, add: add}
	whole := i1-i0 <= t.mostRows || kc <= shallow || kc*ldb <= inL1
	// In blocks, because the scheduler cannot interrupt a call.
	block := t.block(i1-i0, blockRows)
	for i := i0; i < i1; i += block {
		p.a = &a[i*ai+p0*ap]
		for j := j0; j < j1; {
			width := j1 - j
			if !whole {
				width = t.panel(width)
			}
			p.b, p.c = &b[p0*ldb+j], &c[i*ldc+j]
			p.rows(min(block, i1-i), width, p.ai, 0)
			j += width
		}
	}
}

// strides are those of op(A)'s rows and columns.
func strides(ld int, t bool) (row, col int) {
	if t {
		return 1, ld
	}
	return ld, 1
}

// matMulPacked is a pass in which blocks of A and panels of B are copied to
// where they lie close together.
func matMulPacked(t *tiling, c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, p0, kc, i0, i1, j0, j1, add int) {
	w := claim()
	defer w.release()
	panels := aligned(w.panels[:])
	p := product{tiling: t, ldc: 4 * ldc, k: kc, add: add}
	block := t.block(i1-i0, blockRows)
	whole := kc <= shallow               // a panel has all columns, and a call goes along them
	stored := func(j, cols int) region { // of B
		switch {
		case cols <= 0:
			return region{}
		case tb:
			return region{&b[j*ldb+p0], ldb, cols, kc}
		}
		return region{&b[p0*ldb+j], ldb, kc, cols}
	}
	for j := j0; j < j1; j += t.groupCols {
		end := min(j+t.groupCols, j1)
		for i := i0; i < i1; i += block {
			m, first, last := min(block, i1-i), i == i0, i+block >= i1
			aRow, aTile := p.readA(w, a, lda, ta, p0, i, m)
			at, ahead := p.a, region{}
			switch next := i + m; {
			case last:
				ahead = stored(end, min(t.groupCols, j1-end))
			case ta:
				ahead = region{&a[p0*lda+next], lda, kc, min(block, i1-next)}
			default:
				ahead = region{&a[next*lda+p0], lda, min(block, i1-next), kc}
			}
			for q, n := j, 0; q < end; q += n {
				if n = end - q; !whole {
					n = t.panel(n)
				}
				ld := (n + t.lanes - 1) / t.lanes * t.lanes
				if whole && ld%64 == 0 {
					ld += line
				}
				// A panel of B is packed by the first block that reads it, and by its first tile
				// unless it is stored otherwise.
				panel := panels
				if !(first && last) {
					panel = panels[(q-j)*kc:]
				}
				switch {
				case first && (last || q+n < end):
					p.expect(stored(q+n, t.panel(j1-q-n)), m, n)
				case first || q == j:
					p.expect(ahead, m, end-q)
				}
				p.a, p.c = at, &c[i*ldc+q]
				p.b, p.ldb = &panel[0], 4*ld
				switch {
				case first && !tb && !whole && n == t.panelCols && m >= panelRows:
					p.b, p.ldb, p.packed = &b[p0*ldb+q], 4*ldb, &panel[0]
					p.packRows(m, aRow, aTile)
					continue
				case first && !tb && !whole && last:
					p.b, p.ldb = &b[p0*ldb+q], 4*ldb
				case first && tb:
					turn2D(panel, ld, b[q*ldb+p0:], ldb, n, kc, 0)
				case first:
					CopyRows(panel, b[p0*ldb+q:], ld, ldb, n, kc)
				}
				p.rows(m, n, aRow, aTile)
			}
		}
	}
}

// readA lets p read rows [i, i+m) of op(A): where they lie, or copied to where they
// lie close together, because strides of a power of two share the sets of a cache. aRow
// and aTile are as of rows.
func (p *product) readA(w *workspace, a []float32, lda int, ta bool, p0, i, m int) (aRow, aTile int) {
	kc := p.k
	switch apart := lda%256 == 0; {
	case apart && ta && p.mostRows > tileRows:
		strip := packStrips(w.block[:], a, lda, p0, kc, i, m)
		p.a, p.ai, p.ap = &w.block[0], 4, 4*strip
	case apart && ta:
		packTiles(p.tiling, w.block[:], a, lda, p0, kc, i, m)
		p.a, p.ai, p.ap = &w.block[0], 4, 4*tileRows
		return 0, 4 * tileSize(kc)
	case apart:
		CopyRows(w.block[:], a[i*lda+p0:], kc, lda, kc, m)
		p.a, p.ai, p.ap = &w.block[0], 4*kc, 4
	default:
		ai, ap := strides(lda, ta)
		p.a, p.ai, p.ap = &a[i*ai+p0*ap], 4*ai, 4*ap
	}
	return p.ai, 0
}

// matMulSwapped is a pass of C' = op(B)'·op(A)', for few rows of A or few columns of B:
// it is A that lies in the vectors. It is packed, unless it is stored transposed and
// its rows do not share the sets of a cache.
func matMulSwapped(t *tiling, c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, p0, kc, i0, i1, j0, j1, add int) {
	w := claim()
	defer w.release()
	panels, sums := aligned(w.panels[:]), aligned(w.block[:])
	bp, bj := strides(ldb, tb)
	cols, lies := t.lastCols, ta && lda%256 != 0
	if lies {
		cols = blockRows
	}
	p := product{tiling: t, ldc: 4 * cols, ai: 4 * bj, ap: 4 * bp, ldb: 4 * cols, k: kc}
	if lies {
		p.ldb = 4 * lda
	}
	for i, m := i0, 0; i < i1; i += m {
		if m = min(cols, i1-i); !lies {
			m = t.panel(i1 - i)
		}
		switch p.b = &panels[0]; {
		case lies:
			p.b = &a[p0*lda+i]
		case ta:
			CopyRows(panels, a[p0*lda+i:], cols, lda, m, kc)
		default:
			turn2D(panels, cols, a[i*lda+p0:], lda, m, kc, 0)
		}
		for j := j0; j < j1; j += turned {
			n := min(turned, j1-j)
			p.a, p.c = &b[j*bj+p0*bp], &sums[0]
			p.rows(n, m, p.ai, 0)
			turn2D(c[i*ldc+j:], ldc, sums, cols, n, m, add)
		}
	}
}

// packStrips lays rows [i, i+m) of op(A), A transposed, out as kc strips of m
// numbers, and returns the distance between two. Strips do not lie a power of two
// apart.
func packStrips(dst, a []float32, lda, p, kc, i, m int) (strip int) {
	strip = (m + 15) &^ 15
	if strip%64 == 0 {
		strip += 16
	}
	CopyRows(dst, a[p*lda+i:], strip, lda, m, kc)
	return strip
}

// packTiles lays rows [i, i+m) of op(A), A transposed, out as tiles of at most
// tileRows of them, a tile as kc rows of tileRows. What lies above a tile's height
// is never read.
func packTiles(t *tiling, dst, a []float32, lda, p, kc, i, m int) {
	height, tiles, taller := heights(m, t.mostRows)
	last := (tiles - 1) * tileSize(kc)
	src := a[p*lda+i:]
	if tiles > 1 {
		tiles4(&dst[0], &src[0], 4*tileSize(kc), 4*lda, kc, min(taller, tiles-1), 4*(height+1), tiles-1, 4*height)
	}
	h := height
	if taller == tiles {
		h++
	}
	for r := range kc {
		copy(dst[last+r*tileRows:], src[r*lda+m-h:][:h])
	}
}

// tileSize is how far packed tiles of A over k lie apart: not a power of two.
func tileSize(k int) int { return k*tileRows + line }

// turn2D sets or adds dst[j,i] from src[i,j] of rows×cols. It goes by few columns,
// so that the lines of dst that rows share stay in L1.
func turn2D(dst []float32, ldd int, src []float32, lds, rows, cols, add int) {
	side, blocks, fours := 8, transpose8, transpose4
	if active == avx512 {
		side, blocks, fours = 16, transpose16, transpose4Wide
	}
	whole := rows &^ (side - 1)
	for j := 0; j < cols; j += turnCols {
		n := min(turnCols, cols-j)
		from := n &^ (side - 1)
		for i := 0; i < whole && from > 0; i += side {
			blocks(&dst[j*ldd+i], &src[i*lds+j], 4*ldd, 4*lds, from/side, add)
		}
		if from < n && whole > 0 { // beside those
			fours(&dst[(j+from)*ldd], &src[j+from], 4*ldd, 4*lds, whole, n-from, add)
		}
		if whole < rows { // below those
			fours(&dst[j*ldd+whole], &src[whole*lds+j], 4*ldd, 4*lds, rows-whole, n, add)
		}
	}
}

// offset is the address n bytes behind p.
func offset(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), n))
}
