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

// A width is what a family's vectors are. vecs is the most of them that a tile of
// so many rows has: enough sums to hide the latency of the multiply-add, few
// enough for the registers.
type width struct {
	suffix string
	bytes  int
	vecs   []int
}

var (
	avx2   = width{"", 32, []int{1: 4, 2: 4, 3: 3, 4: 2, 5: 2, 6: 2}}
	avx512 = width{"Wide", 64, []int{1: 4, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4}}
)

func (w width) vector() vec {
	if w.bytes == 64 {
		return avo.ZMM()
	}
	return avo.YMM()
}

func (w width) zero() vec {
	v := w.vector()
	if w.bytes == 64 {
		avo.VPXORD(v, v, v)
	} else {
		avo.VXORPS(v, v, v)
	}
	return v
}

// mask loads the mask to which the product's field points: lanes or bits.
func (w width) mask(p reg.Register) reg.Register {
	m := avo.GP64()
	avo.MOVQ(op.Mem{Base: p, Disp: offMask}, m)
	if w.bytes == 64 {
		k := avo.K()
		avo.KMOVW(op.Mem{Base: m}, k)
		return k
	}
	v := avo.YMM()
	avo.VMOVUPS(op.Mem{Base: m}, v)
	return v
}

func (w width) load(m op.Mem, mask reg.Register, v vec) {
	switch {
	case mask == nil:
		avo.VMOVUPS(m, v)
	case w.bytes == 64:
		avo.VMOVUPS_Z(m, mask, v)
	default:
		avo.VMASKMOVPS(m, mask, v)
	}
}

func (w width) store(v vec, mask reg.Register, m op.Mem) {
	switch {
	case mask == nil:
		avo.VMOVUPS(v, m)
	case w.bytes == 64:
		avo.VMOVUPS(v, mask, m)
	default:
		avo.VMASKMOVPS(v, mask, m)
	}
}

// products writes product1 … product6: tiles of 1 … 6 rows of C, one below the
// other, each walked along whole tiles of columns or once over a masked tail.
func (w width) products() {
	for rows := 1; rows < len(w.vecs); rows++ {
		name := fmt.Sprintf("product%d%s", rows, w.suffix)
		avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
		avo.Doc(fmt.Sprintf("%s computes tiles of %d rows.", name, rows))
		p := avo.Load(avo.Param("p"), avo.GP64())
		field := func(off int) reg.GPVirtual {
			r := avo.GP64()
			avo.MOVQ(op.Mem{Base: p, Disp: off}, r)
			return r
		}
		t := tile{width: w, rows: rows, c: field(offC), ldc: field(offLdc), a: field(offA), ai: field(offAi),
			ap: field(offAp), b: field(offB), ldb: field(offLdb), k: field(offK), p: p}
		t.a3 = avo.GP64()
		if rows > 3 {
			avo.LEAQ(op.Mem{Base: t.ai, Index: t.ai, Scale: 2}, t.a3)
			avo.ADDQ(t.a, t.a3)
		}
		for v := 1; v <= w.vecs[rows]; v++ {
			avo.CMPQ(op.Mem{Base: p, Disp: offTail}, op.I32(int32(v)))
			avo.JE(op.LabelRef(fmt.Sprintf("tail%d", v)))
		}
		avo.Label("down")
		avo.MOVQ(op.Mem{Base: p, Disp: offB}, t.b)
		avo.MOVQ(op.Mem{Base: p, Disp: offC}, t.c)
		tiles := field(offTiles)
		avo.Label("next")
		t.body("full", w.vecs[rows], false)
		avo.ADDQ(op.I32(int32(w.bytes*w.vecs[rows])), t.b)
		avo.ADDQ(op.I32(int32(w.bytes*w.vecs[rows])), t.c)
		avo.DECQ(tiles)
		avo.JNZ(op.LabelRef("next"))
		t.down("down")
		for v := 1; v <= w.vecs[rows]; v++ {
			avo.Label(fmt.Sprintf("tail%d", v))
			avo.MOVQ(op.Mem{Base: p, Disp: offC}, t.c)
			t.body(fmt.Sprintf("masked%d", v), v, true)
			t.down(fmt.Sprintf("tail%d", v))
		}
	}
}

