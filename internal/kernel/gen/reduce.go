package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// restMask leaves the mask of the n lanes that remain, 0 < n < 8.
func restMask(n reg.Register) vec {
	table, minus, mask := avo.GP64(), avo.GP64(), avo.YMM()
	avo.MOVQ(n, minus)
	avo.NEGQ(minus)
	avo.LEAQ(lanes(), table)
	avo.VMOVUPS(op.Mem{Base: table, Index: minus, Scale: 4, Disp: 32}, mask)
	return mask
}

func reductions() {
	rowMax()
	sum("sum8", "sum of n numbers", false, func(m op.Mem, s vec) { avo.VADDPS(m, s, s) }, func(x, s vec) { avo.VADDPS(x, s, s) })
	square := func(x, s vec) {
		avo.VMULPS(x, x, x)
		avo.VADDPS(x, s, s)
	}
	sum("sumSquares8", "sum of the squares of n numbers", true, func(m op.Mem, s vec) {
		x := avo.YMM()
		avo.VMOVUPS(m, x)
		square(x, s)
	}, square)
	colSum()
	countBeyond()
}

// countBeyond takes a comparison's ones, which are −1 each, off two running counts.
func countBeyond() {
	avo.TEXT("countBeyond8", avo.NOSPLIT, "func(x *float32, n int, c float32) int")
	avo.Doc("countBeyond8 is how many of n numbers have an absolute value above c ≥ 0.")
	x := avo.Load(avo.Param("x"), avo.GP64())
	n := avo.Load(avo.Param("n"), avo.GP64())
	addr, err := avo.Param("c").Resolve()
	if err != nil {
		panic(err)
	}
	c, abs := avo.YMM(), ready(bits(1<<31-1))
	avo.VBROADCASTSS(addr.Addr, c)
	counts := []vec{avo.YMM(), avo.YMM()}
	for _, k := range counts {
		avo.VPXOR(k, k, k)
	}
	add := func(m op.Mem, mask reg.Register, k vec) {
		v := avo.YMM()
		avx2.load(m, mask, v)
		avo.VANDPS(abs, v, v)
		avo.VCMPPS(op.Imm(30), c, v, v)
		avo.VPSUBD(v, k, k)
	}
	for _, l := range []struct {
		name, next string
		vectors    int
	}{{"two", "one", 2}, {"one", "rest", 1}} {
		avo.Label(l.name)
		avo.CMPQ(n, op.Imm(uint64(8*l.vectors)))
		avo.JL(op.LabelRef(l.next))
		for v := range l.vectors {
			add(op.Mem{Base: x, Disp: 32 * v}, nil, counts[v])
		}
		avo.ADDQ(op.Imm(uint64(32*l.vectors)), x)
		avo.SUBQ(op.Imm(uint64(8*l.vectors)), n)
		avo.JMP(op.LabelRef(l.name))
	}
	avo.Label("rest")
	avo.TESTQ(n, n)
	avo.JZ(op.LabelRef("fold"))
	add(op.Mem{Base: x}, restMask(n), counts[0])
	avo.Label("fold")
	avo.VPADDD(counts[1], counts[0], counts[0])
	low, high := counts[0].AsX(), counts[1].AsX()
	avo.VEXTRACTI128(op.Imm(1), counts[0], high)
	avo.VPADDD(high, low, low)
	avo.VPHADDD(low, low, low)
	avo.VPHADDD(low, low, low)
	out := avo.GP32()
	avo.VMOVD(low, out)
	avo.Store(out.As64(), avo.ReturnIndex(0))
	avo.VZEROUPPER()
	avo.RET()
}

// rowMax keeps eight maxima, started with the first element in all lanes.
func rowMax() {
	avo.TEXT("rowMax8", avo.NOSPLIT, "func(x *float32, n int) float32")
	avo.Doc("rowMax8 is the largest of n ≥ 1 numbers, NaN if one is.")
	larger := extreme(avo.VMAXPS, avo.VANDPS)
	x := avo.Load(avo.Param("x"), avo.GP64())
	n := avo.Load(avo.Param("n"), avo.GP64())
	m := avo.YMM()
	avo.VBROADCASTSS(op.Mem{Base: x}, m)
	avo.Label("next")
	avo.CMPQ(n, op.Imm(8))
	avo.JL(op.LabelRef("rest"))
	v := avo.YMM()
	avo.VMOVUPS(op.Mem{Base: x}, v)
	avo.VMOVAPS(larger([]vec{m, v}), m)
	avo.ADDQ(op.Imm(32), x)
	avo.SUBQ(op.Imm(8), n)
	avo.JMP(op.LabelRef("next"))
	avo.Label("rest")
	avo.TESTQ(n, n)
	avo.JZ(op.LabelRef("fold"))
	mask := restMask(n)
	avo.VMASKMOVPS(op.Mem{Base: x}, mask, v)
	avo.VBLENDVPS(mask, v, m, v)
	avo.VMOVAPS(larger([]vec{m, v}), m)
	avo.Label("fold")
	for _, swap := range []func(vec, vec){
		func(m, v vec) { avo.VPERM2F128(op.Imm(1), m, m, v) },
		func(m, v vec) { avo.VPERMILPS(op.Imm(0x4E), m, v) },
		func(m, v vec) { avo.VPERMILPS(op.Imm(0xB1), m, v) },
	} {
		swap(m, v)
		avo.VMOVAPS(larger([]vec{m, v}), m)
	}
	ret, err := avo.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	avo.VMOVSS(m.AsX(), ret.Addr)
	avo.VZEROUPPER()
	avo.RET()
}

