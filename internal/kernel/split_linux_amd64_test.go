//go:build !noasm

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestSplitLayout(t *testing.T) {
	t.Parallel()
	var q splitting
	var p splitProduct
	for _, f := range []struct {
		name     string
		at, want uintptr
	}{
		{"lines", unsafe.Offsetof(q.lines), 24}, {"half", unsafe.Offsetof(q.half), 40}, {"whole", unsafe.Offsetof(q.whole), 48}, {"first", unsafe.Offsetof(q.first), 52},
		{"second", unsafe.Offsetof(q.second), 56}, {"left", unsafe.Offsetof(q.left), 60}, {"right", unsafe.Offsetof(q.right), 64}, {"depth", unsafe.Offsetof(q.depth), 72},
		{"ldc", unsafe.Offsetof(p.ldc), 24}, {"rows", unsafe.Offsetof(p.rows), 40}, {"add", unsafe.Offsetof(p.add), 48}, {"sums", unsafe.Offsetof(p.sums), 56},
		{"left", unsafe.Offsetof(p.left), 64}, {"tiles", unsafe.Offsetof(p.tiles), 72}, {"straight", unsafe.Offsetof(p.straight), 80}, {"check", unsafe.Offsetof(p.check), 88},
		{"block", unsafe.Offsetof(p.block), 96}, {"src", unsafe.Offsetof(p.src), 104}, {"dst", unsafe.Offsetof(p.dst), 112}, {"stride", unsafe.Offsetof(p.stride), 120},
		{"pairs", unsafe.Offsetof(p.pairs), 128}, {"within", unsafe.Offsetof(p.within), 136}, {"each", unsafe.Offsetof(p.each), 144}, {"bad", unsafe.Offsetof(p.bad), 160},
	} {
		if f.at != f.want {
			t.Errorf("field %s lies at %d, the assembly has %d", f.name, f.at, f.want)
		}
	}
}

// stored is a matrix as a product reads it.
type stored struct {
	x  []float32
	ld int
	t  bool
}

func (s stored) at(i, j int) float32 {
	if s.t {
		i, j = j, i
	}
	return s.x[i*s.ld+j]
}

// store makes rows×cols numbers, each by next.
func store(rows, cols, pad int, t bool, alloc func(n int) []float32, next func() float32) stored {
	if t {
		rows, cols = cols, rows
	}
	s := stored{alloc((rows-1)*(cols+pad) + cols), cols + pad, t}
	for i := range s.x {
		s.x[i] = next()
	}
	return s
}

func parts(x float32) (p [3]float32) {
	p[0] = math.Float32frombits((math.Float32bits(x) + 0x8000) & 0xFFFF0000)
	p[1] = math.Float32frombits(math.Float32bits(x-p[0]) & 0xFFFF0000)
	p[2] = math.Float32frombits(math.Float32bits(x-p[0]-p[1]) & 0xFFFF0000)
	for i := range p {
		p[i] = flush(p[i])
	}
	return p
}

// splitElement is one element of a product in parts, in plain Go.
func splitElement(a, b stored, i, j, k int) (sum float32) {
	for s := range splitPasses(k) {
		from, to := splitPass(k, s)
		var pass float32
		for q := from; q < to; q += splitBlock {
			var x, y [splitBlock][3]float32
			for l := range min(splitBlock, to-q) {
				x[l], y[l] = parts(a.at(i, q+l)), parts(b.at(q+l, j))
			}
			for _, of := range [6][2]int{{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {0, 2}} {
				var half [2]float32
				for l := range x {
					half[l/16] = flush(float32(float64(x[l][of[0]])*float64(y[l][of[1]]) + float64(half[l/16])))
				}
				pass = flush(pass + flush(half[0]+half[1]))
			}
		}
		sum += pass
	}
	return sum
}

func skipUnlessSplit(t *testing.T) {
	t.Helper()
	if !split {
		t.Skipf("family %s has no products in parts", Family())
	}
}

func spread(r *rand.Rand) func() float32 {
	return func() float32 {
		return float32(r.NormFloat64()) * float32(math.Pow(2, float64(r.IntN(12)-6)))
	}
}

func plainly(n int) []float32 { return make([]float32, n) }

// TestSplit holds products in parts to plain Go, to the bit, however C is cut and
// whether B is laid out, beside pages that may not be touched.
func TestSplit(t *testing.T) {
	t.Parallel()
	skipUnlessSplit(t)
	r := rand.New(rand.NewPCG(7, 8))
	sizes := []int{1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 64, 65, 96, 100, 130}
	for round := range 60 {
		m, n, k := sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))]
		switch round % 10 {
		case 3:
			k += 500
		case 5:
			m += 520 // more than is packed at a time
		}
		alloc := func(n int) []float32 { return guarded[float32](t, n, round%2 == 0) }
		a := store(m, k, r.IntN(3), r.IntN(2) == 0, alloc, spread(r))
		b := store(k, n, r.IntN(3), r.IntN(2) == 0, alloc, spread(r))
		c := store(m, n, r.IntN(3), false, alloc, func() float32 { return 99 })
		var laid []uint32
		if r.IntN(3) == 0 {
			laid = make([]uint32, SplitLen(n, k))
			LaySplit(laid, b.x, b.ld, b.t, n, k)
		}
		rows, cols := 1+r.IntN(m), 32*(1+r.IntN((n+31)/32))
		for i := 0; i < m; i += rows {
			for j := 0; j < n; j += cols {
				MatMulSplitLaid(c.x, c.ld, a.x, a.ld, a.t, b.x, b.ld, b.t, laid, m, n, k, i, min(m, i+rows), j, min(n, j+cols))
			}
		}
		for range 400 {
			i, j := r.IntN(m), r.IntN(n)
			if got, want := c.at(i, j), splitElement(a, b, i, j, k); got != want {
				t.Fatalf("%d×%d over %d, cut by %d×%d, laid out %v: element %d, %d is %x, want %x", m, n, k, rows, cols, laid != nil, i, j, got, want)
			}
		}
		for i := range m - 1 {
			for j := n; j < c.ld; j++ {
				if c.x[i*c.ld+j] != 99 {
					t.Fatalf("%d×%d over %d: row %d is written beyond its end", m, n, k, i)
				}
			}
		}
	}
}

