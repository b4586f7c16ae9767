package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// aDepthwise draws a shape, and where x begins: places may go backwards along it.
func aDepthwise(t *rapid.T) (d Depthwise, at, reach int) {
	d = Depthwise{Channels: rapid.OneOf(rapid.IntRange(1, 17), rapid.IntRange(1, 80)).Draw(t, "channels"),
		Places: rapid.IntRange(1, 31).Draw(t, "places"), Rows: rapid.IntRange(1, 4).Draw(t, "rows"),
		Taps: [3]int{rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "planes"), rapid.IntRange(1, 7).Draw(t, "lines"), rapid.IntRange(1, 7).Draw(t, "taps")}}
	d.XStep = d.Channels * rapid.IntRange(1, 3).Draw(t, "stride")
	d.YStep = d.Channels * rapid.IntRange(1, 2).Draw(t, "stride of y")
	d.XRow = rapid.IntRange(0, 3*d.Places*d.XStep).Draw(t, "row of x")
	d.YRow = d.Places*d.YStep + rapid.IntRange(0, 3).Draw(t, "beside")
	d.WTap = [3]int{d.Taps[1] * d.Taps[2] * d.Channels, d.Taps[2] * d.Channels, d.Channels}
	if skip := rapid.IntRange(1, 2).Draw(t, "stride of w"); skip > 1 {
		for i := range d.WTap {
			d.WTap[i] *= skip
		}
	}
	reach = (d.Rows-1)*d.XRow + (d.Places-1)*d.XStep + d.Channels
	for i, n := range d.Taps {
		d.XTap[i] = d.Channels * rapid.IntRange(-9, 9).Draw(t, "tap")
		at -= min(0, (n-1)*d.XTap[i])
		reach += max((n-1)*d.XTap[i], -(n-1)*d.XTap[i])
	}
	return d, at, reach
}

func (d *Depthwise) weights() int {
	n := d.Channels
	for i, k := range d.Taps {
		n += (k - 1) * d.WTap[i]
	}
	return n
}

func TestDepthwise(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testDepthwise[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testDepthwise[float64](t, 1e-13) })
}

// testDepthwise holds convolutions of each channel by itself and their gradients to
// sums in float64, and looks for what is written between results.
func testDepthwise[T Float](t *testing.T, eps float64) {
	rapid.Check(t, func(t *rapid.T) {
		d, at, reach := aDepthwise(t)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x, w, b := normals[T](r, reach), normals[T](r, d.weights()), normals[T](r, d.Channels)
		y := make([]T, (d.Rows-1)*d.YRow+(d.Places-1)*d.YStep+d.Channels)
		dy := normals[T](r, len(y))
		Fill(y, 77)
		bias, rectify := b, rapid.Bool().Draw(t, "rectify")
		if rapid.Bool().Draw(t, "no bias") {
			bias = nil
		}
		ConvolveDepthwise(&d, y, x, w, bias, at, rectify)
		dw := make([]T, len(w))
		Fill(dw, 7)
		DepthwiseFilters(&d, dw, x, dy, at)
		sums, sizes := make([]float64, len(w)), make([]float64, len(w))
		for row := range d.Rows {
			for p := range d.Places {
				for c := range d.Channels {
					to := row*d.YRow + p*d.YStep + c
					want, size := 0.0, 1.0
					for i := range d.taps() {
						t0, t1, t2 := i/(d.Taps[1]*d.Taps[2]), i/d.Taps[2]%d.Taps[1], i%d.Taps[2]
						v := float64(x[at+row*d.XRow+p*d.XStep+t0*d.XTap[0]+t1*d.XTap[1]+t2*d.XTap[2]+c])
						k := t0*d.WTap[0] + t1*d.WTap[1] + t2*d.WTap[2] + c
						want += v * float64(w[k])
						size += math.Abs(v * float64(w[k]))
						sums[k] += v * float64(dy[to])
						sizes[k] += math.Abs(v * float64(dy[to]))
					}
					if bias != nil {
						want += float64(bias[c])
					}
					if rectify {
						want = max(want, 0)
					}
					if !(math.Abs(float64(y[to])-want) <= eps*size) {
						t.Fatalf("row %d, place %d, channel %d is %g, want %g", row, p, c, y[to], want)
					}
					y[to] = 77
				}
			}
		}
		for i, v := range y {
			if v != 77 {
				t.Fatalf("number %d, between the results, is %g", i, v)
			}
		}
		for i, v := range dw {
			if !(math.Abs(float64(v)-7-sums[i]) <= eps*(8+sizes[i])) {
				t.Fatalf("the gradient of weight %d is %g, want %g", i, v-7, sums[i])
			}
		}
	})
}

// Without taps, which padding may leave none of, there is the bias alone.
func TestDepthwiseNothing(t *testing.T) {
	t.Parallel()
	d := Depthwise{Channels: 3, Places: 2, Rows: 1, Taps: [3]int{1, 0, 2}, YStep: 3}
	y, dw := []float32{7, 7, 7, 7, 7, 7}, []float32{1, 2, 3}
	ConvolveDepthwise(&d, y, nil, nil, []float32{1, -2, 3}, 0, true)
	DepthwiseFilters(&d, dw, nil, y, 0)
	if got, want := fmt.Sprint(y, dw), "[1 0 3 1 0 3] [1 2 3]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// BenchmarkDepthwise gives GFLOP/s of one image: some of MobileNet's layers.
func BenchmarkDepthwise(b *testing.B) {
	for _, s := range []struct{ size, taps, stride, channels int }{
		{114, 3, 1, 32}, {114, 3, 2, 64}, {58, 3, 1, 128}, {16, 3, 1, 512}, {9, 3, 1, 1024}, {32, 7, 1, 96}, {28, 2, 2, 6},
	} {
		out := (s.size-s.taps)/s.stride + 1
		c := s.channels
		d := Depthwise{Channels: c, Places: out, Rows: out, Taps: [3]int{1, s.taps, s.taps}, XTap: [3]int{0, s.size * c, c},
			WTap: [3]int{0, s.taps * c, c}, XStep: s.stride * c, XRow: s.stride * s.size * c, YStep: c, YRow: out * c}
		r := rand.New(rand.NewPCG(1, 1))
		x, y, w := normals[float32](r, s.size*s.size*c), make([]float32, out*out*c), normals[float32](r, s.taps*s.taps*c)
		name := fmt.Sprintf("%dx%dx%d,%dx%d,%d", s.size, s.size, c, s.taps, s.taps, s.stride)
		flops := 2 * float64(out*out*s.taps*s.taps*c)
		b.Run("forward/"+name, func(b *testing.B) {
			measure(b, "GFLOP/s", flops, func() { ConvolveDepthwise(&d, y, x, w, nil, 0, false) })
		})
		b.Run("filters/"+name, func(b *testing.B) {
			measure(b, "GFLOP/s", flops, func() { DepthwiseFilters(&d, w, x, y, 0) })
		})
	}
}
