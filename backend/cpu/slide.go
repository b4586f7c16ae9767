package cpu

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/graph/rewrite"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A slide is a convolution that reads its input as it lies: what a line of taps sees
// of a line of the input are numbers side by side, so that nothing is unfolded. Where
// the input has padding, the lines that a block needs are copied to where zeros are
// beside them; above and below, taps outside are left out.
type slide[T float] struct {
	g     geometry
	k     kernel.Convolution
	width int // places of a line of the input, with padding
	lay   bool
	block int // lines of results at a time
}

// mostLaid is how many numbers a kernel may have that is read as a whole for every
// line: it has to stay in the second-level cache.
const mostLaid = 256 * 1024

// mostSums is how many sums the gradient of a kernel is made of at most.
const mostSums = 32

// slides reports whether the convolution is one that [slide] can do.
func slides[T float](g *geometry) bool {
	return kernel.Direct[T]() && g.groups == 1 && !g.direct && g.from[0] == 1 && g.to[0] == 1 && g.span[0].Size == 1 &&
		g.span[2].Dilation == 1 && g.rows() > 0 && g.c > 0 && g.f > 0 && g.k*g.f <= mostLaid
}

// turned is the convolution that is another's gradient with respect to the input:
// from dy to dx, with padding as wide as the window lets it be.
func (g *geometry) turned() (t geometry, ok bool) {
	t = *g
	t.from, t.to, t.in, t.out, t.c, t.f = g.to, g.from, g.out, g.in, g.f, g.c
	t.cg, t.fg, t.k = g.fg, g.cg, g.taps*g.fg
	for i := range t.span {
		s := &t.span[i]
		s.Before, s.After = s.Extent()-1-s.Before, s.Extent()-1-s.After
		if s.Stride != 1 || s.Before < 0 {
			return t, false
		}
	}
	return t, true
}

func newSlide[T float](g *geometry) *slide[T] {
	s := &slide[T]{g: *g}
	last := g.span[2]
	s.width = (g.to[2]-1)*last.Stride + last.Size
	s.lay = last.Before > 0 || s.width > g.from[2]
	if !s.lay {
		s.width = g.from[2]
	}
	line := s.width * g.c
	s.k = kernel.NewConvolution[T](kernel.Convolution{Lines: g.span[1].Size, Taps: last.Size * g.c, Filters: g.f,
		XLine: g.span[1].Dilation * line, XStep: last.Stride * g.c, XRow: g.span[1].Stride * line,
		Places: g.to[2], YRow: g.to[2] * g.f})
	s.block = min(g.to[1], max(1, (blockElems/max(1, line)-g.span[1].Extent())/g.span[1].Stride+1))
	return s
}

// lines is how many lines of the input a block reads.
func (s *slide[T]) lines() int { return (s.block-1)*s.g.span[1].Stride + s.g.span[1].Extent() }

// fewLines is how few lines of results a chunk may have: those of the input that they
// see are copied for each chunk anew.
const fewLines = 4

// share cuts the lines of all results into chunks.
func (s *slide[T]) share(most int) (chunks, per int) {
	g := &s.g
	lines := g.n * g.to[1]
	per = max(1, macsPerChunk/max(1, g.to[2]*g.k*g.f))
	per = max(per, (lines+most-1)/most, min(g.to[1], fewLines))
	if per > g.to[1] {
		per = per / g.to[1] * g.to[1]
	}
	if per > g.to[1]/2 {
		per = max(per, g.to[1]) // whole images need no line twice
	}
	for (lines+per-1)/per > most {
		per += g.to[1]
	}
	s.block = min(s.block, per)
	return (lines + per - 1) / per, per
}

// of calls f for every block of lines [l, end) of all samples: lines [h0, h1) of the
// results of one.
func (s *slide[T]) of(l, end int, f func(sample, h0, h1 int)) {
	to := s.g.to[1]
	for l < end {
		h0 := l % to
		h1 := min(to, h0+s.block, h0+end-l)
		f(l/to, h0, h1)
		l += h1 - h0
	}
}

// scratch is how many numbers the lines have that a block reads, where they are copied.
func (s *slide[T]) scratch() int {
	if !s.lay {
		return 0
	}
	return s.lines() * s.width * s.g.c
}

// read is the input from line lo to line hi, side by side with its padding where it
// has some. scratch has zeros where padding is.
func (s *slide[T]) read(scratch, x []T, sample, lo, hi int) []T {
	g := &s.g
	from := x[(sample*g.in+lo*g.from[2])*g.c:]
	if !s.lay {
		return from
	}
	before := g.span[2].Before
	if n := min(g.from[2], s.width-before) * g.c; n > 0 {
		kernel.CopyRows(scratch[before*g.c:], from, s.width*g.c, g.from[2]*g.c, n, hi-lo)
	}
	return scratch
}

