package app

import "golang.org/x/sys/unix"

// memory is how many bytes of memory the machine has.
func memory() float64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 1 << 40
	}
	return float64(n)
}
