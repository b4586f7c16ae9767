//go:build !(amd64 || arm64) || noasm

package kernel

// assembly reports whether a family other than generic can be in use.
const assembly = false

func available() []family { return []family{generic} }

// What follows is never called: assembly is false.

const missing = "kernel: no assembly in this build"

func panelsOf(_, _, _ int) (width, most, unit, end int) { panic(missing) }
func matMulPanels32(*Panels, []float32, int, []float32, int, bool, []float32, int, int, int, int, int, bool) {
	panic(missing)
}

func matMul32([]float32, int, []float32, int, bool, []float32, int, bool, int, int, int, int, int, bool) {
	panic(missing)
}

func binary8(int, *float32, *float32, *float32, int)  { panic(missing) }
func scalar8(int, *float32, *float32, float32, int)   { panic(missing) }
func unary8(int, *float32, *float32, int)             { panic(missing) }
func axpy32(_, _, _ *float32, _ float32, _ int)       { panic(missing) }
func select32(_, _, _, _ *float32, _ int)             { panic(missing) }
func sum8(*float32, int) float32                      { panic(missing) }
func rowMax8(*float32, int) float32                   { panic(missing) }
func colSum8(_, _ *float32, _, _, _, _ int)           { panic(missing) }
func sumSquares8(*float32, int) float32               { panic(missing) }
func affine32(_, _, _, _, _, _ *float32, _, _, _ int) { panic(missing) }
func colDot32(_, _, _ *float32, _, _, _, _ int)       { panic(missing) }
func colSpread32(_, _, _ *float32, _, _, _, _ int)    { panic(missing) }
func bytes8(*float32, *uint8, int)                    { panic(missing) }
func ints8(*float32, *int32, int)                     { panic(missing) }
func uniforms([]float32, [2]uint32, uint64) int       { panic(missing) }

func lines32(_, _ *float32, _, _, _, _ int)   { panic(missing) }
func sumRows32(_, _ *float32, _, _, _, _ int) { panic(missing) }
func largest32(_, _ *float32, _, _, _, _ int) { panic(missing) }
func larger32(*float32, *int32, *float32, int, int, int, int, int, int) {
	panic(missing)
}
