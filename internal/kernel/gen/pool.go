package main

import (
	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pools writes the largest number under a window and its gradient, a vector of
// channels at a time: y and dy go by places, x and dx by taps.
func (w width) pools() {
	keep := at
	at = w
	w.overTaps("maxPool", "sets a vector of channels of y to the largest under the window", func(q *taps) {
		q.before = func() {
			q.most = w.vector()
			w.load(op.Mem{Base: q.x}, q.mask, q.most)
		}
		q.each = func(off reg.Register) {
			x, z, m := w.vector(), w.vector(), w.vector()
			w.load(op.Mem{Base: q.x, Index: off, Scale: 1}, q.mask, x)
			avo.VMAXPS(x, q.most, z)
			avo.VMAXPS(q.most, x, m)
			avo.VANDPS(m, z, z) // of two zeros the positive one
			when(3, x, q.most).ruin(z)
			avo.VMOVAPS(z, q.most)
		}
		q.after = func() { w.store(q.most, q.mask, op.Mem{Base: q.y}) }
	})
	for _, add := range []bool{false, true} {
		name, what := "maxPoolGradient", "sets a vector of channels under the window in dx to dy where x is y first, else to 0"
		if add {
			name, what = "maxPoolGradientSum", "adds dy to a vector of channels under the window in dx where x is y first"
		}
		w.overTaps(name, what, func(q *taps) {
			var rest vec
			dy := avo.GP64()
			q.dx = avo.GP64()
			q.before = func() {
				q.most, rest = w.vector(), w.vector()
				w.load(op.Mem{Base: q.y}, q.mask, q.most)
				avo.MOVQ(op.Mem{Base: q.p, Disp: slideBias}, dy)
				w.load(op.Mem{Base: dy, Index: q.done, Scale: 1}, q.mask, rest)
			}
			q.each = func(off reg.Register) {
				x, out := w.vector(), w.vector()
				w.load(op.Mem{Base: q.x, Index: off, Scale: 1}, q.mask, x)
				m := op.Mem{Base: q.dx, Index: off, Scale: 1}
				if w.bytes == 64 {
					is, nan := avo.K(), avo.K()
					avo.VCMPPS(op.Imm(0), x, q.most, is)
					avo.VCMPPS(op.Imm(3), x, x, nan)
					avo.KORW(is, nan, is)
					avo.VMOVAPS_Z(rest, is, out)
					avo.KNOTW(is, is)
					avo.VMOVAPS_Z(rest, is, rest)
				} else {
					nan := w.vector()
					avo.VCMPPS(op.Imm(3), x, x, nan)
					avo.VCMPPS(op.Imm(0), x, q.most, x)
					avo.VORPS(nan, x, x)
					avo.VANDPS(rest, x, out)
					avo.VANDNPS(rest, x, rest)
				}
				if add {
					old := w.vector()
					w.load(m, q.mask, old)
					avo.VADDPS(old, out, out)
				}
				w.store(out, q.mask, m)
			}
			q.after = func() {}
		})
	}
	at = keep
}

const partAhead = 512 // bytes that are asked ahead where parts of vectors are loaded

// A taps is the registers of a loop over the taps of windows.
type taps struct {
	p, x, y, dx   reg.Register
	done          reg.Register // bytes from the first place of a line to this one
	mask          reg.Register
	most          vec
	before, after func()
	each          func(off reg.Register)
}

// window writes the loop over the taps of one window.
func (q *taps) window(name string, tap reg.Register) {
	field := func(off int, r reg.Register) { avo.MOVQ(op.Mem{Base: q.p, Disp: off}, r) }
	q.before()
	line, lines, off, left := avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()
	field(slideLines, lines)
	avo.XORQ(line, line)
	avo.CMPQ(op.Mem{Base: q.p, Disp: slideK}, op.Imm(2))
	avo.JE(op.LabelRef(name + "pairs"))
	avo.Label(name + "line")
	avo.MOVQ(line, off)
	field(slideK, left)
	avo.Label(name + "tap")
	q.each(off)
	avo.ADDQ(tap, off)
	avo.DECQ(left)
	avo.JNZ(op.LabelRef(name + "tap"))
	avo.ADDQ(op.Mem{Base: q.p, Disp: slideXLine}, line)
	avo.DECQ(lines)
	avo.JNZ(op.LabelRef(name + "line"))
	avo.JMP(op.LabelRef(name + "end"))
	avo.Label(name + "pairs") // windows of two taps a line are the most there are
	if at.bytes == 32 {
		// AVX2's loads of a part of a vector are not foreseen by all processors.
		avo.PREFETCHT0(op.Mem{Base: q.x, Index: line, Scale: 1, Disp: partAhead})
		if q.dx != nil {
			avo.PREFETCHT0(op.Mem{Base: q.dx, Index: line, Scale: 1, Disp: partAhead})
		}
	}
	q.each(line)
	avo.LEAQ(op.Mem{Base: line, Index: tap, Scale: 1}, off)
	q.each(off)
	avo.ADDQ(op.Mem{Base: q.p, Disp: slideXLine}, line)
	avo.DECQ(lines)
	avo.JNZ(op.LabelRef(name + "pairs"))
	avo.Label(name + "end")
	q.after()
}

// overTaps writes a loop over lines of results, their places, and the taps of each. On AVX2
// places of fewer channels than a vector, but for the last of a line, can be whole vectors:
// what goes over their own is written anew by the tap or place behind.
func (w width) overTaps(name, what string, f func(q *taps)) {
	name += w.suffix
	avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
	avo.Doc(name + " " + what + ".")
	t := &tile{width: w, p: avo.Load(avo.Param("p"), avo.GP64())}
	x, y, done, n := avo.GP64(), avo.GP64(), avo.GP64(), avo.GP64()
	q := &taps{p: t.p, x: x, y: y, done: done, mask: t.tailOf(slideTail)}
	f(q)
	tap := avo.GP64()
	t.field(slideWRow, tap)
	avo.Label("down")
	t.field(slideX, x)
	if q.dx != nil {
		t.field(slideW, q.dx)
	}
	t.field(slideY, y)
	t.field(slidePlaces, n)
	avo.XORQ(done, done)
	avo.Label("place")
	if w.bytes == 32 {
		avo.CMPQ(op.Mem{Base: t.p, Disp: slideOver}, op.Imm(0))
		avo.JE(op.LabelRef("part"))
		avo.CMPQ(n, op.Imm(1))
		avo.JE(op.LabelRef("part"))
		mask := q.mask
		q.mask = nil
		q.window("over", tap)
		q.mask = mask
		avo.JMP(op.LabelRef("step"))
		avo.Label("part")
	}
	q.window("", tap)
	if w.bytes == 32 {
		avo.Label("step")
	}
	step := avo.GP64()
	t.field(slideYStep, step)
	avo.ADDQ(step, y)
	avo.ADDQ(step, done)
	t.field(slideXStep, step)
	avo.ADDQ(step, x)
	if q.dx != nil {
		avo.ADDQ(step, q.dx)
	}
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("place"))
	avo.DECQ(op.Mem{Base: t.p, Disp: slideDown})
	avo.JZ(op.LabelRef("finish"))
	t.field(slideXDown, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: slideX})
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: slideW})
	t.field(slideYDown, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: slideY})
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: slideBias})
	avo.JMP(op.LabelRef("down"))
	avo.Label("finish")
	avo.VZEROUPPER()
	avo.RET()
}
