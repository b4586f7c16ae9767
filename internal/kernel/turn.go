package kernel

import "unsafe"

// Turn transposes rows×cols elements of 4 bytes: from src, where rows lie so many bytes
// apart, to dst, where columns do. Neither has to begin on a boundary of elements. It reports
// false, and has done nothing, where there are no instructions for it in the active family.
func Turn(dst, src []byte, to, from, rows, cols int) bool {
	if !turns() || rows < 8 || cols < 8 {
		return false
	}
	_, _ = dst[(cols-1)*to+4*rows-1], src[(rows-1)*from+4*cols-1]
	turn32(singles(dst), to/4, singles(src), from/4, rows, cols)
	return true
}

// singles are bytes as elements of 4. What is only moved keeps all its bits, whatever they
// mean.
func singles(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}