// packings writes pack4 … pack6: a product's first tile of whole vectors, which
// copies its columns of B to a panel by the way.
func (w width) packings() {
	for rows := 4; rows < len(w.vecs); rows++ {
		name := fmt.Sprintf("pack%d%s", rows, w.suffix)
		avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
		avo.Doc(fmt.Sprintf("%s computes a tile of %d rows and packs its columns of B.", name, rows))
		p := avo.Load(avo.Param("p"), avo.GP64())
		field := func(off int) reg.GPVirtual {
			r := avo.GP64()
			avo.MOVQ(op.Mem{Base: p, Disp: off}, r)
			return r
		}
		t := tile{width: w, rows: rows, p: p, a: field(offA), ai: field(offAi), ap: field(offAp), b: field(offB),
			ldb: field(offLdb), k: field(offK), a3: avo.GP64(), packed: field(offPacked)}
		avo.LEAQ(op.Mem{Base: t.ai, Index: t.ai, Scale: 2}, t.a3)
		avo.ADDQ(t.a, t.a3)
		t.sum("whole", w.vecs[rows], false)
		t.c, t.ldc = field(offC), field(offLdc)
		t.put("whole", false)
		avo.VZEROUPPER()
		avo.RET()
	}
}

// A tile is the registers that stay over the columns of a row of tiles.
type tile struct {
	width
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
	u.put(name, masked)
}

// sum runs over k; it spends a, b and k.
func (t *tile) sum(name string, n int, masked bool) {
	a, a3, b, k := t.a, t.a3, t.b, t.k
	t.sums = make([][]vec, t.rows)
	for r := range t.sums {
		for range n {
			t.sums[r] = append(t.sums[r], t.zero())
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
		row[v] = t.vector()
		var mask reg.Register
		if masked && v == n-1 {
			// Loaded anew, so that a broadcast may have its register.
			mask = t.mask(t.p)
		}
		t.load(op.Mem{Base: b, Disp: t.bytes * v}, mask, row[v])
		if t.packed != nil {
			avo.VMOVUPS(row[v], op.Mem{Base: t.packed, Disp: t.bytes * v})
		}
	}
	if t.packed != nil {
		avo.ADDQ(op.I32(int32(t.bytes*n)), t.packed)
	}
	if !masked {
		// The last byte of the next tile of columns: its line comes while this
		// one is multiplied.
		for at := t.bytes*2*n - 1; at > t.bytes*n; at -= 64 {
			avo.PREFETCHT0(op.Mem{Base: b, Disp: at})
		}
	}
	for r := range t.sums {
		x := t.vector()
		avo.VBROADCASTSS(at(r), x)
		for v := range row {
			avo.VFMADD231PS(x, row[v], t.sums[r][v])
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

// put sets C to the sums or adds them.
func (t *tile) put(name string, masked bool) {
	n := len(t.sums[0])
	var last reg.Register
	if masked {
		last = t.mask(t.p)
	}
	c := avo.GP64()
	avo.MOVQ(t.c, c)
	avo.CMPQ(op.Mem{Base: t.p, Disp: offAdd}, op.Imm(0))
	avo.JE(op.LabelRef(name + "store"))
	for _, add := range []bool{true, false} {
		if !add {
			avo.Label(name + "store")
			avo.MOVQ(t.c, c)
		}
		for r := range t.sums {
			for v, s := range t.sums[r] {
				m := op.Mem{Base: c, Disp: t.bytes * v}
				var mask reg.Register
				if v == n-1 {
					mask = last
				}
				switch {
				case add && mask == nil:
					avo.VADDPS(m, s, s)
				case add:
					old := t.vector()
					t.load(m, mask, old)
					avo.VADDPS(old, s, s)
				}
				t.store(s, mask, m)
			}
			avo.ADDQ(t.ldc, c)
		}
		if add {
			avo.JMP(op.LabelRef(name + "done"))
		}
	}
	avo.Label(name + "done")
}
