package cpu

import (
	"context"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// TestStep trains a small net for a few steps on both backends: whole steps,
// with fused updates in place, agree with the interpreter.
func TestStep(t *testing.T) {
	t.Parallel()
	build := func() *graph.Builder {
		b := graph.New()
		x := b.Input("x", graph.Byte, 33, 20)
		l := b.Input("label", graph.Int, 33)
		w1, b1 := b.Param("w1", 20, 70), b.Param("b1", 70)
		w2, b2 := b.Param("w2", 70, 10), b.Param("b2", 10)
		h := x.ToFloat().Scale(1.0 / 255).MatMul(w1).Add(b1)
		h = h.Greater(b.Const(0)).Select(h, h.Min(b.Const(0)).Expm1())
		y := h.MatMul(w2).Add(b2)
		loss := y.CrossEntropy(l).Mean()
		b.Output("loss", loss)
		b.Output("hits", y.ArgMax().Equal(l).Sum())
		ps := []graph.Node{w1, b1, w2, b2}
		for i, g := range graph.Grad(loss, ps) {
			m := b.Param("m"+ps[i].Name(), ps[i].Shape()...)
			next := m.Scale(0.9).Sub(g.Scale(0.1))
			b.Update(m, next)
			b.Update(ps[i], ps[i].Add(next))
			b.Guard(g.Square().Sum())
		}
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		return b
	}
	state := func() map[string]*tensor.Tensor {
		s := map[string]*tensor.Tensor{}
		for p := range build().Nodes() {
			if p.Op().Name != "param" {
				continue
			}
			v := tensor.New(tensor.Float32, p.Shape()...)
			if p.Name()[0] == 'w' {
				r := rng.New(rng.Key(1, p.Name()), 0)
				for i := range v.Len() {
					v.SetFlat(i, r.Norm()*0.2)
				}
			}
			s[p.Name()] = v
		}
		return s
	}
	x, l := tensor.New(tensor.Uint8, 33, 20), tensor.New(tensor.Int32, 33)
	r := rng.New(7, 7)
	for i := range x.Len() {
		x.SetFlat(i, float64(r.IntN(256)))
	}
	for i := range l.Len() {
		l.SetFlat(i, float64(r.IntN(10)))
	}
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": x, "label": l}}
	run := func(b backend.Backend, threads int) (map[string]*tensor.Tensor, []float64) {
		s := state()
		p, err := b.Compile(build(), backend.Options{State: func(n string) *tensor.Tensor { return s[n] }, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		var losses []float64
		for range 10 {
			if err := p.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
			losses = append(losses, p.Output("loss").Flat(0))
		}
		return s, losses
	}
	want, wl := run(ref.Backend{}, 1)
	var be Backend
	first, _ := run(&be, 1)
	for _, threads := range []int{1, 2, 3, 5, 8} {
		got, gl := run(&be, threads)
		for i := range wl {
			if math.Abs(gl[i]-wl[i]) > 1e-5 {
				t.Errorf("%d threads: loss %d is %v, want %v", threads, i, gl[i], wl[i])
			}
		}
		for n := range want {
			for i := range want[n].Len() {
				if math.Abs(got[n].Flat(i)-want[n].Flat(i)) > 1e-5 {
					t.Fatalf("%d threads: %s[%d] is %v, want %v", threads, n, i, got[n].Flat(i), want[n].Flat(i))
				}
			}
			if string(got[n].Bytes()) != string(first[n].Bytes()) {
				t.Errorf("%d threads: %s has other bytes than with 1", threads, n)
			}
		}
	}
}
