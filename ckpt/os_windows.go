package ckpt

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const directoriesSync = false

// tryLock locks a byte far behind the end, because what is locked on Windows
// cannot be read by others, and they shall read whose lock it is.
func tryLock(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return false, nil
	default:
		return false, os.NewSyscallError("LockFileEx", err)
	}
}
