//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

const assembly = true

func available() []family {
	f := []family{generic}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		f = append(f, avx2)
	}
	return f
}
