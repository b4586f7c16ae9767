//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

const assembly = true

// available puts avx512 before avx2, so that it has to be asked for: it is avx2
// with wider products, and those have been assembled but not yet run on a CPU
// that has them.
func available() []family {
	f := []family{generic}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return f
	}
	if cpu.X86.HasAVX512F {
		f = append(f, avx512)
	}
	return append(f, avx2)
}
