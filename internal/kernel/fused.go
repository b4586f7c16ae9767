package kernel

// AffineGradients goes over rows i0 ≤ i < i1 of g and w (rows×cols), where g is
// hᵀ·dZ for a layer z = (h∘γ + β)·W: g becomes W's gradient,
//
//	dγ[i] = Σ_j w[i,j]·g[i,j]   dβ[i] = Σ_j w[i,j]·db[j]
//	g[i,j] = γ[i]·g[i,j] + β[i]·db[j]   q[i] = Σ_j g[i,j]², of the new g
//
// and out holds dγ, dβ and q, each of rows numbers, one behind the other. What is
// rounded where depends on the family, as in a product.
func AffineGradients[T Float](out, g, w, db, gamma, beta []T, rows, cols, i0, i1 int) {
	out, g, w, db, gamma, beta = out[:3*rows], g[:rows*cols], w[:rows*cols], db[:cols], gamma[:rows], beta[:rows]
	if i0 < 0 || i1 > rows || i0 >= i1 {
		return
	}
	if vectorized[T]() && cols > 0 {
		affine32(first(g[i0*cols:]), first(w[i0*cols:]), first(db), first(gamma[i0:]), first(beta[i0:]), first(out[i0:]), 4*rows, i1-i0, cols)
		return
	}
	for i := i0; i < i1; i++ {
		var dots [3][8]T
		y, x := g[i*cols:(i+1)*cols], w[i*cols:(i+1)*cols]
		for j, v := range y {
			q := j % 8
			dots[0][q] += T(x[j] * v)
			dots[1][q] += T(x[j] * db[j])
			y[j] = T(gamma[i]*v) + T(beta[i]*db[j])
			dots[2][q] += T(y[j] * y[j])
		}
		for k, d := range dots {
			out[k*rows+i] = ((d[0] + d[4]) + (d[2] + d[6])) + ((d[1] + d[5]) + (d[3] + d[7]))
		}
	}
}

// ColDot sets dst[j] = Σ_i a[i,j]·b[i,j] for columns j0 ≤ j < j1 of a and b
// (rows×cols), each product rounded, and added as by [ColSum].
func ColDot[T Float](dst, a, b []T, rows, cols, j0, j1 int) {
	a, b = a[:rows*cols], b[:rows*cols]
	if vectorized[T]() && rows > 0 && j0 < j1 {
		dst = dst[j0:j1]
		block := rowBlock(rows)
		for i := 0; i < rows; i += block {
			colDot32(first(dst), first(a[i*cols+j0:]), first(b[i*cols+j0:]), 4*cols, min(block, rows-i), j1-j0, i)
		}
		return
	}
	colSums(dst, rows, j0, j1, func(i, j int) T { return T(a[i*cols+j] * b[i*cols+j]) })
}

// ColSpread sets dst[j] = Σ_i (x[i,j] − m[j])² for columns j0 ≤ j < j1 of x
// (rows×cols), each square rounded, and added as by [ColSum].
func ColSpread[T Float](dst, x, m []T, rows, cols, j0, j1 int) {
	x, m = x[:rows*cols], m[:cols]
	if vectorized[T]() && rows > 0 && j0 < j1 {
		dst = dst[j0:j1]
		block := rowBlock(rows)
		for i := 0; i < rows; i += block {
			colSpread32(first(dst), first(x[i*cols+j0:]), first(m[j0:]), 4*cols, min(block, rows-i), j1-j0, i)
		}
		return
	}
	colSums(dst, rows, j0, j1, func(i, j int) T { d := x[i*cols+j] - m[j]; return T(d * d) })
}

// colSums adds f as ColSum adds elements.
func colSums[T Float](dst []T, rows, j0, j1 int, f func(i, j int) T) {
	block := rowBlock(rows)
	for j := j0; j < j1; j++ {
		var total T
		for i := 0; i < rows; i += block {
			var part T
			for k := i; k < min(i+block, rows); k++ {
				part += f(k, j)
			}
			total += part
		}
		dst[j] = total
	}
}

// SumSquares is Σ x[i]², each square rounded, and added as by [Sum].
func SumSquares[T Float](x []T) T {
	if len(x) <= sumBlock {
		if vectorized[T]() && len(x) > 0 {
			return T(sumSquares8(first(x), len(x)))
		}
		var y [sumBlock]T
		for i, v := range x {
			y[i] = T(v * v)
		}
		return sumLeaf(y[:len(x)])
	}
	half := (len(x)/sumBlock + 1) / 2 * sumBlock
	return SumSquares(x[:half]) + SumSquares(x[half:])
}
