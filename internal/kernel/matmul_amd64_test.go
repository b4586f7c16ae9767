//go:build !noasm

package kernel

import (
	"testing"
	"unsafe"

	"pgregory.net/rapid"
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
		unsafe.Offsetof(p.aheadRows), unsafe.Offsetof(p.aheadTurn), unsafe.Offsetof(p.aheadStrips), unsafe.Offsetof(p.odd),
	} {
		if want := uintptr(8 * i); at != want {
			t.Errorf("field %d lies at %d, want %d", i, at, want)
		}
	}
}

// TestProductLayouts tells that a product is the same to the bit however its operands are
// stored and whichever of them lies in the vectors, tails included.
func TestProductLayouts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(1, 140).Draw(t, "m"), rapid.IntRange(1, 140).Draw(t, "n"), rapid.IntRange(1, 400).Draw(t, "k")
		acc, gap := rapid.Bool().Draw(t, "acc"), rapid.IntRange(0, 3).Draw(t, "gap")
		at := rapid.Uint64().Draw(t, "at")
		stored := func(rows, cols int, at uint64) (plain, turned []float32) {
			plain, turned = make([]float32, rows*(cols+gap)), make([]float32, cols*(rows+gap))
			Normal(plain, [2]uint32{1, 2}, at, 0, 1)
			for i := range rows {
				for j := range cols {
					turned[j*(rows+gap)+i] = plain[i*(cols+gap)+j]
				}
			}
			return plain, turned
		}
		a, aTurned := stored(m, k, at)
		b, bTurned := stored(k, n, at+1e6)
		var want []float32
		for _, l := range []struct {
			a, b     []float32
			lda, ldb int
			ta, tb   bool
		}{
			{a, b, k + gap, n + gap, false, false}, {a, bTurned, k + gap, k + gap, false, true},
			{aTurned, b, m + gap, n + gap, true, false}, {aTurned, bTurned, m + gap, k + gap, true, true},
		} {
			c := ramp(m * n)
			MatMul(c, n, l.a, l.lda, l.ta, l.b, l.ldb, l.tb, m, n, k, 0, m, 0, n, acc)
			if want == nil {
				want = c
			}
			for i, v := range c {
				if v != want[i] {
					t.Fatalf("%d×%d over %d, A transposed %v, B %v: C[%d,%d] = %g, of plain ones %g", m, n, k, l.ta, l.tb, i/n, i%n, v, want[i])
				}
			}
		}
	})
}
