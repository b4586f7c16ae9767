package diag

import (
	"math"
	"slices"
)

// A Spectrum is the mean, the least and the greatest singular value of a
// matrix, averaged over examples. A layer whose Jacobian has singular values
// near 1 hands the gradient on as it comes.
type Spectrum struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// singularValues lists the min(rows, cols) singular values of a row-major
// matrix in ascending order, with errors of about 1e-14 of the greatest. It
// overwrites the matrix. The matrix is reduced to two diagonals by reflections
// from both sides (Golub and Kahan, 1965); the values of those are found by
// bisection, by the signs of a Sturm sequence.
func singularValues(a []float64, rows, cols int) []float64 {
	top := 0.0
	for _, x := range a {
		top = max(top, math.Abs(x))
	}
	if top == 0 {
		return make([]float64, min(rows, cols))
	}
	for i := range a {
		a[i] /= top
	}
	if rows < cols {
		t := make([]float64, len(a))
		for i := range rows {
			for j := range cols {
				t[j*rows+i] = a[i*cols+j]
			}
		}
		a, rows, cols = t, cols, rows
	}
	values := bidiagonalValues(bidiagonalize(a, rows, cols))
	for i := range values {
		values[i] *= top
	}
	return values
}

// bidiagonalize reduces a matrix with rows ≥ cols to its diagonal and the one
// above it, which are returned by turns: d₀, e₀, d₁, e₁, …, d₍cols−1₎.
func bidiagonalize(a []float64, rows, cols int) []float64 {
	row := func(i int) []float64 { return a[i*cols : (i+1)*cols] }
	out := make([]float64, 0, 2*cols)
	v := make([]float64, rows) // reflection from the left
	u := make([]float64, cols) // reflection from the right
	w := make([]float64, cols)
	for k := range cols {
		for i := k; i < rows; i++ {
			v[i] = a[i*cols+k]
		}
		d, left := householder(v[k:])
		out = append(out, d)
		if k == cols-1 {
			break
		}
		w, u := w[k+1:], u[k+1:]
		clear(w)
		for i := k; i < rows; i++ {
			axpy(w, v[i]*left, row(i)[k+1:])
		}
		top := row(k)[k+1:]
		axpy(top, -v[k], w)
		copy(u, top)
		e, right := householder(u)
		out = append(out, e)
		for i := k + 1; i < rows; i++ {
			r := row(i)[k+1:]
			axpy(r, -v[i], w)
			axpy(r, -right*dot(r, u), u)
		}
	}
	return out
}

// householder makes x the vector v of the reflection 1 − β·v·vᵀ that turns x into
// (y, 0, …, 0), and returns y and β. What is left of a column that the others
// span is rounding, and the square of that may be nothing.
func householder(x []float64) (y, beta float64) {
	norm := math.Sqrt(dot(x, x))
	if norm < 1e-140 {
		clear(x)
		return 0, 0
	}
	y = -math.Copysign(norm, x[0])
	x[0] -= y
	return y, 2 / dot(x, x)
}

func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var s0, s1 float64
	i := 0
	for ; i+1 < len(x); i += 2 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
	}
	if i < len(x) {
		s0 += x[i] * y[i]
	}
	return s0 + s1
}

// axpy is dst += s·x.
func axpy(dst []float64, s float64, x []float64) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += s * x[i]
	}
}

// bidiagonalValues lists the singular values of a bidiagonal matrix z: d₀, e₀,
// d₁, … The symmetric matrix with zeros on its diagonal and z beside it has them
// and their negatives for eigenvalues.
func bidiagonalValues(z []float64) []float64 {
	top := 0.0
	for _, x := range z {
		top = max(top, math.Abs(x))
	}
	values := make([]float64, (len(z)+1)/2)
	if top == 0 {
		return values
	}
	squares := make([]float64, len(z))
	for i, x := range z {
		squares[i] = x / top * (x / top)
	}
	// No row of the matrix sums to more than 2.
	low := 0.0
	for k := range values {
		lo, hi := low, 2.0
		for hi-lo > 1e-15+1e-14*lo {
			mid := (lo + hi) / 2
			if below(squares, mid) > k {
				hi = mid
			} else {
				lo = mid
			}
		}
		values[k], low = (lo+hi)/2*top, lo
	}
	slices.Sort(values)
	return values
}

// below counts the singular values below x > 0.
func below(squares []float64, x float64) int {
	const tiny = 1e-290
	n, q := 1, -x // the first is below 0
	for _, s := range squares {
		if q = -x - s/q; math.Abs(q) < tiny {
			q = -tiny
		}
		if q < 0 {
			n++
		}
	}
	return n - (len(squares)+1)/2 // the negative ones lie below, too
}
