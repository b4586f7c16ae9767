package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// moves writes what lays matrices out anew.
func moves() {
	transpose8()
	avx2.transpose4()
	tiles4()
}

// transpose8 transposes 8 rows, block by block of 8 columns, in three rounds of
// shuffles: pairs, fours, halves.
func transpose8() {
	avo.TEXT("transpose8", avo.NOSPLIT, "func(dst, src *float32, dstStride, srcStride, blocks, add int)")
	avo.Doc("transpose8 sets or adds the transpose of 8 rows of 8·blocks columns. Strides are in bytes.")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	src := avo.Load(avo.Param("src"), avo.GP64())
	ds := avo.Load(avo.Param("dstStride"), avo.GP64())
	ss := avo.Load(avo.Param("srcStride"), avo.GP64())
	n := avo.Load(avo.Param("blocks"), avo.GP64())
	add := avo.Load(avo.Param("add"), avo.GP64())
	src4, dst4 := avo.GP64(), avo.GP64()
	avo.LEAQ(op.Mem{Base: src, Index: ss, Scale: 4}, src4)
	ss3, ds3 := avo.GP64(), avo.GP64()
	avo.LEAQ(op.Mem{Base: ss, Index: ss, Scale: 2}, ss3)
	avo.LEAQ(op.Mem{Base: ds, Index: ds, Scale: 2}, ds3)
	row := func(base, base4, s, s3 reg.Register, r int) op.Mem {
		if r >= 4 {
			base, r = base4, r-4
		}
		switch r {
		case 0:
			return op.Mem{Base: base}
		case 3:
			return op.Mem{Base: base, Index: s3, Scale: 1}
		}
		return op.Mem{Base: base, Index: s, Scale: uint8(r)}
	}
	avo.Label("block")
	var x, y [8]reg.VecVirtual
	for r := range x {
		x[r] = avo.YMM()
		avo.VMOVUPS(row(src, src4, ss, ss3, r), x[r])
	}
	for r := 0; r < 8; r += 2 {
		y[r], y[r+1] = avo.YMM(), avo.YMM()
		avo.VUNPCKLPS(x[r+1], x[r], y[r])
		avo.VUNPCKHPS(x[r+1], x[r], y[r+1])
	}
	for h := 0; h < 8; h += 4 {
		for q := range 2 {
			x[h+2*q], x[h+2*q+1] = avo.YMM(), avo.YMM()
			avo.VUNPCKLPD(y[h+2+q], y[h+q], x[h+2*q])
			avo.VUNPCKHPD(y[h+2+q], y[h+q], x[h+2*q+1])
		}
	}
	for c := range 4 {
		y[c], y[c+4] = avo.YMM(), avo.YMM()
		avo.VPERM2F128(op.Imm(0x20), x[c+4], x[c], y[c])
		avo.VPERM2F128(op.Imm(0x31), x[c+4], x[c], y[c+4])
	}
	avo.LEAQ(op.Mem{Base: dst, Index: ds, Scale: 4}, dst4)
	avo.TESTQ(add, add)
	avo.JZ(op.LabelRef("store"))
	for r := range y {
		avo.VADDPS(row(dst, dst4, ds, ds3, r), y[r], y[r])
	}
	avo.Label("store")
	for r := range y {
		avo.VMOVUPS(y[r], row(dst, dst4, ds, ds3, r))
	}
	avo.ADDQ(op.Imm(32), src)
	avo.ADDQ(op.Imm(32), src4)
	avo.LEAQ(op.Mem{Base: dst4, Index: ds, Scale: 4}, dst)
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("block"))
	avo.VZEROUPPER()
	avo.RET()
}

