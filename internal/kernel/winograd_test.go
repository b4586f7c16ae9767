package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestWinograd(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testWinograd[float32](t, 1e-5) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testWinograd[float64](t, 1e-13) })
}

// testWinograd makes a convolution of the three transforms and a sum over channels, and
// holds it to its definition in float64. It looks for what is written beside.
func testWinograd[T Float](t *testing.T, eps float64) {
	rapid.Check(t, func(t *rapid.T) {
		channels, filters := rapid.IntRange(1, 40).Draw(t, "channels"), rapid.IntRange(1, 40).Draw(t, "filters")
		count, beside := rapid.IntRange(1, 5).Draw(t, "tiles"), rapid.IntRange(0, 3).Draw(t, "beside")
		wide, high := rapid.IntRange(1, 2).Draw(t, "columns"), rapid.IntRange(1, 2).Draw(t, "rows")
		turned, rectify := rapid.Bool().Draw(t, "turned"), rapid.Bool().Draw(t, "rectify")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		line, n := (2*count+2)*channels+beside, channels*filters
		x, w, b := normals[T](r, 3*line+(2*count+2)*channels), normals[T](r, 9*n), normals[T](r, filters)
		bias := b
		if rapid.Bool().Draw(t, "no bias") {
			bias = nil
		}
		u, v, m := make([]T, 16*n), make([]T, 16*count*channels), make([]T, 16*count*filters)
		f := Tiles{Count: 1, Channels: n, SrcStep: n, SrcLine: 3 * n, DstStep: n, DstLine: 4 * n}
		at := 0
		if turned {
			at, f.SrcStep, f.SrcLine = 8*n, -n, -3*n
		}
		WinogradFilter(&f, u, w, at)
		in := Tiles{Count: count, Channels: channels, SrcTile: 2 * channels, SrcStep: channels, SrcLine: line,
			DstTile: channels, DstStep: count * channels, DstLine: 4 * count * channels}
		WinogradInput(&in, v, x)
		for i := range 16 {
			MatMul(m[i*count*filters:], filters, v[i*count*channels:], channels, false, u[i*n:], filters, false, count, filters, channels, 0, count, 0, filters, false)
		}
		out := Tiles{Count: count, Channels: filters, SrcTile: filters, SrcStep: count * filters, SrcLine: 4 * count * filters,
			DstTile: 2*filters + beside, DstStep: (wide - 1) * filters, DstLine: (high - 1) * (count*(2*filters+beside) + beside)}
		y := make([]T, out.DstLine+count*out.DstTile)
		Fill(y, 77)
		WinogradOutput(&out, y, m, bias, rectify)
		for i := range count {
			for l := range high {
				for p := range wide {
					for k := range filters {
						want, size := 0.0, 1.0
						for tap := range 9 {
							for c := range channels {
								from := tap
								if turned {
									from = 8 - tap
								}
								q := float64(x[(l+tap/3)*line+(2*i+p+tap%3)*channels+c]) * float64(w[from*n+c*filters+k])
								want += q
								size += math.Abs(q)
							}
						}
						if bias != nil {
							want += float64(bias[k])
						}
						if rectify {
							want = max(want, 0)
						}
						to := i*out.DstTile + l*out.DstLine + p*out.DstStep + k
						if !(math.Abs(float64(y[to])-want) <= eps*size) {
							t.Fatalf("tile %d, row %d, column %d, filter %d is %g, want %g", i, l, p, k, y[to], want)
						}
						y[to] = 77
					}
				}
			}
		}
		for i, v := range y {
			if v != 77 {
				t.Fatalf("number %d, between the results, is %g", i, v)
			}
		}
	})
}
