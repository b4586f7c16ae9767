package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// pooling is the geometry of a pool: a depthwise convolution's.
func pooling(node, x graph.Node) geometry {
	a := node.Attr().(graph.PoolAttr)
	c := x.Dim(-1)
	return geometryOf(graph.ConvAttr{Window: a.Window, Groups: max(1, c), In: a.In}, x.Dim(0), c, c)
}

func maxPool[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, y := c.of(node.In(0)), c.of(node)
	g := pooling(node, node.In(0))
	w := g.pool()
	lines := func(lo, hi int) {
		g.pools(lo, hi, func(row, place, lines int) {
			kernel.MaxPool(w, y.f[row*g.c:], x.f[place*g.c:], lines)
		}, func(row int) { maxPoolRow(&g, y.f, x.f, row) })
	}
	each := g.to[0] * g.to[1] // lines of a sample
	c.rowWay(node, g.n, func(lo, hi int) { lines(lo*each, hi*each) }, byRows)
	c.own = true
	chunks, per := cut(g.n*each, 1, g.to[2]*g.taps*(g.c+8)/4)
	return chunks, func(_, chunk int) { lines(chunk*per, (chunk+1)*per) }
}

// pool is the window on the places of a line where it lies on the input.
func (g *geometry) pool() *kernel.Pool {
	s, t := g.span[1], g.span[2]
	lo, hi := g.whole(-t.Before, g.to[2])
	return &kernel.Pool{Lines: s.Size, Taps: t.Size, Channels: g.c, XLine: s.Dilation * g.from[2] * g.c, XTap: t.Dilation * g.c,
		XStep: t.Stride * g.c, XRow: s.Stride * g.from[2] * g.c, Places: hi - lo, YRow: g.to[2] * g.c}
}

// flat windows are no more than lines of taps.
func (g *geometry) flat() bool {
	return g.span[0].Size == 1 && g.span[0].Before == 0 && g.span[0].Stride == 1
}

// pools goes through lines [l0, l1) of the results of all samples, in their order.
// Stretches of them whose windows lie on the input, and are no more than lines of
// taps, go to whole: the first row and the place of its window, among all samples, and
// how many lines there are. The other rows go to part.
func (g *geometry) pools(l0, l1 int, whole func(row, place, lines int), part func(row int)) {
	s := g.span[1]
	lo, hi := g.whole(-g.span[2].Before, g.to[2])
	flat := g.flat() && lo < hi
	inside := func(l int) bool {
		at := l%g.to[1]*s.Stride - s.Before
		return flat && at >= 0 && at+s.Extent() <= g.from[1]
	}
	for l1 = min(l1, g.n*g.to[0]*g.to[1]); l0 < l1; {
		first := l0 * g.to[2]
		lines := 1
		if !inside(l0) {
			for i := range g.to[2] {
				part(first + i)
			}
			l0++
			continue
		}
		// Several lines at a time, unless there are places at their ends that come
		// between.
		for hi-lo == g.to[2] && l0+lines < l1 && (l0+lines)%g.to[1] > 0 && inside(l0+lines) {
			lines++
		}
		for i := range lo {
			part(first + i)
		}
		sample, at := g.origin(first + lo)
		whole(first+lo, sample*g.in+(at[0]*g.from[1]+at[1])*g.from[2]+at[2], lines)
		for i := hi; i < g.to[2]; i++ {
			part(first + i)
		}
		l0 += lines
	}
}

// maxPoolGradient is cut by samples: windows may overlap. Without index arrays: the
// first number that is as large as its window's largest has the gradient.
func maxPoolGradient[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, y, dy, dx := c.of(node.In(0)), c.of(node.In(1)), c.of(node.In(2)), c.of(node)
	g := pooling(node, node.In(0))
	w := g.pool()
	c.work.need(g.c, 0)
	each := g.to[0] * g.to[1]       // lines of a sample
	add, covered := false, g.flat() // rows that are done one by one are added to what is there
	for i, s := range g.span {
		add = add || s.Stride < s.Extent()
		covered = covered && s.Stride == s.Size && s.Dilation == 1 && s.Before == 0 && g.to[i]*s.Stride == g.from[i]
	}
	chunks, per := cut(g.n, 1, g.out*g.taps*(g.c+8)/2)
	return chunks, func(worker, chunk int) {
		s0, s1 := chunk*per, min(g.n, (chunk+1)*per)
		if !covered {
			clear(dx.f[s0*g.in*g.c : s1*g.in*g.c])
		}
		rest := c.work.worker[worker][:g.c]
		g.pools(s0*each, s1*each, func(row, place, lines int) {
			kernel.MaxPoolGradient(w, dx.f[place*g.c:], x.f[place*g.c:], y.f[row*g.c:], dy.f[row*g.c:], lines, add)
		}, func(row int) {
			copy(rest, dy.f[row*g.c:])
			most := y.f[row*g.c:][:g.c]
			g.eachTap(row, func(_, place int) {
				to := dx.f[place*g.c:][:g.c]
				for i, v := range x.f[place*g.c:][:g.c] {
					if v == most[i] || v != v {
						to[i] += rest[i]
						rest[i] = 0
					}
				}
			})
		})
	}
}

