package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel's type product.
const (
	offC, offA, offB, offMask = 0, 8, 16, 24
	offLdc, offAi, offAp      = 32, 40, 48
	offLdb, offK, offTiles    = 56, 64, 72
	offTail, offAdd           = 80, 88
)

// vecs is the most vectors of 8 columns that a tile of so many rows has: enough
// sums to hide the latency of the multiply-add, few enough for 16 registers.
var vecs = [...]int{1: 4, 2: 4, 3: 3, 4: 2, 5: 2, 6: 2}

// products writes product1 … product6: a tile of 1 … 6 rows of C, walked along
// whole tiles of columns or once over a masked tail.
func products() {
	for rows := 1; rows < len(vecs); rows++ {
		name := fmt.Sprintf("product%d", rows)
		TEXT(name, NOSPLIT, "func(p *byte)")
		Doc(fmt.Sprintf("%s computes a tile of %d rows.", name, rows))
		p := Load(Param("p"), GP64())
		field := func(off int) GPVirtual {
			r := GP64()
			MOVQ(Mem{Base: p, Disp: off}, r)
			return r
		}
		t := tile{rows: rows, c: field(offC), ldc: field(offLdc), a: field(offA), ai: field(offAi),
			ap: field(offAp), b: field(offB), ldb: field(offLdb), k: field(offK), p: p}
		t.a3 = GP64()
		if rows > 3 {
			LEAQ(Mem{Base: t.ai, Index: t.ai, Scale: 2}, t.a3)
			ADDQ(t.a, t.a3)
		}
		for v := 1; v <= vecs[rows]; v++ {
			CMPQ(Mem{Base: p, Disp: offTail}, I32(int32(v)))
			JE(LabelRef(fmt.Sprintf("tail%d", v)))
		}
		tiles := field(offTiles)
		Label("next")
		t.body("full", vecs[rows], false)
		ADDQ(I32(int32(32*vecs[rows])), t.b)
		ADDQ(I32(int32(32*vecs[rows])), t.c)
		DECQ(tiles)
		JNZ(LabelRef("next"))
		VZEROUPPER()
		RET()
		for v := 1; v <= vecs[rows]; v++ {
			Label(fmt.Sprintf("tail%d", v))
			t.body(fmt.Sprintf("masked%d", v), v, true)
			VZEROUPPER()
			RET()
		}
	}
}

// A tile is the registers that stay over the columns of a row of tiles.
type tile struct {
	rows        int
	p           Register
	c, a, a3, b GPVirtual
	ldc, ai, ap GPVirtual
	ldb, k      GPVirtual
}

// body is one tile of n vectors, the last masked: the sum over k, then its store
// to C or its addition to C.
func (t tile) body(name string, n int, masked bool) {
	var mask Register
	a, a3, b, k := GP64(), GP64(), GP64(), GP64()
	MOVQ(t.a, a)
	if t.rows > 3 {
		MOVQ(t.a3, a3)
	}
	MOVQ(t.b, b)
	MOVQ(t.k, k)
	sums := make([][]VecVirtual, t.rows)
	for r := range sums {
		for range n {
			s := YMM()
			VXORPS(s, s, s)
			sums[r] = append(sums[r], s)
		}
	}
	at := func(r int) Mem {
		base := a
		if r >= 3 {
			base, r = a3, r-3
		}
		if r == 0 {
			return Mem{Base: base}
		}
		return Mem{Base: base, Index: t.ai, Scale: uint8(r)}
	}
	Label(name + "k")
	row := make([]VecVirtual, n)
	for v := range row {
		row[v] = YMM()
		if masked && v == n-1 {
			// The mask shares the register that the broadcasts use after it.
			mask = YMM()
			m := GP64()
			MOVQ(Mem{Base: t.p, Disp: offMask}, m)
			VMOVUPS(Mem{Base: m}, mask)
			VMASKMOVPS(Mem{Base: b, Disp: 32 * v}, mask, row[v])
			continue
		}
		VMOVUPS(Mem{Base: b, Disp: 32 * v}, row[v])
	}
	for r := range sums {
		x := YMM()
		VBROADCASTSS(at(r), x)
		for v := range row {
			VFMADD231PS(x, row[v], sums[r][v])
		}
	}
	ADDQ(t.ap, a)
	if t.rows > 3 {
		ADDQ(t.ap, a3)
	}
	ADDQ(t.ldb, b)
	DECQ(k)
	JNZ(LabelRef(name + "k"))

	c := GP64()
	MOVQ(t.c, c)
	if masked {
		m := GP64()
		MOVQ(Mem{Base: t.p, Disp: offMask}, m)
		mask = YMM()
		VMOVUPS(Mem{Base: m}, mask)
	}
	CMPQ(Mem{Base: t.p, Disp: offAdd}, Imm(0))
	JE(LabelRef(name + "store"))
	for _, add := range []bool{true, false} {
		if !add {
			Label(name + "store")
			MOVQ(t.c, c)
		}
		for r := range sums {
			for v, s := range sums[r] {
				m := Mem{Base: c, Disp: 32 * v}
				if masked && v == n-1 {
					if add {
						old := YMM()
						VMASKMOVPS(m, mask, old)
						VADDPS(old, s, s)
					}
					VMASKMOVPS(s, mask, m)
					continue
				}
				if add {
					VADDPS(m, s, s)
				}
				VMOVUPS(s, m)
			}
			ADDQ(t.ldc, c)
		}
		if add {
			JMP(LabelRef(name + "done"))
		}
	}
	Label(name + "done")
}
