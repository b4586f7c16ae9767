package cpu

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A winograd is a convolution with a window of 3×3 taps that moves by one place, made of
// transforms and products ([kernel.Tiles]): 16 multiply-adds stand for 36. Strips are
// rows of tiles, of all samples; a block of them is done at a time.
type winograd struct {
	g            geometry
	down, across int // tiles of a sample
	block        int // strips
	turned       bool
}

// winogradTiles is how many tiles there are at the least: where there are fewer, the
// transform of the filters takes what products save. Fewer will do where filters are so
// many that [slide] does not take them.
const (
	winogradTiles = 64
	unlaidTiles   = 32
)

// winogradElems is how many numbers the transforms of a block's tiles have: they stay in
// the second-level cache. A block has few tiles at the least, so that products are worth
// laying out filters for.
const (
	winogradElems = 192 * 1024
	winogradFew   = 48
)

// transformed reports whether a convolution is done as a [winograd].
func transformed[T float](g *geometry) bool {
	ok := kernel.Transforms[T](g.c, g.f) && g.groups == 1 && g.from[0] == 1 && g.to[0] == 1 && g.span[0].Size == 1
	for _, s := range g.span[1:] {
		ok = ok && s.Size == 3 && s.Stride == 1 && s.Dilation == 1
	}
	tiles := winogradTiles
	if g.k*g.f > mostLaid {
		tiles = unlaidTiles
	}
	return ok && g.n*((g.to[1]+1)/2)*((g.to[2]+1)/2) >= tiles
}

// newWinograd is that of a convolution, or of a gradient that is one: then the filters
// are turned around.
func newWinograd(g *geometry, turned bool) (w *winograd, chunks, per int) {
	w = &winograd{g: *g, down: (g.to[1] + 1) / 2, across: (g.to[2] + 1) / 2, turned: turned}
	strips := g.n * w.down
	tiles := max(winogradFew, winogradElems/(16*(g.c+g.f)))
	w.block = max(1, tiles/w.across)
	per = max(1, macsPerChunk/(w.across*16*g.c*g.f))
	per = max(per, min(w.block, (winogradFew+w.across-1)/w.across), (strips+maxChunks-1)/maxChunks)
	w.block = min(w.block, per)
	return w, (strips + per - 1) / per, per
}

// lines is how many lines of the input a block has of a sample at most.
func (w *winograd) lines() int { return 2*min(w.block, w.down) + 2 }

func (w *winograd) width() int { return 2*w.across + 2 }

// sizes are how many numbers a block takes: its input, with zeros where padding is, and
// the tiles before and after the products.
func (w *winograd) sizes() (input, before, after int) {
	tiles := 16 * w.block * w.across
	return w.lines() * w.width() * w.g.c, tiles * w.g.c, tiles * w.g.f
}

// winogradFilters is the job that transforms filters to what to has then. Those of a
// gradient, of which what was a channel is a filter, it first transposes tap by tap.
func winogradFilters[T float](from *value[T], w *winograd, to func() []T) *job {
	channels, filters := w.g.c, w.g.f
	n := channels * filters
	chunks, per := cut(channels, 16, 25*filters)
	return &job{chunks: chunks, run: func(_, chunk int) {
		lo, hi := chunk*per, min(channels, (chunk+1)*per)
		t := kernel.Tiles{Count: 1, Channels: (hi - lo) * filters, SrcStep: n, SrcLine: 3 * n, DstStep: n, DstLine: 4 * n}
		u, taps, at := to(), from.f, lo*filters
		if w.turned {
			taps = u[16*n:]
			for tap := range 9 {
				turnFilters(taps[tap*n:], from.f[tap*n:], filters, channels, lo, hi)
			}
			at, t.SrcStep, t.SrcLine = at+8*n, -n, -3*n
		}
		kernel.WinogradFilter(&t, u[lo*filters:], taps, at)
	}}
}

// turnFilters sets rows [lo, hi) of dst to those columns of src, of which there are cols.
// It goes by squares, so that each line of both is touched once.
func turnFilters[T float](dst, src []T, rows, cols, lo, hi int) {
	const side = 16
	var square [side][side]T
	for j := lo; j < hi; j += side {
		n := min(side, hi-j)
		for i := 0; i < rows; i += side {
			m := min(side, rows-i)
			for k := range m {
				for l, v := range src[(i+k)*cols+j:][:n] {
					square[l][k] = v
				}
			}
			for l := range n {
				copy(dst[(j+l)*rows+i:], square[l][:m])
			}
		}
	}
}

func convWinograd[T float](c *compiler[T], node graph.Node, x, filters, bias, y *value[T], g *geometry, turned, rectify bool) (int, func(int, int)) {
	w, chunks, per := newWinograd(g, turned)
	input, before, after := w.sizes()
	laid := 16 * g.c * g.f
	if turned {
		laid += 9 * g.c * g.f
	}
	c.work.need(input+before+after, 0)
	var u winogradProducts[T]
	if !c.frozen(filters) || turned {
		c.work.need(0, laid)
		c.before = winogradFilters(filters, w, func() []T { return c.work.shared })
		u = winogradProducts[T]{w: w, u: func() []T { return c.work.shared }}
	} else {
		u = frozenWinograd(c, filters, w)
	}
	strips := func(worker, s, end int) {
		mem := c.work.worker[worker]
		var b []T
		if bias != nil {
			b = bias.f
		}
		for ; s < end; s += w.block {
			n := min(w.block, end-s)
			winogradBlock(w, y.f, x.f, &u, b, rectify, s, n, mem[:input], mem[input:input+before], mem[input+before:input+before+after])
		}
	}
	// Strips are two lines, and the last of a sample one where lines are odd.
	switch {
	case c.before != nil: // the filters lie in memory that other instructions have, too
	case g.to[1]%2 == 0:
		c.lineWay(node, g.n*g.to[1], 2*per, func(worker, lo, hi int) { strips(worker, lo/2, hi/2) })
	default:
		c.lineWay(node, g.n, (per+w.down-1)/w.down, func(worker, lo, hi int) { strips(worker, lo*w.down, hi*w.down) })
	}
	return chunks, func(worker, chunk int) { strips(worker, chunk*per, min(g.n*w.down, (chunk+1)*per)) }
}

