package kernel

import "unsafe"

const line = 16 // numbers of a line of a cache

// aligned is s from the first boundary of lines on: a vector that lies across one takes twice
// as long.
func aligned[E float32 | uint32](s []E) []E {
	past := int(uintptr(unsafe.Pointer(unsafe.SliceData(s))) / 4 % line)
	return s[(line-past)%line:]
}