// colSum adds rows to four vectors of columns, then to one, then to a masked one.
func colSum() {
	avo.TEXT("colSum8", avo.NOSPLIT, "func(dst, x *float32, stride, rows, cols, add int)")
	avo.Doc("colSum8 sets or adds the sums of columns, over rows ≥ 1 that lie stride bytes apart.")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	x := avo.Load(avo.Param("x"), avo.GP64())
	stride := avo.Load(avo.Param("stride"), avo.GP64())
	rows := avo.Load(avo.Param("rows"), avo.GP64())
	cols := avo.Load(avo.Param("cols"), avo.GP64())
	add := avo.Load(avo.Param("add"), avo.GP64())
	body := func(name string, vectors int, mask reg.Register) {
		p, left := avo.GP64(), avo.GP64()
		avo.MOVQ(x, p)
		avo.MOVQ(rows, left)
		s := make([]vec, vectors)
		for v := range s {
			s[v] = avo.YMM()
			avo.VXORPS(s[v], s[v], s[v])
		}
		avo.Label(name + "row")
		if mask != nil {
			avo.PREFETCHT0(op.Mem{Base: p, Disp: partAhead})
		}
		for v := range s {
			m := op.Mem{Base: p, Disp: 32 * v}
			if mask == nil {
				avo.VADDPS(m, s[v], s[v])
			} else {
				y := avo.YMM()
				avo.VMASKMOVPS(m, mask, y)
				avo.VADDPS(y, s[v], s[v])
			}
		}
		avo.ADDQ(stride, p)
		avo.DECQ(left)
		avo.JNZ(op.LabelRef(name + "row"))
		avo.TESTQ(add, add)
		avo.JZ(op.LabelRef(name + "store"))
		for v := range s {
			m := op.Mem{Base: dst, Disp: 32 * v}
			if mask == nil {
				avo.VADDPS(m, s[v], s[v])
			} else {
				y := avo.YMM()
				avo.VMASKMOVPS(m, mask, y)
				avo.VADDPS(y, s[v], s[v])
			}
		}
		avo.Label(name + "store")
		for v := range s {
			avx2.store(s[v], mask, op.Mem{Base: dst, Disp: 32 * v})
		}
	}
	for _, w := range []struct {
		name, next string
		vectors    int
	}{{"four", "one", 4}, {"one", "rest", 1}} {
		avo.Label(w.name)
		avo.CMPQ(cols, op.Imm(uint64(8*w.vectors)))
		avo.JL(op.LabelRef(w.next))
		body(w.name, w.vectors, nil)
		avo.ADDQ(op.I32(int32(32*w.vectors)), x)
		avo.ADDQ(op.I32(int32(32*w.vectors)), dst)
		avo.SUBQ(op.Imm(uint64(8*w.vectors)), cols)
		avo.JMP(op.LabelRef(w.name))
	}
	avo.Label("rest")
	avo.TESTQ(cols, cols)
	avo.JZ(op.LabelRef("done"))
	body("masked", 1, restMask(cols))
	avo.Label("done")
	avo.VZEROUPPER()
	avo.RET()
}

// sum keeps 32 running sums in four vectors; a vector of the rest goes where its
// place in 32 is. With far set it asks for numbers long before it needs them.
func sum(name, what string, far bool, add func(m op.Mem, s vec), last func(x, s vec)) {
	avo.TEXT(name, avo.NOSPLIT, "func(x *float32, n int) float32")
	avo.Doc(name + " is the " + what + " in the order of plain Go's sumLeaf.")
	x := avo.Load(avo.Param("x"), avo.GP64())
	n := avo.Load(avo.Param("n"), avo.GP64())
	var s [4]vec
	for i := range s {
		s[i] = avo.YMM()
		avo.VXORPS(s[i], s[i], s[i])
	}
	avo.Label("next")
	avo.CMPQ(n, op.Imm(32))
	avo.JL(op.LabelRef("rest0"))
	for i := range s {
		add(op.Mem{Base: x, Disp: 32 * i}, s[i])
	}
	if far {
		avo.PREFETCHT0(op.Mem{Base: x, Disp: ahead})
		avo.PREFETCHT0(op.Mem{Base: x, Disp: ahead + 64})
	}
	avo.ADDQ(op.I32(128), x)
	avo.SUBQ(op.Imm(32), n)
	avo.JMP(op.LabelRef("next"))
	for i := range s[:3] {
		avo.Label(fmt.Sprintf("rest%d", i))
		avo.CMPQ(n, op.Imm(8))
		avo.JL(op.LabelRef(fmt.Sprintf("mask%d", i)))
		add(op.Mem{Base: x}, s[i])
		avo.ADDQ(op.Imm(32), x)
		avo.SUBQ(op.Imm(8), n)
	}
	avo.JMP(op.LabelRef("mask3"))
	for i := range s {
		avo.Label(fmt.Sprintf("mask%d", i))
		avo.TESTQ(n, n)
		avo.JZ(op.LabelRef("fold"))
		y := avo.YMM()
		avo.VMASKMOVPS(op.Mem{Base: x}, restMask(n), y)
		last(y, s[i])
		avo.JMP(op.LabelRef("fold"))
	}
	avo.Label("fold")
	avo.VADDPS(s[2], s[0], s[0])
	avo.VADDPS(s[3], s[1], s[1])
	avo.VADDPS(s[1], s[0], s[0])
	low, high := s[0].AsX(), s[1].AsX()
	avo.VEXTRACTF128(op.Imm(1), s[0], high)
	avo.VADDPS(high, low, low)
	avo.VPERMILPS(op.Imm(0x4E), low, high)
	avo.VADDPS(high, low, low)
	avo.VMOVSHDUP(low, high)
	avo.VADDSS(high, low, low)
	ret, err := avo.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	avo.VMOVSS(low, ret.Addr)
	avo.VZEROUPPER()
	avo.RET()
}
