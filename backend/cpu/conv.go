package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A convolution is a matrix product: row r of the unfolded input holds what the
// window sees at place r of the result, tap by tap, and the kernel's rows are the
// taps. It is unfolded a block of rows at a time, into memory of the worker's own,
// where the product finds it in cache. Where the family of kernels has a loop for it,
// most convolutions are done without: see [slide].
const blockElems = 64 * 1024

// geometry is what the loops of a convolution go by. A place is a number within
// the spatial shape, a row one within all samples and places of the result.
type geometry struct {
	span           [graph.MaxSpatial]graph.Span
	from, to       [graph.MaxSpatial]int
	taps           int
	n, in, out     int // samples; places of x and of y
	c, f           int // channels of x and of y
	groups, cg, fg int // and those of a group
	k              int // columns of a group's unfolded rows
	direct         bool
}

func geometryOf(a graph.ConvAttr, n, c, f int) geometry {
	g := geometry{taps: a.Window.Taps(), n: n, c: c, f: f, groups: a.Groups, cg: c / a.Groups, fg: f / a.Groups}
	g.span, g.from, g.to = a.Window.Volume(a.In)
	g.in, g.out = g.from[0]*g.from[1]*g.from[2], g.to[0]*g.to[1]*g.to[2]
	g.k = g.taps * g.cg
	g.direct = g.taps == 1
	for _, s := range g.span {
		g.direct = g.direct && s.Stride == 1 && s.Before == 0 && s.After == 0
	}
	return g
}

// depthwise convolutions have filters that see one channel each: there is no
// product of matrices in them.
func (g *geometry) depthwise() bool { return g.cg == 1 && g.groups > 1 }

func (g *geometry) rows() int { return g.n * g.out }

// origin is where tap 0 of the window of a row lies along each axis, and the
// row's sample.
func (g *geometry) origin(row int) (sample int, at [3]int) {
	sample, row = row/g.out, row%g.out
	at[2] = row%g.to[2]*g.span[2].Stride - g.span[2].Before
	row /= g.to[2]
	at[1] = row%g.to[1]*g.span[1].Stride - g.span[1].Before
	at[0] = row/g.to[1]*g.span[0].Stride - g.span[0].Before
	return sample, at
}

// line is the place where the taps of one line of the window begin, the line
// being taps with the same numbers on the first two axes, and whether it lies
// within those axes. The place is that of tap 0 of the line, which may itself lie
// outside along the last axis.
func (g *geometry) line(at [3]int, t0, t1 int) (place int, ok bool) {
	p0, p1 := at[0]+t0*g.span[0].Dilation, at[1]+t1*g.span[1].Dilation
	ok = p0 >= 0 && p0 < g.from[0] && p1 >= 0 && p1 < g.from[1]
	return (p0*g.from[1]+p1)*g.from[2] + at[2], ok
}

// inside is the range of the taps of a line that lie within the last axis.
func (g *geometry) inside(at int) (lo, hi int) {
	s := g.span[2]
	if at < 0 {
		lo = min((-at+s.Dilation-1)/s.Dilation, s.Size)
	}
	hi = s.Size
	if last := at + (s.Size-1)*s.Dilation; last >= g.from[2] {
		hi = max(lo, s.Size-(last-g.from[2]+s.Dilation)/s.Dilation)
	}
	return lo, hi
}

// A lane is rows that lie side by side along the last axis: n of them from row r
// on, the first with its window's tap 0 at at.
func (g *geometry) lane(r, r1 int) (n, sample int, at [3]int) {
	sample, at = g.origin(r)
	return min(r1-r, g.to[2]-r%g.to[2]), sample, at
}

// whole is the range of the rows of a lane whose windows lie within the last axis.
func (g *geometry) whole(at, n int) (lo, hi int) {
	s := g.span[2]
	if at < 0 {
		lo = min((-at+s.Stride-1)/s.Stride, n)
	}
	hi = n
	if room := g.from[2] - s.Extent() - at; room < 0 {
		hi = lo
	} else {
		hi = max(lo, min(n, room/s.Stride+1))
	}
	return lo, hi
}

