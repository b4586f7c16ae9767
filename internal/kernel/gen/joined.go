package main

import avo "github.com/mmcloughlin/avo/build"

// joined writes what is several elementwise functions in one pass, with their bits.
func joined() {
	three := func(name, formula string, first, second func(x []vec) vec, order func(x []vec, y vec) []vec) {
		over(name+"8", formula, 3, false, func(x []vec) vec { return second(order(x, first(x))) })
	}
	add, sub, mul := two(avo.VADDPS), two(avo.VSUBPS), two(avo.VMULPS)
	last := func(x []vec, y vec) []vec { return []vec{y, x[2]} }
	three("mulAdd", "a[i]·b[i] + c[i]", mul, add, last)
	three("mulSub", "a[i]·b[i] − c[i]", mul, sub, last)
	three("subMul", "(a[i] − b[i])·c[i]", sub, mul, last)
	three("subProduct", "a[i] − b[i]·c[i]", func(x []vec) vec { return mul(x[1:]) }, sub, func(x []vec, y vec) []vec { return []vec{x[0], y} })
	over("elu8", "a[i] where that is above 0, else e^a[i] − 1", 1, false, func(x []vec) vec {
		y := at.vector()
		eluBody(x[0], y)
		return y
	}, eluConstants...)
	over("addELU8", "ELU of a[i] + b[i]", 2, false, func(x []vec) vec {
		y := at.vector()
		avo.VADDPS(x[1], x[0], x[0])
		eluBody(x[0], y)
		return y
	}, eluConstants...)
	over("eluGradient8", "b[i] where a[i] is above 0, else b[i]·(a[i] + 1)", 2, false, func(x []vec) vec {
		y := at.vector()
		avo.VADDPS(num(1), x[0], y)
		avo.VMULPS(y, x[1], y)
		when(30, at.zero(), x[0]).pick(x[1], y, y)
		return y
	})
	over("gate8", "b[i] where a[i] is above 0, else 0", 2, false, func(x []vec) vec {
		y := at.vector()
		when(30, at.zero(), x[0]).only(x[1], y)
		return y
	})
}
