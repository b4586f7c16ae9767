package rng

import "math"

// The functions here are those that normal numbers are made of, on the numbers that come
// up there, without the branches that random numbers lead astray. Every product is
// rounded, so that they give the same bits on every architecture: those of package math
// on amd64, whose methods they are.

// logUnit is the natural logarithm of u in [2⁻⁵³, 1], by the method of FreeBSD's e_log.c: u
// is 2ᵏ(1+f) with 1+f about 1, and log(1+f) an odd polynomial of s = f/(2+f).
func logUnit(u float64) float64 {
	const (
		mantissa = 1<<52 - 1
		half     = 0x6a09e667f3bcd // mantissa of √½
		ln2Hi    = 6.93147180369123816490e-01
		ln2Lo    = 1.90821492927058770002e-10
		l1       = 6.666666666666735130e-01
		l2       = 3.999999999940941908e-01
		l3       = 2.857142874366239149e-01
		l4       = 2.222219843214978396e-01
		l5       = 1.818357216161805012e-01
		l6       = 1.531383769920937332e-01
		l7       = 1.479819860511658591e-01
	)
	bits := math.Float64bits(u)
	m := bits & mantissa
	below := (m - half) >> 63 // 1 where the mantissa is below √½
	k := float64(int(bits>>52) - 1022 - int(below))
	f := math.Float64frombits(m|(1022+below)<<52) - 1

	s := f / (2 + f)
	s2 := s * s
	s4 := float64(s2 * s2)
	odd := s2 * (l1 + float64(s4*(l3+float64(s4*(l5+float64(s4*l7))))))
	even := s4 * (l2 + float64(s4*(l4+float64(s4*l6))))
	r := float64(odd) + float64(even)
	square := float64(0.5 * f * f)
	return float64(k*ln2Hi) - ((square - (float64(s*(square+r)) + float64(k*ln2Lo))) - f)
}

// cosTurn is the cosine of v turns, v in [0, 1), by the method of the Cephes library: the
// angle within an eighth of a turn of a multiple of a quarter, and there a polynomial for
// the sine and one for the cosine.
func cosTurn(v float64) float64 {
	const (
		// π/4 in three parts, the first two short enough for their products to be exact.
		part1 = 7.85398125648498535156e-1
		part2 = 3.77489470793079817668e-8
		part3 = 2.69515142907905952645e-15

		s0, s1, s2 = 1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6
		s3, s4, s5 = -1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1
		c0, c1, c2 = -1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7
		c3, c4, c5 = 2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2
	)
	x := float64(2 * math.Pi * v)
	eighth := uint64(x * (4 / math.Pi))
	eighth += eighth & 1
	quarter := eighth >> 1
	y := float64(eighth)
	z := ((x - float64(y*part1)) - float64(y*part2)) - float64(y*part3)
	zz := float64(z * z)

	sin := float64(s0*zz) + s1
	sin = float64(sin*zz) + s2
	sin = float64(sin*zz) + s3
	sin = float64(sin*zz) + s4
	sin = float64(sin*zz) + s5
	sin = z + float64(float64(z*zz)*sin)

	cos := float64(c0*zz) + c1
	cos = float64(cos*zz) + c2
	cos = float64(cos*zz) + c3
	cos = float64(cos*zz) + c4
	cos = float64(cos*zz) + c5
	cos = 1 - float64(0.5*zz) + float64(float64(zz*zz)*cos)

	// Of quarters 0 to 4 it is cos, −sin, −cos, sin, cos.
	a, b := math.Float64bits(cos), math.Float64bits(sin)
	return math.Float64frombits(a ^ (a^b)&-(quarter&1) ^ (quarter+1)>>1&1<<63)
}