// unfold writes columns [k0, k1) of rows [r0, r1) of the unfolded input of a
// group.
func unfold[T float](g *geometry, dst, x []T, group, r0, r1, k0, k1 int) {
	width := k1 - k0
	line := g.span[2].Size * g.cg
	beside := g.cg == g.c && g.span[2].Dilation == 1 // the taps of a line lie side by side
	for r := r0; r < r1; {
		n, sample, at := g.lane(r, r1)
		lo, hi := g.whole(at[2], n)
		step := g.span[2].Stride * g.c
		k := 0 // column of the line's first tap
		for t0 := range g.span[0].Size {
			for t1 := range g.span[1].Size {
				place, ok := g.line(at, t0, t1)
				first := (sample*g.in + place) * g.c
				to := dst[(r-r0)*width:]
				switch {
				case k+line <= k0 || k >= k1:
				case k < k0 || k+line > k1 || ok && !beside:
					for i := range n {
						unfoldLine(g, to[i*width:][:width], x, group, first+i*step, at[2]+i*g.span[2].Stride, k, k0, k1, ok)
					}
				case !ok:
					for i := range n {
						clear(to[i*width+k-k0:][:line])
					}
				default:
					if lo < hi {
						kernel.CopyRows(to[lo*width+k-k0:], x[first+lo*step:], width, step, line, hi-lo)
					}
					for i := range n {
						if i >= lo && i < hi {
							continue
						}
						part := to[i*width+k-k0:][:line]
						a, b := g.inside(at[2] + i*g.span[2].Stride)
						clear(part[:a*g.c])
						if a < b {
							copy(part[a*g.c:b*g.c], x[first+i*step+a*g.c:])
						}
						clear(part[b*g.c:])
					}
				}
				k += line
			}
		}
		r += n
	}
}

// unfoldLine writes the taps of one line, tap by tap: k is the column of the
// first, first where it lies in x and at where along the last axis.
func unfoldLine[T float](g *geometry, row, x []T, group, first, at, k, k0, k1 int, ok bool) {
	lo, hi := g.inside(at)
	for t := range g.span[2].Size {
		a, b := max(k+t*g.cg, k0), min(k+(t+1)*g.cg, k1)
		switch {
		case a >= b:
		case !ok || t < lo || t >= hi:
			clear(row[a-k0 : b-k0])
		default:
			copy(row[a-k0:b-k0], x[first+t*g.span[2].Dilation*g.c+group*g.cg+a-k-t*g.cg:])
		}
	}
}

// fold is the reverse: it adds each column of unfolded rows to the place it came
// from, as far as that lies in lines [h0, h1) of the second axis. Rows are added
// in their order.
func fold[T float](g *geometry, dx, src []T, group, r0, r1, h0, h1 int) {
	beside := g.cg == g.c && g.span[2].Dilation == 1
	for r := r0; r < r1; {
		n, sample, at := g.lane(r, r1)
		lo, hi := g.whole(at[2], n)
		k := 0
		for t0 := range g.span[0].Size {
			for t1 := range g.span[1].Size {
				part := src[(r-r0)*g.k+k:]
				k += g.span[2].Size * g.cg
				place, ok := g.line(at, t0, t1)
				if p1 := at[1] + t1*g.span[1].Dilation; !ok || p1 < h0 || p1 >= h1 {
					continue
				}
				first, step := (sample*g.in+place)*g.c, g.span[2].Stride*g.c
				for i := 0; i < n; i++ {
					if beside && i == lo && lo < hi { // the places of a lane, row by row
						kernel.AddRows(dx[first+lo*step:], part[lo*g.k:], step, g.k, g.span[2].Size*g.c, hi-lo)
						i = hi - 1
						continue
					}
					foldLine(g, dx, part[i*g.k:], group, first+i*step, at[2]+i*g.span[2].Stride, beside)
				}
			}
		}
		r += n
	}
}

// foldLine adds the taps of one line of a row, as far as they lie on the input;
// first may lie outside.
func foldLine[T float](g *geometry, dx, line []T, group, first, at int, beside bool) {
	lo, hi := g.inside(at)
	if lo >= hi {
		return
	}
	if beside {
		d := dx[first+lo*g.c : first+hi*g.c]
		kernel.Add(d, d, line[lo*g.cg:hi*g.cg])
		return
	}
	for t := lo; t < hi; t++ {
		d := dx[first+t*g.span[2].Dilation*g.c+group*g.cg:][:g.cg]
		kernel.Add(d, d, line[t*g.cg:(t+1)*g.cg])
	}
}

// planar inputs have one channel: then a column of the unfolded input is whole
// stretches of it, and is written faster than a row.
func (g *geometry) planar() bool { return g.c == 1 && !g.direct }

