//go:build !noasm

package kernel

//go:noescape
func affine(grad, w, db, gamma, beta, dots *float32, outStride, rows, cols int)

//go:noescape
func affineWide(grad, w, db, gamma, beta, dots *float32, outStride, rows, cols int)

//go:noescape
func colDot(dst, a, b *float32, stride, rows, cols, add int)

//go:noescape
func colDotWide(dst, a, b *float32, stride, rows, cols, add int)

//go:noescape
func colSpread(dst, a, b *float32, stride, rows, cols, add int)

//go:noescape
func colSpreadWide(dst, a, b *float32, stride, rows, cols, add int)

//go:noescape
func sumSquares8(x *float32, n int) float32

func affine32(g, w, db, gamma, beta, dots *float32, outStride, rows, cols int) {
	if active == avx512 {
		affineWide(g, w, db, gamma, beta, dots, outStride, rows, cols)
	} else {
		affine(g, w, db, gamma, beta, dots, outStride, rows, cols)
	}
}

func colDot32(dst, a, b *float32, stride, rows, cols, add int) {
	if active == avx512 {
		colDotWide(dst, a, b, stride, rows, cols, add)
	} else {
		colDot(dst, a, b, stride, rows, cols, add)
	}
}

func colSpread32(dst, a, b *float32, stride, rows, cols, add int) {
	if active == avx512 {
		colSpreadWide(dst, a, b, stride, rows, cols, add)
	} else {
		colSpread(dst, a, b, stride, rows, cols, add)
	}
}
