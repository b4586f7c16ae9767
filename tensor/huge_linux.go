package tensor

import "syscall"

// hugePage is the size of the pages that large storage is asked for in, on most processors.
const hugePage = 2 << 20

// adviseHuge is MADV_HUGEPAGE.
const adviseHuge = 14

// huge asks for large pages under all of b that they can hold: memory that is filled for the
// first time is then given in hundreds of times fewer pieces, and found again faster. It is
// advice, and nothing depends on it.
func huge(b []byte) {
	if skip := -address(b) & (hugePage - 1); skip < uintptr(len(b)) {
		if whole := (uintptr(len(b)) - skip) &^ (hugePage - 1); whole > 0 {
			_ = syscall.Madvise(b[skip:skip+whole], adviseHuge)
		}
	}
}
