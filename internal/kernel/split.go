package kernel

// Products in parts: a float32 is the sum of three bfloat16, exactly unless it is tiny,
// and of their nine products six make the product of two numbers to less than 2⁻²⁴ of it
// (Henry, Tang and Heinecke, 2019). A processor whose tiles multiply bfloat16 sixteen
// times as fast as its vectors multiply float32 has them sooner so, and no less exact: an
// error is mostly what adding up in float32 leaves, and there is less to add up one by one.
//
// What family amx adds to avx512 is this. The order of sums depends on nothing but k:
//
//   - k is cut into passes, whose sums are added in turn; a pass into blocks of 32 of k, two
//     halves each;
//   - of each block six sums are added up: lower part of A times upper of B, middle times
//     upper, middle times middle, upper times middle, upper times upper, upper times
//     lower;
//   - each is one chain of fused multiply-adds over the first half plus one over the
//     second, either from 0.
//
// Numbers that are not normal count as 0 in it. Where a sum is not finite, because a
// number is not or is near the largest there is, this element is multiplied as family
// avx512 does.

// Splits reports whether [MatMulSplit] takes less time than [MatMul] for C (m×n) over k.
func Splits[T Float](m, n, k int, ta, tb bool) bool {
	return split && vectorized[T]() && splits(m, n, k, ta, tb)
}

// splits holds what either takes against the other, in cycles.
func splits(m, n, k int, ta, tb bool) bool {
	const (
		tile   = 22.0 // a product of two tiles
		pack   = 0.45 // an element
		turn   = 0.3  // one that lies across
		put    = 0.4  // an element of C
		call   = 700  // a panel of B
		vector = 1.14 // a vector's multiply-add
	)
	up := func(n, unit int) float64 { return float64((n + unit - 1) / unit) }
	fused := float64(m) * up(n, 16) * float64(k) / 2 * vector
	parts := 6*tile*up(m, 16)*up(n, 16)*up(k, 32) + pack*float64(k)*float64(m+n) + put*float64(m)*float64(n) + call*up(n, 32)
	if ta {
		parts += turn * float64(m) * float64(k)
	}
	if tb {
		parts += turn * float64(n) * float64(k)
		fused += turn * float64(n) * float64(k)
	}
	return 1.3*parts < fused
}

// MatMulSplit is [MatMul] in parts, where [Splits] says so.
func MatMulSplit[T Float](c []T, ldc int, a []T, lda int, ta bool, b []T, ldb int, tb bool, m, n, k, i0, i1, j0, j1 int) {
	MatMulSplitLaid(c, ldc, a, lda, ta, b, ldb, tb, nil, m, n, k, i0, i1, j0, j1)
}

// SplitLen is how many words op(B), k×n, has as [LaySplit] lays it out.
func SplitLen(n, k int) int {
	return (k + splitBlock - 1) / splitBlock * ((n + stripCols - 1) / stripCols) * splitUnit
}

// LaySplit lays op(B) out in parts, dst being of length [SplitLen]. T is float32.
func LaySplit[T Float](dst []uint32, b []T, ldb int, tb bool, n, k int) {
	checkMatMul(0, 0, 0, 0, false, len(b), ldb, tb, 0, n, k, 0, 0, 0, 0)
	laySplit(dst[:SplitLen(n, k)], as32(b), ldb, tb, n, k)
}

// MatMulSplitLaid is [MatMulSplit] where op(B) also is laid out as [LaySplit] does, to
// the bit; j0 is a multiple of 32 then.
func MatMulSplitLaid[T Float](c []T, ldc int, a []T, lda int, ta bool, b []T, ldb int, tb bool, laid []uint32, m, n, k, i0, i1, j0, j1 int) {
	checkMatMul(len(c), ldc, len(a), lda, ta, len(b), ldb, tb, m, n, k, i0, i1, j0, j1)
	if !split || !vectorized[T]() || k == 0 || laid != nil && (len(laid) < SplitLen(n, k) || j0%stripCols != 0) {
		panic("kernel: no product in parts")
	}
	if i0 < i1 && j0 < j1 {
		matMulSplit(as32(c), ldc, as32(a), lda, ta, as32(b), ldb, tb, laid, n, k, i0, i1, j0, j1)
	}
}

// splitDepth is the most of k in a pass, and splitBlock that in a block: a panel of B and
// a strip of A of a pass stay in L2.
const (
	splitDepth = 512
	splitBlock = 2 * pairBlock
	splitUnit  = 6 * tileWords // words of a block of 32 rows of A or columns of B: two tiles of each part
)

// splitPasses is into how many passes k is cut.
func splitPasses(k int) int { return (k + splitDepth - 1) / splitDepth }

// splitPass is pass s of k: of whole blocks, but for the last.
func splitPass(k, s int) (from, to int) {
	blocks, n := (k+splitBlock-1)/splitBlock, splitPasses(k)
	return s * blocks / n * splitBlock, min(k, (s+1)*blocks/n*splitBlock)
}
