package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestReductionsOfEveryLength holds sums, maxima and conversions of every length, at
// starts that are not aligned, of NaN, infinities and denormals too, to plain loops.
func TestReductionsOfEveryLength(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 1))
	const room = 1000 + 8
	special, tame := numbers[float32](r, room), numbersWithin(room)
	bytes, ints := make([]uint8, room), make([]int32, room)
	for i := range room {
		bytes[i], ints[i] = uint8(r.Uint32()), int32(r.Uint32())
	}
	out := make([]float32, room)
	for n := range 1000 {
		at := n % 5
		for _, x := range [][]float32{special[at : at+n], tame[at : at+n]} {
			if got, want := Sum(x), sumOf(x); !same(got, want) {
				t.Fatalf("the sum of %d numbers is %g, want %g", n, got, want)
			}
			if n == 0 {
				continue
			}
			want := x[0]
			for _, v := range x {
				want = max(want, v)
			}
			if RowMax(out[:1], x, 1, n, 0, 1); !same(out[0], want) {
				t.Fatalf("the largest of %d numbers is %g, want %g", n, out[0], want)
			}
		}
		for what, f := range map[string]func(i int) float32{
			"byte":    func(i int) float32 { return float32(bytes[i]) },
			"integer": func(i int) float32 { return float32(ints[i]) },
		} {
			Fill(out, 77)
			if what == "byte" {
				BytesToFloat(out[at:], bytes[at:at+n])
			} else {
				IntToFloat(out[at:], ints[at:at+n])
			}
			for i, v := range out {
				want := float32(77)
				if at <= i && i < at+n {
					want = f(i)
				}
				if v != want {
					t.Fatalf("%s %d of %d is %g, want %g", what, i-at, n, v, want)
				}
			}
		}
	}
}

// sumOf is the order that Sum promises, in a plain loop.
func sumOf(x []float32) float32 {
	if len(x) > sumBlock {
		half := (len(x)/sumBlock + 1) / 2 * sumBlock
		return sumOf(x[:half]) + sumOf(x[half:])
	}
	var s [lanes]float32
	for i, v := range x {
		s[i%lanes] += v
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for i := range half {
			s[i] += s[i+half]
		}
	}
	return s[0]
}

// TestColumnSumsOfEveryWidth does so for sums of columns, and of parts of them.
func TestColumnSumsOfEveryWidth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 2))
	const rows = 19 // a block of rows and some
	for cols := 1; cols < 1000; cols += 1 + cols/80 {
		x := numbers[float32](r, rows*cols+1)[1:]
		got := make([]float32, cols)
		j0 := r.IntN(cols)
		j1 := j0 + 1 + r.IntN(cols-j0)
		ColSum(got, x, rows, cols, j0, j1)
		for j, v := range got {
			var want, part float32
			for i := range rows {
				if part += x[i*cols+j]; i == 15 || i == rows-1 {
					want, part = want+part, 0
				}
			}
			if j < j0 || j >= j1 {
				want = 0
			}
			if !same(v, want) && !(v == 0 && want == 0) {
				t.Fatalf("%d columns, %d to %d: the sum of column %d is %g, want %g", cols, j0, j1, j, v, want)
			}
		}
	}
}

// TestProductsOfEverySize goes over every length of each side of a product, the others
// being small, with strides, and holds elements to float64.
func TestProductsOfEverySize(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 3))
	step := 7
	if testing.Short() {
		step = 41
	}
	for n := 1; n < 1000; n += 1 + r.IntN(step) {
		for _, s := range [][3]int{{n, 1 + r.IntN(9), 1 + r.IntN(9)}, {1 + r.IntN(9), n, 1 + r.IntN(9)}, {1 + r.IntN(5), 1 + r.IntN(5), n}} {
			checkProduct[float32](t, r, s[0], s[1], s[2], r.IntN(2) == 1, r.IntN(2) == 1, r.IntN(2) == 1, 1e-6)
		}
	}
}

// TestProductsOfSpecials tells what NaN, infinities and denormals make of a product: in
// each element what they make of a plain sum.
func TestProductsOfSpecials(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 4))
	for range 60 {
		m, n, k := 1+r.IntN(40), 1+r.IntN(70), 1+r.IntN(12)
		a, b, c := numbers[float32](r, m*k), make([]float32, k*n), make([]float32, m*n)
		for i := range b {
			b[i] = float32(r.IntN(3)) - 1
		}
		big := slices.ContainsFunc(a, func(v float32) bool { return math.Abs(float64(v)) > 1e30 })
		MatMul(c, n, a, k, false, b, n, false, m, n, k, 0, m, 0, n, false)
		for i := range m {
			for j := range n {
				want, size := 0.0, 0.0
				for p := range k {
					v := float64(a[i*k+p]) * float64(b[p*n+j])
					want, size = want+v, size+math.Abs(v)
				}
				got := float64(c[i*n+j])
				if math.IsNaN(want) || math.IsInf(want, 0) || size > math.MaxFloat32 {
					if !big && !math.IsNaN(got) && !math.IsInf(got, 0) {
						t.Fatalf("C[%d,%d] is %g, want %g", i, j, got, want)
					}
					continue
				}
				if math.Abs(got-want) > 1e-6*size+0x1p-149 {
					t.Fatalf("C[%d,%d] is %g, want %g", i, j, got, want)
				}
			}
		}
	}
}
