//go:build !noasm

package kernel

// panelsOf are those of tiles, and of one row what is read as it lies. A tile at an edge
// reads all of its columns.
func panelsOf(m, n, k int) (width, most, unit, end int) {
	if m == 1 {
		return n + tileCols, n + tileCols, 4, tileCols
	}
	return tileCols, tileCols, tileCols, tileCols
}

func matMulPanels32(l *Panels, c []float32, ldc int, a []float32, lda int, ta bool, b []float32, _, i0, i1, j0, j1 int, acc bool) {
	multiply(multiplier{c: c, a: a, b: b, ldc: ldc, lda: lda, ta: ta, panels: l}, l.K, i0, i1, j0, j1, acc)
}
