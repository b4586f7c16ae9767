package kernel

import (
	"math"
	"math/bits"
)

// The functions below take a float32 that was widened and are accurate to some
// 1e-10 relative, so that the one rounding back to float32 errs by at most 0.51
// units in the last place. Products are rounded explicitly. None has a slow
// path; overflow, underflow and denormals come out of the last rounding.

const (
	log2e = 1.44269504088896338700
	ln2   = 0.693147180559945309417
	// Adding 1.5·2⁵² leaves a whole number in the low bits.
	whole = 3 << 51
)

// expParts splits e^x = 2^n·(1 + f): it returns 2^n and f for |x| ≤ 150, with f
// accurate near 0. A larger |x| counts as 150.
func expParts(x float64) (scale, f float64) {
	x = min(max(x, -150), 150)
	t := float64(x*log2e) + whole
	n := t - whole
	r := x - float64(n*ln2)
	p := 1.0 / 3628800
	p = float64(p*r) + 1.0/362880
	p = float64(p*r) + 1.0/40320
	p = float64(p*r) + 1.0/5040
	p = float64(p*r) + 1.0/720
	p = float64(p*r) + 1.0/120
	p = float64(p*r) + 1.0/24
	p = float64(p*r) + 1.0/6
	p = float64(p*r) + 0.5
	f = float64(float64(p*r)*r) + r
	return math.Float64frombits((math.Float64bits(t) + 1023) << 52), f
}

func exp(x float64) float64 {
	s, f := expParts(x)
	return s + float64(s*f)
}

func expm1(x float64) float64 {
	s, f := expParts(x)
	if f == 0 {
		return x // keeps the sign of zero
	}
	return float64(s*f) + (s - 1)
}

// log is ln x by x = 2^k·m, √½ ≤ m < √2, and ln m = 2·artanh((m−1)/(m+1)).
func log(x float64) float64 {
	switch {
	case x == 0:
		return math.Inf(-1)
	case !(x > 0):
		return math.NaN()
	case x > math.MaxFloat64:
		return x
	}
	const half = 0x3FE6A09E667F3BCD // √½
	b := math.Float64bits(x)
	k := int64(b-half) >> 52
	m := math.Float64frombits(b - uint64(k)<<52)
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	p := 1.0 / 15
	p = float64(p*z) + 1.0/13
	p = float64(p*z) + 1.0/11
	p = float64(p*z) + 1.0/9
	p = float64(p*z) + 1.0/7
	p = float64(p*z) + 1.0/5
	p = float64(p*z) + 1.0/3
	return float64(float64(k)*ln2) + float64(2*(s+float64(float64(p*z)*s)))
}

func log1p(x float64) float64 {
	u := 1 + x
	if u == 1 || x > math.MaxFloat64 {
		return x
	}
	// log1p(x) = ln u + (x − (u−1))/u to first order in what 1+x lost.
	l := log(u)
	if u > 0 {
		l += (x - (u - 1)) / u
	}
	return l
}

func tanh(x float64) float64 {
	e := expm1(2 * math.Abs(x))
	return math.Copysign(e/(e+2), x)
}

func sigmoid(x float64) float64 { return 1 / (1 + exp(-x)) }

func softplus(x float64) float64 { return max(x, 0) + log1p(exp(-math.Abs(x))) }

// erf is an odd polynomial up to 1 and one around 5/2 from there to 4, where
// float32 reaches 1. Both are Chebyshev fits, to 1e-12 and 2e-10.
func erf(x float64) float64 {
	a := math.Abs(x)
	if a < 1 {
		z := float64(x * x)
		p := 1.058938064107501918e-6
		for _, c := range [...]float64{-1.390934002187459859e-5, 1.195656256820732956e-4,
			-8.542637997087229627e-4, 5.223783477189248115e-3, -2.686613323509559156e-2,
			0.1128379130860458145, -0.3761263888963530677, 1.128379167094676733} {
			p = float64(p*z) + c
		}
		return p * x
	}
	t := float64((min(a, 4) - 2.5) * (2.0 / 3))
	p := 3.317439730169916114e-5
	for _, c := range [...]float64{7.184258174654207283e-6, -2.948060972152907311e-4,
		2.311211851144139825e-4, 9.205711040597914448e-4, -1.992824122911290439e-3,
		4.418985562898437247e-4, 4.637153971491356492e-3, -9.621385963954123723e-3,
		6.649488132310013636e-3, 9.267552001539575299e-3, -3.187060974956155582e-2,
		4.645361320288998861e-2, -4.365134513715881156e-2, 2.818155227563953901e-2,
		-1.225282751825066237e-2, 3.267426345154414785e-3, 0.9995930478513904948} {
		p = float64(p*t) + c
	}
	return math.Copysign(p, x)
}

