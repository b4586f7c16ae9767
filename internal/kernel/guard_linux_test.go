package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded is n elements between two pages that may not be touched, ending right
// before the second one or starting right after the first.
func guarded[E any](t *testing.T, n int, atEnd bool) []E {
	t.Helper()
	var z E
	size := n * int(unsafe.Sizeof(z))
	page := syscall.Getpagesize()
	room := (size + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, room+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, side := range [][]byte{m[:page], m[page+room:]} {
		if err := syscall.Mprotect(side, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		return nil
	}
	at := page
	if atEnd {
		at += room - size
	}
	return unsafe.Slice((*E)(unsafe.Pointer(&m[at])), n)
}

// TestGuardElementwise reads and writes right beside pages that may not be: one
// byte too far ends the test with a fault.
func TestGuardElementwise(t *testing.T) {
	t.Parallel()
	for _, atEnd := range []bool{false, true} {
		for _, n := range []int{1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 47, 63, 64, 100} {
			dst, a, b, c := guarded[float32](t, n, atEnd), guarded[float32](t, n, atEnd), guarded[float32](t, n, atEnd), guarded[float32](t, n, atEnd)
			for _, f := range []func(dst, a, b []float32){Add[float32], Sub[float32], Mul[float32], Div[float32], Max[float32], Min[float32], Pow[float32], Gt[float32], Ge[float32], Lt[float32], Le[float32], Eq[float32], Ne[float32]} {
				f(dst, a, b)
			}
			for _, f := range []func(dst, a []float32, s float32){AddS[float32], SubS[float32], RSubS[float32], MulS[float32], DivS[float32], RDivS[float32], MaxS[float32], MinS[float32], PowS[float32], RPowS[float32], GtS[float32], GeS[float32], LtS[float32], LeS[float32], EqS[float32], NeS[float32]} {
				f(dst, a, 0.5)
			}
			for _, f := range []func(dst, a []float32){Neg[float32], Abs[float32], Sign[float32], Square[float32], Sqrt[float32], Rsqrt[float32], Recip[float32], Floor[float32], Relu[float32], Exp[float32], Expm1[float32], Log[float32], Log1p[float32],
				Tanh[float32], Sigmoid[float32], Softplus[float32], Erf[float32], Sin[float32], Cos[float32], Copy[float32]} {
				f(dst, a)
			}
			Axpy(dst, a, 0.5, b)
			Select(dst, a, b, c)
			for _, f := range []func(dst, a, b, c []float32){MulAdd[float32], MulSub[float32], SubMul[float32], SubProduct[float32]} {
				f(dst, a, b, c)
			}
			Weighted(dst, a, b, 0.5, 2)
			WeightedSquare(dst, a, b, 0.5, 2)
			OverRoot(dst, a, b, c, 0.5)
			Adam(dst, dst, a, b, c, &Moments[float32]{})
			Nadam(dst, dst, a, b, c, &Moments[float32]{})
			Clamp(dst, a, -1, 1)
			CountBeyond(a, 1)
			DivS(dst, a, 3)
			ELU(dst, a)
			AddELU(dst, a, b)
			ELUGradient(dst, a, b)
			Gate(dst, a, b)
			Fill(dst, 1)
			BytesToFloat(dst, guarded[uint8](t, n, atEnd))
			IntToFloat(dst, guarded[int32](t, n, atEnd))
			Uniform(dst, [2]uint32{1, 2}, 3, 4, n%4)
			Normal(dst, [2]uint32{1, 2}, 3, 4, n%4)
			Sum(a)
			SumSquares(a)
			for _, rows := range []int{1, 3} {
				m, out := guarded[float32](t, rows*n, atEnd), guarded[float32](t, rows*n, atEnd)
				sums, label := guarded[float32](t, rows, atEnd), guarded[int32](t, rows, atEnd)
				RowSum(sums, m, rows, n, 0, rows)
				RowMax(sums, m, rows, n, 0, rows)
				ColSum(dst, m, rows, n, 0, n)
				ColSum(dst, m, rows, n, n/2, n)
				CopyRows(out, m, n, n, n, rows)
				AddRows(out, m, n, n, n, rows)
				MaxRows(out, m, n, n, n, rows)
				MaxIndexRows(out, guarded[int32](t, rows*n, atEnd), m, n, n, n, rows, 0, 1)
				ColDot(dst, m, out, rows, n, 0, n)
				ColDot(dst, m, out, rows, n, n/2, n)
				ColSpread(dst, m, a, rows, n, n/2, n)
				AffineGradients(guarded[float32](t, 3*rows, atEnd), m, out, a, sums, sums, rows, n, 0, rows)
				SoftmaxRow(out, m, rows, n, 0, rows)
				LogSoftmaxRow(out, m, rows, n, 0, rows)
				CrossEntropyRow(sums, out, m, label, rows, n, 0, rows)
				CrossEntropyRow(sums, nil, m, label, rows, n, 0, rows)
				Transpose2D(out, m, rows, n, 0, rows)
			}
			for _, rows := range []int{8, 17, 33} {
				m, out := guarded[byte](t, 4*rows*n, atEnd), guarded[byte](t, 4*rows*n, atEnd)
				if n >= 8 && Turn(out, m, 4*rows, 4*n, rows, n) != turns() {
					t.Fatalf("%d×%d are not turned", rows, n)
				}
			}
		}
	}
}

func TestGuardMatMul(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 9))
	sizes := []int{1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 17, 20, 31, 33, 47, 50, 70}
	for i := range 400 {
		m, n, k := sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))]
		if i%8 == 0 { // whole tiles of a single row, and rows that share the sets of a cache
			n = []int{256, 320, 333, 512}[r.IntN(4)]
		}
		if r.IntN(3) == 0 {
			k = 256 * (1 + r.IntN(2)) // strides of a power of two go their own way
		}
		ta, tb := r.IntN(2) == 1, r.IntN(2) == 1
		atEnd := r.IntN(3) > 0
		a, b, c := guarded[float32](t, m*k, atEnd), guarded[float32](t, k*n, atEnd), guarded[float32](t, m*n, atEnd)
		lda, ldb := k, n
		if ta {
			lda = m
		}
		if tb {
			ldb = k
		}
		MatMul(c, n, a, lda, ta, b, ldb, tb, m, n, k, 0, m, 0, n, r.IntN(2) == 1)
		i0, j0 := r.IntN(m), r.IntN(n)
		MatMul(c, n, a, lda, ta, b, ldb, tb, m, n, k, i0, m, j0, n, false)
		if i%4 == 1 && k < 100 {
			MatMulBF16(c, n, a, lda, ta, b, ldb, tb, m, n, k, i0, m, j0, n, i%8 == 1)
			laid := guarded[uint32](t, HalfLen(n, k), atEnd)
			LayHalf(laid, b, ldb, tb, n, k)
			MatMulLaidBF16(c, n, a, lda, ta, laid, m, n, k, i0, m, 0, n, false)
		}
	}
}

