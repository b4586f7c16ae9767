package app

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memory is how many bytes of memory the machine has.
func memory() float64 {
	// MEMORYSTATUSEX of the Windows API.
	s := struct {
		length, load                                                                                         uint32
		totalPhys, availPhys, totalPageFile, availPageFile, totalVirtual, availVirtual, availExtendedVirtual uint64
	}{}
	s.length = uint32(unsafe.Sizeof(s))
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if ok, _, _ := call.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return 1 << 40
	}
	return float64(s.totalPhys)
}
