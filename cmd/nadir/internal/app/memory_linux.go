package app

import "golang.org/x/sys/unix"

// memory is how many bytes of memory the machine has.
func memory() float64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 1 << 40
	}
	return float64(info.Totalram) * float64(info.Unit)
}
