package cpu

import (
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// A keptKey says what is laid out of a frozen parameter, and how.
type keptKey struct {
	of  *tensor.Tensor
	how any
}

// frozen reports whether a value is a parameter that does not change.
func (c *compiler[T]) frozen(v *value[T]) bool { return c.kept != nil && v.param }

// keep is n numbers that fill makes of a frozen value, now or when another plan was
// compiled.
func (c *compiler[T]) keep(v *value[T], how any, n int, fill func(dst []T)) []T {
	return c.kept.Once(keptKey{v.t, how}, n*c.float.Size(), func() any {
		dst := alignedSlice[T](n)
		fill(dst)
		return dst
	}).([]T)
}

// keepWords is n words that fill makes of a frozen value, as [compiler.keep] has it.
func (c *compiler[T]) keepWords(v *value[T], how any, n int, fill func(dst []uint32)) []uint32 {
	return c.kept.Once(keptKey{v.t, how}, 4*n, func() any {
		dst := make([]uint32, n)
		fill(dst)
		return dst
	}).([]uint32)
}

// A right is the B of products, as it is stored or, of a parameter that does not change,
// laid out.
type right[T float] struct {
	of     *value[T]
	off    int // where it begins
	ld     int
	turned bool
	n, k   int
	panels *kernel.Panels
	laid   []T
}

// right is op(B), k×n, for products of m rows; B begins at off.
func (c *compiler[T]) right(b *value[T], off, ld int, turned bool, m, n, k int) *right[T] {
	r := &right[T]{of: b, off: off, ld: ld, turned: turned, n: n, k: k}
	if !c.frozen(b) {
		return r
	}
	if p, ok := kernel.NewPanels[T](m, n, k); ok {
		r.panels = &p
		r.laid = c.keep(b, struct {
			kernel.Panels
			off    int
			turned bool
		}{p, off, turned}, p.Len(), func(dst []T) { kernel.LayPanels(&p, dst, b.f[off:], ld, turned) })
	}
	return r
}

// multiply computes part of C (m×n): see [kernel.MatMul].
func (r *right[T]) multiply(y []T, ldc int, a []T, lda int, ta bool, m, i0, i1, j0, j1 int, acc bool) {
	if r.laid != nil {
		kernel.MatMulPanels(r.panels, y, ldc, a, lda, ta, r.laid, m, i0, i1, j0, j1, acc)
		return
	}
	kernel.MatMul(y, ldc, a, lda, ta, r.of.f[r.off:], r.ld, r.turned, m, r.n, r.k, i0, i1, j0, j1, acc)
}