// unfoldPlanar writes the unfolded rows [r0, r1) of a planar input column by
// column: the transpose of what unfold writes.
func unfoldPlanar[T float](g *geometry, dst, x []T, r0, r1 int) {
	s := g.span[2]
	for r := r0; r < r1; {
		n, sample, at := g.lane(r, r1)
		to := dst[r-r0:]
		for t0 := range g.span[0].Size {
			for t1 := range g.span[1].Size {
				place, ok := g.line(at, t0, t1)
				for t := range s.Size {
					tap := (t0*g.span[1].Size+t1)*s.Size + t
					col := to[tap*(r1-r0):][:n]
					if !ok {
						clear(col)
						continue
					}
					lo, hi := g.hit(at[2], n, t)
					first := sample*g.in + place + t*s.Dilation
					clear(col[:lo])
					if s.Stride == 1 && lo < hi {
						copy(col[lo:hi], x[first+lo:])
					} else {
						for i := lo; i < hi; i++ {
							col[i] = x[first+i*s.Stride]
						}
					}
					clear(col[hi:])
				}
			}
		}
		r += n
	}
}

// block is how many rows are unfolded at a time.
func (g *geometry) block() int { return max(16, blockElems/max(1, g.k)) }

// share cuts n rows of so many multiply-adds into chunks of whole granules.
func share(n, macs int) (chunks, per int) {
	const granule = 16
	per = max(1, macsPerChunk/max(1, macs)/granule) * granule
	for (n+per-1)/per > maxChunks {
		per *= 2
	}
	return max(1, (n+per-1)/per), per
}

// convGeometry is that of a convolution of x and w.
func convGeometry(conv graph.Node) geometry {
	return geometryOf(conv.Attr().(graph.ConvAttr), conv.Dim(0), conv.In(0).Dim(-1), conv.Dim(-1))
}

func conv[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, w, y := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	g := convGeometry(node)
	if g.depthwise() {
		return convChannels(c, node, &g, nil, false)
	}
	if transformed[T](&g) {
		return convWinograd(c, node, x, w, nil, y, &g, false, false)
	}
	if slides[T](&g) {
		return convSlide(c, node, &g, nil, false)
	}
	if g.direct && g.groups == 1 {
		return c.product(node, graph.MatMulAttr{}, g.rows(), g.f, g.k)
	}
	chunks, per := share(g.rows(), g.k*g.f)
	block := min(per, g.block())
	filters := make([]*right[T], g.groups)
	for q := range filters {
		filters[q] = c.right(w, q*g.fg, g.f, false, block, g.fg, g.k)
	}
	if !g.direct {
		c.work.need(block*g.k, 0)
	}
	return chunks, c.byLines(node, g.rows(), per, func(worker, r, end int) {
		for ; r < end; r += block {
			m := min(block, end-r)
			for q := range g.groups {
				var a []T
				lda := g.c
				switch {
				case g.direct:
					a = x.f[r*g.c+q*g.cg:]
				case g.planar():
					a, lda = c.work.worker[worker], m
					unfoldPlanar(&g, a, x.f, r, r+m)
				default:
					a, lda = c.work.worker[worker], g.k
					unfold(&g, a, x.f, q, r, r+m, 0, g.k)
				}
				filters[q].multiply(y.f[r*g.f+q*g.fg:], g.f, a, lda, g.planar(), m, 0, m, 0, g.fg, false)
			}
		}
	})
}

// byLines makes of the loop over n lines of all samples a [compiler.lineWay], one by whole
// samples, for a pool behind it, and chunks of so many lines each.
func (c *compiler[T]) byLines(x graph.Node, n, per int, run func(worker, lo, hi int)) func(worker, chunk int) {
	c.lineWay(x, n, per, run)
	if samples := x.Dim(0); samples > 0 && n > samples {
		each := n / samples
		c.lineWay(x, samples, 1, func(worker, lo, hi int) { run(worker, lo*each, hi*each) })
	}
	return func(worker, chunk int) { run(worker, chunk*per, min(n, (chunk+1)*per)) }
}

// A band is a chunk of the gradient of the input: some samples, and some lines of
// the second axis of each. What is added to a place comes in the order of the
// rows, whatever the bands.
type bands struct{ samples, lines, perSample int }

func (g *geometry) bands() (chunks int, b bands) {
	macs := max(1, g.out*g.k*g.fg*g.groups)
	b = bands{samples: max(1, macsPerChunk/macs), lines: g.from[1], perSample: 1}
	if macs > 2*macsPerChunk {
		// Bands overlap by the window: they should be well above it.
		b.lines = max(2*g.span[1].Extent(), (g.from[1]*macsPerChunk+macs-1)/macs)
		b.perSample = (g.from[1] + b.lines - 1) / b.lines
	}
	for (g.n+b.samples-1)/b.samples*b.perSample > maxChunks {
		b.samples *= 2
	}
	return (g.n + b.samples - 1) / b.samples * b.perSample, b
}

