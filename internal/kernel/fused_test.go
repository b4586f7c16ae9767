package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// What is fused has the bits of what it is made of, for NaN, infinities and
// denormals too.
func TestFusedSums(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testFusedSums[float32](t) })
	if !testing.Short() { // the same code in every family
		t.Run("float64", func(t *testing.T) { t.Parallel(); testFusedSums[float64](t) })
	}
}

func testFusedSums[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 1000 {
		x := numbers[T](r, n+1)[1:] // not aligned
		y := make([]T, n)
		Square(y, x)
		if got, want := SumSquares(x), Sum(y); !same(got, want) {
			t.Fatalf("the squares of %d numbers add up to %g, want %g", n, got, want)
		}
	}
	for cols := 1; cols < 1000; cols += 1 + cols/9 {
		for _, rows := range []int{1, 2, 31, 256, 257, 600} {
			if rows*cols > 60000 {
				continue
			}
			a, b, m, c := numbers[T](r, rows*cols), numbers[T](r, rows*cols), numbers[T](r, cols), make([]T, rows*cols)
			j0 := r.IntN(cols)
			j1 := j0 + r.IntN(cols-j0) + 1
			got, want := make([]T, cols), make([]T, cols)
			check := func(what string) {
				for j := range want {
					if in := j0 <= j && j < j1; in && !same(got[j], want[j]) || !in && got[j] != 0 {
						t.Fatalf("%s of %d×%d, columns %d to %d: %g in column %d, want %g", what, rows, cols, j0, j1, got[j], j, want[j])
					}
				}
				clear(got)
			}
			Mul(c, a, b)
			ColSum(want, c, rows, cols, 0, cols)
			ColDot(got, a, b, rows, cols, j0, j1)
			check("dot products")
			for i := range rows {
				Sub(c[i*cols:(i+1)*cols], a[i*cols:(i+1)*cols], m)
			}
			Square(c, c)
			ColSum(want, c, rows, cols, 0, cols)
			ColSpread(got, a, m, rows, cols, j0, j1)
			check("spreads")
		}
	}
}

func TestAffineGradients(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testAffineGradients[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testAffineGradients[float64](t, 1e-13) })
}

func testAffineGradients[T Float](t *testing.T, eps float64) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 9).Draw(t, "rows"), rapid.IntRange(1, 999).Draw(t, "columns")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		normal := func(n int) []T {
			x := make([]T, n)
			for i := range x {
				x[i] = T(r.NormFloat64())
			}
			return x
		}
		g, w, db, gamma, beta := normal(rows*cols), normal(rows*cols), normal(cols), normal(rows), normal(rows)
		got, out, parts := append([]T{}, g...), make([]T, 3*rows), make([]T, 3*rows)
		AffineGradients(out, got, w, db, gamma, beta, rows, cols, 0, rows)
		cut := rapid.IntRange(0, rows).Draw(t, "cut")
		again := append([]T{}, g...)
		AffineGradients(parts, again, w, db, gamma, beta, rows, cols, 0, cut)
		AffineGradients(parts, again, w, db, gamma, beta, rows, cols, cut, rows)
		for i := range out {
			if !same(out[i], parts[i]) {
				t.Fatalf("cut at row %d, number %d is %g, else %g", cut, i, parts[i], out[i])
			}
		}
		for i := range rows {
			var want, size [3]float64
			for j := range cols {
				y, x, d := float64(g[i*cols+j]), float64(w[i*cols+j]), float64(db[j])
				z := float64(gamma[i])*y + float64(beta[i])*d
				if v := got[i*cols+j]; math.Abs(float64(v)-z) > eps*(math.Abs(float64(gamma[i])*y)+math.Abs(float64(beta[i])*d)) || !same(v, again[i*cols+j]) {
					t.Fatalf("gradient %d, %d is %g, want %g", i, j, v, z)
				}
				lost := math.Abs(float64(gamma[i])*y) + math.Abs(float64(beta[i])*d) // what z may cancel
				for q, v := range [][2]float64{{x * y, x * y}, {x * d, x * d}, {z * z, lost * lost}} {
					want[q] += v[0]
					size[q] += math.Abs(v[1])
				}
			}
			for q, v := range want {
				if math.Abs(float64(out[q*rows+i])-v) > eps*(size[q]+1e-30) {
					t.Fatalf("row %d: sum %d is %g, want %g", i, q, out[q*rows+i], v)
				}
			}
		}
	})
	// NaN in one row stays there.
	g, w, db, one := make([]T, 3*5), make([]T, 3*5), make([]T, 5), []T{1, 1, 1}
	out := make([]T, 9)
	g[7] = T(math.NaN())
	AffineGradients(out, g, w, db, one, one, 3, 5, 0, 3)
	for i, v := range out {
		if want := i == 1 || i == 7; (v != v) != want {
			t.Errorf("number %d is %g", i, v)
		}
	}
}
