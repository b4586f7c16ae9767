package kernel

import (
	"fmt"
	"testing"
	"time"
)

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%23)/8 - 1.4
	}
	return x
}

// measure runs f b.N times and reports its rate, and the best rate of any short
// window: what a machine that others use can show.
func measure(b *testing.B, unit string, work float64, f func()) {
	f()
	start := time.Now()
	f()
	window := int(50*time.Microsecond/(time.Since(start)+1)) + 1
	best := time.Hour
	n := 0
	for b.Loop() {
		if n%window == 0 {
			start = time.Now()
		}
		f()
		if n++; n%window == 0 {
			best = min(best, time.Since(start)/time.Duration(window))
		}
	}
	b.ReportMetric(work*float64(b.N)/float64(b.Elapsed().Nanoseconds()), unit)
	if best < time.Hour {
		b.ReportMetric(work/float64(best.Nanoseconds()), "best-"+unit)
	}
}

func BenchmarkMatMul(b *testing.B) {
	for _, s := range []struct {
		name    string
		m, n, k int
		ta, tb  bool
	}{
		{"NN", 32, 300, 784, false, false}, {"TN", 784, 300, 32, true, false}, {"NT", 32, 784, 300, false, true},
		{"NN", 32, 100, 300, false, false}, {"TN", 300, 100, 32, true, false}, {"NT", 32, 300, 100, false, true},
		{"NN", 32, 10, 100, false, false}, {"TN", 100, 10, 32, true, false}, {"NT", 32, 100, 10, false, true},
		{"NN", 128, 300, 784, false, false}, {"TN", 784, 300, 128, true, false}, {"NT", 128, 784, 300, false, true},
		{"NN", 512, 300, 784, false, false}, {"TN", 784, 300, 512, true, false}, {"NT", 512, 784, 300, false, true},
		{"NN", 1024, 1024, 1024, false, false}, {"TN", 1024, 1024, 1024, true, false}, {"NT", 1024, 1024, 1024, false, true},
		{"NN", 128, 100, 100, false, false}, {"TN", 100, 100, 128, true, false}, {"NT", 128, 100, 100, false, true},
		{"NN", 512, 100, 300, false, false}, {"TN", 300, 100, 512, true, false}, {"NT", 512, 300, 100, false, true},
		{"NN", 128, 10, 100, false, false}, {"TN", 100, 10, 128, true, false}, {"NT", 128, 100, 10, false, true},
		{"NN", 1, 300, 784, false, false}, {"NT", 1, 784, 300, false, true},
	} {
		b.Run(fmt.Sprintf("%s/%dx%dx%d", s.name, s.m, s.n, s.k), func(b *testing.B) {
			x, y, z := ramp(s.m*s.k), ramp(s.k*s.n), ramp(s.m*s.n)
			lda, ldb := s.k, s.n
			if s.ta {
				lda = s.m
			}
			if s.tb {
				ldb = s.k
			}
			measure(b, "GFLOP/s", 2*float64(s.m*s.n*s.k), func() {
				MatMul(z, s.n, x, lda, s.ta, y, ldb, s.tb, s.m, s.n, s.k, 0, s.m, 0, s.n, false)
			})
		})
	}
}

func BenchmarkMatMulBF16(b *testing.B) {
	for _, s := range []struct {
		name    string
		m, n, k int
		ta, tb  bool
	}{
		{"NN", 512, 2048, 784, false, false}, {"NN", 512, 2048, 2048, false, false}, {"TN", 2048, 2048, 512, true, false}, {"NT", 512, 2048, 2048, false, true},
		{"NN", 32, 300, 784, false, false},
	} {
		b.Run(fmt.Sprintf("%s/%dx%dx%d", s.name, s.m, s.n, s.k), func(b *testing.B) {
			x, y, z := ramp(s.m*s.k), ramp(s.k*s.n), ramp(s.m*s.n)
			lda, ldb := s.k, s.n
			if s.ta {
				lda = s.m
			}
			if s.tb {
				ldb = s.k
			}
			measure(b, "GFLOP/s", 2*float64(s.m*s.n*s.k), func() {
				MatMulBF16(z, s.n, x, lda, s.ta, y, ldb, s.tb, s.m, s.n, s.k, 0, s.m, 0, s.n, false)
			})
		})
	}
}

func BenchmarkElementwise(b *testing.B) {
	const n = 32 * 300
	x, y, z := ramp(n), ramp(n), make([]float32, n)
	bytes, ints := make([]uint8, n), make([]int32, n)
	for _, f := range []struct {
		name string
		run  func()
	}{
		{"Add", func() { Add(z, x, y) }}, {"MulS", func() { MulS(z, x, 0.3) }}, {"Max", func() { Max(z, x, y) }},
		{"Axpy", func() { Axpy(z, x, 0.3, y) }}, {"GtS", func() { GtS(z, x, 0) }}, {"Select", func() { Select(z, x, y, x) }},
		{"Relu", func() { Relu(z, x) }}, {"Sqrt", func() { Sqrt(z, x) }}, {"Div", func() { Div(z, x, y) }},
		{"Sign", func() { Sign(z, x) }}, {"Exp", func() { Exp(z, x) }}, {"Expm1", func() { Expm1(z, x) }},
		{"ELU", func() { ELU(z, x) }}, {"AddELU", func() { AddELU(z, x, y) }},
		{"Log", func() { Log(z, x) }}, {"Log1p", func() { Log1p(z, x) }}, {"Tanh", func() { Tanh(z, x) }},
		{"Sigmoid", func() { Sigmoid(z, x) }}, {"Softplus", func() { Softplus(z, x) }}, {"Erf", func() { Erf(z, x) }},
		{"Sin", func() { Sin(z, x) }}, {"PowS", func() { PowS(z, x, 1.5) }},
		{"Fill", func() { Fill(z, 1) }}, {"Copy", func() { Copy(z, x) }},
		{"BytesToFloat", func() { BytesToFloat(z, bytes) }}, {"IntToFloat", func() { IntToFloat(z, ints) }},
		{"Uniform", func() { Uniform(z, [2]uint32{1, 2}, 3, 4, 0) }}, {"Normal", func() { Normal(z, [2]uint32{1, 2}, 3, 4, 0) }},
		{"Sum", func() { Sum(x) }}, {"RowSum", func() { RowSum(z, x, 32, 300, 0, 32) }},
		{"RowMax", func() { RowMax(z, x, 32, 300, 0, 32) }}, {"ColSum", func() { ColSum(z, x, 32, 300, 0, 300) }},
		{"SumSquares", func() { SumSquares(x) }}, {"ColDot", func() { ColDot(z, x, y, 32, 300, 0, 300) }},
		{"ColSpread", func() { ColSpread(z, x, y, 32, 300, 0, 300) }},
		{"AffineGradients", func() { AffineGradients(z, x, y, y, y, z, 32, 300, 0, 32) }},
		{"Transpose2D", func() { Transpose2D(z, x, 32, 300, 0, 32) }},
		{"SoftmaxRow", func() { SoftmaxRow(z, x, 32, 300, 0, 32) }},
		{"CrossEntropyRow", func() { CrossEntropyRow(y, z, x, ints, 960, 10, 0, 960) }},
	} {
		b.Run(f.name, func(b *testing.B) { measure(b, "elements/ns", n, f.run) })
	}
}
