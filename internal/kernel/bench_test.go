package kernel

import (
	"fmt"
	"testing"
)

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%23)/8 - 1.4
	}
	return x
}

func BenchmarkMatMul(b *testing.B) {
	for _, s := range []struct {
		name    string
		m, n, k int
		ta, tb  bool
	}{
		{"NN", 32, 300, 784, false, false}, {"TN", 784, 300, 32, true, false}, {"NT", 32, 784, 300, false, true},
		{"NN", 32, 100, 300, false, false}, {"NN", 32, 10, 100, false, false},
		{"NN", 128, 300, 784, false, false}, {"NN", 512, 512, 512, false, false}, {"NN", 1024, 1024, 1024, false, false},
		{"NN", 1, 300, 784, false, false},
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
			for b.Loop() {
				MatMul(z, s.n, x, lda, s.ta, y, ldb, s.tb, s.m, s.n, s.k, 0, s.m, 0, s.n, false)
			}
			b.ReportMetric(2*float64(s.m*s.n*s.k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
