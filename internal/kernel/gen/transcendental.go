package main

import (
	"math"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
)

const (
	ln2Hi = 0.693359375 // ten bits: its products with exponents are exact
	ln2Lo = math.Ln2 - ln2Hi
	whole = 3 << 22 // adding it leaves a whole number in the low bits
)

// What the functions of the same names hold in registers.
var (
	splitConstants = []uint32{float(whole), float(math.Log2E), float(ln2Hi), float(ln2Lo),
		float(0.001392632562), float(0.008363292753), float(0.04166655376), float(0.1666657631), float(0.5)}
	expConstants     = append([]uint32{float(-105), float(89), float(1), 0x4B400000, 127}, splitConstants...)
	expm1Constants   = append([]uint32{float(-20), float(89), 126, float(-0.5), 1<<31 - 1, float(0x1p-25)}, splitConstants...)
	eluConstants     = append([]uint32{float(-20), 127, float(-1)}, splitConstants...)
	sigmoidConstants = append([]uint32{1 << 31, float(0.75)}, expConstants...)
	tanhConstants    = append([]uint32{float(20), 127, float(1), float(2), float(0.625), 1 << 31, 1<<31 - 1}, splitConstants...)
)

// horner is c[0]·x^n + … + c[n].
func horner(x vec, c ...float64) vec {
	p := ready(num(c[0]))
	for _, v := range c[1:] {
		avo.VFMADD213PS(num(v), x, p)
	}
	return p
}

// expSplit is e^x = 2^n·(1 + f) for |x| of some hundreds at most: t holds n in its
// low bits. The polynomial is the Chebyshev fit of (e^r−1−r)/r², |r| ≤ ½ ln 2.
func expSplit(x vec) (t, f vec) {
	t, n, r := at.vector(), at.vector(), at.vector()
	avo.VMOVUPS(num(whole), t)
	avo.VFMADD231PS(num(math.Log2E), x, t)
	avo.VSUBPS(num(whole), t, n)
	avo.VMOVAPS(x, r)
	avo.VFNMADD231PS(num(ln2Hi), n, r)
	avo.VFNMADD231PS(num(ln2Lo), n, r)
	f = horner(r, 0.001392632562, 0.008363292753, 0.04166655376, 0.1666657631, 0.5)
	avo.VMULPS(r, r, n)
	avo.VFMADD213PS(r, n, f) // f = r²·q + r
	return t, f
}

// between keeps x, NaN too, within [lo, hi].
func between(x vec, lo, hi float64) vec {
	y := at.vector()
	avo.VMINPS(x, constant(num(hi)), y)
	avo.VMAXPS(y, constant(num(lo)), y)
	return y
}

// scale multiplies y by 2^n in two steps, so that y·2^n may be a denormal, 0 or
// infinite where 2^n is none of these.
func scale(y, t vec) {
	n, h := at.vector(), at.vector()
	avo.VPSUBD(bits(0x4B400000), t, n) // the bits of whole
	avo.VPSRAD(op.Imm(1), n, h)
	avo.VPSUBD(h, n, n)
	for _, e := range []vec{n, h} {
		avo.VPADDD(bits(127), e, e)
		avo.VPSLLD(op.Imm(23), e, e)
		avo.VMULPS(e, y, y)
	}
}

func expBody(x, y vec) {
	t, f := expSplit(between(x, -105, 89))
	avo.VADDPS(num(1), f, y)
	scale(y, t)
}

// expm1Body is 2·(2^(n−1)·f + (2^(n−1) − ½)): with 2^n it would overflow early.
// The smallest arguments are their own results.
func expm1Body(x, y vec) {
	t, f := expSplit(between(x, -20, 89))
	avo.VPADDD(bits(126), t, t)
	avo.VPSLLD(op.Imm(23), t, t)
	avo.VADDPS(num(-0.5), t, y)
	avo.VFMADD231PS(f, t, y)
	avo.VADDPS(y, y, y)
	small := at.vector()
	avo.VANDPS(bits(1<<31-1), x, small)
	when(17, num(0x1p-25), small).pick(x, y, y)
}