// of calls f for every sample of a chunk and its lines.
func (b bands) of(g *geometry, chunk int, f func(sample, h0, h1 int)) {
	h0 := chunk % b.perSample * b.lines
	h1 := min(g.from[1], h0+b.lines)
	s0 := chunk / b.perSample * b.samples
	for s := s0; s < min(g.n, s0+b.samples); s++ {
		f(s, h0, h1)
	}
}

// touching is the range of results along the second axis whose window reaches
// into lines [h0, h1).
func (g *geometry) touching(h0, h1 int) (lo, hi int) {
	s := g.span[1]
	if first := h0 + s.Before - s.Extent() + 1; first > 0 {
		lo = (first + s.Stride - 1) / s.Stride
	}
	return lo, min(g.to[1], (h1-1+s.Before)/s.Stride+1)
}

func convInput[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	dy, w, dx := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	g := geometryOf(node.Attr().(graph.ConvAttr), node.Dim(0), node.Dim(-1), node.In(0).Dim(-1))
	if g.depthwise() {
		return convInputChannels(c, node, &g)
	}
	if t, ok := g.turned(); ok && transformed[T](&t) {
		return convWinograd(c, node, dy, w, nil, dx, &t, true, false)
	}
	if slides[T](&g) {
		if t, ok := g.turned(); ok && slides[T](&t) && g.c >= fewChannels {
			return convInputSlide(c, node, &t)
		}
		if chunks, b := g.bands(); b.perSample == 1 {
			return convInputFolded(c, node, &g, b, chunks)
		}
	}
	if g.direct && g.groups == 1 {
		return c.product(node, graph.MatMulAttr{TransB: true}, g.rows(), g.c, g.f)
	}
	if g.direct {
		chunks, per := share(g.rows(), g.k*g.f)
		return chunks, func(_, chunk int) {
			r := chunk * per
			m := min(per, g.rows()-r)
			for q := range g.groups {
				kernel.MatMul(dx.f[r*g.c+q*g.cg:], g.c, dy.f[r*g.f+q*g.fg:], g.f, false, w.f[q*g.fg:], g.f, true, m, g.cg, g.fg, 0, m, 0, g.cg, false)
			}
		}
	}
	chunks, b := g.bands()
	block := min(g.block(), g.rows())
	c.work.need(block*g.k, 0)
	return chunks, func(worker, chunk int) {
		cols := c.work.worker[worker]
		b.of(&g, chunk, func(s, h0, h1 int) {
			clearLines(&g, dx.f, s, h0, h1)
			lo, hi := g.touching(h0, h1)
			for o0 := range g.to[0] {
				first := s*g.out + o0*g.to[1]*g.to[2]
				end := first + hi*g.to[2]
				for r := first + lo*g.to[2]; r < end; r += block {
					m := min(block, end-r)
					for q := range g.groups {
						kernel.MatMul(cols, g.k, dy.f[r*g.f+q*g.fg:], g.f, false, w.f[q*g.fg:], g.f, true, m, g.k, g.fg, 0, m, 0, g.k, false)
						fold(&g, dx.f, cols, q, r, r+m, h0, h1)
					}
				}
			}
		})
	}
}

func clearLines[T float](g *geometry, dx []T, s, h0, h1 int) {
	width := g.from[2] * g.c
	for d := range g.from[0] {
		at := (s*g.in + d*g.from[1]*g.from[2]) * g.c
		clear(dx[at+h0*width : at+h1*width])
	}
}

// partials is how the gradient of the kernel, a sum over all rows, is cut: into
// ranges of rows, whose sums are added up in their order by the last that is
// done, and of the kernel's own rows.
type partials struct {
	rows, perRows int // ranges of rows, and the rows of each
	cols, perCols int
}

// mostPartial is how many numbers the sums of all ranges may have.
const mostPartial = 512 * 1024

func (g *geometry) partials() partials {
	size := max(1, g.k*g.f)
	chunks := max(1, g.rows()/max(1, macsPerChunk/max(1, g.k*g.f)))
	rows := max(1, min(chunks, g.rows()/64, mostPartial/size, 64))
	cols := max(1, min(chunks/rows, g.k/32, 64))
	p := partials{perRows: max(1, (g.rows()+rows-1)/rows), perCols: max(1, (g.k+cols-1)/cols)}
	if line := g.span[2].Size * g.cg; !g.direct && line < g.k {
		p.perCols = (p.perCols + line - 1) / line * line // whole lines are unfolded fastest
	}
	p.rows, p.cols = max(1, (g.rows()+p.perRows-1)/p.perRows), (g.k+p.perCols-1)/p.perCols
	return p
}

