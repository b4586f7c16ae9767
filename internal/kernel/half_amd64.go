//go:build !noasm

package kernel

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:noescape
func halfAcross16(dst *uint32, src *float32, stride int)

//go:noescape
func halfAlong16(dst *uint32, src *float32, stride int)

//go:noescape
func dotTiles(p *halfProduct)

//go:noescape
func amxTiles(p *halfProduct, shapes *[64]byte)

// amxShapes says that all eight tiles have 16 rows of 64 bytes.
var amxShapes = func() (s [64]byte) {
	s[0] = 1 // the palette
	for t := range 8 {
		s[16+2*t], s[48+t] = 64, 16
	}
	return s
}()

// hasTiles reports whether the processor has tiles of bfloat16, and the system lets
// this process use them.
var hasTiles = sync.OnceValue(func() bool {
	return cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16 && askForTiles()
})

// halfTurn16 transposes a tile.
func halfTurn16(dst, src *uint32) {
	const row = 4 * pairBlock
	transpose16((*float32)(unsafe.Pointer(dst)), (*float32)(unsafe.Pointer(src)), row, row, 1, 0)
}

// packsHalf reports whether the active family packs bfloat16 in assembly.
func packsHalf() bool { return active == avx512 }

// HalfProducts names what multiplies bfloat16: amx, avx512_bf16 or, in plain Go and slow,
// emulated.
func HalfProducts() string {
	switch {
	case active != avx512:
	case hasTiles():
		return "amx"
	case cpu.X86.HasAVX512BF16:
		return "avx512_bf16"
	}
	return "emulated"
}

func (p *halfProduct) run() {
	switch {
	case active != avx512:
		p.emulate(halfDots)
	case hasTiles():
		amxTiles(p, &amxShapes)
	case cpu.X86.HasAVX512BF16:
		p.dots()
	default:
		p.emulate(halfDots)
	}
}

// dots goes over quarters of strips.
func (p *halfProduct) dots() {
	for s := range p.strips {
		for i := range 2 {
			for j := range 2 {
				q := *p
				q.c = offset(p.c, (s*stripRows+16*i)*p.ldc+64*j)
				q.a = words(p.a, s*2*tileWords*p.blocks+i*tileWords)
				q.b = words(p.b, j*tileWords)
				dotTiles(&q)
			}
		}
	}
}
