//go:build !windows

package term

import "os"

// escapes reports whether the terminal interprets escape sequences.
func escapes(*os.File) bool { return true }