// margins puts zeros beside the lines of scratch.
func (s *slide[T]) margins(scratch []T) {
	g := &s.g
	line := s.width * g.c
	switch n := s.lines() * line; {
	case !s.lay:
	case line <= shortLine:
		clear(scratch[:n])
	default:
		before := min(line, g.span[2].Before*g.c)
		end := min(line, before+g.from[2]*g.c)
		for at := 0; at < n; at += line {
			clear(scratch[at : at+before])
			clear(scratch[at+end : at+line])
		}
	}
}

// shortLine is how many numbers are sooner cleared than left.
const shortLine = 256

// forward is lines [l, end) of the convolution of x.
func (s *slide[T]) forward(scratch, y, x, w, bias []T, rectify bool, l, end int) {
	g := &s.g
	line := g.span[1]
	s.margins(scratch)
	s.of(l, end, func(sample, h0, h1 int) {
		first := h0*line.Stride - line.Before
		lo, hi := max(0, first), min(g.from[1], (h1-1)*line.Stride-line.Before+line.Extent())
		var in []T
		if lo < hi {
			in = s.read(scratch, x, sample, lo, hi)
		}
		for h0 < h1 {
			l0, l1 := within(line, h0, g.from[1])
			n := 1
			for h0+n < h1 {
				if a, b := within(line, h0+n, g.from[1]); a != l0 || b != l1 {
					break
				}
				n++
			}
			at := in
			if l0 < l1 {
				at = in[(h0*line.Stride-line.Before+l0*line.Dilation-lo)*s.width*g.c:]
			}
			kernel.Convolve(&s.k, y[(sample*g.out+h0*g.to[2])*g.f:], at, w, bias, l0, l1, n, rectify)
			h0 += n
		}
	})
}

// within is the range of the taps along an axis of n places that lie on it, for
// result o.
func within(s graph.Span, o, n int) (lo, hi int) {
	at := o*s.Stride - s.Before
	if at < 0 {
		lo = min(s.Size, (-at+s.Dilation-1)/s.Dilation)
	}
	if at < n {
		hi = min(s.Size, (n-1-at)/s.Dilation+1)
	}
	return lo, max(lo, hi)
}

// takesBias reports whether a convolution can add a bias to its results.
func takesBias[T float](g *geometry) bool {
	return g.depthwise() || transformed[T](g) || slides[T](g)
}

// convBias is a convolution that [takesBias], with its bias and what comes behind that.
func convBias[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	a := node.Attr().(rewrite.ConvBias)
	g := geometryOf(a.ConvAttr, node.Dim(0), node.In(0).Dim(-1), node.Dim(-1))
	if g.depthwise() {
		return convChannels(c, node, &g, c.of(node.In(2)), a.Rectify)
	}
	if transformed[T](&g) {
		return convWinograd(c, node, c.of(node.In(0)), c.of(node.In(1)), c.of(node.In(2)), c.of(node), &g, false, a.Rectify)
	}
	return convSlide(c, node, &g, c.of(node.In(2)), a.Rectify)
}

func convSlide[T float](c *compiler[T], node graph.Node, g *geometry, bias *value[T], rectify bool) (int, func(int, int)) {
	x, w, y := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	s := newSlide[T](g)
	chunks, per := s.share(maxChunks)
	c.work.need(s.scratch(), 0)
	var laid, biases []T
	var first []func()
	lay := func(from *value[T], n int, fill func(dst []T)) []T {
		if c.frozen(from) {
			return c.keep(from, fmt.Sprint("convolution ", s.k), n, fill)
		}
		dst := alignedSlice[T](n)
		first = append(first, func() { fill(dst) })
		return dst
	}
	if s.k.Laid() {
		laid = lay(w, s.k.Weights(), func(dst []T) { kernel.LayFilters(&s.k, dst, w.f) })
	}
	if bias != nil {
		biases = lay(bias, s.k.Biases(), func(dst []T) { kernel.LayBias(&s.k, dst, bias.f) })
	}
	if len(first) > 0 {
		c.first = func() {
			for _, f := range first {
				f()
			}
		}
	}
	return chunks, c.byLines(node, g.n*g.to[1], per, func(worker, lo, hi int) {
		from := laid
		if from == nil {
			from = w.f
		}
		s.forward(c.work.worker[worker], y.f, x.f, from, biases, rectify, lo, hi)
	})
}

