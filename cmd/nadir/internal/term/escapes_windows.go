package term

import (
	"os"

	"golang.org/x/sys/windows"
)

// escapes asks the console to interpret escape sequences, which an old one
// cannot.
func escapes(f *os.File) bool {
	h := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(h, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
