package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestPool(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testPool[float32](t) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testPool[float64](t) })
}

// testPool holds pools to loops that go by rows of numbers and note where each came
// from, for NaN, infinities and both zeros too.
func testPool[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Pool{Lines: rapid.IntRange(1, 4).Draw(t, "lines"), Taps: rapid.IntRange(1, 4).Draw(t, "taps"),
			Channels: rapid.OneOf(rapid.IntRange(1, 40), rapid.IntRange(4, 7)).Draw(t, "channels"), Places: rapid.IntRange(1, 9).Draw(t, "places")}
		stride, dilation := rapid.IntRange(1, 5).Draw(t, "stride"), rapid.IntRange(1, 2).Draw(t, "dilation")
		if rapid.Bool().Draw(t, "side by side") {
			stride, dilation = w.Taps, 1
		}
		w.XTap, w.XStep = dilation*w.Channels, stride*w.Channels
		w.XLine = (w.Places-1)*w.XStep + (w.Taps-1)*w.XTap + w.Channels + rapid.IntRange(0, 2).Draw(t, "beside")
		w.XRow, w.YRow = w.XLine*rapid.IntRange(1, 5).Draw(t, "stride of lines"), w.Places*w.Channels+rapid.IntRange(0, 2).Draw(t, "beside y")
		rows := rapid.IntRange(1, 4).Draw(t, "lines of results")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x, y, dy := numbers[T](r, w.reach(rows)), make([]T, (rows-1)*w.YRow+w.Places*w.Channels), numbers[T](r, rows*w.YRow)
		dx, want := make([]T, len(x)), make([]T, len(x))
		MaxPool(&w, y, x, rows)
		add := stride < (w.Taps-1)*dilation+1 || dilation > 1 || w.XRow < w.Lines*w.XLine || rapid.Bool().Draw(t, "add")
		MaxPoolGradient(&w, dx, x, y, dy, rows, add)
		seen := make([]bool, len(y))
		for i := range rows {
			for p := range w.Places {
				best, largest, from := make([]T, w.Channels), make([]T, w.Channels), make([]int32, w.Channels)
				for l := range w.Lines {
					for k := range w.Taps {
						at := i*w.XRow + p*w.XStep + l*w.XLine + k*w.XTap
						if l+k == 0 {
							copy(best, x[at:at+w.Channels])
							copy(largest, best)
							for c := range from {
								from[c] = int32(at)
							}
							continue
						}
						MaxRows(largest, x[at:], 0, 0, w.Channels, 1)
						MaxIndexRows(best, from, x[at:], 0, 0, w.Channels, 1, at, 0)
					}
				}
				for c, v := range largest {
					at := i*w.YRow + p*w.Channels + c
					seen[at] = true
					if !same(y[at], v) {
						t.Fatalf("line %d, place %d, channel %d is %g, want %g", i, p, c, y[at], v)
					}
					want[int(from[c])+c] += dy[at]
				}
			}
		}
		for i, v := range y {
			if !seen[i] && v != 0 {
				t.Fatalf("number %d, between the lines, is %g", i, v)
			}
		}
		for i, v := range dx {
			if v != want[i] && (v == v || want[i] == want[i]) {
				t.Fatalf("the gradient of number %d is %g, want %g", i, v, want[i])
			}
		}
	})
}

func BenchmarkMaxPool(b *testing.B) {
	for _, channels := range []int{6, 16, 64} {
		const size = 28
		w := Pool{Lines: 2, Taps: 2, Channels: channels, XLine: size * channels, XTap: channels, XStep: 2 * channels, XRow: 2 * size * channels,
			Places: size / 2, YRow: size / 2 * channels}
		r := rand.New(rand.NewPCG(1, 1))
		x, y := normals[float32](r, size*size*channels), make([]float32, size*size/4*channels)
		dx := make([]float32, len(x))
		b.Run(fmt.Sprintf("forward/%d", channels), func(b *testing.B) {
			measure(b, "Gnumber/s", float64(len(x)), func() { MaxPool(&w, y, x, size/2) })
		})
		b.Run(fmt.Sprintf("gradient/%d", channels), func(b *testing.B) {
			measure(b, "Gnumber/s", float64(len(x)), func() { MaxPoolGradient(&w, dx, x, y, y, size/2, false) })
		})
	}
}
