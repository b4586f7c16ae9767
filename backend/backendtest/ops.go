package backendtest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

var precisions = []tensor.DType{tensor.Float32, tensor.Float64}

const paramName = "p"

// state is the one parameter of the op table's graphs.
func state(float tensor.DType) func(string) *tensor.Tensor {
	p := span(-1, 1, 3, 2).Convert(float)
	return func(name string) *tensor.Tensor {
		if name == paramName {
			return p
		}
		return nil
	}
}

// testOps holds every op of the table to the interpreter: all cases of an op
// in one graph, so that they also share memory and chains.
func testOps(t *testing.T, b backend.Backend) {
	for _, op := range graph.Ops() {
		t.Run(op.Name, func(t *testing.T) {
			t.Parallel()
			if len(cases[op.Name]) == 0 {
				t.Fatalf("op %s has no case: add some to backend/backendtest/cases.go", op.Name)
			}
			g, in := caseGraph(cases[op.Name])
			if err := g.Err(); err != nil {
				t.Fatal(err)
			}
			if !uses(g, op.Name) {
				t.Fatalf("no case uses op %s", op.Name)
			}
			for _, float := range precisions {
				inputs := backend.Inputs{Values: map[string]*tensor.Tensor{}, Seed: 11, Step: 5}
				for name, x := range in {
					inputs.Values[name] = as(x, float)
				}
				o := backend.Options{Float: float, State: state(float), Threads: 1}
				want := run(t, ref.Backend{}, g, o, inputs)
				first := run(t, b, g, o, inputs)
				o.Threads = 3
				second := run(t, b, g, o, inputs)
				for i, c := range cases[op.Name] {
					name := fmt.Sprint(i)
					got := first.Output(name)
					if err := differ(got, want.Output(name), c.scale); err != nil {
						t.Errorf("%v, case %d of inputs %v: %v", float, i, c.in, err)
						continue
					}
					if !bytes.Equal(got.Bytes(), second.Output(name).Bytes()) {
						t.Errorf("%v, case %d of inputs %v: three threads and one give different bytes", float, i, c.in)
					}
				}
			}
		})
	}
}

func caseGraph(cs []testcase) (*graph.Builder, map[string]*tensor.Tensor) {
	g, in := graph.New(), map[string]*tensor.Tensor{}
	for i, c := range cs {
		xs := make([]graph.Node, len(c.in))
		for k, x := range c.in {
			name := fmt.Sprintf("case%d.%d", i, k)
			xs[k], in[name] = g.Input(name, graph.KindOf(x.DType()), x.Shape()...), x
		}
		g.Output(fmt.Sprint(i), c.f(g, xs))
	}
	return g, in
}

func uses(g *graph.Builder, op string) bool {
	live := g.Live()
	for x := range g.Nodes() {
		if live[x.ID()] && x.Op().Name == op {
			return true
		}
	}
	return false
}

// run compiles and runs a graph twice, for memory that is used again must not
// show, and closes the plan when the test ends.
func run(t *testing.T, b backend.Backend, g *graph.Builder, o backend.Options, in backend.Inputs) backend.Plan {
	t.Helper()
	p := compile(t, b, g, o)
	for range 2 {
		if err := p.Run(context.Background(), in); err != nil {
			t.Fatalf("%s: %v", b.Name(), err)
		}
	}
	return p
}

func compile(t *testing.T, b backend.Backend, g *graph.Builder, o backend.Options) backend.Plan {
	t.Helper()
	p, err := b.Compile(g, o)
	if err != nil {
		t.Fatalf("%s: %v", b.Name(), err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("%s: close: %v", b.Name(), err)
		}
	})
	return p
}
