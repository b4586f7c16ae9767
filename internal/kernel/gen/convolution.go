package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel's type slide.
const (
	slideY, slideX, slideW, slideBias    = 0, 8, 16, 24
	slideMasks, slideTail                = 32, 40
	slideLines, slideK                   = 48, 56
	slideXStep, slideXLine               = 64, 72
	slideWRow, slideWLine                = 80, 88
	slideYStep, slideDown                = 96, 104
	slideXDown, slideYDown, slideRectify = 112, 120, 128
	slidePlaces, slideOver               = 136, 144
)

// convolutions writes what slides filters along lines: forwards for tiles of places
// by one or two vectors of filters, and the gradient of the filters for tiles of taps.
func (w width) convolutions() {
	places, sums := []int{1: 12, 2: 6}, []int{1: 12, 2: 6}
	if w.bytes == 64 {
		places, sums = []int{1: 14, 2: 14}, []int{1: 30, 2: 14}
	}
	for vecs := 1; vecs <= 2; vecs++ {
		for rows := 1; rows <= places[vecs]; rows++ {
			w.convolve(rows, vecs, false)
			if w.bytes == 64 && vecs == 1 {
				w.convolve(rows, vecs, true)
			}
		}
		lines := 5
		if vecs == 2 {
			lines = 1
		}
		for l := 1; l <= lines; l++ {
			for taps := 1; l*taps <= sums[vecs]; taps++ {
				w.filterGradient(l, taps, vecs)
			}
		}
	}
}

// convolve is rows places of the result, vecs vectors of filters each, line after
// line of the result. With masks, the lanes that a number of x goes to are looked up.
func (w width) convolve(rows, vecs int, masked bool) {
	name := fmt.Sprintf("convolve%dx%d%s", rows, vecs, w.suffix)
	if masked {
		name = fmt.Sprintf("convolveMasked%d%s", rows, w.suffix)
	}
	avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
	avo.Doc(fmt.Sprintf("%s computes %d places by %d vectors of filters.", name, rows, vecs))
	t := &tile{width: w, rows: rows, p: avo.Load(avo.Param("p"), avo.GP64()), ai: avo.GP64()}
	t.field(slideXStep, t.ai)
	t.strides()
	wRow := avo.GP64()
	t.field(slideWRow, wRow)
	avo.Label("down")
	a, b, lines, k := avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()
	t.field(slideX, a)
	t.field(slideW, b)
	t.field(slideLines, lines)
	t.sums = make([][]vec, rows)
	for r := range t.sums {
		for range vecs {
			t.sums[r] = append(t.sums[r], t.zero())
		}
	}
	var a7 reg.GPVirtual
	if rows > 7 {
		a7 = avo.GP64()
	}
	at := func(r int) op.Mem { return t.row(a, a7, r) }
	avo.Label("line")
	t.field(slideK, k)
	var masks reg.GPVirtual
	if masked {
		masks = avo.GP64()
		t.field(slideMasks, masks)
	}
	if rows > 7 {
		avo.LEAQ(op.Mem{Base: a, Index: t.ai3, Scale: 2}, a7)
		avo.ADDQ(t.ai, a7)
	}
	avo.Label("k")
	row := make([]vec, vecs)
	for v := range row {
		row[v] = t.vector()
		avo.VMOVUPS(op.Mem{Base: b, Disp: t.bytes * v}, row[v])
	}
	var lanes reg.OpmaskVirtual
	if masked {
		lanes = avo.K()
		avo.KMOVW(op.Mem{Base: masks}, lanes)
		avo.ADDQ(op.Imm(2), masks)
	}
	for r := range t.sums {
		t.multiply(at(r), row, t.sums[r], lanes, masked)
	}
	avo.ADDQ(op.Imm(4), a)
	if rows > 7 {
		avo.ADDQ(op.Imm(4), a7)
	}
	avo.ADDQ(wRow, b)
	avo.DECQ(k)
	avo.JNZ(op.LabelRef("k"))
	avo.ADDQ(op.Mem{Base: t.p, Disp: slideXLine}, a)
	avo.ADDQ(op.Mem{Base: t.p, Disp: slideWLine}, b)
	avo.DECQ(lines)
	avo.JNZ(op.LabelRef("line"))
	t.finish()
	t.nextRow()
	avo.VZEROUPPER()
	avo.RET()
}

// nextRow goes back to the label "down" for the next row of places, or on to "end".
func (t *tile) nextRow() {
	avo.DECQ(op.Mem{Base: t.p, Disp: slideDown})
	avo.JZ(op.LabelRef("end"))
	step := avo.GP64()
	t.field(slideXDown, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: slideX})
	t.field(slideYDown, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: slideY})
	avo.JMP(op.LabelRef("down"))
	avo.Label("end")
}

// multiply adds a number in memory times some vectors.
func (t *tile) multiply(m op.Mem, by, sums []vec, lanes reg.OpmaskVirtual, masked bool) {
	switch {
	case masked:
		avo.VFMADD231PS_BCST(m, by[0], lanes, sums[0])
		return
	case t.bytes == 64 && len(by) == 1:
		avo.VFMADD231PS_BCST(m, by[0], sums[0])
		return
	}
	x := t.vector()
	avo.VBROADCASTSS(m, x)
	for v := range by {
		avo.VFMADD231PS(x, by[v], sums[v])
	}
}

