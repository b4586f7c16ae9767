package kernel

// Clamp sets dst[i] = a[i], or lo where that is below lo, or hi where it is above hi,
// with the bits of [MaxS] and [MinS] one after the other: NaN stays.
func Clamp[T Float](dst, a []T, lo, hi T) {
	dst = dst[:len(a)]
	if vectorized[T]() && len(a) > 0 && lo*hi != 0 && lo == lo && hi == hi {
		s := [2]float32{float32(lo), float32(hi)}
		if clamp32(first(dst), first(a), &s, len(a)) {
			return
		}
	}
	MaxS(dst, a, lo)
	MinS(dst, dst, hi)
}

// CountBeyond is how many of x have an absolute value above c. NaN has none.
func CountBeyond[T Float](x []T, c T) int {
	if vectorized[T]() && len(x) > 0 && c >= 0 {
		if n, ok := countBeyond32(first(x), len(x), float32(c)); ok {
			return n
		}
	}
	n := 0
	for _, v := range x {
		if v > c || -v > c {
			n++
		}
	}
	return n
}
