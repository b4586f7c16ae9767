package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ahead is how many bytes before their use the arrays of a long pass are asked for: the
// processor's own guess stops at the end of a page, and behind the cache's second
// level it is late.
const ahead = 2048

// moments writes the passes of rules that keep running means.
func moments() {
	// Both products are rounded before they are added.
	weighted := func(a, b, s, t vec) vec {
		x, y := at.vector(), at.vector()
		avo.VMULPS(s, a, x)
		avo.VMULPS(t, b, y)
		avo.VADDPS(y, x, x)
		return x
	}
	square := func(x vec) vec {
		y := at.vector()
		avo.VMULPS(x, x, y)
		return y
	}
	overRoot := func(p, step, v, e vec) vec {
		y := at.vector()
		avo.VSQRTPS(v, y)
		avo.VADDPS(e, y, y)
		avo.VDIVPS(y, step, y)
		avo.VSUBPS(y, p, y)
		return y
	}
	pass("weighted", "dst[i] = s[0]·a[i] + s[1]·b[i]", []string{"a", "b"}, 0, []int{0, 1}, false, func(x, s []vec) []vec {
		return []vec{weighted(x[0], x[1], s[0], s[1])}
	})
	pass("weightedSquare", "dst[i] = s[0]·a[i] + s[1]·b[i]²", []string{"a", "b"}, 0, []int{0, 1}, false, func(x, s []vec) []vec {
		return []vec{weighted(x[0], square(x[1]), s[0], s[1])}
	})
	pass("overRoot", "dst[i] = a[i] − b[i]/(√c[i] + s[0])", []string{"a", "b", "c"}, 0, []int{0}, false, func(x, s []vec) []vec {
		return []vec{overRoot(x[0], x[1], x[2], s[0])}
	})
	// The numbers are those of type Moments.
	pass("adam", "m[i] = s[0]·m[i] + s[1]·grad[i], v[i] = s[2]·v[i] + s[3]·grad[i]² and dst[i] = p[i] − s[4]·m[i]/(√v[i] + s[7])",
		[]string{"p", "grad", "m", "v"}, 2, []int{0, 1, 2, 3, 4, 7}, true, func(x, s []vec) []vec {
			m, v := weighted(x[2], x[1], s[0], s[1]), weighted(x[3], square(x[1]), s[2], s[3])
			step := at.vector()
			avo.VMULPS(s[4], m, step)
			return []vec{overRoot(x[0], step, v, s[7]), m, v}
		})
	pass("nadam", "m[i] = s[0]·m[i] + s[1]·grad[i], v[i] = s[2]·v[i] + s[3]·grad[i]² and dst[i] = p[i] − (s[4]·m[i] + s[5]·grad[i])/(√(v[i]/s[6]) + s[7])",
		[]string{"p", "grad", "m", "v"}, 2, []int{0, 1, 2, 3, 4, 5, 6, 7}, true, func(x, s []vec) []vec {
			m, v := weighted(x[2], x[1], s[0], s[1]), weighted(x[3], square(x[1]), s[2], s[3])
			return []vec{overRoot(x[0], weighted(m, x[1], s[4], s[5]), quotient(v, s[6], s[recip]), s[7]), m, v}
		}, 6)
	ahead := func(p, step, scale vec) vec {
		y := at.vector()
		avo.VMULPS(scale, step, y)
		avo.VADDPS(y, p, y)
		return y
	}
	pass("momentum", "m[i] = s[0]·m[i] + s[1]·grad[i] and dst[i] = p[i] + s[4]·m[i]",
		[]string{"p", "grad", "m"}, 1, []int{0, 1, 4}, true, func(x, s []vec) []vec {
			m := weighted(x[2], x[1], s[0], s[1])
			return []vec{ahead(x[0], m, s[4]), m}
		})
	pass("nesterov", "m[i] = s[0]·m[i] + s[1]·grad[i] and dst[i] = p[i] + s[4]·(s[0]·m[i] + s[1]·grad[i])",
		[]string{"p", "grad", "m"}, 1, []int{0, 1, 4}, true, func(x, s []vec) []vec {
			m := weighted(x[2], x[1], s[0], s[1])
			return []vec{ahead(x[0], weighted(m, x[1], s[0], s[1]), s[4]), m}
		})
	for _, r := range []struct {
		name, formula string
		root          func(v, e vec) vec
	}{
		{"rmsProp", "√(v[i] + s[7])", func(v, e vec) vec {
			y := at.vector()
			avo.VADDPS(e, v, y)
			avo.VSQRTPS(y, y)
			return y
		}},
		{"rmsPropOutside", "(√v[i] + s[7])", func(v, e vec) vec {
			y := at.vector()
			avo.VSQRTPS(v, y)
			avo.VADDPS(e, y, y)
			return y
		}},
	} {
		pass(r.name, "v[i] = s[2]·v[i] + s[3]·grad[i]² and dst[i] = p[i] − s[4]·(grad[i]/"+r.formula+")",
			[]string{"p", "grad", "v"}, 1, []int{2, 3, 4, 7}, true, func(x, s []vec) []vec {
				v := weighted(x[2], square(x[1]), s[2], s[3])
				y := r.root(v, s[7])
				avo.VDIVPS(y, x[1], y)
				avo.VMULPS(s[4], y, y)
				avo.VSUBPS(y, x[0], y)
				return []vec{y, v}
			})
	}
	pass("clamp", "dst[i] = min(max(a[i], s[0]), s[1]), neither of which is 0 or NaN", []string{"a"}, 0, []int{0, 1}, false, func(x, s []vec) []vec {
		y := at.vector()
		avo.VMAXPS(x[0], s[0], y) // of NaN, the instruction's second operand
		avo.VMINPS(y, s[1], y)
		return []vec{y}
	})
	pass("quotient", "dst[i] = a[i]/s[0], for 2^−20 ≤ s[0] ≤ 2^20", []string{"a"}, 0, []int{0}, false, func(x, s []vec) []vec {
		return []vec{quotient(x[0], s[0], s[recip])}
	}, 0)
}

