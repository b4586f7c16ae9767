package kernel

// Gt sets dst[i] = 1 where a[i] > b[i], else 0.
func Gt[T Float](dst, a, b []T) {
	if binary32(opGt, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x > b[i])
	}
}

// GtS sets dst[i] = 1 where a[i] > s, else 0.
func GtS[T Float](dst, a []T, s T) {
	if scalar32(opGtS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x > s)
	}
}

// Ge sets dst[i] = 1 where a[i] >= b[i], else 0.
func Ge[T Float](dst, a, b []T) {
	if binary32(opGe, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x >= b[i])
	}
}

// GeS sets dst[i] = 1 where a[i] >= s, else 0.
func GeS[T Float](dst, a []T, s T) {
	if scalar32(opGeS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x >= s)
	}
}

// Lt sets dst[i] = 1 where a[i] < b[i], else 0.
func Lt[T Float](dst, a, b []T) {
	if binary32(opLt, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x < b[i])
	}
}

// LtS sets dst[i] = 1 where a[i] < s, else 0.
func LtS[T Float](dst, a []T, s T) {
	if scalar32(opLtS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x < s)
	}
}

// Le sets dst[i] = 1 where a[i] <= b[i], else 0.
func Le[T Float](dst, a, b []T) {
	if binary32(opLe, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x <= b[i])
	}
}

// LeS sets dst[i] = 1 where a[i] <= s, else 0.
func LeS[T Float](dst, a []T, s T) {
	if scalar32(opLeS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x <= s)
	}
}

// Eq sets dst[i] = 1 where a[i] == b[i], else 0.
func Eq[T Float](dst, a, b []T) {
	if binary32(opEq, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x == b[i])
	}
}

// EqS sets dst[i] = 1 where a[i] == s, else 0.
func EqS[T Float](dst, a []T, s T) {
	if scalar32(opEqS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x == s)
	}
}

// Ne sets dst[i] = 1 where a[i] != b[i], else 0.
func Ne[T Float](dst, a, b []T) {
	if binary32(opNe, dst, a, b) {
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x != b[i])
	}
}

// NeS sets dst[i] = 1 where a[i] != s, else 0.
func NeS[T Float](dst, a []T, s T) {
	if scalar32(opNeS, dst, a, s) {
		return
	}
	dst = dst[:len(a)]
	for i, x := range a {
		dst[i] = one[T](x != s)
	}
}

// Select sets dst[i] = a[i] where cond[i] is not 0, else b[i].
func Select[T Float](dst, cond, a, b []T) {
	dst, a, b = dst[:len(cond)], a[:len(cond)], b[:len(cond)]
	if vectorized[T]() && len(cond) > 0 {
		select32(first(dst), first(cond), first(a), first(b), len(cond))
		return
	}
	for i, c := range cond {
		v := b[i]
		if c != 0 {
			v = a[i]
		}
		dst[i] = v
	}
}

// one is 1 for true and 0 for false.
func one[T Float](yes bool) T {
	var v uint8
	if yes {
		v = 1
	}
	return T(v)
}