// finish adds the bias, takes what is below 0 away, and stores.
func (t *tile) finish() {
	bias := avo.GP64()
	t.field(slideBias, bias)
	avo.TESTQ(bias, bias)
	avo.JZ(op.LabelRef("plain"))
	for v := range t.sums[0] {
		x := t.vector()
		avo.VMOVUPS(op.Mem{Base: bias, Disp: t.bytes * v}, x)
		for r := range t.sums {
			avo.VADDPS(x, t.sums[r][v], t.sums[r][v])
		}
	}
	avo.Label("plain")
	avo.CMPQ(op.Mem{Base: t.p, Disp: slideRectify}, op.Imm(0))
	avo.JE(op.LabelRef("store"))
	t.rectify()
	avo.Label("store")
	y, step := avo.GP64(), avo.GP64()
	t.field(slideY, y)
	t.field(slideYStep, step)
	last := t.tailOf(slideTail)
	place := func(r int, whole bool) {
		for v, s := range t.sums[r] {
			var mask reg.Register
			if v == len(t.sums[r])-1 && !whole {
				mask = last
			}
			t.store(s, mask, op.Mem{Base: y, Disp: t.bytes * v})
		}
		if r < t.rows-1 {
			avo.ADDQ(step, y)
		}
	}
	if t.bytes == 32 && t.rows > 1 { // what goes over a place's own is written anew with the next
		avo.CMPQ(op.Mem{Base: t.p, Disp: slideOver}, op.Imm(0))
		avo.JE(op.LabelRef("parts"))
		for r := range t.rows - 1 {
			place(r, true)
		}
		avo.JMP(op.LabelRef("last"))
		avo.Label("parts")
	}
	for r := range t.sums {
		if t.bytes == 32 && t.rows > 1 && r == t.rows-1 {
			avo.Label("last")
		}
		place(r, false)
	}
}

// rectify makes 0 of what is below.
func (t *tile) rectify() {
	zero := t.zero()
	for r := range t.sums {
		for _, s := range t.sums[r] {
			avo.VMAXPS(s, zero, s) // NaN stays
			avo.VADDPS(zero, s, s) // −0 becomes +0
		}
	}
}

// tailOf loads the mask to which a field points.
func (t *tile) tailOf(off int) reg.Register {
	m := avo.GP64()
	t.field(off, m)
	if t.bytes == 64 {
		k := avo.K()
		avo.KMOVW(op.Mem{Base: m}, k)
		return k
	}
	v := avo.YMM()
	avo.VMOVUPS(op.Mem{Base: m}, v)
	return v
}

// filterGradient adds to the gradients of taps numbers of each of so many lines, vecs
// vectors of filters each, what all places of all lines of the result give.
func (w width) filterGradient(lines, taps, vecs int) {
	name := fmt.Sprintf("filters%dx%dx%d%s", lines, taps, vecs, w.suffix)
	avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
	avo.Doc(fmt.Sprintf("%s adds to the gradients of %d numbers of %d lines by %d vectors of filters.", name, taps, lines, vecs))
	t := &tile{width: w, rows: lines * taps, p: avo.Load(avo.Param("p"), avo.GP64())}
	each := func(f func(r, v int, m op.Mem)) {
		at, row, line := avo.GP64(), avo.GP64(), avo.GP64()
		t.field(slideW, at)
		t.field(slideWRow, row)
		t.field(slideWLine, line)
		for l := range lines {
			for k := range taps {
				for v := range vecs {
					f(l*taps+k, v, op.Mem{Base: at, Disp: t.bytes * v})
				}
				if k < taps-1 {
					avo.ADDQ(row, at)
				}
			}
			if l < lines-1 {
				avo.ADDQ(line, at)
			}
		}
	}
	t.sums = make([][]vec, t.rows)
	each(func(r, _ int, m op.Mem) {
		s := t.vector()
		avo.VMOVUPS(m, s)
		t.sums[r] = append(t.sums[r], s)
	})
	s, s3 := avo.GP64(), avo.GP64()
	if lines > 1 {
		t.field(slideXLine, s)
	}
	if lines > 3 {
		avo.LEAQ(op.Mem{Base: s, Index: s, Scale: 2}, s3)
	}
	xStep, yStep := avo.GP64(), avo.GP64()
	t.field(slideXStep, xStep)
	t.field(slideYStep, yStep)
	mask := t.tailOf(slideTail)
	avo.Label("down")
	x, y, n := avo.GP64(), avo.GP64(), avo.GP64()
	t.field(slideX, x)
	t.field(slideY, y)
	t.field(slidePlaces, n)
	avo.Label("place")
	dy := make([]vec, vecs)
	for v := range dy {
		dy[v] = t.vector()
		var m reg.Register
		if v == vecs-1 {
			m = mask
		}
		t.load(op.Mem{Base: y, Disp: t.bytes * v}, m, dy[v])
	}
	for l := range lines {
		for k := range taps {
			m := op.Mem{Base: x, Disp: 4 * k}
			switch l {
			case 0:
			case 3:
				m.Index, m.Scale = s3, 1
			default:
				m.Index, m.Scale = s, uint8(l)
			}
			t.multiply(m, dy, t.sums[l*taps+k], reg.OpmaskVirtual(nil), false)
		}
	}
	avo.ADDQ(xStep, x)
	avo.ADDQ(yStep, y)
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("place"))
	t.nextRow()
	each(func(r, v int, m op.Mem) { avo.VMOVUPS(t.sums[r][v], m) })
	avo.VZEROUPPER()
	avo.RET()
}
