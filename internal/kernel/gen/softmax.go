package main

import (
	"math"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxRows writes a softmax of rows of up to 16 numbers: a vector each, or two.
func softmaxRows() {
	name := "softmaxRows" + map[int]string{32: "8", 64: "16"}[at.bytes]
	avo.TEXT(name, avo.NOSPLIT, "func(dst, x, sums, tops *float32, rows, cols int) int")
	avo.Doc(name+" sets rows of at most 16 numbers that lie without gaps to e^(x−top)/sum, top being a row's largest",
		"number and sum that of the powers. It ends before a row that has a NaN, and returns how many it has done.")
	load := func(p string) reg.Register { return avo.Load(avo.Param(p), avo.GP64()) }
	dst, x, sums, tops, rows, cols := load("dst"), load("x"), load("sums"), load("tops"), load("rows"), load("cols")
	var masks []reg.Register
	if at.bytes == 32 {
		masks = halfMasks(cols)
	} else {
		masks = append(masks, at.rest(cols))
		for _, b := range expConstants {
			if _, ok := held[b]; !ok {
				held[b] = ready(static(b))
			}
		}
		defer clear(held)
	}
	least := ready(static(math.Float32bits(float32(math.Inf(-1)))))
	step, done := avo.GP64(), avo.GP64()
	avo.MOVQ(cols, step)
	avo.SHLQ(op.Imm(2), step)
	avo.XORQ(done, done)
	avo.Label("row")
	avo.CMPQ(done, rows)
	avo.JGE(op.LabelRef("end"))
	v := make([]vec, len(masks))
	m := func(base reg.Register, q int) op.Mem { return op.Mem{Base: base, Disp: at.bytes * q} }
	for q, mask := range masks {
		v[q] = at.vector()
		if at.bytes == 64 {
			avo.VMOVAPS(least, v[q])
			avo.VMOVUPS(m(x, q), mask, v[q])
		} else {
			avo.VMASKMOVPS(m(x, q), mask, v[q])
			avo.VBLENDVPS(mask, v[q], least, v[q])
		}
	}
	top := avo.YMM()
	if at.bytes == 64 {
		k := avo.K()
		avo.VCMPPS(op.Imm(3), v[0], v[0], k)
		avo.KORTESTW(k, k)
		avo.JNZ(op.LabelRef("end"))
		avo.VEXTRACTF32X8(op.Imm(1), v[0], top)
		avo.VMAXPS(v[0].AsY(), top, top)
	} else {
		nan := avo.GP32()
		avo.VCMPPS(op.Imm(3), v[0], v[1], top)
		avo.VMOVMSKPS(top, nan)
		avo.TESTL(nan, nan)
		avo.JNZ(op.LabelRef("end"))
		avo.VMAXPS(v[0], v[1], top)
	}
	low, high := avo.XMM(), avo.XMM()
	if at.bytes == 64 { // in any register
		avo.VEXTRACTF32X4(op.Imm(1), top, high)
	} else {
		avo.VEXTRACTF128(op.Imm(1), top, high)
	}
	avo.VMAXPS(top.AsX(), high, low)
	avo.VPERMILPS(op.Imm(0x4E), low, high)
	avo.VMAXPS(low, high, low)
	avo.VMOVSHDUP(low, high)
	avo.VMAXSS(low, high, low)
	avo.VMOVSS(low, op.Mem{Base: tops, Index: done, Scale: 4})
	all := at.vector()
	avo.VBROADCASTSS(low, all)
	y := make([]vec, len(masks))
	for q, mask := range masks {
		y[q] = at.vector()
		if at.bytes == 64 {
			avo.VSUBPS_Z(all, v[q], mask, v[q]) // no power beside the row, since a tiny one is slow
		} else {
			avo.VSUBPS(all, v[q], v[q])
			avo.VANDPS(v[q], mask, v[q])
		}
		expBody(v[q], y[q])
		if at.bytes == 64 {
			avo.VMOVAPS_Z(y[q], mask, y[q])
		} else {
			avo.VANDPS(y[q], mask, y[q])
		}
	}
	sum := y[0]
	if len(y) > 1 {
		sum = at.vector()
		avo.VADDPS(y[1], y[0], sum)
	}
	sum = at.fold(sum)
	avo.VMOVSS(sum, op.Mem{Base: sums, Index: done, Scale: 4})
	avo.VBROADCASTSS(sum, all)
	for q, mask := range masks {
		avo.VDIVPS(all, y[q], y[q])
		at.store(y[q], mask, m(dst, q))
	}
	avo.ADDQ(step, x)
	avo.ADDQ(step, dst)
	avo.INCQ(done)
	avo.JMP(op.LabelRef("row"))
	avo.Label("end")
	avo.Store(done, avo.ReturnIndex(0))
	avo.VZEROUPPER()
	avo.RET()
}

// halfMasks are those of the first eight of n lanes and of the others, 0 < n ≤ 16.
func halfMasks(n reg.Register) []reg.Register {
	masks := make([]reg.Register, 2)
	for q, from := range []uint64{0, 8} {
		left, most := avo.GP64(), avo.GP64()
		avo.MOVQ(n, left)
		avo.SUBQ(op.Imm(from), left)
		avo.XORQ(most, most)
		avo.TESTQ(left, left)
		avo.CMOVQLT(most, left)
		avo.MOVQ(op.U32(8), most)
		avo.CMPQ(left, most)
		avo.CMOVQGT(most, left)
		masks[q] = avx2.rest(left)
	}
	return masks
}
