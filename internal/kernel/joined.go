package kernel

// The operations of this file are several of the others in one pass, and have
// their bits: every product is rounded before its sum.

// The joined operations that families have kernels for.
const (
	opMulAdd = iota
	opMulSub
	opSubMul
	opSubProduct
	opELU
	opAddELU
	opELUGradient
	opGate
)

// MulAdd sets dst[i] = a[i]·b[i] + c[i].
func MulAdd[T Float](dst, a, b, c []T) {
	dst, b, c = dst[:len(a)], b[:len(a)], c[:len(a)]
	if joined(opMulAdd, dst, a, b, c) {
		return
	}
	for i, x := range a {
		dst[i] = T(x*b[i]) + c[i]
	}
}

// MulSub sets dst[i] = a[i]·b[i] − c[i].
func MulSub[T Float](dst, a, b, c []T) {
	dst, b, c = dst[:len(a)], b[:len(a)], c[:len(a)]
	if joined(opMulSub, dst, a, b, c) {
		return
	}
	for i, x := range a {
		dst[i] = T(x*b[i]) - c[i]
	}
}

// SubMul sets dst[i] = (a[i] − b[i])·c[i].
func SubMul[T Float](dst, a, b, c []T) {
	dst, b, c = dst[:len(a)], b[:len(a)], c[:len(a)]
	if joined(opSubMul, dst, a, b, c) {
		return
	}
	for i, x := range a {
		dst[i] = T(x-b[i]) * c[i]
	}
}

// SubProduct sets dst[i] = a[i] − b[i]·c[i].
func SubProduct[T Float](dst, a, b, c []T) {
	dst, b, c = dst[:len(a)], b[:len(a)], c[:len(a)]
	if joined(opSubProduct, dst, a, b, c) {
		return
	}
	for i, x := range a {
		dst[i] = x - T(b[i]*c[i])
	}
}

// ELU sets dst[i] = a[i] where that is above 0, else e^a[i] − 1.
func ELU[T Float](dst, a []T) {
	dst = dst[:len(a)]
	if joined(opELU, dst, a, a, a) {
		return
	}
	var buf [256]T
	for len(a) > 0 {
		n := min(len(a), len(buf))
		Expm1(buf[:n], a[:n])
		for i, x := range a[:n] {
			if x > 0 {
				dst[i] = x
			} else {
				dst[i] = buf[i]
			}
		}
		dst, a = dst[n:], a[n:]
	}
}

// AddELU sets dst[i] to what [ELU] makes of a[i] + b[i].
func AddELU[T Float](dst, a, b []T) {
	dst, b = dst[:len(a)], b[:len(a)]
	if joined(opAddELU, dst, a, b, b) {
		return
	}
	Add(dst, a, b)
	ELU(dst, dst)
}

// ELUGradient sets dst[i] = dy[i] where y[i] is above 0, else dy[i]·(y[i] + 1): the
// gradient of what [ELU] made y of.
func ELUGradient[T Float](dst, y, dy []T) {
	dst, dy = dst[:len(y)], dy[:len(y)]
	if joined(opELUGradient, dst, y, dy, dy) {
		return
	}
	for i, v := range y {
		x := dy[i]
		if !(v > 0) {
			x *= v + 1
		}
		dst[i] = x
	}
}

// Gate sets dst[i] = dy[i] where y[i] is above 0, else 0.
func Gate[T Float](dst, y, dy []T) {
	dst, dy = dst[:len(y)], dy[:len(y)]
	if joined(opGate, dst, y, dy, dy) {
		return
	}
	for i, v := range y {
		var x T
		if v > 0 {
			x = dy[i]
		}
		dst[i] = x
	}
}

// joined runs the active family's kernel, if it has one for T.
func joined[T Float](op int, dst, a, b, c []T) bool {
	return vectorized[T]() && len(a) > 0 && joined32(op, first(dst), first(a), first(b), first(c), len(a))
}
