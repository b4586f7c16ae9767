package cpu

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// layers is a training step of a net of so many units a layer, some of them normalized
// over the batch, whose updates wait for the norm of all gradients, and makes its
// parameters anew.
func layers(rows int, units []int, normalized bool) (*graph.Builder, func() map[string]*tensor.Tensor) {
	b := graph.New()
	x, label := b.Input("x", graph.Float, rows, units[0]), b.Input("label", graph.Int, rows)
	var params []graph.Node
	param := func(name string, shape ...int) graph.Node {
		params = append(params, b.Param(name, shape...))
		return params[len(params)-1]
	}
	for i, n := range units[1:] {
		if normalized && i%2 == 0 {
			x = x.Sub(x.Mean(0))
			x = x.Mul(x.Square().Mean(0).Add(b.Const(1e-3)).Rsqrt())
			x = x.Mul(param(fmt.Sprint("gamma", i), x.Dim(1))).Add(param(fmt.Sprint("beta", i), x.Dim(1)))
		}
		x = x.MatMul(param(fmt.Sprint("w", i), x.Dim(1), n)).Add(param(fmt.Sprint("b", i), n))
		if i+2 < len(units) {
			x = x.Tanh()
		}
	}
	loss := x.CrossEntropy(label).Mean()
	b.Output("loss", loss)
	b.Guard(loss)
	grads := graph.Grad(loss, params)
	norm := b.Const(1e-3)
	for _, g := range grads {
		norm = norm.Add(g.Square().Sum())
	}
	for i, p := range params {
		b.Update(p, p.Sub(grads[i].Mul(norm.Rsqrt().Scale(0.1))))
	}
	return b, func() map[string]*tensor.Tensor {
		state := map[string]*tensor.Tensor{}
		for _, p := range params {
			v := tensor.New(tensor.Float32, p.Shape()...)
			for i := range v.Len() {
				v.SetFlat(i, math.Sin(float64(3*i+len(state)))/4)
			}
			state[p.Name()] = v
		}
		return state
	}
}

// TestStages takes steps of nets of all sizes on any number of threads, and one
// instruction after the other: the same bytes. What runs at the same time has nothing
// to do with each other.
func TestStages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 70).Draw(t, "rows")
		units := rapid.SliceOfN(rapid.IntRange(1, 130), 2, 7).Draw(t, "units")
		g, fresh := layers(rows, units, rapid.Bool().Draw(t, "normalized"))
		if err := g.Err(); err != nil {
			t.Fatal(err)
		}
		x, label := tensor.New(tensor.Float32, rows, units[0]), tensor.New(tensor.Int32, rows)
		for i := range x.Len() {
			x.SetFlat(i, math.Cos(float64(7*i)))
		}
		for i := range rows {
			label.SetFlat(i, float64(i%units[len(units)-1]))
		}
		in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": x, "label": label}}
		var want map[string]*tensor.Tensor
		for _, threads := range []int{0, 1, 2, 3, 5, 8} {
			state := fresh()
			b := New()
			p, err := b.Compile(g, backend.Options{Threads: max(1, threads), State: func(name string) *tensor.Tensor { return state[name] }})
			if err != nil {
				t.Fatal(err)
			}
			checkStages(t, p.(*plan[float32]))
			if threads == 0 { // one instruction after the other
				p.(backend.Profiled).Profile(true)
			}
			for range 3 {
				if err := p.Run(context.Background(), in); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = state
			}
			for name, v := range state {
				if !bytes.Equal(v.Bytes(), want[name].Bytes()) {
					t.Fatalf("%s on %d threads is not what it is instruction by instruction", name, threads)
				}
			}
		}
	})
}

// checkStages asks that instructions of different lanes of a stage have no element in
// common that one of them writes, that each part of a lane's instruction waits for that
// part alone, and that every instruction is in one lane.
func checkStages(t *rapid.T, p *plan[float32]) {
	seen := make([]bool, len(p.instrs))
	for s, stage := range p.staged {
		for k, a := range stage.lanes {
			for _, i := range a.instrs {
				if seen[i] || p.instrs[i].stage != s {
					t.Fatalf("instruction %d is in two places", i)
				}
				seen[i] = true
			}
			for _, b := range stage.lanes[:k] {
				for _, i := range a.instrs {
					for _, j := range b.instrs {
						x, y := p.instrs[i], p.instrs[j]
						for _, w := range x.writes {
							if touching(y.writes, w) || touching(y.reads, w) {
								t.Fatalf("stage %d: %s writes what %s touches", s, x.describe(), y.describe())
							}
						}
						for _, w := range y.writes {
							if touching(x.reads, w) {
								t.Fatalf("stage %d: %s writes what %s reads", s, y.describe(), x.describe())
							}
						}
					}
				}
			}
			if len(a.instrs) == 1 {
				continue
			}
			ways := a.cuts[0].ways
			for k, w := range ways {
				var before []int
				for m := range k {
					before = append(before, m)
				}
				if !w.follows(ways, before) {
					t.Fatalf("stage %d: a part of %s waits for another part", s, p.instrs[a.instrs[k]].describe())
				}
			}
		}
	}
	for i, ok := range seen {
		if !ok {
			t.Fatalf("instruction %d is in no stage", i)
		}
	}
}

// TestLanes asks that a net of many layers is a handful of stages: its whole way forward
// is one lane, and its way back another.
func TestLanes(t *testing.T) {
	t.Parallel()
	units := []int{784}
	for range 20 {
		units = append(units, 100)
	}
	g, fresh := layers(32, append(units, 10), false)
	state := fresh()
	p, err := New().Compile(g, backend.Options{Threads: 2, State: func(name string) *tensor.Tensor { return state[name] }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if q := p.(*plan[float32]); len(q.staged) > 12 || len(q.instrs) < 100 {
		t.Errorf("%d instructions in %d stages", len(q.instrs), len(q.staged))
	}
}
