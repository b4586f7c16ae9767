package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPanels draws products of a B that is laid out: they are those of B as it lies, to
// the bit, over any part of C and nothing else.
func TestPanels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := func(most int) *rapid.Generator[int] {
			return rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, most), rapid.SampledFrom([]int{1, most}))
		}
		m, n, k := sizes(260).Draw(t, "m"), sizes(350).Draw(t, "n"), sizes(700).Draw(t, "k")
		if m*n*k > 4<<20 {
			k = 65
		}
		hint := rapid.SampledFrom([]int{m, 1, 2, 5, 100}).Draw(t, "hint")
		ta, tb, acc := rapid.Bool().Draw(t, "ta"), rapid.Bool().Draw(t, "tb"), rapid.Bool().Draw(t, "acc")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		checkPanels(t, r, m, n, k, hint, ta, tb, acc, r.IntN(3), r.IntN(2) == 1)
	})
}

// TestPanelsApart has rows of A that share the sets of a cache, and a B larger than one.
func TestPanelsApart(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	for _, s := range [][3]int{{256, 70, 256}, {256, 40, 70}, {16, 33, 512}, {40, 520, 520}, {230, 512, 512}} {
		for _, ta := range []bool{false, true} {
			checkPanels(t, r, s[0], s[1], s[2], s[0], ta, false, false, 0, false)
		}
	}
}

func checkPanels(t interface {
	Helper()
	Fatalf(string, ...any)
}, r *rand.Rand, m, n, k, hint int, ta, tb, acc bool, pad int, part bool) {
	t.Helper()
	matrix := func(rows, cols int, turned bool) ([]float32, int) {
		if turned {
			rows, cols = cols, rows
		}
		x := make([]float32, rows*(cols+pad))
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x, cols + pad
	}
	p, ok := NewPanels[float32](hint, n, k)
	if !ok {
		if Family() != "generic" && n*k < 1<<18 {
			t.Fatalf("%d×%d×%d: no panels", hint, n, k)
		}
		return
	}
	a, lda := matrix(m, k, ta)
	b, ldb := matrix(k, n, tb)
	want, ldc := matrix(m, n, false)
	i0, i1, j0, j1 := 0, m, 0, n
	if part {
		i0, j0 = r.IntN(m+1), r.IntN(n+1)
		i1, j1 = i0+r.IntN(m-i0+1), j0+r.IntN(n-j0+1)
	}
	got := slices.Clone(want)
	laid := make([]float32, p.Len()+3)
	Fill(laid, 7)
	LayPanels(&p, laid, b, ldb, tb)
	if laid[p.Len()] != 7 {
		t.Fatalf("%d×%d×%d: laid out beyond the panels", m, n, k)
	}
	MatMul(want, ldc, a, lda, ta, b, ldb, tb, m, n, k, i0, i1, j0, j1, acc)
	MatMulPanels(&p, got, ldc, a, lda, ta, laid, m, i0, i1, j0, j1, acc)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%d×%d×%d, laid out for %d rows, ta=%v tb=%v acc=%v [%d,%d)×[%d,%d): C[%d,%d] = %g, of B as it lies %g", m, n, k, hint, ta, tb, acc, i0, i1, j0, j1, i/ldc, i%ldc, got[i], want[i])
		}
	}
}

// TestPanelsElsewhere has numbers of which there are no panels.
func TestPanelsElsewhere(t *testing.T) {
	t.Parallel()
	if _, ok := NewPanels[float64](4, 4, 4); ok {
		t.Error("panels of float64")
	}
	for _, s := range [][3]int{{0, 4, 4}, {4, 0, 4}, {4, 4, 0}} {
		if _, ok := NewPanels[float32](s[0], s[1], s[2]); ok {
			t.Errorf("panels of nothing: %v", s)
		}
	}
}

// TestPanelsNoAllocation holds products of a B that is laid out to taking no memory.
func TestPanelsNoAllocation(t *testing.T) {
	const m, n, k = 40, 70, 400
	p, ok := NewPanels[float32](m, n, k)
	if !ok {
		t.Skip("the family has no panels")
	}
	a, b, c := make([]float32, m*k), make([]float32, p.Len()), make([]float32, m*n)
	if n := testing.AllocsPerRun(10, func() { MatMulPanels(&p, c, n, a, k, false, b, m, 0, m, 0, n, false) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}
