package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// specials are the values at which elementwise kernels go wrong first.
func specials[T Float]() []T {
	x := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 2, -3, 1e-3, -1e-3, 0.7071, 1.4142, math.Pi / 2,
		math.Inf(1), math.Inf(-1), math.NaN(), 88.7, 88.73, 88.8, -87.3, -88.8, -103.9, -104, 150, -150, 1e4, -1e4,
		math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1e-39, -1e-39,
		0x1p-126, 0x1p-24, -0x1p-24, 0x1p-25, 9, -9, 20, -20, 1e8, 1e20, 3.9, 4, -4, -0.99999994}
	out := make([]T, len(x))
	for i, v := range x {
		out[i] = T(v)
	}
	return out
}

// numbers are n values: the special ones, then normal ones of many sizes.
func numbers[T Float](r *rand.Rand, n int) []T {
	x := make([]T, n)
	s := specials[T]()
	for i := range x {
		if r.IntN(4) == 0 {
			x[i] = s[r.IntN(len(s))]
		} else {
			x[i] = T(r.NormFloat64() * math.Exp2(float64(r.IntN(12)-6)))
		}
	}
	return x
}

// ulps is the distance from got to the exact value in units of float32's last
// place at that value.
func ulps(got float32, exact float64) float64 {
	w := float32(exact)
	switch {
	case math.IsNaN(exact) || got != got:
		if math.IsNaN(exact) && got != got {
			return 0
		}
		return math.Inf(1)
	case got == w:
		return 0
	case math.IsInf(float64(w), 0) || math.IsInf(float64(got), 0):
		return math.Inf(1)
	}
	_, e := math.Frexp(exact)
	return math.Abs(float64(got)-exact) / math.Ldexp(1, max(e-24, -149))
}

func same[T Float](a, b T) bool {
	return a != a && b != b || a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
}

func TestTranscendental32(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name string
		run  func(dst, a []float32)
		want func(float64) float64
	}{
		{"exp", Exp[float32], math.Exp}, {"expm1", Expm1[float32], math.Expm1}, {"log", Log[float32], math.Log},
		{"log1p", Log1p[float32], math.Log1p}, {"tanh", Tanh[float32], math.Tanh},
		{"sigmoid", Sigmoid[float32], func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"softplus", Softplus[float32], func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }},
		{"erf", Erf[float32], math.Erf}, {"sin", Sin[float32], math.Sin}, {"cos", Cos[float32], math.Cos},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			x := specials[float32]()
			for b := uint64(0); b < 1<<32; b += 40961 { // every size of both signs
				x = append(x, math.Float32frombits(uint32(b)))
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 100000 {
				x = append(x, float32(r.NormFloat64()*4))
			}
			y := make([]float32, len(x))
			f.run(y, x)
			worst, at := 0.0, float32(0)
			for i, v := range x {
				w := f.want(float64(v))
				if v == 0 && !same(y[i], float32(w)) {
					t.Errorf("of %g: %g, want %g", v, y[i], w)
				}
				if u := ulps(y[i], w); u > worst {
					worst, at = u, v
				}
			}
			t.Logf("worst %.3f units in the last place at %g", worst, at)
			if worst > 2 {
				t.Errorf("off by %g units in the last place at %g", worst, at)
			}
		})
	}
}

func TestMatMul(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testMatMul[float32](t, 1e-6) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testMatMul[float64](t, 1e-15) })
}

func testMatMul[T Float](t *testing.T, eps float64) {
	r := rand.New(rand.NewPCG(3, 4))
	sizes := []int{0, 1, 2, 3, 5, 8, 13, 17, 31, 67, 131, 300}
	for _, m := range sizes {
		for _, n := range sizes {
			for _, k := range sizes {
				if m*n*k > 131*131*67 {
					continue
				}
				ta, tb, acc := r.IntN(2) == 1, r.IntN(2) == 1, r.IntN(2) == 1
				checkProduct[T](t, r, m, n, k, ta, tb, acc, eps)
			}
		}
	}
}

func checkProduct[T Float](t *testing.T, r *rand.Rand, m, n, k int, ta, tb, acc bool, eps float64) {
	t.Helper()
	matrix := func(rows, cols int) ([]T, int) {
		ld := cols + r.IntN(3)
		x := make([]T, rows*ld)
		for i := range x {
			x[i] = T(r.NormFloat64())
		}
		return x, ld
	}
	shape := func(rows, cols int, t bool) (int, int) {
		if t {
			return cols, rows
		}
		return rows, cols
	}
	a, lda := matrix(shape(m, k, ta))
	b, ldb := matrix(shape(k, n, tb))
	c, ldc := matrix(m, n)
	i0, j0 := 0, 0
	i1, j1 := m, n
	if r.IntN(2) == 1 {
		i0, j0 = r.IntN(m+1), r.IntN(n+1)
		i1, j1 = i0+r.IntN(m-i0+1), j0+r.IntN(n-j0+1)
	}
	full, part := append([]T(nil), c...), append([]T(nil), c...)
	MatMul(full, ldc, a, lda, ta, b, ldb, tb, m, n, k, 0, m, 0, n, acc)
	MatMul(part, ldc, a, lda, ta, b, ldb, tb, m, n, k, i0, i1, j0, j1, acc)
	for i := range m {
		for j := range ldc {
			at := i*ldc + j
			if at >= len(c) {
				break
			}
			inside := j < n && i0 <= i && i < i1 && j0 <= j && j < j1
			if inside && part[at] != full[at] || !inside && part[at] != c[at] || j >= n && full[at] != c[at] {
				t.Fatalf("%d×%d×%d ta=%v tb=%v acc=%v: C[%d,%d] depends on the range [%d,%d)×[%d,%d)", m, n, k, ta, tb, acc, i, j, i0, i1, j0, j1)
			}
			if j >= n {
				continue
			}
			var want, size float64
			if acc {
				want, size = float64(c[at]), math.Abs(float64(c[at]))
			}
			for p := range k {
				x, y := i*lda+p, p*ldb+j
				if ta {
					x = p*lda + i
				}
				if tb {
					y = j*ldb + p
				}
				want += float64(a[x]) * float64(b[y])
				size += math.Abs(float64(a[x]) * float64(b[y]))
			}
			if math.Abs(float64(full[at])-want) > eps*size*math.Sqrt(float64(k)+1) {
				t.Fatalf("%d×%d×%d ta=%v tb=%v acc=%v: C[%d,%d] = %g, want %g", m, n, k, ta, tb, acc, i, j, full[at], want)
			}
		}
	}
}
