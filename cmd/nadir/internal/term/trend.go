package term

import (
	"math"
	"strings"
)

// A trend is the history of a number in a fixed space: when it is full,
// neighbours are merged into their means.
type trend struct {
	points []float64
	each   int // values a point stands for; 0 before the first
	sum    float64
	n      int // values in sum
}

// trendPoints is even, so that a full trend halves exactly.
const trendPoints = 128

func (t *trend) add(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	t.each = max(t.each, 1)
	t.sum += v
	if t.n++; t.n < t.each {
		return
	}
	if t.points == nil {
		t.points = make([]float64, 0, trendPoints)
	}
	t.points = append(t.points, t.sum/float64(t.n))
	t.sum, t.n = 0, 0
	if len(t.points) == trendPoints {
		for i := range trendPoints / 2 {
			t.points[i] = t.points[2*i]/2 + t.points[2*i+1]/2
		}
		t.points = t.points[:trendPoints/2]
		t.each *= 2
	}
}

// spark draws the whole history in at most n cells, the least as the lowest bar
// and the greatest as the highest. Positive values of more than a decade are
// drawn by their logarithms, or a falling loss would soon be a flat line.
func (t *trend) spark(n int) string {
	n = min(n, len(t.points))
	if n < 1 {
		return ""
	}
	means := make([]float64, n)
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range means {
		from, to := i*len(t.points)/n, (i+1)*len(t.points)/n
		for _, v := range t.points[from:to] {
			means[i] += v / float64(to-from)
		}
		lo, hi = math.Min(lo, means[i]), math.Max(hi, means[i])
	}
	by := func(v float64) float64 { return v / 2 }
	if lo > 0 && hi > 10*lo {
		by = math.Log
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range means {
		level := 0
		if span := by(hi) - by(lo); span > 0 {
			level = int((by(v) - by(lo)) / span * float64(len(bars)))
		}
		b.WriteRune(bars[max(0, min(level, len(bars)-1))])
	}
	return b.String()
}
