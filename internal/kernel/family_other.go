//go:build !amd64 || noasm

package kernel

func available() []family { return []family{generic} }

// assembly reports whether a family other than generic can be in use.
const assembly = false

func matMul32([]float32, int, []float32, int, bool, []float32, int, bool, int, int, int, int, int, bool) {
	panic("kernel: no assembly in this build")
}

func (f family) vectors() *vectors { return nil }
