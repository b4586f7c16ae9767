//go:build !amd64 || noasm

package kernel

// HalfProducts names what multiplies bfloat16: plain Go, which is slow.
func HalfProducts() string { return "emulated" }

func (p *halfProduct) run() { p.emulate(halfDots) }

func packsHalf() bool { return false }

func halfAcross16(*uint32, *float32, int) { panic("kernel: no assembly packs bfloat16 in this build") }
func halfAlong16(*uint32, *float32, int)  { panic("kernel: no assembly packs bfloat16 in this build") }
func halfTurn16(_, _ *uint32)             { panic("kernel: no assembly packs bfloat16 in this build") }