// recip is where a pass has the reciprocal of a number.
const recip = 8

// What quotient takes without a division: absolute values from 2^−100 to below 2^100.
const (
	quotientLow  = (127 - 100) << 23
	quotientSpan = 200 << 23
)

// quotient is v/k with k's correctly rounded reciprocal y: two steps of Newton's, the
// first of which comes within a unit in the last place and the second rounds correctly
// (Markstein, "Computation of elementary functions on the IBM RISC System/6000
// processor", IBM Journal 1990). Where a remainder could be no normal number, and for
// what is none, all lanes are divided. +0 needs no such care.
func quotient(v, k, y vec) vec {
	q, r := at.vector(), at.vector()
	slow, back := label(), label()
	avo.VANDPS(bits(1<<31-1), v, r)
	if at.bytes == 64 {
		far, not := avo.K(), avo.K()
		avo.VPSUBD(bits(quotientLow), r, r)
		avo.VPCMPUD(op.Imm(5), bits(quotientSpan), r, far) // not less
		avo.VPTESTMD(v, v, far, not)
		avo.KORTESTW(not, not)
	} else {
		low, high := at.vector(), at.vector()
		avo.VPCMPGTD(bits(quotientLow+quotientSpan-1), r, high)
		avo.VPCMPGTD(r, ready(bits(quotientLow)), low)
		avo.VPCMPEQD(at.zero(), v, r)
		avo.VPANDN(low, r, low)
		avo.VPOR(high, low, low)
		avo.VPTEST(low, low)
	}
	avo.JNZ(op.LabelRef(slow))
	avo.VMULPS(y, v, q)
	for range 2 {
		avo.VMOVAPS(v, r)
		avo.VFNMADD231PS(k, q, r)
		avo.VFMADD231PS(r, y, q)
	}
	avo.Label(back)
	late = append(late, func() {
		avo.Label(slow)
		avo.VDIVPS(k, v, q)
		avo.JMP(op.LabelRef(back))
	})
	return q
}

// late writes what a function keeps behind its end.
var late []func()

func finish() {
	for _, f := range late {
		f()
	}
	late = nil
}

var labels int

func label() string {
	labels++
	return fmt.Sprint("at", labels)
}

// pass writes a function of the arrays named and of numbers that are the same for all
// elements, s[q] for q in numbers. f gives what dst becomes and then the last so many
// arrays. Those that are far asks for long before. s[recip] is one over the number named
// last.
func pass(name, formula string, arrays []string, changed int, numbers []int, far bool, f func(x, s []vec) []vec, over ...int) {
	name += fmt.Sprint(at.lanes())
	args := "dst"
	for _, a := range arrays {
		args += ", " + a
	}
	avo.TEXT(name, avo.NOSPLIT, "func("+args+", s *float32, n int)")
	avo.Doc(name + " sets " + formula + ".")
	dst := avo.Load(avo.Param("dst"), avo.GP64())
	var src []reg.Register
	for _, a := range arrays {
		src = append(src, avo.Load(avo.Param(a), avo.GP64()))
	}
	p := avo.Load(avo.Param("s"), avo.GP64())
	s := make([]vec, recip+1)
	for _, q := range numbers {
		s[q] = at.vector()
		avo.VBROADCASTSS(op.Mem{Base: p, Disp: 4 * q}, s[q])
	}
	for _, q := range over {
		s[recip] = ready(num(1))
		avo.VDIVPS(s[q], s[recip], s[recip])
	}
	n := avo.Load(avo.Param("n"), avo.GP64())
	i := avo.GP64()
	avo.XORQ(i, i)
	round := func(mask reg.Register) {
		x := make([]vec, len(src))
		for q := range x {
			x[q] = at.vector()
			at.load(op.Mem{Base: src[q], Index: i, Scale: 4}, mask, x[q])
			if far && mask == nil {
				avo.PREFETCHT0(op.Mem{Base: src[q], Index: i, Scale: 4, Disp: ahead})
			}
		}
		y := f(x, s)
		at.store(y[0], mask, op.Mem{Base: dst, Index: i, Scale: 4})
		for q, v := range y[1:] {
			at.store(v, mask, op.Mem{Base: src[len(src)-changed+q], Index: i, Scale: 4})
		}
	}
	avo.SUBQ(op.Imm(uint64(at.lanes())), n)
	avo.JL(op.LabelRef("rest"))
	avo.Label("next")
	round(nil)
	avo.ADDQ(op.Imm(uint64(at.lanes())), i)
	avo.CMPQ(i, n)
	avo.JLE(op.LabelRef("next"))
	avo.Label("rest")
	avo.SUBQ(i, n)
	avo.ADDQ(op.Imm(uint64(at.lanes())), n)
	avo.JZ(op.LabelRef("done"))
	round(at.rest(n))
	avo.Label("done")
	avo.VZEROUPPER()
	avo.RET()
	finish()
}
