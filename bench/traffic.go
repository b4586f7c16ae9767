package bench

import (
	"time"

	"github.com/nadir-ml/nadir/param"
)

// Traffic is the time that a core takes to read and write so many bytes in all, at
// the best: half of them read and half written, in place again and again, so that
// they lie in the cache that holds them.
func Traffic(bytes float64) time.Duration {
	n := max(64, int(bytes/8))
	src, dst := make([]float32, n), make([]float32, n)
	best := time.Hour
	for start, i := time.Now(), 0; i < 5 || i < 200 && time.Since(start) < 50*time.Millisecond; i++ {
		from := time.Now()
		copy(dst, src)
		best = min(best, time.Since(from))
	}
	return max(best, time.Nanosecond)
}

// Weights is the number of the net's weights.
func (n Net) Weights() int {
	tr, err := n.Trainer("sgd", 1)
	if err != nil {
		return 0
	}
	defer tr.Close()
	sum := 0
	for p := range tr.Params.Of(param.Weight) {
		sum += p.Value.Len()
	}
	return sum
}
