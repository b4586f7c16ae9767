//go:build !noasm

package kernel

import (
	"testing"
	"unsafe"
)

// TestProductLayout tells that the generator still knows the fields.
func TestProductLayout(t *testing.T) {
	t.Parallel()
	var p product
	for i, at := range []uintptr{
		unsafe.Offsetof(p.c), unsafe.Offsetof(p.a), unsafe.Offsetof(p.b), unsafe.Offsetof(p.mask),
		unsafe.Offsetof(p.ldc), unsafe.Offsetof(p.ai), unsafe.Offsetof(p.ap), unsafe.Offsetof(p.ldb),
		unsafe.Offsetof(p.k), unsafe.Offsetof(p.tiles), unsafe.Offsetof(p.tail), unsafe.Offsetof(p.add),
		unsafe.Offsetof(p.down), unsafe.Offsetof(p.aDown), unsafe.Offsetof(p.cDown), unsafe.Offsetof(p.packed), unsafe.Offsetof(p.left),
		unsafe.Offsetof(p.asks), unsafe.Offsetof(p.part), unsafe.Offsetof(p.rest), unsafe.Offsetof(p.ask), unsafe.Offsetof(p.below),
		unsafe.Offsetof(p.ahead), unsafe.Offsetof(p.aheadStep), unsafe.Offsetof(p.aheadLeft),
		unsafe.Offsetof(p.aheadRows), unsafe.Offsetof(p.aheadTurn), unsafe.Offsetof(p.aheadStrips),
	} {
		if want := uintptr(8 * i); at != want {
			t.Errorf("field %d lies at %d, want %d", i, at, want)
		}
	}
}
