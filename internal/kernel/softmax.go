package kernel

import "math"

// SoftmaxRow sets dst[i,j] = e^x[i,j] / Σ_j e^x[i,j] for rows i0 ≤ i < i1 of x
// (rows×cols). The row's maximum is subtracted first, so nothing overflows.
// dst may be x. cols is at least 1.
func SoftmaxRow[T Float](dst, x []T, rows, cols, i0, i1 int) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	var few shortRows[T]
	for n := 0; i0 < i1; i0 += n {
		if n = few.softmax(dst, x, cols, i0, i1); n > 0 {
			continue
		}
		n = 1
		d, r := dst[i0*cols:(i0+1)*cols], x[i0*cols:(i0+1)*cols]
		expS(d, r, maxOf(r))
		DivS(d, d, Sum(d))
	}
}

// mostShort is the most numbers of a row that families have a loop of its own for.
const mostShort = 16

// shortRows are what a softmax of some rows leaves of each, where a row is so short that
// a family has a loop for it: the sum of the powers and the largest number.
type shortRows[T Float] struct{ sums, tops [64]T }

// softmax does rows from i on, i1 not included, and returns how many: none where there is
// no such loop, or row i has a NaN.
func (s *shortRows[T]) softmax(dst, x []T, cols, i, i1 int) int {
	if !vectorized[T]() || cols > mostShort || i >= i1 {
		return 0
	}
	n := min(i1-i, len(s.sums))
	return softmaxRows32(first(dst[i*cols:(i+n)*cols]), first(x[i*cols:(i+n)*cols]), first(s.sums[:]), first(s.tops[:]), n, cols)
}

// LogSoftmaxRow sets dst[i,j] = x[i,j] − ln Σ_j e^x[i,j] for rows i0 ≤ i < i1 of x
// (rows×cols). dst must not overlap x. cols is at least 1.
func LogSoftmaxRow[T Float](dst, x []T, rows, cols, i0, i1 int) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	for i := i0; i < i1; i++ {
		d, r := dst[i*cols:(i+1)*cols], x[i*cols:(i+1)*cols]
		m := maxOf(r)
		expS(d, r, m)
		l := ln(Sum(d))
		SubS(d, r, m)
		SubS(d, d, l)
	}
}

// CrossEntropyRow is softmax, cross-entropy and its gradient in one: for rows
// i0 ≤ i < i1 of the logits x (rows×cols),
//
//	loss[i]    = ln Σ_j e^x[i,j] − x[i, label[i]]
//	grad[i,j]  = softmax(x)[i,j] − (1 if j = label[i] else 0)
//
// A label outside 0 … cols−1 gives a loss of NaN, and is no j of the gradient. grad
// may be nil, at the price of some memory; it must not overlap x. cols is at least 1.
func CrossEntropyRow[T Float](loss, grad, x []T, label []int32, rows, cols, i0, i1 int) {
	x = x[:rows*cols]
	var few shortRows[T]
	for n := 0; i0 < i1; i0 += n {
		n = 0
		if grad != nil {
			n = few.softmax(grad, x, cols, i0, i1)
		}
		if n == 0 {
			n = 1
			r := x[i0*cols : (i0+1)*cols]
			m := maxOf(r)
			var s T
			if grad != nil {
				d := grad[i0*cols : (i0+1)*cols]
				expS(d, r, m)
				s = Sum(d)
				DivS(d, d, s)
			} else {
				var buf [sumBlock]T
				s = sumExp(r, m, buf[:])
			}
			few.tops[0], few.sums[0] = m, s
		}
		Log(few.sums[:n], few.sums[:n])
		for k := range n {
			i, y := i0+k, int(label[i0+k])
			if y < 0 || y >= cols {
				loss[i] = T(math.NaN())
				continue
			}
			loss[i] = few.sums[k] - (x[i*cols+y] - few.tops[k])
			if grad != nil {
				grad[i*cols+y]--
			}
		}
	}
}

// expS sets dst[i] = e^(a[i] − s).
func expS[T Float](dst, a []T, s T) {
	if scalar32(opExpS, dst, a, s) {
		return
	}
	SubS(dst, a, s)
	Exp(dst, dst)
}

// sumExp is Σ e^(x[j]−m), added as [Sum] adds.
func sumExp[T Float](x []T, m T, buf []T) T {
	if len(x) <= sumBlock {
		d := buf[:len(x)]
		expS(d, x, m)
		return sumLeaf(d)
	}
	half := (len(x)/sumBlock + 1) / 2 * sumBlock
	return sumExp(x[:half], m, buf) + sumExp(x[half:], m, buf)
}

// ln is the logarithm of one number, as [Log] takes it.
func ln[T Float](x T) T {
	if single[T]() {
		return T(log(float64(x)))
	}
	return T(math.Log(float64(x)))
}
