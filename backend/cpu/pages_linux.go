package cpu

import (
	"syscall"
	"unsafe"
)

// Advice that package syscall does not name.
const (
	madvHugepage = 14
	madvCollapse = 25 // since Linux 6.1
)

// largePages asks for pages of 2 MiB where b covers whole ones. A product walks down
// columns of matrices whose rows lie a small page apart: each row then costs an
// address that has to be looked up. It is advice: what the system does not do, it
// does without.
func largePages(b []byte) {
	const size = 2 << 20
	if len(b) < size {
		return
	}
	at := int(uintptr(unsafe.Pointer(&b[0])) % size)
	lo, hi := (size-at)%size, len(b)-(at+len(b))%size
	if lo >= hi {
		return
	}
	if syscall.Madvise(b[lo:hi], madvHugepage) == nil {
		_ = syscall.Madvise(b[lo:hi], madvCollapse) // those that are in use already
	}
}
