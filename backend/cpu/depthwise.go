package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A reach is results along an axis that sums of the same taps make: n from place out on,
// step apart. Result j is the sum over taps tap, tap+tapStep, …, of x at
// in + j·inStep + k·inTap for the k-th of them.
type reach struct {
	out, outStep, n    int
	tap, tapStep, taps int
	in, inStep, inTap  int
}

// sliding is the runs of results of a window along an axis of n places: most lie
// within, those beside have fewer taps.
func sliding(s graph.Span, n, results int) (runs []reach) {
	for o := range results {
		lo, hi := within(s, o, n)
		if k := len(runs) - 1; k >= 0 && runs[k].tap == lo && runs[k].taps == hi-lo {
			runs[k].n++
			continue
		}
		runs = append(runs, reach{out: o, outStep: 1, n: 1, tap: lo, tapStep: 1, taps: hi - lo,
			in: o*s.Stride - s.Before + lo*s.Dilation, inStep: s.Stride, inTap: s.Dilation})
	}
	return runs
}

// returning is the same of the gradient: the results are the places of the input, and
// what they are sums of is the gradient of the window's results. Of each stride places,
// every one has taps of its own.
func returning(s graph.Span, n, results int) (runs []reach) {
	apart := s.Stride / gcd(s.Stride, s.Dilation) // between taps that see the same places
	for phase := range min(s.Stride, n) {
		tap := 0
		for tap < apart && (phase+s.Before-tap*s.Dilation)%s.Stride != 0 {
			tap++
		}
		of, back := 0, 0 // taps that there are, and places between what they see
		if tap < min(apart, s.Size) {
			of, back = (s.Size-tap+apart-1)/apart, apart*s.Dilation/s.Stride
		}
		first := len(runs)
		for i := phase; i < n; i += s.Stride {
			lo, hi := 0, of
			o := 0 // what the first tap sees
			if of > 0 {
				o = (i + s.Before - tap*s.Dilation) / s.Stride
				if o >= results {
					lo = min(of, (o-results+back)/back)
				}
				hi = max(lo, min(of, floorDiv(o, back)+1))
			}
			if k := len(runs) - 1; k >= first && runs[k].taps == hi-lo && (hi == lo || runs[k].tap == tap+lo*apart) {
				runs[k].n++
				continue
			}
			runs = append(runs, reach{out: i, outStep: s.Stride, n: 1, tap: tap + lo*apart, tapStep: apart, taps: hi - lo,
				in: o - lo*back, inStep: 1, inTap: -back})
		}
	}
	return runs
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// floorDiv is ⌊a/b⌋ for b > 0.
func floorDiv(a, b int) int {
	if a < 0 {
		return -((b - 1 - a) / b)
	}
	return a / b
}

// A channelwise is a convolution of each channel by itself, or its gradient with
// respect to the input, as it slides along the lines of its results.
type channelwise struct {
	c        int
	runs     [graph.MaxSpatial][]reach
	from, to [graph.MaxSpatial]int // places of x and of the results
	wTap     [graph.MaxSpatial]int
	lines    int // of all samples' results, along the middle axis
}

func (g *geometry) channelwise(back bool) *channelwise {
	d := &channelwise{c: g.c, from: g.from, to: g.to}
	d.wTap = [graph.MaxSpatial]int{g.span[1].Size * g.span[2].Size * g.c, g.span[2].Size * g.c, g.c}
	if back {
		d.from, d.to = g.to, g.from
	}
	for i, s := range g.span {
		if back {
			d.runs[i] = returning(s, g.from[i], g.to[i])
		} else {
			d.runs[i] = sliding(s, g.from[i], g.to[i])
		}
	}
	d.lines = g.n * d.to[0] * d.to[1]
	return d
}

// of calls f for every stretch of the lines [l0, l1) whose results are sums of the same
// taps: with where the results begin, x and the weights.
func (d *channelwise) of(l0, l1 int, f func(k kernel.Depthwise, y, x, w int)) {
	var k kernel.Depthwise
	k.Channels = d.c
	line, width := d.from[2]*d.c, d.to[2]*d.c
	for l0 < l1 {
		plane := l0 / d.to[1] // of all samples
		h0, h1 := l0%d.to[1], min(d.to[1], l0%d.to[1]+l1-l0)
		l0 += h1 - h0
		sample, at := plane/d.to[0], plane%d.to[0]
		for _, a := range d.runs[0] {
			j := at - a.out
			if j < 0 || j%a.outStep != 0 || j/a.outStep >= a.n {
				continue
			}
			j /= a.outStep
			for _, b := range d.runs[1] {
				// Those of the run's results that lie on these lines.
				first, end := 0, b.n
				if b.out < h0 {
					first = (h0 - b.out + b.outStep - 1) / b.outStep
				}
				end = min(end, (h1-b.out+b.outStep-1)/b.outStep)
				if first >= end {
					continue
				}
				for _, c := range d.runs[2] {
					k.Taps = [3]int{a.taps, b.taps, c.taps}
					k.XTap = [3]int{a.inTap * d.from[1] * line, b.inTap * line, c.inTap * d.c}
					k.WTap = [3]int{a.tapStep * d.wTap[0], b.tapStep * d.wTap[1], c.tapStep * d.wTap[2]}
					k.Places, k.Rows = c.n, end-first
					k.XStep, k.XRow = c.inStep*d.c, b.inStep*line
					k.YStep, k.YRow = c.outStep*d.c, b.outStep*width
					y := (plane*d.to[1]+b.out+first*b.outStep)*width + c.out*d.c
					x := ((sample*d.from[0]+a.in+j*a.inStep)*d.from[1]+b.in+first*b.inStep)*line + c.in*d.c
					w := a.tap*d.wTap[0] + b.tap*d.wTap[1] + c.tap*d.wTap[2]
					if a.taps*b.taps*c.taps == 0 {
						x, w = 0, 0
					}
					f(k, y, x, w)
				}
			}
		}
	}
}

// share cuts the lines into chunks.
func (d *channelwise) share(g *geometry) (chunks, per int) {
	return cut(d.lines, 1, d.to[2]*d.c*(g.taps+8)/16)
}

func convChannels[T float](c *compiler[T], node graph.Node, g *geometry, bias *value[T], rectify bool) (int, func(int, int)) {
	x, w, y := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	if g.fg > 1 {
		return convRepeated(c, x, w, bias, y, g, rectify)
	}
	d := g.channelwise(false)
	chunks, per := d.share(g)
	return chunks, c.byLines(node, d.lines, per, func(_, lo, hi int) {
		var b []T
		if bias != nil {
			b = bias.f
		}
		d.of(lo, hi, func(k kernel.Depthwise, to, from, tap int) {
			kernel.ConvolveDepthwise(&k, y.f[to:], x.f, w.f[tap:], b, from, rectify)
		})
	})
}

func convInputChannels[T float](c *compiler[T], node graph.Node, g *geometry) (int, func(int, int)) {
	dy, w, dx := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	if g.fg > 1 {
		return convInputRepeated(c, dy, w, dx, g)
	}
	d := g.channelwise(true)
	chunks, per := d.share(g)
	return chunks, c.byLines(node, d.lines, per, func(_, lo, hi int) {
		d.of(lo, hi, func(k kernel.Depthwise, to, from, tap int) {
			kernel.ConvolveDepthwise(&k, dx.f[to:], dy.f, w.f[tap:], nil, from, false)
		})
	})
}

// convKernelChannels is the gradient of the kernel: chunks of lines have a sum each, and
// the last that is done adds them up.
func convKernelChannels[T float](c *compiler[T], node graph.Node, g *geometry) (int, func(int, int)) {
	x, dy, dw := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	if g.fg > 1 {
		return convKernelRepeated(c, x, dy, dw, g)
	}
	d := g.channelwise(false)
	size := g.taps * g.c
	chunks, per := d.share(g)
	chunks = max(1, min(chunks, mostSums, mostPartial/max(1, size)))
	per = max(per, (d.lines+chunks-1)/chunks)
	chunks = max(1, (d.lines+per-1)/per)
	c.work.need(0, chunks*size)
	left := new(counter)
	return chunks, func(_, chunk int) {
		part := c.work.shared[chunk*size : (chunk+1)*size]
		clear(part)
		d.of(chunk*per, min(d.lines, (chunk+1)*per), func(k kernel.Depthwise, to, from, tap int) {
			kernel.DepthwiseFilters(&k, part[tap:], x.f, dy.f[to:], from)
		})
		if left.last(1, chunks) {
			gatherPartials(dw.f, c.work.shared, chunks)
		}
	}
}
