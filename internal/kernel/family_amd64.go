//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

const assembly = true

// available lists avx512 where the processor has what compilers call its third
// level too: masks of single lanes and shorter vectors.
func available() []family {
	f := []family{generic}
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA {
		return f
	}
	f = append(f, avx2)
	if x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL {
		f = append(f, avx512)
	}
	return f
}
