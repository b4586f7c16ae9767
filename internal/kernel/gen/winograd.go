package main

import (
	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel's type winogradCall.
const (
	winoDst, winoSrc, winoBias, winoTail = 0, 8, 16, 24
	winoTiles, winoBlocks                = 32, 40
	winoDstTile, winoSrcTile             = 48, 56
	winoDstStep, winoDstLine             = 64, 72
	winoSrcStep, winoSrcLine             = 80, 88
	winoRectify, winoLeft                = 96, 104
)

// winograd writes the transforms of F(2×2, 3×3), each a tile at a time and in that a
// vector of channels at a time. With AVX-512 vectors always have a mask.
func (w width) winograd() {
	for _, masked := range []bool{false, true} {
		if w.bytes == 64 && !masked {
			continue
		}
		w.winogradLoop("winogradInputs", "turns tiles of 4×4 places into 16 numbers for each channel", masked, w.winogradInput)
		w.winogradLoop("winogradOutputs", "turns 16 numbers for each channel into tiles of 2×2 places", masked, w.winogradOutput)
		w.winogradLoop("winogradFilters", "turns filters of 3×3 taps into 16 numbers for each channel", masked, w.winogradFilter)
	}
}

// A winoTile is the registers of one vector of one tile.
type winoTile struct {
	*tile
	mask             reg.Register
	dst, src         reg.GPVirtual
	srcStep, srcLine reg.GPVirtual
	dstStep, dstLine reg.GPVirtual
}

func (w width) winogradLoop(name, what string, masked bool, body func(t *winoTile)) {
	name = w.depthName(name, masked)
	avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
	avo.Doc(name + " " + what + ".")
	t := &winoTile{tile: &tile{width: w, p: avo.Load(avo.Param("p"), avo.GP64())}}
	if masked {
		t.mask = t.tailOf(winoTail)
	}
	for _, f := range []struct {
		r   *reg.GPVirtual
		off int
	}{{&t.dstStep, winoDstStep}, {&t.dstLine, winoDstLine}, {&t.srcStep, winoSrcStep}, {&t.srcLine, winoSrcLine}} {
		*f.r = avo.GP64()
		t.field(f.off, *f.r)
	}
	off, n := avo.GP64(), avo.GP64()
	avo.Label("tile")
	t.field(winoBlocks, n)
	avo.XORQ(off, off)
	avo.Label("block")
	t.dst, t.src = avo.GP64(), avo.GP64()
	t.field(winoDst, t.dst)
	avo.ADDQ(off, t.dst)
	t.field(winoSrc, t.src)
	avo.ADDQ(off, t.src)
	avo.MOVQ(off, op.Mem{Base: t.p, Disp: winoLeft})
	body(t)
	avo.ADDQ(op.Imm(uint64(w.bytes)), off)
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("block"))
	avo.DECQ(op.Mem{Base: t.p, Disp: winoTiles})
	avo.JZ(op.LabelRef("end"))
	step := avo.GP64()
	t.field(winoDstTile, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: winoDst})
	t.field(winoSrcTile, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: winoSrc})
	avo.JMP(op.LabelRef("tile"))
	avo.Label("end")
	avo.VZEROUPPER()
	avo.RET()
}

// lineOf is a pointer to line l of what lies at base, four of whose places are told by
// [winoTile.place].
func (t *winoTile) lineOf(base, line reg.GPVirtual, l int) reg.GPVirtual {
	at := avo.GP64()
	switch l {
	case 0:
		avo.MOVQ(base, at)
	case 3:
		avo.LEAQ(op.Mem{Base: base, Index: line, Scale: 2}, at)
		avo.ADDQ(line, at)
	default:
		avo.LEAQ(op.Mem{Base: base, Index: line, Scale: uint8(l)}, at)
	}
	return at
}

// places calls f with each of n places of a line, step apart.
func (t *winoTile) places(at, step reg.GPVirtual, n int, f func(i int, m op.Mem)) {
	var step3 reg.GPVirtual
	if n > 3 {
		step3 = avo.GP64()
		avo.LEAQ(op.Mem{Base: step, Index: step, Scale: 2}, step3)
	}
	for i := range n {
		m := op.Mem{Base: at}
		switch i {
		case 0:
		case 3:
			m.Index, m.Scale = step3, 1
		default:
			m.Index, m.Scale = step, uint8(i)
		}
		f(i, m)
	}
}

// get loads a vector, with its mask.
func (t *winoTile) get(m op.Mem) vec {
	v := t.vector()
	t.load(m, t.mask, v)
	return v
}

