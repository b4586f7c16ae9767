//go:build !amd64 || noasm

package kernel

func turns() bool { return false }

// turn32 is never called.
func turn32([]float32, int, []float32, int, int, int) { panic("kernel: nothing turns here") }
