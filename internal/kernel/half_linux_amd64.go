//go:build !noasm

package kernel

import "syscall"

// askForTiles asks the kernel for the state of tiles, which it saves for those alone who
// asked (arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
func askForTiles() bool {
	_, _, err := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, 0x1023, 18, 0)
	return err == 0
}