func TestGuardConvolve(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(10, 11))
	for i := range 400 {
		channels, places := 1+r.IntN(5), 1+r.IntN(5)
		c := NewConvolution[float32](Convolution{Lines: 1 + r.IntN(6), Taps: places * channels, XStep: channels * (1 + r.IntN(2)),
			Filters: 1 + r.IntN(40), Places: 1 + r.IntN(33)})
		c.XLine = (c.Places-1)*c.XStep + c.Taps
		c.XRow, c.YRow = c.XLine, c.Places*c.Filters
		rows, atEnd := 1+r.IntN(3), i%3 > 0
		x, y := guarded[float32](t, c.reach(c.Lines, rows), atEnd), guarded[float32](t, rows*c.YRow, atEnd)
		w, b := guarded[float32](t, c.Weights(), atEnd), guarded[float32](t, c.Biases(), atEnd)
		Convolve(&c, y, x, w, b, 0, c.Lines, rows, true)
		ConvolveFilters(&c, w, x, y, rows)
		GatherFilters(&c, guarded[float32](t, c.Lines*c.Taps*c.Filters, atEnd), w, 1)
	}
}

func TestGuardPool(t *testing.T) {
	t.Parallel()
	for i := range 200 {
		c, n := 1+i%37, 1+i%5
		w := Pool{Lines: 1 + i%3, Taps: 1 + i%4, Channels: c, XTap: c, XStep: c * (1 + i%4), Places: n, YRow: n * c}
		w.XLine = (n-1)*w.XStep + w.Taps*c
		w.XRow = w.Lines * w.XLine
		const rows = 2
		atEnd := i%3 > 0
		x, dx := guarded[float32](t, w.reach(rows), atEnd), guarded[float32](t, w.reach(rows), atEnd)
		y, dy := guarded[float32](t, rows*w.YRow, atEnd), guarded[float32](t, rows*w.YRow, atEnd)
		MaxPool(&w, y, x, rows)
		MaxPoolGradient(&w, dx, x, y, dy, rows, i%2 == 0)
	}
}

