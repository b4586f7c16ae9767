package main

import (
	"strings"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (w width) lanes() int { return w.bytes / 4 }

// rest leaves the mask of the n lanes that remain, 0 < n < lanes.
func (w width) rest(n reg.Register) reg.Register {
	if w.bytes == 32 {
		return restMask(n)
	}
	ones, k := avo.GP64(), avo.K()
	avo.MOVQ(op.I32(-1), ones)
	avo.BZHIQ(n, ones, ones)
	avo.KMOVW(ones.As32(), k)
	return k
}

// fold leaves the sum of all lanes of s in its first: the upper half is added to
// the lower until one is left.
func (w width) fold(s vec) reg.VecVirtual {
	if w.bytes == 64 {
		high, sum := avo.YMM(), avo.YMM()
		avo.VEXTRACTF32X8(op.Imm(1), s, high)
		avo.VADDPS(high, s.AsY(), sum)
		s = sum
	}
	low, high := avo.XMM(), avo.XMM()
	if w.bytes == 64 { // in any register
		avo.VEXTRACTF32X4(op.Imm(1), s.AsY(), high)
	} else {
		avo.VEXTRACTF128(op.Imm(1), s.AsY(), high)
	}
	avo.VADDPS(high, s.AsX(), low)
	avo.VPERMILPS(op.Imm(0x4E), low, high)
	avo.VADDPS(high, low, low)
	avo.VMOVSHDUP(low, high)
	avo.VADDSS(high, low, low)
	return low
}

// affine writes the kernel of gradients behind a scale and an offset. It goes over two
// rows at a time: a sum alone would wait for itself.
func (w width) affine() {
	name := "affine" + w.suffix
	avo.TEXT(name, avo.NOSPLIT, "func(grad, w, db, gamma, beta, dots *float32, outStride, rows, cols int)")
	avo.Doc(name+" goes over rows of G and W that lie without gaps: dots gets the sums of W∘G, of",
		"W∘db and of the squares of γ·G + β·db, which takes G's place.")
	load := func(p string) reg.Register { return avo.Load(avo.Param(p), avo.GP64()) }
	g, wt, db, gamma, beta := load("grad"), load("w"), load("db"), load("gamma"), load("beta")
	dots, stride, rows, cols := load("dots"), load("outStride"), load("rows"), load("cols")
	step := avo.GP64()
	avo.MOVQ(cols, step)
	avo.SHLQ(op.Imm(2), step)
	for _, b := range []struct {
		name, next string
		rows       int
	}{{"two", "one", 2}, {"one", "done", 1}} {
		avo.Label(b.name)
		avo.CMPQ(rows, op.Imm(uint64(b.rows)))
		avo.JL(op.LabelRef(b.next))
		w.affineRows(b.name, b.rows, []reg.Register{g, wt, db, gamma, beta, dots, stride, cols, step})
		for _, r := range []reg.Register{gamma, beta, dots} {
			avo.ADDQ(op.Imm(uint64(4*b.rows)), r)
		}
		for range b.rows {
			avo.ADDQ(step, g)
			avo.ADDQ(step, wt)
		}
		avo.SUBQ(op.Imm(uint64(b.rows)), rows)
		avo.JMP(op.LabelRef(b.name))
	}
	avo.Label("done")
	avo.VZEROUPPER()
	avo.RET()
}

// affineRows writes what affine does of so many rows.
func (w width) affineRows(name string, rows int, args []reg.Register) {
	g, wt, db, gamma, beta, dots, stride, cols, step := args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8]
	scale, shift, s := make([]vec, rows), make([]vec, rows), make([][]vec, rows)
	gs, ws := []reg.Register{g}, []reg.Register{wt}
	for r := range rows {
		scale[r], shift[r] = w.vector(), w.vector()
		avo.VBROADCASTSS(op.Mem{Base: gamma, Disp: 4 * r}, scale[r])
		avo.VBROADCASTSS(op.Mem{Base: beta, Disp: 4 * r}, shift[r])
		s[r] = []vec{w.zero(), w.zero(), w.zero()}
		if r > 0 {
			gs, ws = append(gs, avo.GP64()), append(ws, avo.GP64())
			avo.LEAQ(op.Mem{Base: g, Index: step, Scale: 1}, gs[r])
			avo.LEAQ(op.Mem{Base: wt, Index: step, Scale: 1}, ws[r])
		}
	}
	i, n := avo.GP64(), avo.GP64()
	body := func(mask reg.Register) {
		at := func(base reg.Register) op.Mem { return op.Mem{Base: base, Index: i, Scale: 4} }
		d := w.vector()
		w.load(at(db), mask, d)
		for r := range rows {
			x, y := w.vector(), w.vector()
			w.load(at(gs[r]), mask, x)
			w.load(at(ws[r]), mask, y)
			avo.VFMADD231PS(x, y, s[r][0])
			avo.VFMADD231PS(d, y, s[r][1])
			avo.VMULPS(scale[r], x, x)
			avo.VFMADD231PS(shift[r], d, x)
			w.store(x, mask, at(gs[r]))
			avo.VFMADD231PS(x, x, s[r][2])
		}
	}
	avo.XORQ(i, i)
	avo.MOVQ(cols, n)
	avo.SUBQ(op.Imm(uint64(w.lanes())), n)
	avo.JL(op.LabelRef(name + "rest"))
	avo.Label(name + "next")
	body(nil)
	avo.ADDQ(op.Imm(uint64(w.lanes())), i)
	avo.CMPQ(i, n)
	avo.JLE(op.LabelRef(name + "next"))
	avo.Label(name + "rest")
	avo.SUBQ(i, n)
	avo.ADDQ(op.Imm(uint64(w.lanes())), n)
	avo.JZ(op.LabelRef(name + "sum"))
	body(w.rest(n))
	avo.Label(name + "sum")
	for q := range 3 {
		out := avo.GP64()
		avo.MOVQ(dots, out)
		for range q {
			avo.ADDQ(stride, out)
		}
		for r := range rows {
			avo.VMOVSS(w.fold(s[r][q]), op.Mem{Base: out, Disp: 4 * r})
		}
	}
}

