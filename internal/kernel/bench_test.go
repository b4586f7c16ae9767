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
