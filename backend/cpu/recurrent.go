package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// recurrentOps are the recurrent layers that are one instruction each: rows of the batch
// depend on nothing but themselves, so that a chunk of them goes through all steps
// without waiting for the others, its state in cache.
func recurrentOps[T float]() map[string]single[T] {
	return map[string]single[T]{
		"lstm":          lstm[T],
		"lstm_gradient": lstmGradient[T],
		"gru":           gru[T],
		"gru_gradient":  gruGradient[T],
	}
}

// recurrentRows is how many rows of a batch of n a chunk has: few enough for two cores
// where the batch is small, and so many that the recurrent kernel is read seldom.
func recurrentRows(n int) int {
	switch {
	case n >= 64:
		return max(32, (n+maxChunks-1)/maxChunks)
	case n >= 16:
		return (n + 1) / 2
	}
	return max(n, 1)
}

// A walk is a recurrent op over steps of n rows and u units.
type walk struct {
	graph.RecurrentAttr
	n, u, per int
}

func walkOf(x graph.Node, n, u int) walk {
	return walk{x.Attr().(graph.RecurrentAttr), n, u, recurrentRows(n)}
}

func (w walk) chunks() int { return max(1, (w.n+w.per-1)/w.per) }

// rows of a chunk.
func (w walk) rows(chunk int) (lo, hi int) { return chunk * w.per, min(w.n, (chunk+1)*w.per) }

// step is the k-th step that is gone through.
func (w walk) step(k int) int {
	if w.Backwards {
		return w.Steps - 1 - k
	}
	return k
}

// before is the state, of those of all steps, that the k-th step that is gone through
// begins with.
func before[T float](w walk, first, all []T, k int) []T {
	if k == 0 {
		return first
	}
	t, size := w.step(k-1), w.n*w.u
	return all[t*size : (t+1)*size]
}

// maskOf is the mask of x, and nil where it has none: where it is 0 the state of row
// i at step t stays.
func maskOf[T float](c *compiler[T], x graph.Node) *value[T] {
	if !x.Attr().(graph.RecurrentAttr).Masked {
		return nil
	}
	return c.of(x.In(x.NumIn() - 1))
}

// out reports whether row i is left out of step t by a mask.
func out[T float](w walk, mask *value[T], t, i int) bool {
	return mask != nil && mask.f[t*w.n+i] == 0
}

// scratch is n elements for every worker.
func scratch[T float](threads, n int) [][]T {
	s := make([][]T, threads)
	for i := range s {
		s[i] = alignedSlice[T](n)
	}
	return s
}

// lstm makes h, c and the gates of all steps: see [graph.LSTM].
func lstm[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	xw, r, h0, c0, bias, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x.In(4)), c.of(x)
	w, mask := walkOf(x, x.Dim(1), x.Dim(2)), maskOf(c, x)
	n, u, size := w.n, w.u, w.n*w.u
	by := c.right(r, 0, 4*u, false, min(n, w.per), 4*u, u)
	return w.chunks(), func(_, chunk int) {
		lo, hi := w.rows(chunk)
		if size == 0 {
			return
		}
		h, cell := y.f[:w.Steps*size], y.f[w.Steps*size:2*w.Steps*size]
		for k := range w.Steps {
			t, hp, cp := w.step(k), before(w, h0.f, h, k), before(w, c0.f, cell, k)
			z := y.f[2*w.Steps*size+4*t*size:][:4*size] // (N, 4·units)
			for i := lo; i < hi; i++ {
				kernel.Add(z[4*i*u:4*(i+1)*u], xw.f[4*(t*n+i)*u:4*(t*n+i+1)*u], bias.f)
			}
			by.multiply(z, 4*u, hp, u, false, n, lo, hi, 0, 4*u, true)
			for i := lo; i < hi; i++ {
				row := z[4*i*u : 4*(i+1)*u]
				a, b := i*u, (i+1)*u
				if out(w, mask, t, i) {
					clear(row)
					copy(h[t*size:][a:b], hp[a:b])
					copy(cell[t*size:][a:b], cp[a:b])
					continue
				}
				kernel.LSTM(h[t*size:][a:b], cell[t*size:][a:b], row, cp[a:b])
			}
		}
	}
}

