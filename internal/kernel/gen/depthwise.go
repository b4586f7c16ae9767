package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel's type depthCall.
const (
	depthY, depthX, depthW, depthBias, depthTail = 0, 8, 16, 24, 32
	depthRows, depthBlocks                       = 40, 48
	depthPlanes, depthLines, depthTaps           = 56, 64, 72
	depthXStep, depthXRow, depthYStep, depthYRow = 80, 88, 96, 104
	depthXTap, depthXLine, depthXPlane           = 112, 120, 128
	depthWTap, depthWLine, depthWPlane           = 136, 144, 152
	depthPlaces, depthRectify                    = 160, 168
	depthLeft, depthLeftRows                     = 176, 184
)

// depthwise writes convolutions of each channel by itself: forwards for tiles of places
// by one or two vectors of channels, and the gradient of the weights for tiles of taps.
// With AVX-512 the last vector of a block always has a mask, which costs nothing there.
func (w width) depthwise() {
	places, sums := []int{1: 12, 2: 6}, 12
	if w.bytes == 64 {
		places, sums = []int{1: 14, 2: 14}, 25
	}
	for _, masked := range []bool{false, true} {
		if w.bytes == 64 && !masked {
			continue
		}
		for vecs := 1; vecs <= 2; vecs++ {
			for rows := 1; rows <= places[vecs]; rows++ {
				w.depthForward(rows, vecs, masked)
			}
		}
		for lines := 1; lines <= 5; lines++ {
			for taps := 1; taps <= 5 && lines*taps <= sums; taps++ {
				w.depthGradient(lines, taps, masked)
			}
		}
	}
}

func (w width) depthName(name string, masked bool) string {
	if masked && w.bytes == 32 {
		name += "Masked"
	}
	return name + w.suffix
}

// among adds to a sum the product of numbers in memory with a vector.
func (t *tile) among(m op.Mem, mask reg.Register, by, sum vec) {
	switch {
	case mask == nil:
		avo.VFMADD231PS(m, by, sum)
	case t.bytes == 64:
		avo.VFMADD231PS(m, by, mask, sum)
	default:
		x := t.vector()
		t.load(m, mask, x)
		avo.VFMADD231PS(x, by, sum)
	}
}

// depthForward is rows places of the result, block after block of vecs vectors of
// channels, line after line.
func (w width) depthForward(rows, vecs int, masked bool) {
	name := w.depthName(fmt.Sprintf("depthwise%dx%d", rows, vecs), masked)
	avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
	avo.Doc(fmt.Sprintf("%s computes %d places by blocks of %d vectors of channels.", name, rows, vecs))
	t := &tile{width: w, rows: rows, p: avo.Load(avo.Param("p"), avo.GP64()), ai: avo.GP64()}
	t.field(depthXStep, t.ai)
	t.strides()
	masks := make([]reg.Register, vecs)
	if masked {
		masks[vecs-1] = t.tailOf(depthTail)
	}
	off, a, b, lines, k := avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()
	var a7 reg.GPVirtual
	if rows > 7 {
		a7 = avo.GP64()
	}
	count := func(from, to int) { // sets one field to another
		t.field(from, k)
		avo.MOVQ(k, op.Mem{Base: t.p, Disp: to})
	}
	avo.Label("down")
	count(depthBlocks, depthLeft)
	avo.XORQ(off, off)
	avo.Label("block")
	t.field(depthX, a)
	avo.ADDQ(off, a)
	t.field(depthW, b)
	avo.ADDQ(off, b)
	t.sums = make([][]vec, rows)
	for r := range t.sums {
		for range vecs {
			t.sums[r] = append(t.sums[r], t.zero())
		}
	}
	count(depthPlanes, depthLeftRows)
	avo.Label("plane")
	t.field(depthLines, lines)
	avo.Label("line")
	t.field(depthTaps, k)
	avo.Label("tap")
	if rows > 7 {
		avo.LEAQ(op.Mem{Base: a, Index: t.ai3, Scale: 2}, a7)
		avo.ADDQ(t.ai, a7)
	}
	by := make([]vec, vecs)
	for v := range by {
		by[v] = t.vector()
		t.load(op.Mem{Base: b, Disp: t.bytes * v}, masks[v], by[v])
	}
	for r := range t.sums {
		for v, s := range t.sums[r] {
			m := t.row(a, a7, r)
			m.Disp = t.bytes * v
			t.among(m, masks[v], by[v], s)
		}
	}
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthXTap}, a)
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthWTap}, b)
	avo.DECQ(k)
	avo.JNZ(op.LabelRef("tap"))
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthXLine}, a)
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthWLine}, b)
	avo.DECQ(lines)
	avo.JNZ(op.LabelRef("line"))
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthXPlane}, a)
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthWPlane}, b)
	avo.DECQ(op.Mem{Base: t.p, Disp: depthLeftRows})
	avo.JNZ(op.LabelRef("plane"))

	bias := avo.GP64()
	t.field(depthBias, bias)
	avo.TESTQ(bias, bias)
	avo.JZ(op.LabelRef("plain"))
	for v := range vecs {
		x := t.vector()
		t.load(op.Mem{Base: bias, Index: off, Scale: 1, Disp: t.bytes * v}, masks[v], x)
		for r := range t.sums {
			avo.VADDPS(x, t.sums[r][v], t.sums[r][v])
		}
	}
	avo.Label("plain")
	avo.CMPQ(op.Mem{Base: t.p, Disp: depthRectify}, op.Imm(0))
	avo.JE(op.LabelRef("store"))
	t.rectify()
	avo.Label("store")
	y, step := avo.GP64(), avo.GP64()
	t.field(depthY, y)
	avo.ADDQ(off, y)
	t.field(depthYStep, step)
	for r := range t.sums {
		for v, s := range t.sums[r] {
			t.store(s, masks[v], op.Mem{Base: y, Disp: t.bytes * v})
		}
		if r < rows-1 {
			avo.ADDQ(step, y)
		}
	}
	avo.ADDQ(op.I32(int32(t.bytes*vecs)), off)
	avo.DECQ(op.Mem{Base: t.p, Disp: depthLeft})
	avo.JNZ(op.LabelRef("block"))
	avo.DECQ(op.Mem{Base: t.p, Disp: depthRows})
	avo.JZ(op.LabelRef("end"))
	next := avo.GP64()
	t.field(depthXRow, next)
	avo.ADDQ(next, op.Mem{Base: t.p, Disp: depthX})
	t.field(depthYRow, next)
	avo.ADDQ(next, op.Mem{Base: t.p, Disp: depthY})
	avo.JMP(op.LabelRef("down"))
	avo.Label("end")
	avo.VZEROUPPER()
	avo.RET()
}

