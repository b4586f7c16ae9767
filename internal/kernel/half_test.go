package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// halfNumbers are n values, some of them special: extremes of bfloat16, what is halfway
// between two, and what is lost where numbers that are not normal count as 0.
func halfNumbers(r *rand.Rand, n int, special bool) []float32 {
	s := []float32{0, float32(math.Copysign(0, -1)), 1, 1 + 0x1p-8, 1 + 3*0x1p-8, 0x1p-126, 0x1p-127, -0x1p-64, 0x1p-63, 0x1p-70, math.MaxFloat32,
		-math.MaxFloat32, 0x1p100, math.SmallestNonzeroFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if special && r.IntN(8) == 0 {
			x[i] = s[r.IntN(len(s)-r.IntN(2)*3)]
		}
	}
	return x
}

// TestMatMulBF16 holds products to float64 of the rounded operands, and to themselves
// in part.
func TestMatMulBF16(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(0, 70).Draw(t, "m"), rapid.IntRange(0, 70).Draw(t, "n"), rapid.IntRange(0, 100).Draw(t, "k")
		if rapid.IntRange(0, 9).Draw(t, "deep") == 0 {
			m, n, k = m%7, n%7, 500+13*k
		}
		ta, tb, acc := rapid.Bool().Draw(t, "ta"), rapid.Bool().Draw(t, "tb"), rapid.Bool().Draw(t, "acc")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		gap := func() int { return r.IntN(3) }
		lda, ldb, ldc := k+gap(), n+gap(), n+gap()
		la, lb := m*lda, k*ldb
		if ta {
			lda = m + gap()
			la = k * lda
		}
		if tb {
			ldb = k + gap()
			lb = n * ldb
		}
		a, b, old := halfNumbers(r, la, false), halfNumbers(r, lb, false), halfNumbers(r, m*ldc, false)
		c, part := append([]float32{}, old...), append([]float32{}, old...)
		MatMulBF16(c, ldc, a, lda, ta, b, ldb, tb, m, n, k, 0, m, 0, n, acc)
		i0, j0 := r.IntN(m+1), r.IntN(n+1)
		i1, j1 := i0+r.IntN(m-i0+1), j0+r.IntN(n-j0+1)
		laid := make([]uint32, HalfLen(n, k)+1)
		laid[len(laid)-1] = 7
		LayHalf(laid, b, ldb, tb, n, k)
		if laid[len(laid)-1] != 7 {
			t.Fatalf("%d×%d: laid out beyond the panels", n, k)
		}
		if r.IntN(2) == 1 {
			MatMulBF16(part, ldc, a, lda, ta, b, ldb, tb, m, n, k, i0, i1, j0, j1, acc)
		} else {
			j0 -= j0 % stripCols
			MatMulLaidBF16(part, ldc, a, lda, ta, laid, m, n, k, i0, i1, j0, j1, acc)
		}
		for i := range m {
			for j := range ldc {
				at := i*ldc + j
				inside := j < n && i0 <= i && i < i1 && j0 <= j && j < j1
				if inside && part[at] != c[at] || !inside && part[at] != old[at] || j >= n && c[at] != old[at] {
					t.Fatalf("%d×%d×%d: C[%d,%d] depends on the range [%d,%d)×[%d,%d)", m, n, k, i, j, i0, i1, j0, j1)
				}
				if j >= n {
					continue
				}
				want, size := 0.0, 0.0
				if acc {
					want, size = float64(old[at]), math.Abs(float64(old[at]))
				}
				for p := range k {
					x, y := i*lda+p, p*ldb+j
					if ta {
						x = p*lda + i
					}
					if tb {
						y = j*ldb + p
					}
					v := float64(math.Float32frombits(roundHalf(a[x])<<16)) * float64(math.Float32frombits(roundHalf(b[y])<<16))
					want, size = want+v, size+math.Abs(v)
				}
				if math.Abs(float64(c[at])-want) > 1e-6*size*math.Sqrt(float64(k)+1) {
					t.Fatalf("%d×%d×%d ta=%v tb=%v acc=%v: C[%d,%d] = %g, want %g", m, n, k, ta, tb, acc, i, j, c[at], want)
				}
			}
		}
	})
}

func TestRoundHalf(t *testing.T) {
	t.Parallel()
	for b := uint64(0); b < 1<<32; b += 4099 {
		x := math.Float32frombits(uint32(b))
		y := math.Float32frombits(roundHalf(x) << 16)
		if x != x {
			if y == y {
				t.Fatalf("NaN %x becomes %g", b, y)
			}
			continue
		}
		// No other bfloat16 is nearer, and of two as near y is the even one.
		for _, d := range []uint32{roundHalf(x) - 1, roundHalf(x) + 1} {
			z := math.Float32frombits(d << 16)
			dy, dz := math.Abs(float64(x)-float64(y)), math.Abs(float64(x)-float64(z))
			if math.IsInf(float64(y), 0) || z != z || math.IsInf(float64(z), 0) {
				continue
			}
			if dz < dy || dz == dy && roundHalf(x)&1 != 0 {
				t.Fatalf("%g is rounded to %g, not to %g", x, y, z)
			}
		}
	}
}

// halfStrips is a column of strips with special numbers in it.
func halfStrips(r *rand.Rand, special bool) (p halfProduct, c []float32) {
	p = halfProduct{blocks: 1 + r.IntN(4), strips: 1 + r.IntN(3), add: r.IntN(2), ldc: 4 * (stripCols + r.IntN(9)), space: new(halfSpace)}
	pairs := func(n int) *uint32 {
		x := make([]uint32, n)
		for i := range x {
			y := halfNumbers(r, 2, special)
			x[i] = roundHalf(y[0]) | roundHalf(y[1])<<16
		}
		return &x[0]
	}
	p.a, p.b = pairs(2*tileWords*p.blocks*p.strips), pairs(2*tileWords*p.blocks)
	c = halfNumbers(r, p.ldc/4*stripRows*p.strips, special)
	p.c = &c[0]
	return p, c
}

// TestHalfPacking holds what assembly packs to plain Go.
func TestHalfPacking(t *testing.T) {
	t.Parallel()
	if !packsHalf() {
		t.Skip("this family packs in plain Go")
	}
	r := rand.New(rand.NewPCG(1, 2))
	w := new(halfSpace)
	for range 50 {
		const k, ld = 70, 75
		x := halfNumbers(r, ld*ld, true)
		for _, byRow := range []bool{false, true} {
			for _, turned := range []bool{false, true} {
				n, at, from := 1+r.IntN(32), r.IntN(5), r.IntN(5)
				got, want := make([]uint32, 6*tileWords), make([]uint32, tileWords)
				packHalf(w, got, x, ld, byRow, at, n, from, k, turned)
				for q := range 3 {
					for s := range 2 {
						line, step := 1, ld
						if byRow {
							line, step = ld, 1
						}
						looseHalf(want, x[(at+16*s)*line+(from+32*q)*step:], ld, byRow, max(0, min(16, n-16*s)), min(32, k-32*q), turned)
						for i, v := range want {
							if got[(2*q+s)*tileWords+i] != v {
								t.Fatalf("by row %v, turned %v, %d lines: word %d of tile %d, %d is %x, want %x", byRow, turned, n, i, q, s, got[(2*q+s)*tileWords+i], v)
							}
						}
					}
				}
			}
		}
	}
}
