package cpu

import "github.com/nadir-ml/nadir/internal/kernel"

// A repeated is a depthwise convolution with several filters for each channel: it is one
// of a filter each, of an input that has every channel so many times. That is made of the
// lines that a unit needs; units are stretches of the lines of a sample.
type repeated struct {
	*channelwise // of one sample
	g            *geometry
	each         int // lines of a unit
	perSample    int // units
}

func newRepeated(g *geometry, back bool) (r *repeated, chunks, per int) {
	one := *g
	one.n, one.c = 1, g.f
	r = &repeated{channelwise: one.channelwise(back), g: g}
	if r.lines == 0 || g.n == 0 {
		return r, 1, 0
	}
	r.perSample, r.each = cut(r.lines, 1, r.to[2]*g.f*(g.taps+16)/16)
	chunks, per = cut(g.n*r.perSample, 1, costPerChunk)
	return r, chunks, per
}

// of calls f for the units of a chunk: lines [l0, l1) of a sample.
func (r *repeated) of(chunk, per int, f func(sample, l0, l1 int)) {
	for u := chunk * per; u < min(r.g.n*r.perSample, (chunk+1)*per); u++ {
		l0 := u % r.perSample * r.each
		f(u/r.perSample, l0, min(r.lines, l0+r.each))
	}
}

// spread writes what lines [l0, l1) of the result see of a sample to where it lies in the
// repeated one.
func spread[T float](r *repeated, dst, x []T, sample, l0, l1 int) {
	g := r.g
	lo, hi := 0, g.from[0]*g.from[1]
	if s := g.span[1]; g.from[0] == 1 && g.to[0] == 1 {
		lo = max(0, l0*s.Stride-s.Before)
		hi = max(lo, min(hi, (l1-1)*s.Stride-s.Before+s.Extent()))
	}
	line, m := g.from[2]*g.c, g.fg
	if lo >= hi {
		return
	}
	for i, v := range x[sample*g.in*g.c:][lo*line : hi*line] {
		to := dst[(lo*line+i)*m:][:m]
		for j := range to {
			to[j] = v
		}
	}
}

func convRepeated[T float](c *compiler[T], x, w, bias, y *value[T], g *geometry, rectify bool) (int, func(int, int)) {
	r, chunks, per := newRepeated(g, false)
	c.work.need(g.in*g.f, 0)
	return chunks, func(worker, chunk int) {
		var b []T
		if bias != nil {
			b = bias.f
		}
		in := c.work.worker[worker]
		r.of(chunk, per, func(sample, l0, l1 int) {
			spread(r, in, x.f, sample, l0, l1)
			out := y.f[sample*g.out*g.f:]
			r.channelwise.of(l0, l1, func(k kernel.Depthwise, to, from, tap int) {
				kernel.ConvolveDepthwise(&k, out[to:], in, w.f[tap:], b, from, rectify)
			})
		})
	}
}

// convInputRepeated adds the gradients of a channel's copies up.
func convInputRepeated[T float](c *compiler[T], dy, w, dx *value[T], g *geometry) (int, func(int, int)) {
	r, chunks, per := newRepeated(g, true)
	c.work.need(g.in*g.f, 0)
	m := g.fg
	return chunks, func(worker, chunk int) {
		copies := c.work.worker[worker]
		r.of(chunk, per, func(sample, l0, l1 int) {
			in := dy.f[sample*g.out*g.f:]
			r.channelwise.of(l0, l1, func(k kernel.Depthwise, to, from, tap int) {
				kernel.ConvolveDepthwise(&k, copies[to:], in, w.f[tap:], nil, from, false)
			})
			line := g.from[2] * g.c
			to := dx.f[sample*g.in*g.c:][l0*line : l1*line]
			for i := range to {
				var sum T
				for _, v := range copies[(l0*line+i)*m:][:m] {
					sum += v
				}
				to[i] = sum
			}
		})
	}
}

func convKernelRepeated[T float](c *compiler[T], x, dy, dw *value[T], g *geometry) (int, func(int, int)) {
	r, chunks, per := newRepeated(g, false)
	size := g.taps * g.f
	chunks = max(1, min(chunks, mostSums, mostPartial/max(1, size)))
	units := g.n * r.perSample
	per = max(per, (units+chunks-1)/chunks)
	chunks = max(1, (units+per-1)/max(1, per))
	c.work.need(g.in*g.f, chunks*size)
	left := new(counter)
	return chunks, func(worker, chunk int) {
		part := c.work.shared[chunk*size : (chunk+1)*size]
		clear(part)
		in := c.work.worker[worker]
		r.of(chunk, per, func(sample, l0, l1 int) {
			spread(r, in, x.f, sample, l0, l1)
			by := dy.f[sample*g.out*g.f:]
			r.channelwise.of(l0, l1, func(k kernel.Depthwise, to, from, tap int) {
				kernel.DepthwiseFilters(&k, part[tap:], in, by[to:], from)
			})
		})
		if left.last(1, chunks) {
			gatherPartials(dw.f, c.work.shared, chunks)
		}
	}
}
