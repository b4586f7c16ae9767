package diag

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// rotate multiplies a row-major matrix from the left by random reflections.
func rotate(t *rapid.T, a []float64, rows, cols int) {
	for range 3 {
		v := rapid.SliceOfN(rapid.Float64Range(-1, 1), rows, rows).Draw(t, "v")
		n := dot(v, v)
		if n < 1e-3 {
			continue
		}
		for j := range cols {
			s := 0.0
			for i := range rows {
				s += v[i] * a[i*cols+j]
			}
			for i := range rows {
				a[i*cols+j] -= 2 * s / n * v[i]
			}
		}
	}
}

func transposed(a []float64, rows, cols int) []float64 {
	t := make([]float64, len(a))
	for i := range rows {
		for j := range cols {
			t[j*rows+i] = a[i*cols+j]
		}
	}
	return t
}

// The singular values of U·Σ·Vᵀ are those of Σ, be they equal, zero or far
// apart.
func TestSingularValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 20).Draw(t, "rows")
		cols := rapid.IntRange(1, 20).Draw(t, "cols")
		n := min(rows, cols)
		want := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(0, 1), rapid.Just(0.0), rapid.Just(1.0), rapid.Just(1e-9)), n, n).Draw(t, "values")
		unit := rapid.SampledFrom([]float64{1, 1e-120, 1e120}).Draw(t, "unit")
		a := make([]float64, rows*cols)
		for i, v := range want {
			a[i*cols+i] = v * unit
		}
		rotate(t, a, rows, cols)
		a = transposed(a, rows, cols)
		rotate(t, a, cols, rows)
		got := singularValues(a, cols, rows)
		slices.Sort(want)
		for i, v := range got {
			if math.Abs(v-want[i]*unit) > 1e-13*unit {
				t.Fatalf("value %d is %v, want %v; all: %v, want %v", i, v, want[i]*unit, got, want)
			}
		}
	})
}

// A matrix whose columns are mostly zero or equal leaves rounding only, which
// must not become NaN.
func TestSingularValuesOfDeficient(t *testing.T) {
	t.Parallel()
	const n = 60
	a := make([]float64, n*n)
	for i := range n {
		for j := range n / 3 {
			a[i*n+j] = math.Sin(float64(i*(j%4) + j%4))
		}
	}
	zeros := 0
	for _, v := range singularValues(a, n, n) {
		if math.IsNaN(v) || v < 0 {
			t.Fatalf("value %v", v)
		}
		if v < 1e-10 {
			zeros++
		}
	}
	if zeros != n-3 {
		t.Errorf("%d values are 0, want %d", zeros, n-3)
	}
}

func BenchmarkSingularValues(b *testing.B) {
	const n = 300
	a, c := make([]float64, n*n), make([]float64, n*n)
	for i := range a {
		a[i] = math.Sin(float64(i * i))
	}
	for b.Loop() {
		copy(c, a)
		singularValues(c, n, n)
	}
}