func (t *winoTile) plus(a, b vec) vec {
	v := t.vector()
	avo.VADDPS(b, a, v)
	return v
}

func (t *winoTile) minus(a, b vec) vec {
	v := t.vector()
	avo.VSUBPS(b, a, v)
	return v
}

// winogradInput is Bᵀ·d·B, row by row of Bᵀ.
func (w width) winogradInput(t *winoTile) {
	for r, of := range [][2]int{{0, 2}, {1, 2}, {2, 1}, {1, 3}} {
		var row [4]vec
		one, other := t.lineOf(t.src, t.srcLine, of[0]), t.lineOf(t.src, t.srcLine, of[1])
		t.places(one, t.srcStep, 4, func(i int, m op.Mem) { row[i] = t.get(m) })
		t.places(other, t.srcStep, 4, func(i int, m op.Mem) {
			if x := t.get(m); r == 1 {
				row[i] = t.plus(row[i], x)
			} else {
				row[i] = t.minus(row[i], x)
			}
		})
		out := [4]vec{t.minus(row[0], row[2]), t.plus(row[1], row[2]), t.minus(row[2], row[1]), t.minus(row[1], row[3])}
		t.places(t.lineOf(t.dst, t.dstLine, r), t.dstStep, 4, func(i int, m op.Mem) { t.store(out[i], t.mask, m) })
	}
}

// winogradOutput is Aᵀ·m·A, from the last row to the first and in those from the last
// place to the first, so that steps of 0 leave those that there are.
func (w width) winogradOutput(t *winoTile) {
	var sums [2][2]vec
	for r := range 2 {
		var row [4]vec
		for k := range 3 {
			t.places(t.lineOf(t.src, t.srcLine, r+k), t.srcStep, 4, func(i int, m op.Mem) {
				switch x := t.get(m); {
				case k == 0:
					row[i] = x
				case r == 0:
					row[i] = t.plus(row[i], x)
				default:
					row[i] = t.minus(row[i], x)
				}
			})
		}
		sums[r] = [2]vec{t.plus(t.plus(row[0], row[1]), row[2]), t.minus(t.minus(row[1], row[2]), row[3])}
	}
	t.sums = [][]vec{sums[0][:], sums[1][:]}
	bias := avo.GP64()
	t.field(winoBias, bias)
	avo.TESTQ(bias, bias)
	avo.JZ(op.LabelRef("plain"))
	avo.ADDQ(op.Mem{Base: t.p, Disp: winoLeft}, bias)
	b := t.get(op.Mem{Base: bias})
	for _, row := range t.sums {
		for _, s := range row {
			avo.VADDPS(b, s, s)
		}
	}
	avo.Label("plain")
	avo.CMPQ(op.Mem{Base: t.p, Disp: winoRectify}, op.Imm(0))
	avo.JE(op.LabelRef("store"))
	t.rectify()
	avo.Label("store")
	for r := 1; r >= 0; r-- {
		at := t.lineOf(t.dst, t.dstLine, r)
		t.store(sums[r][1], t.mask, op.Mem{Base: at, Index: t.dstStep, Scale: 1})
		t.store(sums[r][0], t.mask, op.Mem{Base: at})
	}
}

// winogradFilter is G·g·Gᵀ, row by row of G.
func (w width) winogradFilter(t *winoTile) {
	half := w.vector()
	c := avo.GP64()
	avo.MOVQ(op.U32(0x3F000000), c)
	x := avo.XMM()
	avo.VMOVD(c.As32(), x)
	avo.VBROADCASTSS(x, half)
	// middle is (a + b + c)/2 and (a − b + c)/2.
	middle := func(a, b, c vec) (vec, vec) {
		ends := t.plus(a, c)
		p, q := t.plus(ends, b), t.minus(ends, b)
		avo.VMULPS(half, p, p)
		avo.VMULPS(half, q, q)
		return p, q
	}
	var rows [4][3]vec
	for i := range 3 {
		var col [3]vec
		for l := range 3 {
			at := t.lineOf(t.src, t.srcLine, l)
			t.places(at, t.srcStep, 3, func(k int, m op.Mem) {
				if k == i {
					col[l] = t.get(m)
				}
			})
		}
		p, q := middle(col[0], col[1], col[2])
		rows[0][i], rows[1][i], rows[2][i], rows[3][i] = col[0], p, q, col[2]
	}
	for r, row := range rows {
		p, q := middle(row[0], row[1], row[2])
		out := [4]vec{row[0], p, q, row[2]}
		t.places(t.lineOf(t.dst, t.dstLine, r), t.dstStep, 4, func(i int, m op.Mem) { t.store(out[i], t.mask, m) })
	}
}