// transpose16 transposes 16 rows, block by block of 16 columns. Four columns of rows
// four apart are loaded to the quarters of a vector, which leaves two rounds of
// shuffles within quarters: pairs, fours.
func transpose16() {
	avo.TEXT("transpose16", avo.NOSPLIT, "func(dst, src *float32, dstStride, srcStride, blocks, add int)")
	avo.Doc("transpose16 sets or adds the transpose of 16 rows of 16·blocks columns. Strides are in bytes.")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	src := avo.Load(avo.Param("src"), avo.GP64())
	ds := avo.Load(avo.Param("dstStride"), avo.GP64())
	ss := avo.Load(avo.Param("srcStride"), avo.GP64())
	n := avo.Load(avo.Param("blocks"), avo.GP64())
	add := avo.Load(avo.Param("add"), avo.GP64())
	ss3, ds3 := avo.GP64(), avo.GP64()
	avo.LEAQ(op.Mem{Base: ss, Index: ss, Scale: 2}, ss3)
	avo.LEAQ(op.Mem{Base: ds, Index: ds, Scale: 2}, ds3)
	from := [4]reg.GPVirtual{avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()} // every fourth row
	avo.MOVQ(src, from[0])
	for q := 1; q < 4; q++ {
		avo.LEAQ(op.Mem{Base: from[q-1], Index: ss, Scale: 4}, from[q])
	}
	row := func(base, s, s3 reg.Register, r, disp int) op.Mem {
		switch r {
		case 0:
			return op.Mem{Base: base, Disp: disp}
		case 3:
			return op.Mem{Base: base, Index: s3, Scale: 1, Disp: disp}
		}
		return op.Mem{Base: base, Index: s, Scale: uint8(r), Disp: disp}
	}
	avo.Label("block")
	for c := range 4 { // four columns
		var x, y [4]reg.VecVirtual
		for r := range x {
			x[r] = avo.ZMM()
			avo.VMOVUPS(row(from[0], ss, ss3, r, 16*c), x[r].AsX())
			for q := 1; q < 4; q++ {
				v := avo.ZMM()
				avo.VINSERTF32X4(op.Imm(uint64(q)), row(from[q], ss, ss3, r, 16*c), x[r], v)
				x[r] = v
			}
		}
		for h := range 2 {
			y[2*h], y[2*h+1] = avo.ZMM(), avo.ZMM()
			avo.VUNPCKLPS(x[2*h+1], x[2*h], y[2*h])
			avo.VUNPCKHPS(x[2*h+1], x[2*h], y[2*h+1])
		}
		for h := range 2 {
			x[2*h], x[2*h+1] = avo.ZMM(), avo.ZMM()
			avo.VUNPCKLPD(y[2+h], y[h], x[2*h])
			avo.VUNPCKHPD(y[2+h], y[h], x[2*h+1])
		}
		store := fmt.Sprintf("store%d", c)
		avo.TESTQ(add, add)
		avo.JZ(op.LabelRef(store))
		for r := range x {
			avo.VADDPS(row(dst, ds, ds3, r, 0), x[r], x[r])
		}
		avo.Label(store)
		for r := range x {
			avo.VMOVUPS(x[r], row(dst, ds, ds3, r, 0))
		}
		avo.LEAQ(op.Mem{Base: dst, Index: ds, Scale: 4}, dst)
	}
	for q := range from {
		avo.ADDQ(op.Imm(64), from[q])
	}
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("block"))
	avo.VZEROUPPER()
	avo.RET()
}

