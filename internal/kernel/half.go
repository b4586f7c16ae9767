package kernel

import (
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Products of bfloat16 (float32 without its lower 16 bits): both operands are rounded to
// it, to the nearest and in halfway cases to even, and products are added up in
// float32. Rounded operands lie in tiles of 16×16 pairs of neighbours in k, 16 rows of
// A and 32 of k, or 32 of k and 16 columns of B.
//
// What is rounded where in a sum is the processor's matter, and either way plain Go does
// the same to the bit. Every product of pairs counts numbers too small to be normal
// as 0, as operands and as results.
//
//   - dots, VDPBF16PS: a sum is one chain of fused multiply-adds in the order of k, but
//     of each pair the second first.
//   - tiles, TDPBF16PS: of 32 of k, the first of the pairs are one such chain from 0, the
//     second are another; their sum is added to what there is.
type halves uint8

const (
	halfDots halves = iota
	halfTiles
)

const (
	pairBlock = 16             // pairs of k in a tile: 32 of k
	tileWords = 16 * pairBlock // of one tile
	halfDepth = 512            // the most of k that is packed at a time
	halfRows  = 512            // and of A's rows
	stripRows = 32             // of C that one column of B's tiles is used for
	stripCols = 32             // of C: two tiles of B
	halfPanel = stripCols * halfDepth / 2
	halfGroup = 8 // panels of B that are packed at a time: its rows are read for some length
)

// A halfProduct is a column of strips of C: 32 columns of so many times 32 rows. The
// assembly knows the offsets of its fields; strides are in bytes.
type halfProduct struct {
	c      *float32
	a, b   *uint32
	ldc    int
	blocks int // of 32 of k
	add    int // 1: C += …
	strips int
	space  *halfSpace
}

// A halfSpace is where a running product packs its operands, as a workspace.
type halfSpace struct {
	busy atomic.Bool
	a    [halfRows*halfDepth/2 + line]uint32
	b    [halfGroup*halfPanel + line]uint32
	turn [tileWords]uint32
	c    [stripRows * stripCols]float32
	// Of B, in plain Go.
	numbers [halfDepth][stripCols]float32
}

var halfSpaces [16]halfSpace

func claimHalf() *halfSpace {
	for {
		for i := range halfSpaces {
			w := &halfSpaces[i]
			if !w.busy.Load() && w.busy.CompareAndSwap(false, true) {
				return w
			}
		}
		runtime.Gosched()
	}
}

// MatMulBF16 is [MatMul] of float32 that are rounded to bfloat16 before, added up in
// float32. Every element of C is summed over k in one order that depends on nothing but
// k and the processor. T is float32.
func MatMulBF16[T Float](c []T, ldc int, a []T, lda int, ta bool, b []T, ldb int, tb bool, m, n, k, i0, i1, j0, j1 int, acc bool) {
	checkMatMul(len(c), ldc, len(a), lda, ta, len(b), ldb, tb, m, n, k, i0, i1, j0, j1)
	if !single[T]() {
		panic("kernel: a product of bfloat16 is one of float32")
	}
	matMulHalf(as32(c), ldc, as32(a), lda, ta, as32(b), ldb, tb, nil, n, k, i0, i1, j0, j1, acc)
}

// HalfLen is how many words a B of products of bfloat16 has as [LayHalf] lays it out.
func HalfLen(n, k int) int {
	return halfPanels(n) * 2 * tileWords * ((k + 2*pairBlock - 1) / (2 * pairBlock))
}

// halfPanels is how many panels n columns have.
func halfPanels(n int) int { return (n + stripCols - 1) / stripCols }

// LayHalf rounds op(B), k×n and stored as for [MatMulBF16], and lays it out for
// [MatMulLaidBF16]. T is float32.
func LayHalf[T Float](dst []uint32, b []T, ldb int, tb bool, n, k int) {
	checkMatMul(0, 0, 0, 0, false, len(b), ldb, tb, 0, n, k, 0, 0, 0, 0)
	if !single[T]() {
		panic("kernel: a product of bfloat16 is one of float32")
	}
	dst = dst[:HalfLen(n, k)]
	w := claimHalf()
	for from := 0; from < k; from += halfDepth {
		depth := min(halfDepth, k-from)
		for j := 0; j < n; j += stripCols {
			packHalf(w, dst, as32(b), ldb, tb, j, min(stripCols, n-j), from, depth, true)
			dst = dst[2*tileWords*((depth+2*pairBlock-1)/(2*pairBlock)):]
		}
	}
	w.busy.Store(false)
}

// MatMulLaidBF16 is [MatMulBF16] of a B that is laid out, to the bit. j0 is a multiple
// of 32.
func MatMulLaidBF16[T Float](c []T, ldc int, a []T, lda int, ta bool, laid []uint32, m, n, k, i0, i1, j0, j1 int, acc bool) {
	checkMatMul(len(c), ldc, len(a), lda, ta, n*k, n, false, m, n, k, i0, i1, j0, j1)
	if !single[T]() || j0%stripCols != 0 {
		panic("kernel: a product of bfloat16 is one of float32, in whole panels")
	}
	matMulHalf(as32(c), ldc, as32(a), lda, ta, nil, 0, false, laid[:HalfLen(n, k)], n, k, i0, i1, j0, j1, acc)
}

// matMulHalf reads B as it is stored or, where it is laid, so.
func matMulHalf(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, laid []uint32, n, k, i0, i1, j0, j1 int, acc bool) {
	if i0 >= i1 || j0 >= j1 {
		return
	}
	if k == 0 {
		for i := i0; i < i1 && !acc; i++ {
			clear(c[i*ldc+j0 : i*ldc+j1])
		}
		return
	}
	w := claimHalf()
	left, right := aligned(w.a[:]), aligned(w.b[:])
	p := halfProduct{ldc: 4 * ldc, space: w}
	if acc {
		p.add = 1
	}
	for from := 0; from < k; from += halfDepth {
		depth := min(halfDepth, k-from)
		p.blocks = (depth + 2*pairBlock - 1) / (2 * pairBlock)
		strip := 2 * tileWords * p.blocks
		for i := i0; i < i1; i += halfRows {
			rows := min(halfRows, i1-i)
			for r := 0; r < rows; r += stripRows {
				packHalf(w, left[r/stripRows*strip:][:strip], a, lda, !ta, i+r, min(stripRows, rows-r), from, depth, false)
			}
			for j := j0; j < j1; j += stripCols {
				cols := min(stripCols, j1-j)
				if panel := (j - j0) / stripCols % halfGroup; laid != nil {
					p.b = &laid[halfPanels(n)*2*tileWords*(from/(2*pairBlock))+j/stripCols*strip]
				} else {
					if panel == 0 {
						packGroup(w, right, strip, b, ldb, tb, j, j1, from, depth)
					}
					p.b = &right[panel*strip]
				}
				whole := rows / stripRows
				if cols < stripCols {
					whole = 0
				}
				if whole > 0 {
					p.c, p.a, p.strips = &c[i*ldc+j], &left[0], whole
					p.run()
				}
				for s := whole; s*stripRows < rows; s++ {
					p.edge(w, c[(i+s*stripRows)*ldc+j:], ldc, &left[s*strip], min(stripRows, rows-s*stripRows), cols)
				}
			}
		}
		p.add = 1
	}
	w.busy.Store(false)
}

// edge is a strip of which only so many rows and columns are in C.
func (p *halfProduct) edge(w *halfSpace, c []float32, ldc int, a *uint32, rows, cols int) {
	q := *p
	q.c, q.a, q.strips, q.ldc = &w.c[0], a, 1, 4*stripCols
	if q.add != 0 {
		clear(w.c[:])
		for r := range rows {
			copy(w.c[r*stripCols:][:cols], c[r*ldc:])
		}
	}
	q.run()
	for r := range rows {
		copy(c[r*ldc:][:cols], w.c[r*stripCols:])
	}
}

// packGroup packs the panels of B from column j on, as many as there is room for, all of
// a block of k before the next.
func packGroup(w *halfSpace, right []uint32, strip int, b []float32, ldb int, tb bool, j, j1, from, depth int) {
	for q := 0; q < depth; q += 2 * pairBlock {
		for g := 0; g < halfGroup && j+g*stripCols < j1; g++ {
			dst := right[g*strip+q/(2*pairBlock)*2*tileWords:][:2*tileWords]
			at := j + g*stripCols
			packHalf(w, dst, b, ldb, tb, at, min(stripCols, j1-at), from+q, min(2*pairBlock, depth-q), true)
		}
	}
}

// packHalf lays n ≤ 32 lines of k numbers out in tiles, by blocks of k, two tiles a
// block; what is missing is zero. The lines are rows of x if byRow is set, else
// columns; in a tile pairs of a line lie side by side or, turned, one below the other.
func packHalf(w *halfSpace, dst []uint32, x []float32, ldx int, byRow bool, at, n, from, k int, turned bool) {
	for q := 0; q < k; q += 2 * pairBlock {
		for t := 0; t < 2; t++ {
			tile := dst[:tileWords]
			dst = dst[tileWords:]
			lines, depth := min(16, n-16*t), min(2*pairBlock, k-q)
			start := (from+q)*ldx + at + 16*t
			if byRow {
				start = (at+16*t)*ldx + from + q
			}
			switch {
			case lines <= 0:
				clear(tile)
			case lines < 16 || depth < 2*pairBlock || !packsHalf():
				looseHalf(tile, x[start:], ldx, byRow, lines, depth, turned)
			case byRow && turned:
				halfAlong16(&w.turn[0], &x[start], 4*ldx)
				halfTurn16(&tile[0], &w.turn[0])
			case byRow:
				halfAlong16(&tile[0], &x[start], 4*ldx)
			case turned:
				halfAcross16(&tile[0], &x[start], 4*ldx)
			default:
				halfAcross16(&w.turn[0], &x[start], 4*ldx)
				halfTurn16(&tile[0], &w.turn[0])
			}
		}
	}
}

// looseHalf is one tile in plain Go.
func looseHalf(tile []uint32, x []float32, ldx int, byRow bool, lines, depth int, turned bool) {
	clear(tile)
	line, step, across, along := 1, ldx, pairBlock, 1
	if byRow {
		line, step = ldx, 1
	}
	if turned {
		across, along = 1, 16
	}
	for r := range lines {
		for p := range (depth + 1) / 2 {
			v := roundHalf(x[r*line+2*p*step])
			if 2*p+1 < depth {
				v |= roundHalf(x[r*line+(2*p+1)*step]) << 16
			}
			tile[r*across+p*along] = v
		}
	}
}

// roundHalf is the nearest bfloat16, of two that are equally near the even one.
func roundHalf(x float32) uint32 {
	if x != x {
		return 0x7FC0
	}
	b := math.Float32bits(x)
	return (b + 0x7FFF + b>>16&1) >> 16
}

// emulate is run in plain Go.
func (p *halfProduct) emulate(h halves) {
	ldc := p.ldc / 4
	a, b := unsafe.Slice(p.a, 2*tileWords*p.blocks*p.strips), unsafe.Slice(p.b, 2*tileWords*p.blocks)
	c := unsafe.Slice(p.c, (stripRows*p.strips-1)*ldc+stripCols)
	y := &p.space.numbers // of B, rows of 32
	for q := range p.blocks {
		for k := range pairBlock {
			for j := range stripCols {
				y[(q*pairBlock+k)*2][j], y[(q*pairBlock+k)*2+1][j] = unpair(b[(q*2+j/16)*tileWords+16*k+j%16])
			}
		}
	}
	for i := range stripRows * p.strips {
		row := c[i*ldc:][:stripCols]
		var s [stripCols]float32
		if p.add != 0 {
			for j, v := range row {
				s[j] = flush(v)
			}
		}
		for q := range p.blocks {
			x := a[((i/stripRows*p.blocks+q)*2+i%stripRows/16)*tileWords+i%16*pairBlock:][:pairBlock]
			var first, second [stripCols]float32
			for k, u := range x {
				u0, u1 := unpair(u)
				y0, y1 := &y[(q*pairBlock+k)*2], &y[(q*pairBlock+k)*2+1]
				if h == halfTiles {
					addProducts(&first, u0, y0)
					addProducts(&second, u1, y1)
				} else {
					addProducts(&s, u1, y1)
					addProducts(&s, u0, y0)
				}
			}
			if h == halfTiles {
				for j := range s {
					s[j] = flush(s[j] + flush(first[j]+second[j]))
				}
			}
		}
		copy(row, s[:])
	}
}

func unpair(u uint32) (first, second float32) {
	return flush(math.Float32frombits(u << 16)), flush(math.Float32frombits(u & 0xFFFF0000))
}

// addProducts adds x·y to s, each rounded once: the product of two bfloat16 is exact in
// float64, and so is its sum with a float32 as far as the rounding to float32 depends on
// it.
func addProducts(s *[stripCols]float32, x float32, y *[stripCols]float32) {
	for j, v := range y {
		s[j] = flush(float32(float64(x)*float64(v) + float64(s[j])))
	}
}

// flush is x, or a zero of its sign where x is not normal.
func flush(x float32) float32 {
	if x < 0x1p-126 && x > -0x1p-126 {
		return float32(math.Copysign(0, float64(x)))
	}
	return x
}

// words is the address n words behind p.
func words(p *uint32, n int) *uint32 { return (*uint32)(unsafe.Add(unsafe.Pointer(p), 4*n)) }
