package kernel

import "math"

// Exp sets dst[i] = e^a[i].
func Exp[T Float](dst, a []T) {
	if unary32(opExp, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(exp(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Exp(x))
	}
}

// Expm1 sets dst[i] = e^a[i] − 1, accurate near 0.
func Expm1[T Float](dst, a []T) {
	if unary32(opExpm1, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(expm1(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Expm1(x))
	}
}

// Log sets dst[i] = ln a[i].
func Log[T Float](dst, a []T) {
	if unary32(opLog, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(log(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Log(x))
	}
}

// Log1p sets dst[i] = ln(1 + a[i]), accurate near 0.
func Log1p[T Float](dst, a []T) {
	if unary32(opLog1p, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(log1p(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Log1p(x))
	}
}

// Tanh sets dst[i] = tanh a[i].
func Tanh[T Float](dst, a []T) {
	if unary32(opTanh, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(tanh(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Tanh(x))
	}
}

// Sigmoid sets dst[i] = 1 / (1 + e^−a[i]).
func Sigmoid[T Float](dst, a []T) {
	if unary32(opSigmoid, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(sigmoid(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(1 / (1 + math.Exp(-x)))
	}
}

// Softplus sets dst[i] = ln(1 + e^a[i]).
func Softplus[T Float](dst, a []T) {
	if unary32(opSoftplus, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(softplus(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))))
	}
}

// Erf sets dst[i] = the error function of a[i].
func Erf[T Float](dst, a []T) {
	if unary32(opErf, dst, a) {
		return
	}
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(erf(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Erf(x))
	}
}

// Sin sets dst[i] = sin a[i].
func Sin[T Float](dst, a []T) {
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(sin(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Sin(x))
	}
}

// Cos sets dst[i] = cos a[i].
func Cos[T Float](dst, a []T) {
	dst = dst[:len(a)]
	if single[T]() {
		for i, x := range a {
			dst[i] = T(cos(float64(x)))
		}
		return
	}
	for i, v := range a {
		x := float64(v)
		dst[i] = T(math.Cos(x))
	}
}
