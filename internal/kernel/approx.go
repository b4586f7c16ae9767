package kernel

import "math"

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
	p := 1.0 / 362880
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
	p := 1.0 / 13
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

func erf(x float64) float64 { return math.Erf(x) }

func sin(x float64) float64 { return math.Sin(x) }

func cos(x float64) float64 { return math.Cos(x) }

func pow[T Float](x, y T) T { return T(math.Pow(float64(x), float64(y))) }

// sincosTurn is sin 2πt and cos 2πt of t = u/2³².
func sincosTurn(u uint32) (s, c float64) {
	// The turn is cut into quarters, each from −⅛ to ⅛ around its middle.
	q := (u + 1<<29) >> 30
	r := float64(int32(u-q<<30)) * (2 * math.Pi / (1 << 32))
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
	return r + float64(float64(p*z)*r)
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
