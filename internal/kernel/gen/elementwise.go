package main

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/mmcloughlin/avo/attr"
	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vec = reg.VecVirtual

// at is the width that elementwise functions are written for.
var at = avx2

// constants are static data: as many equal lanes each as a vector has.
var constants = map[uint32]op.Mem{}

// narrowHeld is for how many constants functions of narrow vectors have registers left.
const narrowHeld = 10

// held are constants that a function keeps in registers.
var held = map[uint32]vec{}

// bits is a vector of equal lanes: a register where it is held, else memory.
func bits(b uint32) op.Op {
	if v, ok := held[b]; ok {
		return v
	}
	return static(b)
}

func static(b uint32) op.Mem {
	m, ok := constants[b]
	if !ok {
		m = avo.GLOBL(fmt.Sprintf("all%08x", b), attr.RODATA|attr.NOPTR)
		for i := range at.lanes() {
			avo.DATA(4*i, op.U32(b))
		}
		constants[b] = m
	}
	return m
}

func num(v float64) op.Op { return bits(float(v)) }

func float(v float64) uint32 { return math.Float32bits(float32(v)) }

// ready copies a constant to a register: what an instruction needs as other than
// its first operand.
func ready(m op.Op) vec {
	v := at.vector()
	avo.VMOVUPS(m, v)
	return v
}

// constant is ready for what leaves its operands as they are.
func constant(m op.Op) vec {
	if v, ok := m.(vec); ok {
		return v
	}
	return ready(m)
}

// A cond is a comparison's result lane by lane: a vector of ones and zeros or, in
// wide vectors, a mask.
type cond struct {
	lanes vec
	mask  reg.Register
}

// when compares as the predicate says: a with b.
func when(predicate uint8, b op.Op, a vec) cond {
	if at.bytes == 64 {
		k := avo.K()
		avo.VCMPPS(op.Imm(uint64(predicate)), b, a, k)
		return cond{mask: k}
	}
	y := avo.YMM()
	avo.VCMPPS(op.Imm(uint64(predicate)), b, a, y)
	return cond{lanes: y}
}

// negative is where the sign of x is set.
func negative(x vec) cond {
	if at.bytes == 64 {
		k := avo.K()
		avo.VPMOVD2M(x, k)
		return cond{mask: k}
	}
	return cond{lanes: x}
}

// pick sets dst to yes where the condition holds, else to no.
func (c cond) pick(yes op.Op, no, dst vec) {
	if c.mask != nil {
		avo.VBLENDMPS(yes, no, c.mask, dst)
		return
	}
	avo.VBLENDVPS(c.lanes, yes, no, dst)
}

// only sets dst to x where the condition holds, else to 0.
func (c cond) only(x op.Op, dst vec) {
	if c.mask != nil {
		avo.VMOVUPS_Z(x, c.mask, dst)
		return
	}
	avo.VANDPS(x, c.lanes, dst)
}

// ruin makes y NaN, all bits set, where the condition holds.
func (c cond) ruin(y vec) {
	if c.mask != nil {
		avo.VPTERNLOGD(op.Imm(0xFF), y, y, c.mask, y)
		return
	}
	avo.VORPS(c.lanes, y, y)
}

// lanes is the mask of the first n of 8 lanes, at 4·(8−n).
var lanes = sync.OnceValue(func() op.Mem {
	m := avo.GLOBL("lanes", attr.RODATA|attr.NOPTR)
	for i := range 16 {
		v := uint32(0)
		if i < 8 {
			v = math.MaxUint32
		}
		avo.DATA(4*i, op.U32(v))
	}
	return m
})

// over writes a function of arrays and at most one scalar: dst[i] = f(array[i] …,
// scalar). The rest of fewer than 8 is a masked round of the same instructions,
// so that a result does not depend on its place. The constants listed are held in
// registers, of narrow vectors, which have half as many, the first few.
func over(name, formula string, arrays int, scalar bool, f func(x []vec) vec, constants ...uint32) {
	overAll(name, formula, arrays, scalar, false, f, constants...)
}

