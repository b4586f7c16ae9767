package cpu

import (
	"sync/atomic"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A counter tells whoever does the last of several pieces that it does.
type counter struct{ n atomic.Int64 }

func (c *counter) last(done, of int) bool {
	if c.n.Add(int64(done)) < int64(of) {
		return false
	}
	c.n.Store(0)
	return true
}

// raw is a value's bytes and the size of an element: moving needs no type.
func (v *value[T]) raw() ([]byte, int) { return v.t.Bytes(), v.t.DType().Size() }

func transpose[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, y := c.of(x.In(0)), c.of(x)
	perm, shape := x.Axes(), x.In(0).Shape()
	n := x.Shape().Len()
	if len(perm) == 2 && perm[0] == 1 && x.Type().Kind == graph.Float {
		r, cols := shape[0], shape[1]
		chunks, per := cut(r, 16, 2*cols)
		return chunks, func(_, k int) { kernel.Transpose2D(y.f, in.f, r, cols, k*per, min(r, (k+1)*per)) }
	}
	steps := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		steps[i] = step
		step *= shape[i]
	}
	var axes []axis
	for i := len(perm) - 1; i >= 0; i-- {
		axes = append(axes, axis{shape[perm[i]], steps[perm[i]]})
	}
	chunks, per := cut(n, 1, 4)
	return chunks, func(_, k int) {
		dst, size := y.raw()
		src, _ := in.raw()
		for i := k * per; i < min(n, (k+1)*per); i++ {
			j := offset(axes, i)
			copy(dst[i*size:(i+1)*size], src[j*size:(j+1)*size])
		}
	}
}

// around is the number of elements outside and inside one axis.
func around(x graph.Node, axis int) (outer, inner int) {
	return x.Shape()[:axis].Len(), x.Shape()[axis+1:].Len()
}

func slice[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, y := c.of(x.In(0)), c.of(x)
	a := x.Attr().(graph.SliceAttr)
	outer, inner := around(x, a.Axis)
	from, n := x.In(0).Dim(a.Axis)*inner, (a.Hi-a.Lo)*inner
	chunks, per := cut(outer, 1, n+8)
	return chunks, func(_, k int) {
		dst, size := y.raw()
		src, _ := in.raw()
		for i := k * per; i < min(outer, (k+1)*per); i++ {
			at := (i*from + a.Lo*inner) * size
			copy(dst[i*n*size:(i+1)*n*size], src[at:at+n*size])
		}
	}
}

func pad[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	in, y := c.of(x.In(0)), c.of(x)
	a := x.Attr().(graph.PadAttr)
	outer, inner := around(x, a.Axis)
	to, n := x.Dim(a.Axis)*inner, x.In(0).Dim(a.Axis)*inner
	chunks, per := cut(outer, 1, to+8)
	return chunks, func(_, k int) {
		dst, size := y.raw()
		src, _ := in.raw()
		for i := k * per; i < min(outer, (k+1)*per); i++ {
			row := dst[i*to*size : (i+1)*to*size]
			clear(row)
			copy(row[a.Before*inner*size:], src[i*n*size:(i+1)*n*size])
		}
	}
}

func concat[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	y := c.of(x)
	axis := x.Attr().(int)
	outer, inner := around(x, axis)
	to := x.Dim(axis) * inner
	var ins []*value[T]
	var widths []int
	for _, in := range x.Ins() {
		ins = append(ins, c.of(in))
		widths = append(widths, in.Dim(axis)*inner)
	}
	chunks, per := cut(outer, 1, to+8)
	return chunks, func(_, k int) {
		dst, size := y.raw()
		for i := k * per; i < min(outer, (k+1)*per); i++ {
			at := i * to * size
			for q, in := range ins {
				src, _ := in.raw()
				w := widths[q] * size
				copy(dst[at:at+w], src[i*w:(i+1)*w])
				at += w
			}
		}
	}
}
