//go:build !noasm

package kernel

//go:noescape
func lines(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func linesWide(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func sumRows(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func sumRowsWide(dst, src *float32, dstStep, srcStep, n, rows int)

func sumRows32(dst, src *float32, dstStep, srcStep, n, rows int) {
	if active == avx512 {
		sumRowsWide(dst, src, dstStep, srcStep, n, rows)
	} else {
		sumRows(dst, src, dstStep, srcStep, n, rows)
	}
}

//go:noescape
func largest(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func largestWide(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func larger(dst *float32, index *int32, src *float32, dstStep, srcStep, n, rows, from, step int)

//go:noescape
func largerWide(dst *float32, index *int32, src *float32, dstStep, srcStep, n, rows, from, step int)

func lines32(dst, src *float32, dstStep, srcStep, n, rows int) {
	if active == avx512 {
		linesWide(dst, src, dstStep, srcStep, n, rows)
	} else {
		lines(dst, src, dstStep, srcStep, n, rows)
	}
}

func largest32(dst, src *float32, dstStep, srcStep, n, rows int) {
	if active == avx512 {
		largestWide(dst, src, dstStep, srcStep, n, rows)
	} else {
		largest(dst, src, dstStep, srcStep, n, rows)
	}
}

func larger32(dst *float32, index *int32, src *float32, dstStep, srcStep, n, rows, from, step int) {
	if active == avx512 {
		largerWide(dst, index, src, dstStep, srcStep, n, rows, from, step)
	} else {
		larger(dst, index, src, dstStep, srcStep, n, rows, from, step)
	}
}
