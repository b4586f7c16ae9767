//go:build !linux && !noasm

package kernel

// askForTiles reports that nobody knows how to ask this system.
func askForTiles() bool { return false }
