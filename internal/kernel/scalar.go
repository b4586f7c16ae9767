package kernel

// AddS sets dst[i] = a[i] + s.
func AddS[T Float](dst, a []T, s T) {
	if scalar32(opAddS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = x + s
	}
}

// SubS sets dst[i] = a[i] − s.
func SubS[T Float](dst, a []T, s T) {
	if scalar32(opSubS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = x - s
	}
}

// RSubS sets dst[i] = s − a[i].
func RSubS[T Float](dst, a []T, s T) {
	if scalar32(opRSubS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = s - x
	}
}

// MulS sets dst[i] = a[i] · s.
func MulS[T Float](dst, a []T, s T) {
	if scalar32(opMulS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = x * s
	}
}

// DivS sets dst[i] = a[i] / s.
func DivS[T Float](dst, a []T, s T) {
	if vectorized[T]() && len(a) > 0 && quick(s) && quotient32(first(dst[:len(a)]), first(a), float32(s), len(a)) {
		return
	}
	if scalar32(opDivS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = x / s
	}
}

// RDivS sets dst[i] = s / a[i].
func RDivS[T Float](dst, a []T, s T) {
	if scalar32(opRDivS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = s / x
	}
}

// MaxS sets dst[i] = the larger of a[i] and s, as Max.
func MaxS[T Float](dst, a []T, s T) {
	if scalar32(opMaxS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = max(x, s)
	}
}

// MinS sets dst[i] = the smaller of a[i] and s, as Min.
func MinS[T Float](dst, a []T, s T) {
	if scalar32(opMinS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = min(x, s)
	}
}

// PowS sets dst[i] = a[i] to the power s, as Pow.
func PowS[T Float](dst, a []T, s T) {
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = pow(x, s)
	}
}

// RPowS sets dst[i] = s to the power a[i], as Pow.
func RPowS[T Float](dst, a []T, s T) {
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = pow(s, x)
	}
}
