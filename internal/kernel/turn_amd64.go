//go:build !noasm

package kernel

func turns() bool { return active != generic }

func turn32(dst []float32, to int, src []float32, from, rows, cols int) {
	turn2D(dst, to, src, from, rows, cols, 0)
}