// lstmGradient makes the gradients of the gates before their functions, of h and of c.
// The last two hold what goes back from step to step until they are done.
func lstmGradient[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	y, rt, c0, dh, dx := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x)
	var dc *value[T]
	w, mask := walkOf(x, x.Dim(1), x.Dim(2)), maskOf(c, x)
	if x.NumIn() > 5 || x.NumIn() > 4 && mask == nil {
		dc = c.of(x.In(4))
	}
	n, u, size := w.n, w.u, w.n*w.u
	return w.chunks(), func(_, chunk int) {
		lo, hi := w.rows(chunk)
		if size == 0 {
			return
		}
		cell, gates := y.f[w.Steps*size:2*w.Steps*size], y.f[2*w.Steps*size:]
		backH, backC := dx.f[4*w.Steps*size:(4*w.Steps+1)*size], dx.f[(4*w.Steps+1)*size:]
		clear(backH[lo*u : hi*u])
		clear(backC[lo*u : hi*u])
		for k := w.Steps - 1; k >= 0; k-- {
			t, cp := w.step(k), before(w, c0.f, cell, k)
			z, dz := gates[4*t*size:][:4*size], dx.f[4*t*size:][:4*size]
			for i := lo; i < hi; i++ {
				a, b := i*u, (i+1)*u
				kernel.Add(backH[a:b], backH[a:b], dh.f[t*size:][a:b])
				if dc != nil {
					kernel.Add(backC[a:b], backC[a:b], dc.f[t*size:][a:b])
				}
				if out(w, mask, t, i) { // what comes back goes on to the step before
					clear(dz[4*a : 4*b])
					continue
				}
				kernel.LSTMGradient(dz[4*a:4*b], backC[a:b], z[4*a:4*b], cell[t*size:][a:b], cp[a:b], backH[a:b])
				if mask != nil {
					clear(backH[a:b])
				}
			}
			kernel.MatMul(backH, u, dz, 4*u, false, rt.f, u, false, n, u, 4*u, lo, hi, 0, u, mask != nil)
		}
	}
}

// gru makes the states of all steps and what their gradient needs: see [graph.GRU].
func gru[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	xw, r, h0, bias, y := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x)
	w, mask := walkOf(x, x.Dim(1), x.Dim(2)), maskOf(c, x)
	n, u, size := w.n, w.u, w.n*w.u
	space := scratch[T](c.threads, 3*u)
	by := c.right(r, 0, 3*u, false, min(n, w.per), 3*u, u)
	return w.chunks(), func(worker, chunk int) {
		lo, hi := w.rows(chunk)
		if size == 0 {
			return
		}
		h := y.f[:w.Steps*size]
		for k := range w.Steps {
			t, hp := w.step(k), before(w, h0.f, h, k)
			z := y.f[w.Steps*size+4*t*size:][:4*size] // (N, 4·units)
			for i := lo; i < hi; i++ {
				copy(z[4*i*u:], bias.f[3*u:6*u])
			}
			by.multiply(z, 4*u, hp, u, false, n, lo, hi, 0, 3*u, true)
			for i := lo; i < hi; i++ {
				a, b, s := i*u, (i+1)*u, space[worker]
				if out(w, mask, t, i) {
					clear(z[4*a : 4*b])
					copy(h[t*size:][a:b], hp[a:b])
					continue
				}
				kernel.Add(s, xw.f[3*(t*n+i)*u:3*(t*n+i+1)*u], bias.f[:3*u])
				kernel.GRU(h[t*size:][a:b], z[4*a:4*b], s, hp[a:b])
			}
		}
	}
}

// gruGradient makes the gradients of both summands of the gates and of h, which holds
// what goes back from step to step until it is done.
func gruGradient[T float](c *compiler[T], x graph.Node) (int, func(int, int)) {
	y, rt, h0, dh, d := c.of(x.In(0)), c.of(x.In(1)), c.of(x.In(2)), c.of(x.In(3)), c.of(x)
	w, mask := walkOf(x, x.Dim(1), x.Dim(2)), maskOf(c, x)
	n, u, size := w.n, w.u, w.n*w.u
	return w.chunks(), func(_, chunk int) {
		lo, hi := w.rows(chunk)
		if size == 0 {
			return
		}
		h, gates := y.f[:w.Steps*size], y.f[w.Steps*size:]
		back := d.f[6*w.Steps*size:]
		clear(back[lo*u : hi*u])
		for k := w.Steps - 1; k >= 0; k-- {
			t, hp := w.step(k), before(w, h0.f, h, k)
			z, dx, dp := gates[4*t*size:][:4*size], d.f[3*t*size:][:3*size], d.f[3*(w.Steps+t)*size:][:3*size]
			for i := lo; i < hi; i++ {
				a, b := i*u, (i+1)*u
				kernel.Add(back[a:b], back[a:b], dh.f[t*size:][a:b])
				if out(w, mask, t, i) { // what comes back goes on to the step before
					clear(dx[3*a : 3*b])
					clear(dp[3*a : 3*b])
					continue
				}
				kernel.GRUGradient(dx[3*a:3*b], dp[3*a:3*b], back[a:b], z[4*a:4*b], hp[a:b])
			}
			kernel.MatMul(back, u, dp, 3*u, false, rt.f, u, false, n, u, 3*u, lo, hi, 0, u, true)
		}
	}
}