// transpose4 transposes rows four by four, of which the last may be fewer, and a vector
// of columns by a vector, of which the last may be masked: two rounds of shuffles leave a
// column in each quarter. It reads a line of the source once, and so suits rows that share
// the sets of a cache.
func (w width) transpose4() {
	name := "transpose4" + w.suffix
	avo.TEXT(name, avo.NOSPLIT, "func(dst, src *float32, dstStride, srcStride, rows, cols, add int)")
	avo.Doc(fmt.Sprintf("%s sets or adds the transpose of rows of cols columns. Strides are in bytes.", name))
	load := func(p string) reg.GPVirtual { return avo.Load(avo.Param(p), avo.GP64()).(reg.GPVirtual) }
	dst, src, ds, ss, rows := load("dst"), load("src"), load("dstStride"), load("srcStride"), load("rows")
	lanes := w.lanes()
	avo.Label("four")
	// What is not there is read from the first row and not stored.
	at := [4]reg.GPVirtual{avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()}
	avo.MOVQ(src, at[0])
	for r := 1; r < 4; r++ {
		avo.LEAQ(op.Mem{Base: at[r-1], Index: ss, Scale: 1}, at[r])
		avo.CMPQ(rows, op.Imm(uint64(r)))
		avo.CMOVQLE(src, at[r])
	}
	n := avo.GP64()
	avo.MOVQ(op.U32(4), n)
	avo.CMPQ(rows, n)
	avo.CMOVQLT(rows, n)
	high := w.rest(n)
	if w.bytes == 32 {
		high = high.(vec).AsX()
	}
	to, cols := avo.GP64(), load("cols")
	avo.MOVQ(dst, to)
	avo.Label("block")
	avo.MOVQ(op.U32(lanes), n)
	avo.CMPQ(cols, n)
	avo.CMOVQLT(cols, n)
	wide := w.rest(n)
	var x, y [4]reg.VecVirtual
	for r := range x {
		x[r] = w.vector()
		w.load(op.Mem{Base: at[r]}, wide, x[r])
		avo.ADDQ(op.Imm(uint64(w.bytes)), at[r])
	}
	for h := range 2 {
		y[2*h], y[2*h+1] = w.vector(), w.vector()
		avo.VUNPCKLPS(x[2*h+1], x[2*h], y[2*h])
		avo.VUNPCKHPS(x[2*h+1], x[2*h], y[2*h+1])
	}
	for h := range 2 {
		x[2*h], x[2*h+1] = w.vector(), w.vector()
		avo.VUNPCKLPD(y[2+h], y[h], x[2*h])
		avo.VUNPCKHPD(y[2+h], y[h], x[2*h+1])
	}
	add := load("add")
	avo.TESTQ(add, add)
	avo.JZ(op.LabelRef("set"))
	for _, add := range []bool{true, false} {
		if !add {
			avo.Label("set")
		}
		for c := range lanes {
			v := x[c%4].AsX().(vec)
			if c >= 4 {
				v = avo.XMM()
				if w.bytes == 64 {
					avo.VEXTRACTF32X4(op.Imm(uint64(c/4)), x[c%4], v)
				} else {
					avo.VEXTRACTF128(op.Imm(1), x[c%4], v)
				}
			}
			m, old := op.Mem{Base: to}, avo.XMM()
			if add {
				w.load(m, high, old)
				avo.VADDPS(v, old, old) // in v it would end what lies above
				v = old
			}
			w.store(v, high, m)
			avo.ADDQ(ds, to)
			avo.DECQ(cols)
			avo.JZ(op.LabelRef("down"))
		}
		avo.JMP(op.LabelRef("block"))
	}
	avo.Label("down")
	avo.LEAQ(op.Mem{Base: src, Index: ss, Scale: 4}, src)
	avo.ADDQ(op.Imm(16), dst)
	avo.SUBQ(op.Imm(4), rows)
	avo.JG(op.LabelRef("four"))
	avo.VZEROUPPER()
	avo.RET()
}

// tiles4 copies four columns a tile, row by row; tiles are tallStep bytes apart in
// the source for the first tall of them and step bytes then.
func tiles4() {
	avo.TEXT("tiles4", avo.NOSPLIT, "func(dst, src *float32, size, srcStride, rows, tall, tallStep, tiles, step int)")
	avo.Doc("tiles4 copies tiles of 4 columns, srcStride bytes apart, to dst tile by tile, size bytes apart.")
	load := func(p string) reg.Register { return avo.Load(avo.Param(p), avo.GP64()) }
	dst, src, size, ss, rows := load("dst"), load("src"), load("size"), load("srcStride"), load("rows")
	tallStep, step := load("tallStep"), load("step")
	d, s, n, left := avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()
	avo.MOVQ(rows, left)
	x := avo.XMM()
	move := func(by reg.Register) {
		avo.VMOVUPS(op.Mem{Base: s}, x)
		avo.VMOVUPS(x, op.Mem{Base: d})
		avo.ADDQ(by, s)
		avo.ADDQ(size, d)
	}
	avo.Label("row")
	avo.MOVQ(dst, d)
	avo.MOVQ(src, s)
	tall, tiles := load("tall"), load("tiles")
	avo.MOVQ(tiles, n)
	avo.SUBQ(tall, n)
	avo.TESTQ(tall, tall)
	avo.JZ(op.LabelRef("low"))
	avo.Label("high")
	move(tallStep)
	avo.DECQ(tall)
	avo.JNZ(op.LabelRef("high"))
	avo.Label("low")
	avo.TESTQ(n, n)
	avo.JZ(op.LabelRef("end"))
	avo.Label("next")
	move(step)
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("next"))
	avo.Label("end")
	avo.ADDQ(ss, src)
	avo.ADDQ(op.Imm(16), dst)
	avo.DECQ(left)
	avo.JNZ(op.LabelRef("row"))
	avo.RET()
}