// columns writes a sum over rows of something computed from two arrays, column by
// column: several vectors at a time, then one, then a masked one. The second array
// is a matrix like the first, or with row set a single row. f adds to the sum.
func (w width) columns(name, formula string, row bool, f func(x, y, sum vec)) {
	name += w.suffix
	avo.TEXT(name, avo.NOSPLIT, "func(dst, a, b *float32, stride, rows, cols, add int)")
	avo.Doc(name + " sets or adds the sums over rows ≥ 1, stride bytes apart, of " + formula + ".")
	load := func(p string) reg.Register { return avo.Load(avo.Param(p), avo.GP64()) }
	dst, a, b, stride, rows, cols, add := load("dst"), load("a"), load("b"), load("stride"), load("rows"), load("cols"), load("add")
	body := func(name string, vectors int, mask reg.Register) {
		p, q, left := avo.GP64(), avo.GP64(), avo.GP64()
		avo.MOVQ(a, p)
		avo.MOVQ(b, q)
		avo.MOVQ(rows, left)
		s, y := make([]vec, vectors), make([]vec, vectors)
		get := func(v int) {
			y[v] = w.vector()
			w.load(op.Mem{Base: q, Disp: w.bytes * v}, mask, y[v])
		}
		for v := range s {
			s[v] = w.zero()
			if row {
				get(v)
			}
		}
		avo.Label(name + "row")
		for v := range s {
			x := w.vector()
			w.load(op.Mem{Base: p, Disp: w.bytes * v}, mask, x)
			if !row {
				get(v)
			}
			f(x, y[v], s[v])
		}
		avo.ADDQ(stride, p)
		if !row {
			avo.ADDQ(stride, q)
		}
		avo.DECQ(left)
		avo.JNZ(op.LabelRef(name + "row"))
		avo.TESTQ(add, add)
		avo.JZ(op.LabelRef(name + "store"))
		for v := range s {
			old := w.vector()
			w.load(op.Mem{Base: dst, Disp: w.bytes * v}, mask, old)
			avo.VADDPS(old, s[v], s[v])
		}
		avo.Label(name + "store")
		for v := range s {
			w.store(s[v], mask, op.Mem{Base: dst, Disp: w.bytes * v})
		}
	}
	for _, b4 := range []struct {
		name, next string
		vectors    int
	}{{"four", "one", 4}, {"one", "rest", 1}} {
		avo.Label(b4.name)
		avo.CMPQ(cols, op.Imm(uint64(w.lanes()*b4.vectors)))
		avo.JL(op.LabelRef(b4.next))
		body(b4.name, b4.vectors, nil)
		for _, r := range []reg.Register{dst, a, b} {
			avo.ADDQ(op.I32(int32(w.bytes*b4.vectors)), r)
		}
		avo.SUBQ(op.Imm(uint64(w.lanes()*b4.vectors)), cols)
		avo.JMP(op.LabelRef(b4.name))
	}
	avo.Label("rest")
	avo.TESTQ(cols, cols)
	avo.JZ(op.LabelRef("done"))
	body("masked", 1, w.rest(cols))
	avo.Label("done")
	avo.VZEROUPPER()
	avo.RET()
}