// overAll is over for arrays that, where far is set, are asked for long before: they are
// those of long passes.
func overAll(name, formula string, arrays int, scalar, far bool, f func(x []vec) vec, constants ...uint32) {
	name = strings.TrimSuffix(name, "8") + fmt.Sprint(at.lanes())
	args := "dst, a"
	for _, b := range []string{"b", "c"}[:arrays-1] {
		args += ", " + b
	}
	args += " *float32"
	if scalar {
		args += ", s float32"
	}
	avo.TEXT(name, avo.NOSPLIT, "func("+args+", n int)")
	avo.Doc(name + " sets dst[i] = " + formula + ".")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	var src []reg.Register
	for _, p := range []string{"a", "b", "c"}[:arrays] {
		src = append(src, avo.Load(avo.Param(p), avo.GP64()))
	}
	var s vec
	if scalar {
		addr, err := avo.Param("s").Resolve()
		if err != nil {
			panic(err)
		}
		s = at.vector()
		avo.VBROADCASTSS(addr.Addr, s)
	}
	if at.bytes == 32 {
		constants = constants[:min(len(constants), narrowHeld)]
	}
	for _, b := range constants {
		if _, ok := held[b]; !ok {
			held[b] = ready(static(b))
		}
	}
	defer clear(held)
	n := avo.Load(avo.Param("n"), avo.GP64())
	i := avo.GP64()
	avo.XORQ(i, i)
	round := func(mask reg.Register) {
		x := make([]vec, arrays, arrays+1)
		for q := range x {
			x[q] = at.vector()
			at.load(op.Mem{Base: src[q], Index: i, Scale: 4}, mask, x[q])
			if far && mask == nil {
				avo.PREFETCHT0(op.Mem{Base: src[q], Index: i, Scale: 4, Disp: ahead})
			}
		}
		if scalar {
			x = append(x, s)
		}
		at.store(f(x), mask, op.Mem{Base: dst, Index: i, Scale: 4})
	}
	avo.SUBQ(op.Imm(uint64(at.lanes())), n)
	avo.JL(op.LabelRef("rest"))
	avo.Label("next")
	round(nil)
	avo.ADDQ(op.Imm(uint64(at.lanes())), i)
	avo.CMPQ(i, n)
	avo.JLE(op.LabelRef("next"))
	avo.Label("rest")
	avo.SUBQ(i, n) // minus the lanes that are not there
	avo.ADDQ(op.Imm(uint64(at.lanes())), n)
	avo.JZ(op.LabelRef("done"))
	round(at.rest(n))
	avo.Label("done")
	avo.VZEROUPPER()
	avo.RET()
}

// widen writes a conversion to float32 of whole eights of numbers.
func widen(name, from string, size int, f func(m op.Mem, y vec)) {
	avo.TEXT(name, avo.NOSPLIT, "func(dst *float32, src *"+from+", eights int)")
	avo.Doc(name + " sets dst[i] = src[i] for 8·eights numbers.")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	src := avo.Load(avo.Param("src"), avo.GP64())
	n := avo.Load(avo.Param("eights"), avo.GP64())
	y := avo.YMM()
	avo.Label("next")
	f(op.Mem{Base: src}, y)
	avo.VMOVUPS(y, op.Mem{Base: dst})
	avo.ADDQ(op.Imm(uint64(8*size)), src)
	avo.ADDQ(op.Imm(32), dst)
	avo.DECQ(n)
	avo.JNZ(op.LabelRef("next"))
	avo.VZEROUPPER()
	avo.RET()
}

// two makes a function of two vectors from an instruction whose operands are in
// the order of Go's assembler: the second source first.
func two(f func(...op.Op)) func(x []vec) vec {
	return func(x []vec) vec {
		y := at.vector()
		f(x[1], x[0], y)
		return y
	}
}

func swapped(f func(x []vec) vec) func(x []vec) vec {
	return func(x []vec) vec { return f([]vec{x[1], x[0]}) }
}

func compare(predicate uint8) func(x []vec) vec {
	return func(x []vec) vec {
		y := at.vector()
		when(predicate, x[1], x[0]).only(num(1), y)
		return y
	}
}

// extreme is the larger or smaller as Go's max and min have it: the instruction
// returns its second operand for two zeros and for NaN, so it is asked both ways.
func extreme(f func(...op.Op), zeros func(...op.Op)) func(x []vec) vec {
	return func(x []vec) vec {
		y, z := at.vector(), at.vector()
		f(x[1], x[0], y)
		f(x[0], x[1], z)
		zeros(z, y, y)
		when(3, x[1], x[0]).ruin(y) // unordered
		return y
	}
}

