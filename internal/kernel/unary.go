package kernel

import "math"

// Neg sets dst[i] = −a[i].
func Neg[T Float](dst, a []T) {
	if unary32(opNeg, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = -x
	}
}

// Abs sets dst[i] = |a[i]|.
func Abs[T Float](dst, a []T) {
	if unary32(opAbs, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = abs(x)
	}
}

// Sign sets dst[i] = −1, 0 or 1 by the sign of a[i]; a zero and NaN stay as they are.
func Sign[T Float](dst, a []T) {
	if unary32(opSign, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = sign(x)
	}
}

// Square sets dst[i] = a[i]².
func Square[T Float](dst, a []T) {
	if unary32(opSquare, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = x * x
	}
}

// Sqrt sets dst[i] = √a[i].
func Sqrt[T Float](dst, a []T) {
	if unary32(opSqrt, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = sqrt(x)
	}
}

// Rsqrt sets dst[i] = 1/√a[i], the root rounded before the division.
func Rsqrt[T Float](dst, a []T) {
	if unary32(opRsqrt, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = 1 / sqrt(x)
	}
}

// Recip sets dst[i] = 1/a[i].
func Recip[T Float](dst, a []T) {
	if unary32(opRecip, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = 1 / x
	}
}

// Floor sets dst[i] = the largest whole number that is not above a[i].
func Floor[T Float](dst, a []T) {
	if unary32(opFloor, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = T(math.Floor(float64(x)))
	}
}

// Relu sets dst[i] = a[i] where that is above 0, else 0; NaN stays.
func Relu[T Float](dst, a []T) {
	if unary32(opRelu, dst, a) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = max(x, 0)
	}
}

func abs[T Float](x T) T { return T(math.Abs(float64(x))) }

// sqrt is correctly rounded for float32 too: 53 bits are more than twice 24
// and two more (Figueroa 1995).
func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }

func sign[T Float](x T) T {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}