// fused writes what graphs are rewritten to.
func (w width) fused() {
	w.affine()
	w.columns("colDot", "a[i,j]·b[i,j]", false, func(x, y, sum vec) {
		avo.VMULPS(y, x, x)
		avo.VADDPS(x, sum, sum)
	})
	w.columns("colSpread", "(a[i,j] − b[j])²", true, func(x, y, sum vec) {
		avo.VSUBPS(y, x, x)
		avo.VMULPS(x, x, x)
		avo.VADDPS(x, sum, sum)
	})
}

// windows writes what pools and convolutions move: rows of n numbers that lie
// regular steps apart.
func (w width) windows() {
	w.overRows("lines", "copies rows of n numbers to where they lie dstStep bytes apart", "func(dst, src *float32, dstStep, srcStep, n, rows int)",
		func(q *rowLoop, mask reg.Register) {
			x := w.vector()
			w.load(q.at("src"), mask, x)
			w.store(x, mask, q.at("dst"))
		})
	w.overRows("sumRows", "adds rows of n numbers to rows that lie dstStep bytes apart, one after the other: they may overlap", "func(dst, src *float32, dstStep, srcStep, n, rows int)",
		func(q *rowLoop, mask reg.Register) {
			x, y := w.vector(), w.vector()
			w.load(q.at("src"), mask, x)
			w.load(q.at("dst"), mask, y)
			avo.VADDPS(x, y, y)
			w.store(y, mask, q.at("dst"))
		})
	w.overRows("largest", "sets rows of n numbers to the larger of themselves and those of src", "func(dst, src *float32, dstStep, srcStep, n, rows int)",
		func(q *rowLoop, mask reg.Register) {
			x, y, z := w.vector(), w.vector(), w.vector()
			w.load(q.at("src"), mask, x)
			w.load(q.at("dst"), mask, y)
			avo.VMAXPS(x, y, z)
			m := w.vector()
			avo.VMAXPS(y, x, m)
			avo.VANDPS(m, z, z) // of two zeros the positive one
			keep := at
			at = w
			when(3, x, y).ruin(z)
			at = keep
			w.store(z, mask, q.at("dst"))
		})
	w.overRows("larger", "puts number (from + row·step) into index, and src into dst, where src is above dst or NaN",
		"func(dst *float32, index *int32, src *float32, dstStep, srcStep, n, rows, from, step int)",
		func(q *rowLoop, mask reg.Register) {
			x, y, i := w.vector(), w.vector(), w.vector()
			w.load(q.at("src"), mask, x)
			w.load(q.at("dst"), mask, y)
			w.load(q.at("index"), mask, i)
			keep := at
			at = w
			above := when(6, y, x) // not x ≤ y
			known := when(7, y, y) // y is a number
			above.and(known).pick(q.number, i, i)
			above.and(known).pick(x, y, y)
			at = keep
			w.store(y, mask, q.at("dst"))
			w.store(i, mask, q.at("index"))
		})
}

