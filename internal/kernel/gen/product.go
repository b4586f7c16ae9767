package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel's type product.
const (
	offC, offA, offB, offMask = 0, 8, 16, 24
	offLdc, offAi, offAp      = 32, 40, 48
	offLdb, offK, offTiles    = 56, 64, 72
	offTail, offAdd           = 80, 88
	offDown, offADown         = 96, 104
	offCDown, offPacked       = 112, 120
)

// vecs is the most vectors of 8 columns that a tile of so many rows has: enough
// sums to hide the latency of the multiply-add, few enough for 16 registers.
var vecs = [...]int{1: 4, 2: 4, 3: 3, 4: 2, 5: 2, 6: 2}

// products writes product1 … product6: tiles of 1 … 6 rows of C, one below the
// other, each walked along whole tiles of columns or once over a masked tail.
func products() {
	for rows := 1; rows < len(vecs); rows++ {
		name := fmt.Sprintf("product%d", rows)
		avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
		avo.Doc(fmt.Sprintf("%s computes tiles of %d rows.", name, rows))
		p := avo.Load(avo.Param("p"), avo.GP64())
		field := func(off int) reg.GPVirtual {
			r := avo.GP64()
			avo.MOVQ(op.Mem{Base: p, Disp: off}, r)
			return r
		}
		t := tile{rows: rows, c: field(offC), ldc: field(offLdc), a: field(offA), ai: field(offAi),
			ap: field(offAp), b: field(offB), ldb: field(offLdb), k: field(offK), p: p}
		t.a3 = avo.GP64()
		if rows > 3 {
			avo.LEAQ(op.Mem{Base: t.ai, Index: t.ai, Scale: 2}, t.a3)
			avo.ADDQ(t.a, t.a3)
		}
		for v := 1; v <= vecs[rows]; v++ {
			avo.CMPQ(op.Mem{Base: p, Disp: offTail}, op.I32(int32(v)))
			avo.JE(op.LabelRef(fmt.Sprintf("tail%d", v)))
		}
		avo.Label("down")
		avo.MOVQ(op.Mem{Base: p, Disp: offB}, t.b)
		avo.MOVQ(op.Mem{Base: p, Disp: offC}, t.c)
		tiles := field(offTiles)
		avo.Label("next")
		t.body("full", vecs[rows], false)
		avo.ADDQ(op.I32(int32(32*vecs[rows])), t.b)
		avo.ADDQ(op.I32(int32(32*vecs[rows])), t.c)
		avo.DECQ(tiles)
		avo.JNZ(op.LabelRef("next"))
		t.down("down")
		for v := 1; v <= vecs[rows]; v++ {
			avo.Label(fmt.Sprintf("tail%d", v))
			avo.MOVQ(op.Mem{Base: p, Disp: offC}, t.c)
			t.body(fmt.Sprintf("masked%d", v), v, true)
			t.down(fmt.Sprintf("tail%d", v))
		}
	}
}

// packings writes pack4 … pack6: a product's first tile of whole vectors, which
// copies its columns of B to a panel by the way.
func packings() {
	for rows := 4; rows < len(vecs); rows++ {
		name := fmt.Sprintf("pack%d", rows)
		avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
		avo.Doc(fmt.Sprintf("%s computes a tile of %d rows and packs its columns of B.", name, rows))
		p := avo.Load(avo.Param("p"), avo.GP64())
		field := func(off int) reg.GPVirtual {
			r := avo.GP64()
			avo.MOVQ(op.Mem{Base: p, Disp: off}, r)
			return r
		}
		t := tile{rows: rows, p: p, a: field(offA), ai: field(offAi), ap: field(offAp), b: field(offB),
			ldb: field(offLdb), k: field(offK), a3: avo.GP64(), packed: field(offPacked)}
		avo.LEAQ(op.Mem{Base: t.ai, Index: t.ai, Scale: 2}, t.a3)
		avo.ADDQ(t.a, t.a3)
		t.sum("whole", vecs[rows], false)
		t.c, t.ldc = field(offC), field(offLdc)
		t.store("whole", false)
		avo.VZEROUPPER()
		avo.RET()
	}
}

// A tile is the registers that stay over the columns of a row of tiles.
type tile struct {
	rows        int
	p           reg.Register
	c, a, a3, b reg.GPVirtual
	ldc, ai, ap reg.GPVirtual
	ldb, k      reg.GPVirtual
	packed      reg.Register // where B's rows are copied to, or nil
	sums        [][]vec
}

