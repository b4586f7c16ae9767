package kernel

// Copy sets dst[i] = a[i].
func Copy[T Float](dst, a []T) { copy(dst[:len(a)], a) }

// Fill sets every element of dst to v.
func Fill[T Float](dst []T, v T) {
	if len(dst) == 0 {
		return
	}
	dst[0] = v
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// BytesToFloat sets dst[i] to the number src[i], 0 … 255.
func BytesToFloat[T Float](dst []T, src []uint8) {
	dst = dst[:len(src)]
	if n := len(src) / 8; n > 0 && vectorized[T]() {
		bytes8(first(dst), &src[0], n)
		dst, src = dst[8*n:], src[8*n:]
	}
	for i, v := range src {
		dst[i] = T(v)
	}
}

// IntToFloat sets dst[i] to the number src[i], rounded to nearest.
func IntToFloat[T Float](dst []T, src []int32) {
	dst = dst[:len(src)]
	if n := len(src) / 8; n > 0 && vectorized[T]() {
		ints8(first(dst), &src[0], n)
		dst, src = dst[8*n:], src[8*n:]
	}
	for i, v := range src {
		dst[i] = T(v)
	}
}

// Transpose2D sets dst[j,i] = src[i,j] for rows i0 ≤ i < i1 of src (rows×cols);
// dst is cols×rows and must not overlap src.
func Transpose2D[T Float](dst, src []T, rows, cols, i0, i1 int) {
	dst, src = dst[:rows*cols], src[:rows*cols]
	const side = 16 // a block's lines of both matrices stay in cache
	for i := i0; i < i1; i += side {
		for j := 0; j < cols; j += side {
			for ii := i; ii < min(i+side, i1); ii++ {
				for jj, v := range src[ii*cols+j : ii*cols+min(j+side, cols)] {
					dst[(j+jj)*rows+ii] = v
				}
			}
		}
	}
}
