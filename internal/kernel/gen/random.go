package main

import (
	"github.com/mmcloughlin/avo/attr"
	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
)

// uniform writes Philox4x32-10 for four blocks at once: a word of each in the low
// half of a 64-bit lane. What the high halves hold is never read.
func uniform() {
	avo.TEXT("uniform16", avo.NOSPLIT, "func(dst *float32, k0, k1 uint32, block uint64, fours int)")
	avo.Doc("uniform16 sets 16·fours numbers from the words of blocks block ….")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	fours := avo.Load(avo.Param("fours"), avo.GP64())
	key := [2]vec{avo.YMM(), avo.YMM()}
	for i, name := range []string{"k0", "k1"} {
		avo.VMOVD(avo.Load(avo.Param(name), avo.GP32()), key[i].AsX())
		avo.VPBROADCASTD(key[i].AsX(), key[i])
	}
	n := avo.YMM()
	avo.VMOVQ(avo.Load(avo.Param("block"), avo.GP64()), n.AsX())
	avo.VPBROADCASTQ(n.AsX(), n)
	avo.VPADDQ(quads("steps", 0, 1, 2, 3), n, n)
	m := [2]vec{ready(bits(0xD2511F53)), ready(bits(0xCD9E8D57))}

	avo.Label("next")
	var c [4]vec
	for i := range c {
		c[i] = avo.YMM()
	}
	avo.VMOVDQA(n, c[0])
	avo.VPSRLQ(op.Imm(32), n, c[1])
	avo.VPXOR(c[2], c[2], c[2])
	avo.VPXOR(c[3], c[3], c[3])
	k := [2]vec{avo.YMM(), avo.YMM()}
	avo.VMOVDQA(key[0], k[0])
	avo.VMOVDQA(key[1], k[1])
	for round := range 10 {
		if round > 0 {
			avo.VPADDD(bits(0x9E3779B9), k[0], k[0])
			avo.VPADDD(bits(0xBB67AE85), k[1], k[1])
		}
		p0, p1, h := avo.YMM(), avo.YMM(), avo.YMM()
		avo.VPMULUDQ(c[0], m[0], p0)
		avo.VPMULUDQ(c[2], m[1], p1)
		avo.VPXOR(c[1], k[0], c[1])
		avo.VPXOR(c[3], k[1], c[3])
		avo.VPSRLQ(op.Imm(32), p1, h)
		avo.VPXOR(h, c[1], c[0])
		avo.VPSRLQ(op.Imm(32), p0, h)
		avo.VPXOR(h, c[3], c[2])
		c[1], c[3] = p1, p0
	}
	// Words 0 and 1 of the four blocks, then 2 and 3, then block by block.
	for i := 0; i < 4; i += 2 {
		avo.VPSLLQ(op.Imm(32), c[i+1], c[i+1])
		avo.VPBLENDD(op.Imm(0xAA), c[i+1], c[i], c[i])
	}
	even, odd := avo.YMM(), avo.YMM()
	avo.VPUNPCKLQDQ(c[2], c[0], even)
	avo.VPUNPCKHQDQ(c[2], c[0], odd)
	avo.VPERM2I128(op.Imm(0x20), odd, even, c[0])
	avo.VPERM2I128(op.Imm(0x31), odd, even, c[1])
	for i, v := range c[:2] {
		avo.VPSRLD(op.Imm(8), v, v)
		avo.VCVTDQ2PS(v, v)
		avo.VMULPS(num(0x1p-24), v, v)
		avo.VMOVUPS(v, op.Mem{Base: dst, Disp: 32 * i})
	}
	avo.VPADDQ(quads("four", 4, 4, 4, 4), n, n)
	avo.ADDQ(op.Imm(64), dst)
	avo.DECQ(fours)
	avo.JNZ(op.LabelRef("next"))
	avo.VZEROUPPER()
	avo.RET()
}

