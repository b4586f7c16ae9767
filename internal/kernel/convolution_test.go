package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// aConvolution draws a shape and the numbers that x and y need for rows lines.
func aConvolution(t *rapid.T) (c Convolution, rows int) {
	channels := rapid.IntRange(1, 9).Draw(t, "channels")
	places := rapid.IntRange(1, 6).Draw(t, "places of a line of taps")
	stride := rapid.IntRange(1, 3).Draw(t, "stride")
	c = Convolution{Lines: rapid.IntRange(1, 7).Draw(t, "lines"), Taps: places * channels, XStep: stride * channels,
		Filters: rapid.OneOf(rapid.IntRange(1, 17), rapid.IntRange(1, 70)).Draw(t, "filters"), Places: rapid.IntRange(1, 40).Draw(t, "results of a line")}
	width := (c.Places-1)*c.XStep + c.Taps + rapid.IntRange(0, 3).Draw(t, "beside")
	c.XLine, c.XRow = width*rapid.IntRange(1, 2).Draw(t, "dilation"), width*rapid.IntRange(1, 2).Draw(t, "stride of lines")
	c.YRow = c.Places*c.Filters + rapid.IntRange(0, 3).Draw(t, "beside y")
	return c, rapid.IntRange(1, 4).Draw(t, "lines of results")
}

func normals[T Float](r *rand.Rand, n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.NormFloat64())
	}
	return x
}

func TestConvolve(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testConvolve[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testConvolve[float64](t, 1e-13) })
}

// testConvolve holds convolutions and their gradients to sums in float64, and looks for
// what is written between lines.
func testConvolve[T Float](t *testing.T, eps float64) {
	rapid.Check(t, func(t *rapid.T) {
		shape, rows := aConvolution(t)
		c := NewConvolution[T](shape)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		l0 := rapid.IntRange(0, c.Lines-1).Draw(t, "first line")
		l1 := rapid.IntRange(l0+1, c.Lines).Draw(t, "last line")
		bias, rectify := rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "rectify")
		x, w, b := normals[T](r, c.reach(c.Lines, rows)), normals[T](r, c.Lines*c.Taps*c.Filters), normals[T](r, c.Filters)
		y := make([]T, (rows-1)*c.YRow+c.Places*c.Filters)
		Fill(y, 77)
		laid := w
		if c.Laid() {
			laid = make([]T, c.Weights())
			LayFilters(&c, laid, w)
		}
		var lb []T
		if bias {
			lb = make([]T, c.Biases())
			LayBias(&c, lb, b)
		}
		Convolve(&c, y, x[l0*c.XLine:], laid, lb, l0, l1, rows, rectify)
		dy := normals[T](r, len(y))
		parts := make([]T, 2*c.Weights())
		ConvolveFilters(&c, parts, x, dy, rows)
		ConvolveFilters(&c, parts[c.Weights():], x, dy, 1)
		ConvolveFilters(&c, parts[c.Weights():], x, dy, 1)
		dw := make([]T, len(w))
		GatherFilters(&c, dw, parts, 2)

		sums, sizes := make([]float64, len(w)), make([]float64, len(w))
		seen := 0
		for i := range rows {
			for p := range c.Places {
				for f := range c.Filters {
					at := i*c.YRow + p*c.Filters + f
					want, size := 0.0, 1.0
					for l := range c.Lines {
						for k := range c.Taps {
							v := float64(x[i*c.XRow+p*c.XStep+l*c.XLine+k])
							n := (l*c.Taps+k)*c.Filters + f
							if l0 <= l && l < l1 {
								want += v * float64(w[n])
								size += math.Abs(v * float64(w[n]))
							}
							times := 1.0
							if i == 0 {
								times = 3
							}
							sums[n] += times * v * float64(dy[at])
							sizes[n] += math.Abs(times * v * float64(dy[at]))
						}
					}
					if bias {
						want += float64(b[f])
					}
					if rectify {
						want = max(want, 0)
					}
					if d := math.Abs(float64(y[at]) - want); !(d <= eps*size) {
						t.Fatalf("line %d, place %d, filter %d is %g, want %g", i, p, f, y[at], want)
					}
					y[at] = 77
					seen++
				}
			}
		}
		for i, v := range y {
			if v != 77 {
				t.Fatalf("number %d, between the lines, is %g", i, v)
			}
		}
		for i, v := range dw {
			if !(math.Abs(float64(v)-sums[i]) <= eps*(1+sizes[i])) {
				t.Fatalf("the gradient of weight %d is %g, want %g", i, v, sums[i])
			}
		}
	})
}

// BenchmarkConvolve gives GFLOP/s of one image: LeNet's layers, and some of ResNet-20's.
func BenchmarkConvolve(b *testing.B) {
	for _, s := range []struct{ size, taps, channels, filters int }{
		{32, 5, 1, 6}, {14, 5, 6, 16}, {34, 3, 3, 16}, {34, 3, 16, 16}, {18, 3, 32, 32}, {10, 3, 64, 64},
	} {
		out := s.size - s.taps + 1
		c := NewConvolution[float32](Convolution{Lines: s.taps, Taps: s.taps * s.channels, Filters: s.filters,
			XLine: s.size * s.channels, XStep: s.channels, XRow: s.size * s.channels, Places: out, YRow: out * s.filters})
		r := rand.New(rand.NewPCG(1, 1))
		x, y, w := normals[float32](r, s.size*s.size*s.channels), make([]float32, out*out*s.filters), normals[float32](r, c.Weights())
		name := fmt.Sprintf("%dx%dx%d,%dx%d,%d", s.size, s.size, s.channels, s.taps, s.taps, s.filters)
		flops := 2 * float64(out*out*s.taps*s.taps*s.channels*s.filters)
		run := func(what string, f func()) {
			b.Run(what+"/"+name, func(b *testing.B) { measure(b, "GFLOP/s", flops, f) })
		}
		run("forward", func() { Convolve(&c, y, x, w, nil, 0, c.Lines, out, false) })
		run("filters", func() { ConvolveFilters(&c, w, x, y, out) })
	}
}

// TestConvolveSpecial tells that NaN and infinities reach the places whose window sees
// them and no others, though places share vectors.
func TestConvolveSpecial(t *testing.T) {
	t.Parallel()
	for _, filters := range []int{1, 3, 6, 8, 20} {
		const places, taps = 27, 5
		c := NewConvolution[float32](Convolution{Lines: 1, Taps: taps, XStep: 1, Filters: filters, Places: places, YRow: places * filters})
		x, w, y := make([]float32, places+taps-1), make([]float32, c.Weights()), make([]float32, places*filters)
		ones := make([]float32, taps*filters)
		Fill(ones, 1)
		LayFilters(&c, w, ones)
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			for at := range x {
				Fill(x, 1)
				x[at] = bad
				Convolve(&c, y, x, w, nil, 0, 1, 1, false)
				for i, v := range y {
					p := i / filters
					if sees := p <= at && at < p+taps; sees != (v-v != 0) || !sees && v != taps {
						t.Fatalf("%d filters, %g at place %d: result %d is %g", filters, bad, at, p, v)
					}
				}
			}
		}
	}
}