// eluBody is x where that is not below 0, else e^x − 1 = 2^n·f + (2^n − 1), with n ≤ 0:
// nothing overflows, and the smallest arguments are their own f.
func eluBody(x, y vec) {
	z := at.vector()
	avo.VMAXPS(x, constant(num(-20)), z)
	t, f := expSplit(z)
	avo.VPADDD(bits(127), t, t)
	avo.VPSLLD(op.Imm(23), t, t)
	avo.VADDPS(num(-1), t, z)
	avo.VFMADD231PS(f, t, z)
	when(17, at.zero(), x).pick(z, x, y)
}

// logParts is x = 2^k·(1+f), √½ ≤ 1+f < √2, for a normal x ≥ 0.
func logParts(x vec) (k, f vec) {
	k, f = at.vector(), at.vector()
	avo.VPSUBD(bits(0x3F3504F3), x, k) // √½
	avo.VPSRAD(op.Imm(23), k, k)
	avo.VPSLLD(op.Imm(23), k, f)
	avo.VPSUBD(f, x, f)
	avo.VSUBPS(num(1), f, f)
	return k, f
}

// logSum is k·ln 2 + ln(1+f) with ln(1+f) = f − f²/2 + f³·h(f), h a Chebyshev fit;
// then, by x, −∞ at zero, NaN below and infinity at infinity.
func logSum(k, f, x, zero vec, y vec) {
	h := horner(f, 0.06971611471, -0.1147973385, 0.1168541992, -0.1242568733, 0.1424905765,
		-0.1666780232, 0.2000071575, -0.2499999696, 0.3333333118)
	avo.VFMADD213PS(num(-0.5), f, h)
	avo.VMULPS(f, f, y)
	avo.VMULPS(y, h, y)
	avo.VFMADD231PS(num(ln2Lo), k, y)
	avo.VADDPS(f, y, y)
	avo.VFMADD231PS(num(ln2Hi), k, y)
	when(0, zero, x).pick(ready(num(math.Inf(-1))), y, y)
	when(25, zero, x).ruin(y) // not (x ≥ zero)
	when(0, num(math.Inf(1)), x).pick(x, y, y)
}

// logBody raises denormals to normal numbers first.
func logBody(x, y vec) {
	small, d := at.vector(), at.vector()
	tiny := when(17, num(0x1p-126), x)
	avo.VMULPS(num(0x1p23), x, d)
	tiny.pick(d, x, d)
	tiny.only(num(-23), small)
	k, f := logParts(d)
	avo.VCVTDQ2PS(k, k)
	avo.VADDPS(small, k, k)
	logSum(k, f, x, at.zero(), y)
}

// log1pBody takes u = 1+x apart and gives f back what the sum lost, x − (u−1), at
// its scale. The result has the sign of x, that of a zero too.
func log1pBody(x, y vec) {
	u, lost, scale := at.vector(), at.vector(), at.vector()
	avo.VADDPS(num(1), x, u)
	avo.VSUBPS(num(1), u, lost)
	avo.VSUBPS(lost, x, lost)
	k, f := logParts(u)
	avo.VPSLLD(op.Imm(23), k, scale)
	avo.VMOVUPS(num(1), y)
	avo.VPSUBD(scale, y, scale)
	avo.VPMAXSD(bits(0), scale, scale) // 2^−k; near the largest x there is nothing lost
	avo.VFMADD231PS(scale, lost, f)
	avo.VCVTDQ2PS(k, k)
	logSum(k, f, x, ready(num(-1)), y)
	avo.VANDPS(bits(1<<31), x, u)
	avo.VORPS(u, y, y)
}