// and is where both conditions hold.
func (c cond) and(d cond) cond {
	if c.mask != nil {
		k := avo.K()
		avo.KANDW(c.mask, d.mask, k)
		return cond{mask: k}
	}
	y := avo.YMM()
	avo.VANDPS(c.lanes, d.lanes, y)
	return cond{lanes: y}
}

// A rowLoop is the registers of a function over rows of vectors.
type rowLoop struct {
	base   map[string]reg.Register
	i      reg.Register
	number vec // of the row, in all lanes
}

func (q *rowLoop) at(name string) op.Mem {
	return op.Mem{Base: q.base[name], Index: q.i, Scale: 4}
}

// overRows writes a function of rows of n ≥ 1 numbers, the last of them masked. An
// array index lies as dst does.
func (w width) overRows(name, what, signature string, f func(q *rowLoop, mask reg.Register)) {
	name += w.suffix
	avo.TEXT(name, avo.NOSPLIT, signature)
	avo.Doc(name + " " + what + ".")
	load := func(p string) reg.Register { return avo.Load(avo.Param(p), avo.GP64()) }
	q := &rowLoop{base: map[string]reg.Register{"dst": load("dst")}, i: avo.GP64()}
	indexed := strings.Contains(signature, "index")
	if indexed {
		q.base["index"] = load("index")
	}
	q.base["src"] = load("src")
	dstStep, srcStep, n, rows := load("dstStep"), load("srcStep"), load("n"), load("rows")
	var from, step reg.Register
	if indexed {
		from, step = load("from"), load("step")
		q.number = w.vector()
	}
	tail, left := avo.GP64(), avo.GP64()
	avo.MOVQ(n, tail)
	avo.ANDQ(op.Imm(uint64(w.lanes()-1)), tail)
	avo.SUBQ(op.Imm(uint64(w.lanes())), n)
	avo.TESTQ(tail, tail)
	avo.JZ(op.LabelRef("even"))
	mask := w.rest(tail)
	avo.Label("row")
	if indexed {
		low := avo.XMM()
		avo.VMOVD(from.(reg.GPVirtual).As32(), low)
		avo.VPBROADCASTD(low, q.number)
		avo.ADDQ(step, from)
	}
	next := func(label string) {
		avo.XORQ(q.i, q.i)
		avo.MOVQ(n, left)
		avo.TESTQ(left, left)
		avo.JL(op.LabelRef(label + "rest"))
		avo.Label(label + "next")
		f(q, nil)
		avo.ADDQ(op.Imm(uint64(w.lanes())), q.i)
		avo.CMPQ(q.i, n)
		avo.JLE(op.LabelRef(label + "next"))
		avo.Label(label + "rest")
	}
	end := func(label string) {
		for _, name := range []string{"dst", "index"} {
			if r := q.base[name]; r != nil {
				avo.ADDQ(dstStep, r)
			}
		}
		avo.ADDQ(srcStep, q.base["src"])
		avo.DECQ(rows)
		avo.JNZ(op.LabelRef(label))
		avo.VZEROUPPER()
		avo.RET()
	}
	next("")
	f(q, mask)
	end("row")
	avo.Label("even")
	if indexed {
		low := avo.XMM()
		avo.VMOVD(from.(reg.GPVirtual).As32(), low)
		avo.VPBROADCASTD(low, q.number)
		avo.ADDQ(step, from)
	}
	next("even")
	end("even")
}
