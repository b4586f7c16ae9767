package ref

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
)

// A volume is a window over an input: what every loop of this file goes along.
type volume struct {
	spans    [graph.MaxSpatial]graph.Span
	from, to [graph.MaxSpatial]int
	taps     int
}

func volumeOf(w graph.Window, in [graph.MaxSpatial]int) volume {
	s, from, to := w.Volume(in)
	return volume{s, from, to, w.Taps()}
}

// each calls f for every place of the result and every tap that lies on the
// input, in their order: numbers of the result's place, the tap and the input's
// place.
func (v volume) each(f func(out, tap, in int)) {
	for out := range v.to[0] * v.to[1] * v.to[2] {
		o := [3]int{out / v.to[2] / v.to[1], out / v.to[2] % v.to[1], out % v.to[2]}
		for tap := range v.taps {
			if in := v.at(o, tap); in >= 0 {
				f(out, tap, in)
			}
		}
	}
}

// at is the number of the place that a tap of the result's place o lies on, −1
// for padding.
func (v volume) at(o [3]int, tap int) int {
	s := v.spans
	t := [3]int{tap / s[2].Size / s[1].Size, tap / s[2].Size % s[1].Size, tap % s[2].Size}
	in := 0
	for i := range o {
		p := o[i]*s[i].Stride + t[i]*s[i].Dilation - s[i].Before
		if p < 0 || p >= v.from[i] {
			return -1
		}
		in = in*v.from[i] + p
	}
	return in
}

func (v volume) places() (in, out int) {
	return v.from[0] * v.from[1] * v.from[2], v.to[0] * v.to[1] * v.to[2]
}

// convolution calls f for every product that a convolution of n samples is the
// sum of: where its factors lie in x, w and y.
func convolution(c call, n, channels, filters int, f func(x, w, y int)) {
	a := c.Attr().(graph.ConvAttr)
	v := volumeOf(a.Window, a.In)
	in, out := v.places()
	each := channels / a.Groups
	for s := range n {
		v.each(func(o, tap, i int) {
			for k := range each {
				for q := range filters {
					group := q / (filters / a.Groups)
					f((s*in+i)*channels+group*each+k, (tap*each+k)*filters+q, (s*out+o)*filters+q)
				}
			}
		})
	}
}

func conv(c call) []float64 {
	y := make([]float64, c.Shape().Len())
	convolution(c, c.Dim(0), c.In(0).Dim(-1), c.Dim(-1), func(x, w, o int) { y[o] += c.in[0][x] * c.in[1][w] })
	return y
}

func convInput(c call) []float64 {
	dx := make([]float64, c.Shape().Len())
	convolution(c, c.Dim(0), c.Dim(-1), c.In(0).Dim(-1), func(x, w, o int) { dx[x] += c.in[0][o] * c.in[1][w] })
	return dx
}

func convKernel(c call) []float64 {
	dw := make([]float64, c.Shape().Len())
	convolution(c, c.In(0).Dim(0), c.In(0).Dim(-1), c.Dim(-1), func(x, w, o int) { dw[w] += c.in[0][x] * c.in[1][o] })
	return dw
}

// windows calls f for every element of the result of a window op of the shape of
// x, every tap of it, and where the tap lies in x.
func windows(c call, x graph.Node, f func(out, tap, in int)) {
	a := c.Attr().(graph.PoolAttr)
	v := volumeOf(a.Window, a.In)
	in, out := v.places()
	channels := x.Dim(-1)
	for s := range x.Dim(0) {
		v.each(func(o, tap, i int) {
			for k := range channels {
				f((s*out+o)*channels+k, tap, (s*in+i)*channels+k)
			}
		})
	}
}

func maxPool(c call) []float64 {
	y := make([]float64, c.Shape().Len())
	for i := range y {
		y[i] = math.Inf(-1)
	}
	windows(c, c.In(0), func(out, _, in int) { y[out] = max(y[out], c.in[0][in]) })
	return y
}

func maxPoolIndex(c call) []float64 {
	place, best := make([]float64, c.Shape().Len()), make([]float64, c.Shape().Len())
	for i := range place {
		place[i] = -1
	}
	channels := c.Dim(-1)
	plane := c.In(0).Shape().Len() / max(1, c.Dim(0)*channels)
	windows(c, c.In(0), func(out, _, in int) {
		v := c.in[0][in]
		if place[out] < 0 || v > best[out] || math.IsNaN(v) && !math.IsNaN(best[out]) {
			place[out], best[out] = float64(in/channels%plane), v
		}
	})
	return place
}

// onPlanes calls f for every place of the list (N, …, C) that lies on the planes
// of x: its number in the list, and in x.
func onPlanes(x graph.Node, list []float64, f func(i, in int)) {
	channels := x.Dim(-1)
	plane := x.Shape()[1 : x.Rank()-1].Len()
	each := len(list) / max(1, x.Dim(0))
	for i, p := range list {
		if p >= 0 && int(p) < plane {
			f(i, (i/each*plane+int(p))*channels+i%channels)
		}
	}
}

func planeTake(c call) []float64 {
	y := make([]float64, c.Shape().Len())
	onPlanes(c.In(0), c.in[1], func(i, in int) { y[i] = c.in[0][in] })
	return y
}

func planePut(c call) []float64 {
	x := make([]float64, c.Shape().Len())
	onPlanes(c.Node, c.in[1], func(i, in int) { x[in] += c.in[0][i] })
	return x
}