// softplusBody is max(x, 0) + ln(1+z) with z = e^−|x|, and ln(1+z) = z + z²·q(z)
// for 0 ≤ z ≤ 1, q a Chebyshev fit. Below ¾, where both terms' errors would add,
// it is x/2 + ln 2 + x²·c(x²), the last term ln cosh ½x.
func softplusBody(x, y vec) {
	a, z := at.vector(), at.vector()
	avo.VORPS(bits(1<<31), x, a)
	expBody(a, z)
	q := horner(z, 0.002801641993, -0.01718426698, 0.04930997343, -0.09139413774, 0.1303336424,
		-0.1636515287, 0.1995670795, -0.2499675991, 0.3333323735, -0.4999999952)
	avo.VMULPS(z, z, a)
	avo.VFMADD213PS(z, a, q)
	avo.VMAXPS(x, at.zero(), y)
	avo.VADDPS(q, y, y)

	avo.VMULPS(x, x, a)
	near := horner(a, -2.40973456e-5, 0.0003464453836, -0.005208246632, 0.1249999985)
	half := ready(num(math.Ln2))
	avo.VFMADD231PS(num(0.5), x, half)
	avo.VFMADD213PS(half, a, near)
	when(17, num(0.5625), a).pick(near, y, y)
}

// erfBody is x + x·p(x²) up to 1 and a fit around 5/2 from there to 4, where it
// reaches 1.
func erfBody(x, y vec) {
	a, t, z := at.vector(), at.vector(), at.vector()
	avo.VANDPS(bits(1<<31-1), x, a)
	avo.VMINPS(a, ready(num(4)), t)
	avo.VSUBPS(num(2.5), t, t)
	avo.VMULPS(num(2./3), t, t)
	far := horner(t, 0.0002580060988, 9.497238351e-5, -0.002032798774, 0.001542911075, 0.004667028807,
		-0.01041184524, 0.006637864139, 0.009579305634, -0.03186845073, 0.04638958373, -0.04365147857,
		0.02818740627, -0.01225283041, 0.003267270355, 0.999593048)
	avo.VMULPS(x, x, z)
	near := horner(z, -1.021674806e-5, 0.0001145173688, -0.0008508545287, 0.005222611128,
		-0.02686594531, 0.1128379027, -0.3761263889, 2/math.SqrtPi-1)
	avo.VFMADD213PS(x, x, near)
	avo.VANDPS(bits(1<<31), x, z)
	avo.VORPS(z, far, far)
	when(17, num(1), a).pick(near, far, y)
}

// signBody is ±1 by comparison, and x where it is neither above nor below 0.
func signBody(x, y vec) {
	not := when(24, at.zero(), x) // equal or unordered
	avo.VANDPS(bits(1<<31), x, y)
	avo.VORPS(num(1), y, y)
	not.pick(x, y, y)
}

// tanhBody is x + x³·g(x²) below 5/8, g a Chebyshev fit, and 1 − 2/(e^2|x| + 1)
// with the sign of x above.
func tanhBody(x, y vec) {
	a, z := at.vector(), at.vector()
	avo.VANDPS(bits(1<<31-1), x, a)
	avo.VADDPS(a, a, z)
	avo.VMINPS(z, constant(num(20)), z)
	t, f := expSplit(z)
	avo.VPADDD(bits(127), t, t)
	avo.VPSLLD(op.Imm(23), t, t)
	avo.VFMADD213PS(t, t, f) // e^2|x|
	avo.VADDPS(num(1), f, f)
	avo.VDIVPS(f, constant(num(2)), f)
	avo.VSUBPS(f, constant(num(1)), f)
	avo.VMULPS(x, x, z)
	g := horner(z, 0.002277154837, -0.008330076704, 0.02176464921, -0.05395873069, 0.1333330131, -0.3333333316)
	avo.VMULPS(z, x, z)
	avo.VFMADD213PS(x, z, g)
	when(17, num(0.625), a).pick(g, f, f)
	avo.VANDPS(bits(1<<31), x, y)
	avo.VORPS(y, f, y)
}

// sigmoidBody is 1/(1+e) with e = e^−|x|, or e/(1+e) below 0. The quotient q of
// the rounded sum is mended by what q·(1+e) misses, n − q − q·e with its first
// difference exact, times 1/(1+e) taken as ¾.
func sigmoidBody(x, y vec) {
	a, e := at.vector(), at.vector()
	avo.VORPS(bits(1<<31), x, a)
	expBody(a, e)
	avo.VADDPS(num(1), e, y)
	negative(x).pick(e, constant(num(1)), a)
	avo.VDIVPS(y, a, y)
	avo.VSUBPS(y, a, a)
	avo.VFNMADD231PS(e, y, a)
	avo.VFMADD231PS(num(0.75), a, y)
}