// pow is x to the power y: e^(y·ln|x|), and the special cases of math.Pow.
func pow[T Float](x, y T) T {
	a, b := float64(x), float64(y)
	if !single[T]() || a-a != 0 || b-b != 0 || a == 0 || b == 0 || a == 1 {
		return T(math.Pow(a, b)) // with float32, exact
	}
	v := exp(b * log(math.Abs(a)))
	if a < 0 {
		switch {
		case b != math.Floor(b):
			return T(math.NaN())
		case math.Mod(b, 2) != 0:
			v = -v
		}
	}
	return T(v)
}

func sin(x float64) float64 {
	if math.Abs(x) < 0.5 {
		return sinPoly(x)
	}
	s, _ := sincosTurn(turn(math.Abs(x)))
	// x − x is NaN where x is not finite.
	return math.Copysign(s, math.Copysign(1, s)*x) + (x - x)
}

func cos(x float64) float64 {
	if math.Abs(x) < 0.5 {
		return cosPoly(x)
	}
	_, c := sincosTurn(turn(math.Abs(x)))
	return c + (x - x)
}

// invTurn is 1/2π, its first 296 bits behind 24 zeros.
var invTurn = [...]uint64{0x28be60db93, 0x91054a7f09d5f47d, 0x4d377036d8a5664f, 0x10e4107f9458eaf7, 0xaef1586dc91b8e90}

// turn is the fractional part of x/2π in units of 2⁻⁶⁴, for a float32 x ≥ ½, with
// an error of about one unit (Payne and Hanek 1983): x is a whole number of 24
// bits times a power of two, so only 128 bits of 1/2π matter. Of a
// number that is not finite it is anything.
func turn(x float64) uint64 {
	b := math.Float32bits(float32(x))
	m, at := uint64(b&(1<<23-1)|1<<23), int(b>>23)-126
	i, s := at/64, at%64
	hi := invTurn[i]<<s | invTurn[i+1]>>(64-s)
	lo := invTurn[i+1]<<s | invTurn[i+2]>>(64-s)
	f, _ := bits.Mul64(m, lo)
	return m*hi + f
}

// sincosTurn is sin 2πt and cos 2πt of t = u/2⁶⁴.
func sincosTurn(u uint64) (s, c float64) {
	// The turn is cut into quarters, each from −⅛ to ⅛ around its middle.
	q := (u + 1<<61) >> 62
	r := float64(float64(int64(u-q<<62)) * (2 * math.Pi / (1 << 64)))
	s, c = sinPoly(r), cosPoly(r)
	if q&1 != 0 {
		s, c = c, -s
	}
	if q&2 != 0 {
		s, c = -s, -c
	}
	return s, c
}

// sinPoly and cosPoly are Taylor's for |r| ≤ π/4, to 1e-12.
func sinPoly(r float64) float64 {
	z := float64(r * r)
	p := -1.0 / 39916800
	p = float64(p*z) + 1.0/362880
	p = float64(p*z) - 1.0/5040
	p = float64(p*z) + 1.0/120
	p = float64(p*z) - 1.0/6
	return (float64(p*z) + 1) * r
}

func cosPoly(r float64) float64 {
	z := float64(r * r)
	p := 1.0 / 479001600
	p = float64(p*z) - 1.0/3628800
	p = float64(p*z) + 1.0/40320
	p = float64(p*z) - 1.0/720
	p = float64(p*z) + 1.0/24
	p = float64(p*z) - 0.5
	return 1 + float64(p*z)
}