func TestGuardDepthwise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(12, 13))
	for i := range 300 {
		c := 1 + r.IntN(50)
		d := Depthwise{Channels: c, Places: 1 + r.IntN(20), Rows: 1 + r.IntN(3), Taps: [3]int{1, 1 + r.IntN(6), 1 + r.IntN(6)},
			XStep: c * (1 + r.IntN(2)), YStep: c}
		d.XTap = [3]int{0, ((d.Places-1)*d.XStep + d.Taps[2]*c), c}
		d.XRow, d.YRow = d.XTap[1], d.Places*c
		d.WTap = [3]int{0, d.Taps[2] * c, c}
		atEnd := i%3 > 0
		x, y := guarded[float32](t, (d.Rows+d.Taps[1]-1)*d.XRow, atEnd), guarded[float32](t, d.Rows*d.YRow, atEnd)
		w, b := guarded[float32](t, d.weights(), atEnd), guarded[float32](t, c, atEnd)
		ConvolveDepthwise(&d, y, x, w, b, 0, true)
		DepthwiseFilters(&d, w, x, y, 0)
	}
}

func TestGuardWinograd(t *testing.T) {
	t.Parallel()
	for i := range 120 {
		c, n, atEnd := 1+i%40, 1+i%4, i%3 > 0
		x, v := guarded[float32](t, 4*(2*n+2)*c, atEnd), guarded[float32](t, 16*n*c, atEnd)
		WinogradInput(&Tiles{Count: n, Channels: c, SrcTile: 2 * c, SrcStep: c, SrcLine: (2*n + 2) * c, DstTile: c, DstStep: n * c, DstLine: 4 * n * c}, v, x)
		out := Tiles{Count: n, Channels: c, SrcTile: c, SrcStep: n * c, SrcLine: 4 * n * c, DstTile: 2 * c, DstStep: c, DstLine: 2 * n * c}
		WinogradOutput(&out, guarded[float32](t, 4*n*c, atEnd), v, guarded[float32](t, c, atEnd), true)
		out.DstTile, out.DstStep, out.DstLine = c, 0, 0
		WinogradOutput(&out, guarded[float32](t, n*c, atEnd), v, nil, false)
		f, u := guarded[float32](t, 9*c, atEnd), guarded[float32](t, 16*c, atEnd)
		WinogradFilter(&Tiles{Count: 1, Channels: c, SrcStep: c, SrcLine: 3 * c, DstStep: c, DstLine: 4 * c}, u, f, 0)
		WinogradFilter(&Tiles{Count: 1, Channels: c, SrcStep: -c, SrcLine: -3 * c, DstStep: c, DstLine: 4 * c}, u, f, 8*c)
	}
}

// TestGuardPanels does so with products of a B that is laid out.
func TestGuardPanels(t *testing.T) {
	t.Parallel()
	for _, atEnd := range []bool{false, true} {
		for _, s := range [][3]int{{1, 1, 1}, {1, 300, 7}, {1, 97, 321}, {2, 37, 5}, {5, 65, 70}, {13, 33, 90}, {30, 10, 100}, {33, 100, 330}} {
			m, n, k := s[0], s[1], s[2]
			p, ok := NewPanels[float32](m, n, k)
			if !ok {
				continue
			}
			a, b, c := guarded[float32](t, m*k, atEnd), guarded[float32](t, p.Len(), atEnd), guarded[float32](t, m*n, atEnd)
			LayPanels(&p, b, guarded[float32](t, n*k, atEnd), n, false)
			LayPanels(&p, b, guarded[float32](t, n*k, atEnd), k, true)
			for _, ta := range []bool{false, true} {
				lda := k
				if ta {
					lda = m
				}
				MatMulPanels(&p, c, n, a, lda, ta, b, m, 0, m, 0, n, false)
				MatMulPanels(&p, c, n, a, lda, ta, b, m, 0, m, n/2, n, true)
			}
		}
	}
}