func convKernel[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, dy, dw := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	g := geometryOf(node.Attr().(graph.ConvAttr), node.In(0).Dim(0), node.In(0).Dim(-1), node.Dim(-1))
	if g.depthwise() {
		return convKernelChannels(c, node, &g)
	}
	if slides[T](&g) {
		return convKernelSlide(c, node, &g)
	}
	p := g.partials()
	size := g.k * g.f
	block := max(16, blockElems/max(1, p.perCols))
	block = min(block, p.perRows)
	each, all := 0, 0
	if !g.direct {
		each = block * p.perCols
	}
	if p.rows > 1 {
		all = p.rows * size
	}
	c.work.need(each, all)
	left := new(counter)
	planar := g.planar() && p.cols == 1
	chunks := p.rows * p.cols
	return chunks, func(worker, chunk int) {
		part := dw.f
		i := chunk / p.cols
		if p.rows > 1 {
			part = c.work.shared[i*size : (i+1)*size]
		}
		k0 := chunk % p.cols * p.perCols
		k1 := min(g.k, k0+p.perCols)
		end := min(g.rows(), (i+1)*p.perRows)
		if g.rows() == 0 {
			clear(part)
		}
		for r := i * p.perRows; r < end; r += block {
			m := min(block, end-r)
			for q := range g.groups {
				var a []T
				lda := g.c
				switch {
				case g.direct:
					a = x.f[r*g.c+q*g.cg+k0:]
				case planar:
					a, lda = c.work.worker[worker], m
					unfoldPlanar(&g, a, x.f, r, r+m)
				default:
					a, lda = c.work.worker[worker], k1-k0
					unfold(&g, a, x.f, q, r, r+m, k0, k1)
				}
				kernel.MatMul(part[k0*g.f+q*g.fg:], g.f, a, lda, !planar, dy.f[r*g.f+q*g.fg:], g.f, false, k1-k0, g.fg, m, 0, k1-k0, 0, g.fg, r > i*p.perRows)
			}
		}
		if p.rows > 1 && left.last(1, chunks) {
			gatherPartials(dw.f, c.work.shared, p.rows)
		}
	}
}

// gatherPartials adds up sums that lie one behind the other.
func gatherPartials[T float](dst, parts []T, n int) {
	size := len(dst)
	copy(dst, parts[:size])
	for i := 1; i < n; i++ {
		kernel.Add(dst, dst, parts[i*size:(i+1)*size])
	}
}

// eachTap calls f for the taps of a row that lie on the input, with the place of
// each among all samples.
func (g *geometry) eachTap(row int, f func(tap, place int)) {
	sample, at := g.origin(row)
	lo, hi := g.inside(at[2])
	s := g.span
	for t0 := range s[0].Size {
		for t1 := range s[1].Size {
			if place, ok := g.line(at, t0, t1); ok {
				for t := lo; t < hi; t++ {
					f((t0*s[1].Size+t1)*s[2].Size+t, sample*g.in+place+t*s[2].Dilation)
				}
			}
		}
	}
}

// within reports whether the windows of a lane of n rows lie on the input as a
// whole.
func (g *geometry) within(at [3]int, n int) bool {
	for a := range 2 {
		if at[a] < 0 || at[a]+g.span[a].Extent() > g.from[a] {
			return false
		}
	}
	lo, hi := g.whole(at[2], n)
	return lo == 0 && hi == n
}

// eachTapOf calls f for every tap of a lane that is within the input, with the place of
// the first row's among all samples.
func (g *geometry) eachTapOf(sample int, at [3]int, f func(tap, place int)) {
	s := g.span
	tap := 0
	for t0 := range s[0].Size {
		for t1 := range s[1].Size {
			place, _ := g.line(at, t0, t1)
			for t := range s[2].Size {
				f(tap, sample*g.in+place+t*s[2].Dilation)
				tap++
			}
		}
	}
}

// hit is the range of the rows of a lane in which tap t of a line lies on the
// input, at being where tap 0 of the first row lies.
func (g *geometry) hit(at, n, t int) (lo, hi int) {
	s := g.span[2]
	at += t * s.Dilation
	if at < 0 {
		lo = min((-at+s.Stride-1)/s.Stride, n)
	}
	if at >= g.from[2] {
		return lo, lo
	}
	return lo, max(lo, min(n, (g.from[2]-1-at)/s.Stride+1))
}
