//go:build !noasm

package kernel

//go:noescape
func softmaxRows8(dst, x, sums, tops *float32, rows, cols int) int

//go:noescape
func softmaxRows16(dst, x, sums, tops *float32, rows, cols int) int

func softmaxRows32(dst, x, sums, tops *float32, rows, cols int) int {
	if active == avx512 {
		return softmaxRows16(dst, x, sums, tops, rows, cols)
	}
	return softmaxRows8(dst, x, sums, tops, rows, cols)
}
