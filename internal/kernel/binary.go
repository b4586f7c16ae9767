package kernel

// Add sets dst[i] = a[i] + b[i].
func Add[T Float](dst, a, b []T) {
	if binary32(opAdd, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = x + b[i]
	}
}

// Sub sets dst[i] = a[i] − b[i].
func Sub[T Float](dst, a, b []T) {
	if binary32(opSub, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = x - b[i]
	}
}

// Mul sets dst[i] = a[i] · b[i].
func Mul[T Float](dst, a, b []T) {
	if binary32(opMul, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = x * b[i]
	}
}

// Div sets dst[i] = a[i] / b[i].
func Div[T Float](dst, a, b []T) {
	if binary32(opDiv, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = x / b[i]
	}
}

// Max sets dst[i] = the larger of a[i] and b[i]; NaN if either is, +0 above −0.
func Max[T Float](dst, a, b []T) {
	if binary32(opMax, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = max(x, b[i])
	}
}

// Min sets dst[i] = the smaller of a[i] and b[i]; NaN if either is, −0 below +0.
func Min[T Float](dst, a, b []T) {
	if binary32(opMin, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = min(x, b[i])
	}
}

// Pow sets dst[i] = a[i] to the power b[i], with the special cases of math.Pow.
func Pow[T Float](dst, a, b []T) {
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = pow(x, b[i])
	}
}

// Axpy sets dst[i] = a[i] + s·b[i], the product rounded before the sum.
func Axpy[T Float](dst, a []T, s T, b []T) {
	dst, b = dst[:len(a)], b[:len(a)]
	if vectorized[T]() && len(a) > 0 {
		axpy32(first(dst), first(a), first(b), float32(s), len(a))
		return
	}
	for i, x := range a {
		dst[i] = x + T(s*b[i])
	}
}