// TestSplitExact holds the error of products in parts to that of fused multiply-adds.
func TestSplitExact(t *testing.T) {
	t.Parallel()
	skipUnlessSplit(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range [][3]int{{33, 47, 65}, {64, 100, 100}, {64, 96, 784}, {96, 64, 32}, {32, 64, 2048}} {
		m, n, k := d[0], d[1], d[2]
		normal := func() float32 { return float32(r.NormFloat64()) }
		a, b := store(m, k, 0, false, plainly, normal), store(k, n, 0, false, plainly, normal)
		got, fused := make([]float32, m*n), make([]float32, m*n)
		MatMulSplit(got, n, a.x, a.ld, false, b.x, b.ld, false, m, n, k, 0, m, 0, n)
		MatMul(fused, n, a.x, a.ld, false, b.x, b.ld, false, m, n, k, 0, m, 0, n, false)
		var sum, sumFused float64
		for i := range m {
			for j := range n {
				exact := 0.0
				for q := range k {
					exact += float64(a.at(i, q)) * float64(b.at(q, j))
				}
				sum += math.Pow(float64(got[i*n+j])-exact, 2)
				sumFused += math.Pow(float64(fused[i*n+j])-exact, 2)
			}
		}
		if sum > sumFused {
			t.Errorf("%v: root mean square error %g, that of fused multiply-adds %g", d, math.Sqrt(sum/float64(m*n)), math.Sqrt(sumFused/float64(m*n)))
		}
	}
}

// TestSplitNotFinite holds what parts cannot express to fused multiply-adds.
func TestSplitNotFinite(t *testing.T) {
	t.Parallel()
	skipUnlessSplit(t)
	inf := float32(math.Inf(1))
	r := rand.New(rand.NewPCG(5, 6))
	for round, odd := range []float32{inf, -inf, float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32, 0x1p-140, math.Float32frombits(0x7FFFFFFF), 3e38} {
		const m, n, k = 40, 70, 600
		a, b := store(m, k, 0, round%2 == 0, plainly, spread(r)), store(k, n, 0, round%3 == 0, plainly, spread(r))
		for range 3 {
			a.x[r.IntN(len(a.x))] = odd
		}
		b.x[r.IntN(len(b.x))] = odd
		got, want := make([]float32, m*n), make([]float32, m*n)
		MatMulSplit(got, n, a.x, a.ld, a.t, b.x, b.ld, b.t, m, n, k, 0, m, 0, n)
		MatMul(want, n, a.x, a.ld, a.t, b.x, b.ld, b.t, m, n, k, 0, m, 0, n, false)
		special := 0
		for i, x := range want {
			y := got[i]
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				special++
			}
			if !same(x, y) && !(math.Abs(float64(x)-float64(y)) <= 1e-4*max(1e3, math.Abs(float64(x)))) {
				t.Fatalf("with %g, element %d is %g, want %g", odd, i, y, x)
			}
		}
		if odd-odd != 0 && special < m {
			t.Errorf("with %g only %d elements are not finite", odd, special)
		}
	}
}