func elementwise() {
	add, sub := two(avo.VADDPS), two(avo.VSUBPS)
	mul, div := two(avo.VMULPS), two(avo.VDIVPS)
	larger, smaller := extreme(avo.VMAXPS, avo.VANDPS), extreme(avo.VMINPS, avo.VORPS)
	both := func(name, formula string, f func([]vec) vec) {
		over(name+"8", fmt.Sprintf(formula, "b[i]"), 2, false, f)
		over(name+"S8", fmt.Sprintf(formula, "s"), 1, true, f)
	}
	both("add", "a[i] + %s", add)
	both("sub", "a[i] − %s", sub)
	over("rsubS8", "s − a[i]", 1, true, swapped(sub))
	both("mul", "a[i] · %s", mul)
	both("div", "a[i] / %s", div)
	over("rdivS8", "s / a[i]", 1, true, swapped(div))
	both("max", "max(a[i], %s)", larger)
	both("min", "min(a[i], %s)", smaller)
	for _, c := range []struct {
		name, sign string
		predicate  uint8
	}{{"gt", ">", 30}, {"ge", ">=", 29}, {"lt", "<", 17}, {"le", "<=", 18}, {"eq", "==", 0}, {"ne", "!=", 4}} {
		both(c.name, "1 where a[i] "+c.sign+" %s, else 0", compare(c.predicate))
	}
	overAll("axpy8", "a[i] + s·b[i]", 2, true, true, func(x []vec) vec {
		y := at.vector()
		avo.VMULPS(x[2], x[1], y)
		avo.VADDPS(y, x[0], y)
		return y
	})
	over("select8", "b[i] where a[i] is not 0, else c[i]", 3, false, func(x []vec) vec {
		y := at.vector()
		when(0, at.zero(), x[0]).pick(x[2], x[1], y)
		return y
	})

	one := func(name, formula string, f func(x, y vec), constants ...uint32) {
		over(name+"8", formula, 1, false, func(x []vec) vec {
			y := at.vector()
			f(x[0], y)
			return y
		}, constants...)
	}
	one("neg", "−a[i]", func(x, y vec) { avo.VXORPS(bits(1<<31), x, y) })
	one("abs", "|a[i]|", func(x, y vec) { avo.VANDPS(bits(1<<31-1), x, y) })
	one("square", "a[i]²", func(x, y vec) { avo.VMULPS(x, x, y) })
	one("sqrt", "√a[i]", func(x, y vec) { avo.VSQRTPS(x, y) })
	one("rsqrt", "1/√a[i]", func(x, y vec) {
		avo.VSQRTPS(x, y)
		avo.VDIVPS(y, ready(num(1)), y)
	})
	one("recip", "1/a[i]", func(x, y vec) { avo.VDIVPS(x, ready(num(1)), y) })
	one("floor", "⌊a[i]⌋", func(x, y vec) { at.round(x, y) })
	one("relu", "max(a[i], 0)", func(x, y vec) {
		avo.VMAXPS(x, at.zero(), y)
		avo.VADDPS(num(0), y, y) // −0 becomes +0
	})
	one("exp", "e^a[i]", expBody, expConstants...)
	over("expS8", "e^(a[i] − s)", 1, true, func(x []vec) vec {
		y := at.vector()
		avo.VSUBPS(x[1], x[0], y)
		expBody(y, y)
		return y
	}, expConstants...)
	one("expm1", "e^a[i] − 1", expm1Body, expm1Constants...)
	one("log", "ln a[i]", logBody)
	one("tanh", "tanh a[i]", tanhBody, tanhConstants...)
	one("log1p", "ln(1 + a[i])", log1pBody)
	one("softplus", "ln(1 + e^a[i])", softplusBody)
	one("erf", "erf a[i]", erfBody)
	one("sign", "the sign of a[i]", signBody)
	one("sigmoid", "1 / (1 + e^−a[i])", sigmoidBody, sigmoidConstants...)
}

// widenings writes conversions to float32.
func widenings() {
	widen("bytes8", "uint8", 1, func(m op.Mem, y vec) {
		avo.VPMOVZXBD(m, y)
		avo.VCVTDQ2PS(y, y)
	})
	widen("ints8", "int32", 4, func(m op.Mem, y vec) { avo.VCVTDQ2PS(m, y) })
}

// round is the largest whole number not above x.
func (w width) round(x, y vec) {
	if w.bytes == 64 {
		avo.VRNDSCALEPS(op.Imm(9), x, y)
	} else {
		avo.VROUNDPS(op.Imm(9), x, y)
	}
}
