//go:build !noasm

package kernel

import (
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"
)

const (
	splitWords = 1 << 18 // of A that are packed at a time
	splitPanel = splitDepth / splitBlock * splitUnit
)

// A splitting is what is packed by one call. The assembly knows the offsets of its
// fields; the stride is in bytes.
type splitting struct {
	dst    *uint32
	src    *float32
	stride int
	lines  int // rows of A
	blocks int
	half   int    // of a block, in bytes
	whole  uint32 // of a row of A: lanes of a half
	first  uint32 // of the last block's halves
	second uint32
	left   uint32 // of a row of B: lanes of both its vectors
	right  uint32
	_      uint32
	depth  int // rows of B
}

// A splitProduct is a column of strips of C: at most 32 columns, in strips of 32 rows.
// Beside it two whole panels' rows of B are packed, each pair of rows beside a block. The
// assembly knows the offsets of its fields; strides are in bytes.
type splitProduct struct {
	c           *float32
	a, b        *uint32
	ldc         int
	blocks      int
	rows        int
	add         int // 1: C += …
	sums        *float32
	left, right uint32 // lanes of the columns' vectors
	tiles       int    // that the columns take
	straight    int    // 1: whole strips are stored as they are
	check       int    // 1: whether all sums are finite
	block       int    // left, in a strip
	src, dst    uintptr
	stride      int
	pairs       int // to pack still
	within      int // a block
	each        int // a block's worth of tiles
	_           int
	bad         int // 1: they are not
}

//go:noescape
func splitAlong(p *splitting)

//go:noescape
func splitAcross(p *splitting)

//go:noescape
func splitTiles(p *splitProduct, shapes *[64]byte)

// A splitSpace is where a running product packs its operands, as a workspace.
type splitSpace struct {
	busy atomic.Bool
	all  [line + splitWords + 2*splitPanel + 2*stripRows*stripCols + stripCols*splitDepth]uint32
}

var splitSpaces [32]splitSpace

func claimSplit() *splitSpace {
	for {
		for i := range splitSpaces {
			w := &splitSpaces[i]
			if !w.busy.Load() && w.busy.CompareAndSwap(false, true) {
				return w
			}
		}
		runtime.Gosched()
	}
}

// cut is w in parts that begin where lines of memory do: for what is packed of A and of
// two panels of B, for sums of a strip, in parts and in float32, and for what is turned.
func (w *splitSpace) cut() (a []uint32, b [2][]uint32, sums, whole, turned []float32) {
	rest := aligned(w.all[:])
	next := func(n int) []uint32 {
		s := rest[:n:n]
		rest = rest[n:]
		return s
	}
	floats := func(s []uint32) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(&s[0])), len(s)) }
	a, b = next(splitWords), [2][]uint32{next(splitPanel), next(splitPanel)}
	return a, b, floats(next(stripRows * stripCols)), floats(next(stripRows * stripCols)), floats(next(stripCols * splitDepth))
}

// firstLanes is the mask of the first n of 16 lanes.
func firstLanes(n int) uint32 { return 1<<max(0, min(16, n)) - 1 }

// matMulSplit reads B as it is stored or, where it is laid out, so.
func matMulSplit(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, laid []uint32, n, k, i0, i1, j0, j1 int) {
	w := claimSplit()
	defer w.busy.Store(false)
	packed, panels, sums, whole, turned := w.cut()
	p := splitProduct{ldc: 4 * ldc, a: &packed[0], sums: &sums[0]}
	for s := range splitPasses(k) {
		from, to := splitPass(k, s)
		depth := to - from
		p.blocks = (depth + splitBlock - 1) / splitBlock
		strip := p.blocks * splitUnit
		if to == k {
			p.check = 1
		}
		most := splitWords / strip * stripRows
		for i := i0; i < i1; i += most {
			m := min(most, i1-i)
			for r := 0; r < m; r += stripRows {
				splitRows(packed[r/stripRows*strip:], a, lda, ta, i+r, min(stripRows, m-r), from, depth, turned)
			}
			now, next := panels[0], panels[1]
			if laid == nil {
				splitCols(now, b, ldb, tb, j0, min(stripCols, j1-j0), from, depth, 0, turned)
			}
			for j := j0; j < j1; j += stripCols {
				cols := min(stripCols, j1-j)
				p.rows, p.b, p.c = m, &now[0], &c[i*ldc+j]
				p.left, p.right, p.tiles, p.straight = firstLanes(cols), firstLanes(cols-16), (cols+15)/16, 0
				if cols == stripCols {
					p.straight = 1
				}
				after := min(stripCols, j1-j-stripCols)
				p.pairs = 0
				switch {
				case laid != nil:
					p.b = &laid[SplitLen(n, from)+j/stripCols*strip]
				case after == stripCols && m > 16 && depth >= splitBlock:
					p.beside(next, b, ldb, tb, j+stripCols, from, depth, turned)
				}
				there := p.pairs
				splitTiles(&p, &amxShapes)
				if there = (there - p.pairs) / pairBlock; laid == nil && after > 0 {
					if there < p.blocks {
						splitCols(next, b, ldb, tb, j+stripCols, after, from, depth, there, turned)
					}
					now, next = next, now
				}
				if p.check != 0 && p.bad != 0 {
					mendSplit(c[i*ldc+j:], ldc, a, lda, ta, b, ldb, tb, k, i, m, j, cols, whole)
				}
			}
		}
		p.add = 1
	}
	runtime.KeepAlive(b)
}