// uniformWide is uniform for eight blocks.
func uniformWide() {
	avo.TEXT("uniform32", avo.NOSPLIT, "func(dst *float32, k0, k1 uint32, block uint64, eights int)")
	avo.Doc("uniform32 sets 32·eights numbers from the words of blocks block ….")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	eights := avo.Load(avo.Param("eights"), avo.GP64())
	key := [2]vec{avo.ZMM(), avo.ZMM()}
	for i, name := range []string{"k0", "k1"} {
		avo.VPBROADCASTD(avo.Load(avo.Param(name), avo.GP32()), key[i])
	}
	n, eight := avo.ZMM(), avo.ZMM()
	avo.VPBROADCASTQ(avo.Load(avo.Param("block"), avo.GP64()), n)
	avo.VPADDQ(quads("eightSteps", 0, 1, 2, 3, 4, 5, 6, 7), n, n)
	whole := func(name string, v ...uint64) vec {
		x := avo.ZMM()
		avo.VMOVDQU64(quads(name, v...), x)
		return x
	}
	avo.VMOVDQU64(quads("eight", 8, 8, 8, 8, 8, 8, 8, 8), eight)
	first, second := whole("firstPairs", 0, 8, 1, 9, 2, 10, 3, 11), whole("secondPairs", 4, 12, 5, 13, 6, 14, 7, 15)
	m := [2]vec{ready(bits(0xD2511F53)), ready(bits(0xCD9E8D57))}
	w := [2]vec{ready(bits(0x9E3779B9)), ready(bits(0xBB67AE85))}
	odd, scale := avo.K(), ready(num(0x1p-24))
	ones := avo.GP32()
	avo.MOVL(op.U32(0xAAAA), ones)
	avo.KMOVW(ones, odd)

	avo.Label("next")
	var c [4]vec
	for i := range c {
		c[i] = avo.ZMM()
	}
	avo.VMOVDQA64(n, c[0])
	avo.VPSRLQ(op.Imm(32), n, c[1])
	avo.VPXORD(c[2], c[2], c[2])
	avo.VPXORD(c[3], c[3], c[3])
	k := [2]vec{avo.ZMM(), avo.ZMM()}
	avo.VMOVDQA64(key[0], k[0])
	avo.VMOVDQA64(key[1], k[1])
	for round := range 10 {
		if round > 0 {
			avo.VPADDD(w[0], k[0], k[0])
			avo.VPADDD(w[1], k[1], k[1])
		}
		p0, p1, h0, h1 := avo.ZMM(), avo.ZMM(), avo.ZMM(), avo.ZMM()
		avo.VPMULUDQ(c[0], m[0], p0)
		avo.VPMULUDQ(c[2], m[1], p1)
		avo.VPSRLQ(op.Imm(32), p1, h1)
		avo.VPSRLQ(op.Imm(32), p0, h0)
		avo.VPTERNLOGD(op.Imm(0x96), k[0], c[1], h1) // the exclusive or of all three
		avo.VPTERNLOGD(op.Imm(0x96), k[1], c[3], h0)
		c = [4]vec{h1, p1, h0, p0}
	}
	for i := 0; i < 4; i += 2 {
		avo.VPSLLQ(op.Imm(32), c[i+1], c[i+1])
		avo.VPBLENDMD(c[i+1], c[i], odd, c[i])
	}
	for i, pairs := range []vec{first, second} {
		v := avo.ZMM()
		avo.VMOVDQA64(pairs, v)
		avo.VPERMI2Q(c[2], c[0], v)
		avo.VPSRLD(op.Imm(8), v, v)
		avo.VCVTDQ2PS(v, v)
		avo.VMULPS(scale, v, v)
		avo.VMOVUPS(v, op.Mem{Base: dst, Disp: 64 * i})
	}
	avo.VPADDQ(eight, n, n)
	avo.ADDQ(op.I32(128), dst)
	avo.DECQ(eights)
	avo.JNZ(op.LabelRef("next"))
	avo.VZEROUPPER()
	avo.RET()
}

// quads is static data of 64-bit numbers.
func quads(name string, v ...uint64) op.Mem {
	m := avo.GLOBL(name, attr.RODATA|attr.NOPTR)
	for i, q := range v {
		avo.DATA(8*i, op.U64(q))
	}
	return m
}
