//go:build !noasm

package kernel

const assembly = true

// available lists neon: every arm64 has it.
func available() []family { return []family{generic, neon} }
