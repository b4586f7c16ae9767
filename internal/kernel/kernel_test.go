package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
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
	if !testing.Short() { // the same code in every family
		t.Run("float64", func(t *testing.T) { t.Parallel(); testMatMul[float64](t, 1e-15) })
	}
}

func testMatMul[T Float](t *testing.T, eps float64) {
	r := rand.New(rand.NewPCG(3, 4))
	sizes := []int{0, 1, 2, 3, 5, 8, 13, 17, 31, 67, 131, 256, 300, 700}
	for _, m := range sizes {
		for _, n := range sizes {
			for _, k := range sizes {
				large := max(m, n, k) > 31
				if m*n*k > 131*131*31 || large && r.IntN(4) > 0 || testing.Short() && r.IntN(6) > 0 {
					continue
				}
				ta, tb, acc := r.IntN(2) == 1, r.IntN(2) == 1, r.IntN(2) == 1
				checkProduct[T](t, r, m, n, k, ta, tb, acc, eps)
			}
		}
	}
}

// TestMatMulProperty draws sizes that a table does not think of.
func TestMatMulProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(0, 90).Draw(t, "m"), rapid.IntRange(0, 90).Draw(t, "n"), rapid.IntRange(0, 400).Draw(t, "k")
		ta, tb, acc := rapid.Bool().Draw(t, "ta"), rapid.Bool().Draw(t, "tb"), rapid.Bool().Draw(t, "acc")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		checkProduct[float32](t, r, m, n, k, ta, tb, acc, 1e-6)
	})
}

// TestMatMulTail has columns that do not fill vectors, where A is stored transposed,
// its rows a power of two apart or not, and several passes over k.
func TestMatMulTail(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range [][3]int{{32, 10, 65}, {100, 10, 128}, {200, 100, 70}, {256, 10, 70}, {256, 36, 340}, {512, 3, 700}} {
		for _, acc := range []bool{false, true} {
			checkProduct[float32](t, r, s[0], s[1], s[2], true, false, acc, 1e-6)
		}
	}
}

// TestMatMulParts computes so many rows of a product whose rows of A lie a power of two
// apart, or not: they have the bytes that they have in the whole.
func TestMatMulParts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	const n, k = 200, 101
	for _, m := range []int{256, 300} {
		a, b := make([]float32, m*k), make([]float32, k*n)
		for _, x := range [][]float32{a, b} {
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
		}
		for _, ta := range []bool{false, true} {
			for _, tb := range []bool{false, true} {
				lda, ldb := k, n
				if ta {
					lda = m
				}
				if tb {
					ldb = k
				}
				whole, c := make([]float32, m*n), make([]float32, m*n)
				MatMul(whole, n, a, lda, ta, b, ldb, tb, m, n, k, 0, m, 0, n, false)
				for rows := 1; rows <= 60; rows++ {
					from := r.IntN(m - rows + 1)
					MatMul(c, n, a, lda, ta, b, ldb, tb, m, n, k, from, from+rows, 0, n, false)
					for i := from * n; i < (from+rows)*n; i++ {
						if c[i] != whole[i] {
							t.Fatalf("%d rows of %d, A transposed %v, B %v: C[%d,%d] = %g, not %g", rows, m, ta, tb, i/n, i%n, c[i], whole[i])
						}
					}
				}
			}
		}
	}
}

// TestMatMulSpecial tells that NaN and infinities reach all they should and
// nothing else, from masked edges too.
func TestMatMulSpecial(t *testing.T) {
	t.Parallel()
	const m, n, k = 37, 45, 70
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		Fill(a, 1)
		Fill(b, 1)
		a[36*k+69] = bad
		for i, v := range b[69*n:] {
			b[69*n+i] = v + 1
		}
		MatMul(c, n, a, k, false, b, n, false, m, n, k, 0, m, 0, n, false)
		for i := range m {
			for j := range n {
				want := float32(k + 1)
				if i == 36 {
					want = bad
				}
				if !same(c[i*n+j], want) {
					t.Fatalf("C[%d,%d] = %g, want %g", i, j, c[i*n+j], want)
				}
			}
		}
	}
}

func TestMatMulRefuses(t *testing.T) {
	t.Parallel()
	x := make([]float32, 6)
	for name, f := range map[string]func(){
		"rows beyond C":  func() { MatMul(x, 2, x, 2, false, x, 2, false, 4, 2, 1, 0, 4, 0, 2, false) },
		"range beyond C": func() { MatMul(x, 2, x, 1, false, x, 2, false, 3, 2, 1, 0, 4, 0, 2, false) },
		"A too short":    func() { MatMul(x, 2, x, 3, false, x, 2, false, 3, 2, 3, 0, 3, 0, 2, false) },
		"B too short":    func() { MatMul(x, 1, x, 7, true, x, 1, false, 1, 1, 7, 0, 1, 0, 1, false) },
		"stride too low": func() { MatMul(x, 1, x, 1, false, x, 2, false, 3, 2, 1, 0, 3, 0, 2, false) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// TestMatMulConcurrent gives more products at once than there are workspaces.
func TestMatMulConcurrent(t *testing.T) {
	t.Parallel()
	const n = 100
	a, b, want := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range a {
		a[i], b[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	MatMul(want, n, a, n, true, b, n, true, n, n, n, 0, n, 0, n, false)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c := make([]float32, n*n)
			for range 4 {
				MatMul(c, n, a, n, true, b, n, true, n, n, n, 0, n, 0, n, false)
				if !slices.Equal(c, want) {
					t.Error("products that run together disturb each other")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocation(t *testing.T) {
	const rows, cols = 64, 300
	x, y, z := ramp(rows*cols), ramp(cols*cols), make([]float32, rows*cols)
	loss, label := make([]float32, rows), make([]int32, rows)
	for name, f := range map[string]func(){
		"MatMul NN":            func() { MatMul(z, cols, x, cols, false, y, cols, false, rows, cols, cols, 0, rows, 0, cols, false) },
		"MatMul NT":            func() { MatMul(z, cols, x, cols, false, y, cols, true, rows, cols, cols, 0, rows, 0, cols, false) },
		"MatMul NT, few rows":  func() { MatMul(z, cols, x, cols, false, y, cols, true, rows, cols, cols, 0, 7, 0, cols, false) },
		"MatMul TN":            func() { MatMul(y, cols, x, cols, true, z, cols, false, cols, cols, rows, 0, cols, 0, cols, false) },
		"Add":                  func() { Add(z, x, x) },
		"Exp":                  func() { Exp(z, x) },
		"Uniform":              func() { Uniform(z, [2]uint32{}, 1, 2, 3) },
		"Normal":               func() { Normal(z[:100], [2]uint32{}, 1, 2, 3) },
		"ColSum":               func() { ColSum(loss, x, cols, rows, 0, rows) },
		"SoftmaxRow":           func() { SoftmaxRow(z, x, rows, cols, 0, rows) },
		"CrossEntropyRow":      func() { CrossEntropyRow(loss, z, x, label, rows, cols, 0, rows) },
		"CrossEntropyRow, nil": func() { CrossEntropyRow(loss, nil, x, label, rows, cols, 0, rows) },
	} {
		if n := testing.AllocsPerRun(10, f); n > 0 {
			t.Errorf("%s allocates %g times a run", name, n)
		}
	}
}

func checkProduct[T Float](t interface {
	Helper()
	Fatalf(string, ...any)
}, r *rand.Rand, m, n, k int, ta, tb, acc bool, eps float64) {
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