// down goes on with the tile below, if there is one. The field c must never point
// beyond the matrix: the collector looks at it.
func (t tile) down(label string) {
	avo.DECQ(op.Mem{Base: t.p, Disp: offDown})
	avo.JZ(op.LabelRef(label + "end"))
	step := avo.GP64()
	avo.MOVQ(op.Mem{Base: t.p, Disp: offADown}, step)
	avo.ADDQ(step, t.a)
	if t.rows > 3 {
		avo.ADDQ(step, t.a3)
	}
	avo.MOVQ(op.Mem{Base: t.p, Disp: offCDown}, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: offC})
	avo.JMP(op.LabelRef(label))
	avo.Label(label + "end")
	avo.VZEROUPPER()
	avo.RET()
}

// body is one tile of n vectors, the last masked: the sum over k, then its store
// to C or its addition to C.
func (t tile) body(name string, n int, masked bool) {
	u := t
	u.a, u.a3, u.b, u.k = avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()
	avo.MOVQ(t.a, u.a)
	if t.rows > 3 {
		avo.MOVQ(t.a3, u.a3)
	}
	avo.MOVQ(t.b, u.b)
	avo.MOVQ(t.k, u.k)
	u.sum(name, n, masked)
	u.store(name, masked)
}

// sum runs over k; it spends a, b and k.
func (t *tile) sum(name string, n int, masked bool) {
	a, a3, b, k := t.a, t.a3, t.b, t.k
	var mask reg.Register
	sums := make([][]vec, t.rows)
	t.sums = sums
	for r := range sums {
		for range n {
			s := avo.YMM()
			avo.VXORPS(s, s, s)
			sums[r] = append(sums[r], s)
		}
	}
	at := func(r int) op.Mem {
		base := a
		if r >= 3 {
			base, r = a3, r-3
		}
		if r == 0 {
			return op.Mem{Base: base}
		}
		return op.Mem{Base: base, Index: t.ai, Scale: uint8(r)}
	}
	avo.Label(name + "k")
	row := make([]vec, n)
	for v := range row {
		row[v] = avo.YMM()
		if masked && v == n-1 {
			// The mask shares the register that the broadcasts use after it.
			mask = avo.YMM()
			m := avo.GP64()
			avo.MOVQ(op.Mem{Base: t.p, Disp: offMask}, m)
			avo.VMOVUPS(op.Mem{Base: m}, mask)
			avo.VMASKMOVPS(op.Mem{Base: b, Disp: 32 * v}, mask, row[v])
			continue
		}
		avo.VMOVUPS(op.Mem{Base: b, Disp: 32 * v}, row[v])
		if t.packed != nil {
			avo.VMOVUPS(row[v], op.Mem{Base: t.packed, Disp: 32 * v})
		}
	}
	if t.packed != nil {
		avo.ADDQ(op.I32(int32(32*n)), t.packed)
	}
	if !masked {
		// The last byte of the next tile of columns: its line comes while this
		// one is multiplied.
		avo.PREFETCHT0(op.Mem{Base: b, Disp: 32*2*n - 1})
	}
	for r := range sums {
		x := avo.YMM()
		avo.VBROADCASTSS(at(r), x)
		for v := range row {
			avo.VFMADD231PS(x, row[v], sums[r][v])
		}
	}
	avo.ADDQ(t.ap, a)
	if t.rows > 3 {
		avo.ADDQ(t.ap, a3)
	}
	avo.ADDQ(t.ldb, b)
	avo.DECQ(k)
	avo.JNZ(op.LabelRef(name + "k"))
}

// store sets C to the sums or adds them.
func (t *tile) store(name string, masked bool) {
	sums, n := t.sums, len(t.sums[0])
	var mask reg.Register
	c := avo.GP64()
	avo.MOVQ(t.c, c)
	if masked {
		m := avo.GP64()
		avo.MOVQ(op.Mem{Base: t.p, Disp: offMask}, m)
		mask = avo.YMM()
		avo.VMOVUPS(op.Mem{Base: m}, mask)
	}
	avo.CMPQ(op.Mem{Base: t.p, Disp: offAdd}, op.Imm(0))
	avo.JE(op.LabelRef(name + "store"))
	for _, add := range []bool{true, false} {
		if !add {
			avo.Label(name + "store")
			avo.MOVQ(t.c, c)
		}
		for r := range sums {
			for v, s := range sums[r] {
				m := op.Mem{Base: c, Disp: 32 * v}
				if masked && v == n-1 {
					if add {
						old := avo.YMM()
						avo.VMASKMOVPS(m, mask, old)
						avo.VADDPS(old, s, s)
					}
					avo.VMASKMOVPS(s, mask, m)
					continue
				}
				if add {
					avo.VADDPS(m, s, s)
				}
				avo.VMOVUPS(s, m)
			}
			avo.ADDQ(t.ldc, c)
		}
		if add {
			avo.JMP(op.LabelRef(name + "done"))
		}
	}
	avo.Label(name + "done")
}
