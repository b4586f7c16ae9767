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
	chunks, per := cut(g.rows(), 1, g.taps*(g.c+8))
	return chunks, func(_, chunk int) {
		end := min(g.rows(), (chunk+1)*per)
		for r := chunk * per; r < end; {
			n, sample, at := g.lane(r, end)
			if !g.within(at, n) {
				for i := range n {
					maxPoolRow(&g, y.f, x.f, r+i)
				}
				r += n
				continue
			}
			step := g.span[2].Stride * g.c
			g.eachTapOf(sample, at, func(tap, place int) {
				if tap == 0 {
					kernel.CopyRows(y.f[r*g.c:], x.f[place*g.c:], g.c, step, g.c, n)
				} else {
					kernel.MaxRows(y.f[r*g.c:], x.f[place*g.c:], g.c, step, g.c, n)
				}
			})
			r += n
		}
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
