package kernel

// CopyRows copies rows of n numbers, the first at the start of src and of dst and
// the others srcStep and dstStep numbers further each. Rows of dst must not overlap
// src.
func CopyRows[T Float](dst, src []T, dstStep, srcStep, n, rows int) {
	if n == 0 || rows == 0 {
		return
	}
	_, _ = dst[(rows-1)*dstStep+n-1], src[(rows-1)*srcStep+n-1]
	if vectorized[T]() {
		lines32(first(dst), first(src), 4*dstStep, 4*srcStep, n, rows)
		return
	}
	for r := range rows {
		copy(dst[r*dstStep:][:n], src[r*srcStep:])
	}
}

// AddRows adds rows of n numbers of src to those of dst, which lie as with
// [CopyRows] but may overlap each other: they are added one after the other.
func AddRows[T Float](dst, src []T, dstStep, srcStep, n, rows int) {
	if n == 0 || rows == 0 {
		return
	}
	_, _ = dst[(rows-1)*dstStep+n-1], src[(rows-1)*srcStep+n-1]
	if vectorized[T]() {
		sumRows32(first(dst), first(src), 4*dstStep, 4*srcStep, n, rows)
		return
	}
	for r := range rows {
		d, s := dst[r*dstStep:][:n], src[r*srcStep:][:n]
		for i, v := range s {
			d[i] += v
		}
	}
}

// MaxRows sets rows of n numbers of dst to the larger of themselves and of those of
// src, which lie as with [CopyRows], as [Max] does.
func MaxRows[T Float](dst, src []T, dstStep, srcStep, n, rows int) {
	if n == 0 || rows == 0 {
		return
	}
	_, _ = dst[(rows-1)*dstStep+n-1], src[(rows-1)*srcStep+n-1]
	if vectorized[T]() {
		largest32(first(dst), first(src), 4*dstStep, 4*srcStep, n, rows)
		return
	}
	for r := range rows {
		d, s := dst[r*dstStep:][:n], src[r*srcStep:][:n]
		for i, v := range s {
			d[i] = max(d[i], v)
		}
	}
}

// MaxIndexRows does what MaxRows does but where both are equal, and notes in
// index, which lies as dst does, where the larger number came from: from + step·row
// for src. A number that is NaN is larger than any other but one that is NaN
// already.
func MaxIndexRows[T Float](dst []T, index []int32, src []T, dstStep, srcStep, n, rows, from, step int) {
	if n == 0 || rows == 0 {
		return
	}
	_, _, _ = dst[(rows-1)*dstStep+n-1], index[(rows-1)*dstStep+n-1], src[(rows-1)*srcStep+n-1]
	if vectorized[T]() {
		larger32(first(dst), &index[0], first(src), 4*dstStep, 4*srcStep, n, rows, from, step)
		return
	}
	for r := range rows {
		d, k, s := dst[r*dstStep:][:n], index[r*dstStep:][:n], src[r*srcStep:][:n]
		for i, v := range s {
			if b := d[i]; v > b || v != v && b == b {
				d[i], k[i] = v, int32(from+r*step)
			}
		}
	}
}
