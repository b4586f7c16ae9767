package main

import (
	"math"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxRows writes a softmax of rows that are a vector each.
func softmaxRows() {
	avo.TEXT("softmaxRows16", avo.NOSPLIT, "func(dst, x, sums, tops *float32, rows, cols int) int")
	avo.Doc("softmaxRows16 sets rows of at most 16 numbers that lie without gaps to e^(x−top)/sum, top being a row's largest",
		"number and sum that of the powers. It ends before a row that has a NaN, and returns how many it has done.")
	load := func(p string) reg.Register { return avo.Load(avo.Param(p), avo.GP64()) }
	dst, x, sums, tops, rows, cols := load("dst"), load("x"), load("sums"), load("tops"), load("rows"), load("cols")
	mask := at.rest(cols)
	for _, b := range expConstants {
		if _, ok := held[b]; !ok {
			held[b] = ready(static(b))
		}
	}
	defer clear(held)
	least := ready(static(math.Float32bits(float32(math.Inf(-1)))))
	step, done := avo.GP64(), avo.GP64()
	avo.MOVQ(cols, step)
	avo.SHLQ(op.Imm(2), step)
	avo.XORQ(done, done)
	avo.Label("row")
	avo.CMPQ(done, rows)
	avo.JGE(op.LabelRef("end"))
	v := at.vector()
	avo.VMOVAPS(least, v)
	avo.VMOVUPS(op.Mem{Base: x}, mask, v)
	k := avo.K()
	avo.VCMPPS(op.Imm(3), v, v, k)
	avo.KORTESTW(k, k)
	avo.JNZ(op.LabelRef("end"))
	top := avo.YMM()
	avo.VEXTRACTF32X8(op.Imm(1), v, top)
	avo.VMAXPS(v.AsY(), top, top)
	low, high := avo.XMM(), avo.XMM()
	avo.VEXTRACTF32X4(op.Imm(1), top, high)
	avo.VMAXPS(top.AsX(), high, low)
	avo.VPERMILPS(op.Imm(0x4E), low, high)
	avo.VMAXPS(low, high, low)
	avo.VMOVSHDUP(low, high)
	avo.VMAXSS(low, high, low)
	avo.VMOVSS(low, op.Mem{Base: tops, Index: done, Scale: 4})
	all := at.vector()
	avo.VBROADCASTSS(low, all)
	avo.VSUBPS_Z(all, v, mask, v) // no power beside the row, since a tiny one is slow
	y := at.vector()
	expBody(v, y)
	avo.VMOVAPS_Z(y, mask, y)
	sum := at.fold(y)
	avo.VMOVSS(sum, op.Mem{Base: sums, Index: done, Scale: 4})
	avo.VBROADCASTSS(sum, all)
	avo.VDIVPS(all, y, y)
	at.store(y, mask, op.Mem{Base: dst})
	avo.ADDQ(step, x)
	avo.ADDQ(step, dst)
	avo.INCQ(done)
	avo.JMP(op.LabelRef("row"))
	avo.Label("end")
	avo.Store(done, avo.ReturnIndex(0))
	avo.VZEROUPPER()
	avo.RET()
}