// depthGradient adds to the gradients of so many lines and taps of each, block after
// block of a vector of channels, what all places of all lines of the result give.
func (w width) depthGradient(lines, taps int, masked bool) {
	name := w.depthName(fmt.Sprintf("depthFilters%dx%d", lines, taps), masked)
	avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
	avo.Doc(fmt.Sprintf("%s adds to the gradients of %d lines of %d taps by blocks of a vector of channels.", name, lines, taps))
	t := &tile{width: w, rows: lines * taps, p: avo.Load(avo.Param("p"), avo.GP64())}
	var mask reg.Register
	if masked {
		mask = t.tailOf(depthTail)
	}
	step, yStep := avo.GP64(), avo.GP64()
	t.field(depthXStep, step)
	t.field(depthYStep, yStep)
	var tap, tap3 reg.GPVirtual
	if taps > 1 {
		tap = avo.GP64()
		t.field(depthXTap, tap)
	}
	if taps > 3 {
		tap3 = avo.GP64()
		avo.LEAQ(op.Mem{Base: tap, Index: tap, Scale: 2}, tap3)
	}
	each := func(f func(i int, m op.Mem)) {
		at := avo.GP64()
		t.field(depthW, at)
		for l := range lines {
			for k := range taps {
				f(l*taps+k, op.Mem{Base: at})
				if k < taps-1 {
					avo.ADDQ(op.Mem{Base: t.p, Disp: depthWTap}, at)
				}
			}
			if l < lines-1 {
				avo.ADDQ(op.Mem{Base: t.p, Disp: depthWLine}, at)
			}
		}
	}
	avo.Label("block")
	sums := make([]vec, lines*taps)
	each(func(i int, m op.Mem) {
		sums[i] = t.vector()
		t.load(m, mask, sums[i])
	})
	row, yRow, n := avo.GP64(), avo.GP64(), avo.GP64()
	t.field(depthRows, n)
	avo.MOVQ(n, op.Mem{Base: t.p, Disp: depthLeftRows})
	t.field(depthX, row)
	t.field(depthY, yRow)
	avo.Label("down")
	x := make([]reg.GPVirtual, lines)
	for l := range x {
		x[l] = avo.GP64()
		if l == 0 {
			avo.MOVQ(row, x[0])
			continue
		}
		avo.MOVQ(x[l-1], x[l])
		avo.ADDQ(op.Mem{Base: t.p, Disp: depthXLine}, x[l])
	}
	y := avo.GP64()
	avo.MOVQ(yRow, y)
	t.field(depthPlaces, n)
	avo.Label("place")
	dy := t.vector()
	t.load(op.Mem{Base: y}, mask, dy)
	for l := range lines {
		for k := range taps {
			m := op.Mem{Base: x[l]}
			switch k {
			case 0:
			case 3:
				m.Index, m.Scale = tap3, 1
			default:
				m.Index, m.Scale = tap, uint8(k)
			}
			t.among(m, mask, dy, sums[l*taps+k])
		}
	}
	for l := range x {
		avo.ADDQ(step, x[l])
	}
	avo.ADDQ(yStep, y)
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("place"))
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthXRow}, row)
	avo.ADDQ(op.Mem{Base: t.p, Disp: depthYRow}, yRow)
	avo.DECQ(op.Mem{Base: t.p, Disp: depthLeftRows})
	avo.JNZ(op.LabelRef("down"))
	each(func(i int, m op.Mem) { t.store(sums[i], mask, m) })
	avo.DECQ(op.Mem{Base: t.p, Disp: depthBlocks})
	avo.JZ(op.LabelRef("end"))
	for _, f := range []int{depthX, depthY, depthW} {
		avo.ADDQ(op.I32(int32(t.bytes)), op.Mem{Base: t.p, Disp: f})
	}
	avo.JMP(op.LabelRef("block"))
	avo.Label("end")
	avo.VZEROUPPER()
	avo.RET()
}