// winogradProducts are those of the 16 numbers of tiles with filters: transformed before, at
// each run, or once and laid out.
type winogradProducts[T float] struct {
	w      *winograd
	u      func() []T
	panels kernel.Panels
	laid   []T
}

// frozenWinograd transforms filters that do not change.
func frozenWinograd[T float](c *compiler[T], filters *value[T], w *winograd) winogradProducts[T] {
	channels, n := w.g.c, w.g.c*w.g.f
	transform := func(dst []T) {
		j := winogradFilters(filters, w, func() []T { return dst })
		for chunk := range j.chunks {
			j.run(0, chunk)
		}
	}
	p := winogradProducts[T]{w: w}
	if panels, ok := kernel.NewPanels[T](w.block*w.across, w.g.f, channels); ok {
		p.panels = panels
		p.laid = c.keep(filters, fmt.Sprint("winograd ", panels), 16*panels.Len(), func(dst []T) {
			u := alignedSlice[T](16 * n)
			transform(u)
			for i := range 16 {
				kernel.LayPanels(&panels, dst[i*panels.Len():], u[i*n:(i+1)*n], w.g.f, false)
			}
		})
		return p
	}
	u := c.keep(filters, "winograd", 16*n, transform)
	p.u = func() []T { return u }
	return p
}

// multiply makes number i of so many tiles.
func (p *winogradProducts[T]) multiply(m, v []T, i, tiles int) {
	c, f := p.w.g.c, p.w.g.f
	m, v = m[i*tiles*f:], v[i*tiles*c:]
	if p.laid != nil {
		kernel.MatMulPanels(&p.panels, m, f, v, c, false, p.laid[i*p.panels.Len():], tiles, 0, tiles, 0, f, false)
		return
	}
	kernel.MatMul(m, f, v, c, false, p.u()[i*c*f:], f, false, tiles, f, c, 0, tiles, 0, f, false)
}

// winogradBlock is n strips from s on.
func winogradBlock[T float](w *winograd, y, x []T, u *winogradProducts[T], bias []T, rectify bool, s, n int, input, v, m []T) {
	g := &w.g
	tiles := n * w.across
	in := kernel.Tiles{Count: w.across, Channels: g.c, SrcTile: 2 * g.c, SrcStep: g.c, SrcLine: w.width() * g.c,
		DstTile: g.c, DstStep: tiles * g.c, DstLine: 4 * tiles * g.c}
	for i := 0; i < n; {
		h := (s + i) % w.down
		k := min(n-i, w.down-h)
		winogradRead(w, input, x, (s+i)/w.down, 2*h-g.span[1].Before, 2*k+2)
		for j := range k {
			kernel.WinogradInput(&in, v[(i+j)*w.across*g.c:], input[2*j*in.SrcLine:])
		}
		i += k
	}
	for i := range 16 {
		u.multiply(m, v, i, tiles)
	}
	out := kernel.Tiles{Channels: g.f, SrcTile: g.f, SrcStep: tiles * g.f, SrcLine: 4 * tiles * g.f, DstTile: 2 * g.f}
	for i := range n {
		h := (s + i) % w.down
		to := ((s+i)/w.down*g.out + 2*h*g.to[2]) * g.f
		out.Count, out.DstStep, out.DstLine = g.to[2]/2, g.f, g.to[2]*g.f
		if 2*h+1 == g.to[1] {
			out.DstLine = 0
		}
		from := i * w.across * g.f
		kernel.WinogradOutput(&out, y[to:], m[from:], bias, rectify)
		if g.to[2]%2 == 1 {
			out.Count, out.DstStep = 1, 0
			kernel.WinogradOutput(&out, y[to+2*(w.across-1)*g.f:], m[from+(w.across-1)*g.f:], bias, rectify)
		}
	}
}

// winogradRead copies n lines of a sample, from line first on, to where zeros are beside
// them; lines that there are not are zeros.
func winogradRead[T float](w *winograd, dst, x []T, sample, first, n int) {
	g := &w.g
	line := w.width() * g.c
	lo := min(max(0, -first), n)
	hi := max(lo, min(n, g.from[1]-first))
	clear(dst[:lo*line])
	clear(dst[hi*line : n*line])
	before := min(line, g.span[2].Before*g.c)
	end := min(line, before+g.from[2]*g.c)
	for l := lo; l < hi; l++ {
		clear(dst[l*line : l*line+before])
		clear(dst[l*line+end : (l+1)*line])
	}
	if lo < hi && before < end {
		kernel.CopyRows(dst[lo*line+before:], x[(sample*g.in+(first+lo)*g.from[2])*g.c:], line, g.from[2]*g.c, end-before, hi-lo)
	}
}
