//go:build !amd64 || noasm

package kernel

func matMulSplit(c []float32, ldc int, a []float32, lda int, ta bool, b []float32, ldb int, tb bool, laid []uint32, n, k, i0, i1, j0, j1 int) {
	panic("kernel: no product in parts")
}

func laySplit(dst []uint32, b []float32, ldb int, tb bool, n, k int) {
	panic("kernel: no product in parts")
}

// hasTiles reports that there are none.
func hasTiles() bool { return false }