// beside has whole blocks of the panel from column j on packed while the one before it is
// multiplied.
func (p *splitProduct) beside(dst []uint32, b []float32, ldb int, tb bool, j, from, depth int, turned []float32) {
	src := turned
	if p.stride = 4 * stripCols; tb {
		turn2D(turned, stripCols, b[j*ldb+from:], ldb, stripCols, depth, 0)
	} else {
		src, p.stride = b[from*ldb+j:], 4*ldb
	}
	p.src, p.dst = uintptr(unsafe.Pointer(&src[0])), uintptr(unsafe.Pointer(&dst[0]))
	p.pairs, p.within = depth/splitBlock*pairBlock, pairBlock
	turns := p.blocks * ((p.rows + 15) / stripRows)
	p.each = (p.pairs + turns - 1) / turns
}

// mendSplit computes what is not finite of rows [i, i+m) and columns [j, j+n) in plain
// float32. C begins at the first of them.
func mendSplit(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, k, i, m, j, n int, whole []float32) {
	ai, _ := strides(lda, ta)
	_, bj := strides(ldb, tb)
	for r := 0; r < m; r++ {
		row := c[r*ldc:][:n]
		done := false
		for l, x := range row {
			if math.Float32bits(x)&0x7F800000 != 0x7F800000 {
				continue
			}
			if !done {
				matMul32(whole, stripCols, a[(i+r)*ai:], lda, ta, b[j*bj:], ldb, tb, k, 0, 1, 0, n, false)
				done = true
			}
			row[l] = whole[l]
		}
	}
}

// splitRows packs n ≤ 32 rows of op(A), from row i on.
func splitRows(dst []uint32, a []float32, lda int, ta bool, i, n, from, depth int, turned []float32) {
	src, ld, at := a, lda, i*lda+from
	if ta {
		turn2D(turned, splitDepth, a[from*lda+i:], lda, depth, n, 0)
		src, ld, at = turned, splitDepth, 0
	}
	blocks := (depth + splitBlock - 1) / splitBlock
	last := depth - (blocks-1)*splitBlock
	q := splitting{stride: 4 * ld, blocks: blocks, half: 4 * pairBlock, whole: firstLanes(16), first: firstLanes(last), second: firstLanes(last - 16)}
	for t := 0; t < n; t += 16 {
		q.dst, q.src, q.lines = &dst[t/16*tileWords], &src[at+t*ld], min(16, n-t)
		splitAlong(&q)
	}
}

// splitCols packs n ≤ 32 columns of op(B), from column j on, but for so many blocks that
// are there.
func splitCols(dst []uint32, b []float32, ldb int, tb bool, j, n, from, depth, there int, turned []float32) {
	skip := there * splitBlock
	q := splitting{dst: &dst[there*splitUnit], blocks: (depth - skip + splitBlock - 1) / splitBlock, half: 4 * pairBlock, left: firstLanes(n), right: firstLanes(n - 16), depth: depth - skip}
	if tb {
		if there == 0 {
			turn2D(turned, stripCols, b[j*ldb+from:], ldb, n, depth, 0)
		}
		q.src, q.stride = &turned[skip*stripCols], 4*stripCols
	} else {
		q.src, q.stride = &b[(from+skip)*ldb+j], 4*ldb
	}
	splitAcross(&q)
}

// laySplit lays out the panels of a pass one behind the other, and the passes.
func laySplit(dst []uint32, b []float32, ldb int, tb bool, n, k int) {
	w := claimSplit()
	defer w.busy.Store(false)
	_, _, _, _, turned := w.cut()
	for s := range splitPasses(k) {
		from, to := splitPass(k, s)
		for j := 0; j < n; j += stripCols {
			splitCols(dst, b, ldb, tb, j, min(stripCols, n-j), from, to-from, 0, turned)
			dst = dst[(to-from+splitBlock-1)/splitBlock*splitUnit:]
		}
	}
}
