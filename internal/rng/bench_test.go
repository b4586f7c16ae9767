package rng_test

import (
	"testing"

	"github.com/nadir-ml/nadir/internal/rng"
)

// BenchmarkTruncNorm is one number of a kernel's first weights, drawn alone and among
// many.
func BenchmarkTruncNorm(b *testing.B) {
	b.Run("one", func(b *testing.B) {
		s := rng.New(1, 0)
		for b.Loop() {
			_ = s.TruncNorm()
		}
	})
	b.Run("many", func(b *testing.B) {
		s := rng.New(1, 0)
		dst := make([]float64, 1<<16)
		for b.Loop() {
			s.TruncNorms(dst)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/number")
	})
}