// maxPoolRow is one row, of whose window parts may lie outside.
func maxPoolRow[T float](g *geometry, y, x []T, r int) {
	row := y[r*g.c : (r+1)*g.c]
	first := true
	g.eachTap(r, func(_, place int) {
		in := x[place*g.c : (place+1)*g.c]
		if first {
			copy(row, in)
		} else {
			kernel.Max(row, row, in)
		}
		first = false
	})
}

func maxPoolIndex[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, y := c.of(node.In(0)), c.of(node)
	g := pooling(node, node.In(0))
	c.work.need(g.to[2]*g.c, 0)
	chunks, per := cut(g.rows(), 1, g.taps*(2*g.c+8))
	return chunks, func(worker, chunk int) {
		best := c.work.worker[worker]
		end := min(g.rows(), (chunk+1)*per)
		for r := chunk * per; r < end; {
			n, sample, at := g.lane(r, end)
			if !g.within(at, n) {
				for i := range n {
					maxPoolIndexRow(&g, y.i, x.f, best[:g.c], r+i)
				}
				r += n
				continue
			}
			stride := g.span[2].Stride
			index := y.i[r*g.c : (r+n)*g.c]
			g.eachTapOf(sample, at, func(tap, place int) {
				from := place % g.in
				if tap > 0 {
					kernel.MaxIndexRows(best, index, x.f[place*g.c:], g.c, stride*g.c, g.c, n, from, stride)
					return
				}
				kernel.CopyRows(best, x.f[place*g.c:], g.c, stride*g.c, g.c, n)
				for i := range n {
					for k := range index[i*g.c : (i+1)*g.c] {
						index[i*g.c+k] = int32(from + i*stride)
					}
				}
			})
			r += n
		}
	}
}

// maxPoolIndexRow is one row, of whose window parts may lie outside.
func maxPoolIndexRow[T float](g *geometry, y []int32, x, best []T, r int) {
	index := y[r*g.c : (r+1)*g.c]
	first := true
	g.eachTap(r, func(_, place int) {
		in := x[place*g.c : (place+1)*g.c]
		at := int32(place % g.in)
		if first {
			first = false
			copy(best, in)
			for i := range index {
				index[i] = at
			}
			return
		}
		for i, v := range in {
			if b := best[i]; v > b || v != v && b == b {
				best[i], index[i] = v, at
			}
		}
	})
}

func planeTake[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, index, y := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	channels := node.Dim(-1)
	plane, each := spatial(node.In(0)), spatial(node)*channels
	rows := node.Dim(0) * spatial(node)
	chunks, per := cut(rows, 1, 2*channels)
	return chunks, func(_, chunk int) {
		for i := chunk * per * channels; i < min(rows, (chunk+1)*per)*channels; i++ {
			y.f[i] = 0
			if p := int(index.i[i]); p >= 0 && p < plane {
				y.f[i] = x.f[(i/each*plane+p)*channels+i%channels]
			}
		}
	}
}

// planePut is cut by samples: every chunk sees all numbers of its planes, in
// their order.
func planePut[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	in, index, x := c.of(node.In(0)), c.of(node.In(1)), c.of(node)
	channels := node.Dim(-1)
	plane, each := spatial(node), spatial(node.In(0))*channels
	chunks, per := cut(node.Dim(0), 1, plane*channels/4+2*each)
	return chunks, func(_, chunk int) {
		for s := chunk * per; s < min(node.Dim(0), (chunk+1)*per); s++ {
			dst := x.f[s*plane*channels : (s+1)*plane*channels]
			clear(dst)
			for i := s * each; i < (s+1)*each; i += channels {
				for k, v := range in.f[i : i+channels] {
					if p := int(index.i[i+k]); p >= 0 && p < plane {
						dst[p*channels+k] += v
					}
				}
			}
		}
	}
}

// spatial is the number of places of (N, …, C).
func spatial(x graph.Node) int { return x.Shape()[1 : x.Rank()-1].Len() }

func toInt[T float](c *compiler[T], node graph.Node) (int, func(int, int)) {
	x, y := c.of(node.In(0)), c.of(node)
	n := node.Shape().Len()
	chunks, per := cut(n, 1, 4)
	return chunks, func(_, chunk int) {
		for i := chunk * per; i < min(n, (chunk+1)*per); i++ {
			if x.b != nil {
				y.i[i] = int32(x.b[i])
				continue
			}
			y.i[i] = -1
			if v := float64(x.f[i]); v > -1<<31-1 && v < 1<<31 {
				y.i[i] = int32(v)
			}
		}
	}
}