// convInputSlide is the gradient with respect to the input: g is turned.
func convInputSlide[T float](c *compiler[T], node graph.Node, g *geometry) (int, func(int, int)) {
	dy, w, dx := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	s := newSlide[T](g)
	chunks, per := s.share(maxChunks)
	c.work.need(s.scratch(), 0)
	laid := alignedSlice[T](s.k.Weights())
	c.first = func() { kernel.LayTurned(&s.k, laid, w.f, s.g.c) }
	return chunks, c.byLines(node, g.n*g.to[1], per, func(worker, lo, hi int) {
		s.forward(c.work.worker[worker], dx.f, dy.f, laid, nil, false, lo, hi)
	})
}

// convKernelSlide is the gradient of the kernel: chunks of lines have a sum each, and
// the last that is done adds them up.
func convKernelSlide[T float](c *compiler[T], node graph.Node, g *geometry) (int, func(int, int)) {
	x, dy, dw := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	s := newSlide[T](g)
	size := s.k.Weights()
	chunks, per := s.share(max(1, min(mostSums, mostPartial/size)))
	line := g.span[1]
	s.lay = s.lay || line.Before > 0 || (g.to[1]-1)*line.Stride+line.Extent() > g.from[1]
	c.work.need(s.scratch(), chunks*size)
	left := new(counter)
	return chunks, func(worker, chunk int) {
		part := c.work.shared[chunk*size : (chunk+1)*size]
		clear(part)
		scratch := c.work.worker[worker]
		s.margins(scratch)
		s.of(chunk*per, min(g.n*g.to[1], (chunk+1)*per), func(sample, h0, h1 int) {
			first := h0*line.Stride - line.Before
			end := (h1-1)*line.Stride - line.Before + line.Extent()
			lo, hi := min(max(0, first), end), min(g.from[1], end)
			in := scratch
			if s.lay { // lines above and below have zeros, whatever lay there before
				width := s.width * g.c
				above, n := lo-first, max(0, hi-lo)
				clear(scratch[:above*width])
				clear(scratch[(above+n)*width : (end-first)*width])
				if n > 0 {
					s.read(scratch[above*width:], x.f, sample, lo, hi)
				}
			} else {
				in = s.read(nil, x.f, sample, lo, hi)
			}
			kernel.ConvolveFilters(&s.k, part, in, dy.f[(sample*g.out+h0*g.to[2])*g.f:], h1-h0)
		})
		if left.last(1, chunks) {
			kernel.GatherFilters(&s.k, dw.f, c.work.shared, chunks)
		}
	}
}

// fewChannels are so few that most lanes would be idle in a convolution that makes them.
const fewChannels = 12

// convInputFolded is the gradient with respect to an input of few channels, or of a
// window that moves by more than a place: the products of all places of a sample, and
// then what they add, place by place of a line, each for all lines at a time, so that
// no sum waits for the one before.
func convInputFolded[T float](c *compiler[T], node graph.Node, g *geometry, b bands, chunks int) (int, func(int, int)) {
	dy, w, dx := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	line, last := g.span[1], g.span[2]
	block := min(g.to[1], max(1, blockElems/(g.to[2]*g.k)))
	c.work.need(block*g.to[2]*g.k, 0)
	turned := alignedSlice[T](g.k * g.f)
	c.first = func() { kernel.Transpose2D(turned, w.f, g.k, g.f, 0, g.k) }
	return chunks, func(worker, chunk int) {
		cols := c.work.worker[worker]
		b.of(g, chunk, func(s, _, _ int) {
			clearLines(g, dx.f, s, 0, g.from[1])
			for h0 := 0; h0 < g.to[1]; h0 += block {
				h1 := min(g.to[1], h0+block)
				m := (h1 - h0) * g.to[2]
				kernel.MatMul(cols, g.k, dy.f[(s*g.out+h0*g.to[2])*g.f:], g.f, false, turned, g.k, false, m, g.k, g.f, 0, m, 0, g.k, false)
				for o := range g.to[2] {
					at := o*last.Stride - last.Before
					lo, hi := g.inside(at)
					if lo >= hi {
						continue
					}
					for l := range line.Size {
						place := l*line.Dilation - line.Before // of the tap, for the first line
						first, end := h0, h1
						if place < 0 {
							first = max(h0, (-place+line.Stride-1)/line.Stride)
						}
						if rest := g.from[1] - 1 - place; rest < 0 {
							continue
						} else {
							end = min(h1, rest/line.Stride+1)
						}
						if first >= end {
							continue
						}
						to := (s*g.in + (place+first*line.Stride)*g.from[2] + at + lo) * g.c
						from := ((first-h0)*g.to[2]+o)*g.k + (l*last.Size+lo)*g.c
						kernel.AddRows(dx.f[to:], cols[from:], line.Stride*g.from[2]*g.c, g.to[2]*g.k, (hi-lo)*g.c, end-first)
					}
				}
			}
		})
	}
}
