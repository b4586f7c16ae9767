package backendtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testCompileErrors asks for errors that name what is wrong.
func testCompileErrors(t *testing.T, b backend.Backend) {
	good := func() *graph.Builder {
		g := graph.New()
		p := g.Param("the weights", 2, 2)
		g.Update(p, p.Neg())
		return g
	}
	for _, c := range []struct {
		name  string
		g     func() *graph.Builder
		float tensor.DType
		state func(string) *tensor.Tensor
		want  []string
	}{
		{"errors of the graph", func() *graph.Builder {
			g := graph.New()
			for _, path := range []string{"hidden", "head"} {
				g.SetPath(path)
				g.Full(1, 2, 3).MatMul(g.Full(1, 2, 3))
			}
			return g
		}, tensor.Float32, nil, []string{"hidden", "head", "matmul"}},
		{"no state", good, tensor.Float32, nil, []string{`"the weights"`}},
		{"missing parameter", good, tensor.Float32, func(string) *tensor.Tensor { return nil }, []string{`"the weights"`}},
		{"wrong shape", good, tensor.Float32, func(string) *tensor.Tensor { return tensor.New(tensor.Float32, 4) }, []string{`"the weights"`, "[4]", "[2 2]"}},
		{"wrong type", good, tensor.Float64, func(string) *tensor.Tensor { return tensor.New(tensor.Float32, 2, 2) }, []string{`"the weights"`, "float32", "float64"}},
		{"wrong precision", good, tensor.Int32, func(string) *tensor.Tensor { return tensor.New(tensor.Int32, 2, 2) }, []string{"int32", "float32", "float64"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := b.Compile(c.g(), backend.Options{Float: c.float, State: c.state})
			mentions(t, err, c.want...)
		})
	}
}

// testRunErrors asks that a run which cannot be done changes nothing.
func testRunErrors(t *testing.T, b backend.Backend) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	x, l := tensor.New(tensor.Float32, 2, 2), tensor.New(tensor.Int32, 2)
	for _, c := range []struct {
		name string
		ctx  context.Context
		in   map[string]*tensor.Tensor
		want []string
	}{
		{"nothing given", context.Background(), nil, []string{`"pictures"`}},
		{"one missing", context.Background(), map[string]*tensor.Tensor{"pictures": x}, []string{`"answers"`}},
		{"nil", context.Background(), map[string]*tensor.Tensor{"pictures": nil, "answers": l}, []string{`"pictures"`}},
		{"other precision", context.Background(), map[string]*tensor.Tensor{"pictures": x.Convert(tensor.Float64), "answers": l}, []string{`"pictures"`, "float64", "float32"}},
		{"other kind", context.Background(), map[string]*tensor.Tensor{"pictures": x, "answers": tensor.New(tensor.Int64, 2)}, []string{`"answers"`, "int64", "int32"}},
		{"more rows", context.Background(), map[string]*tensor.Tensor{"pictures": tensor.New(tensor.Float32, 3, 2), "answers": l}, []string{`"pictures"`, "[3 2]", "[2 2]"}},
		{"other rank, same size", context.Background(), map[string]*tensor.Tensor{"pictures": tensor.New(tensor.Float32, 4), "answers": l}, []string{`"pictures"`, "[4]", "[2 2]"}},
		{"context done", done, map[string]*tensor.Tensor{"pictures": x, "answers": l}, []string{context.Canceled.Error()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := graph.New()
			p := g.Param("p", 2, 2)
			loss := g.Input("pictures", graph.Float, 2, 2).MatMul(p).CrossEntropy(g.Input("answers", graph.Int, 2)).Sum()
			g.Update(p, p.Sub(graph.Grad(loss, []graph.Node{p})[0]))
			s := pq(tensor.Float32)
			plan := compile(t, b, g, backend.Options{State: s.get})
			err := plan.Run(c.ctx, backend.Inputs{Values: c.in})
			mentions(t, err, c.want...)
			if c.ctx == done && !errors.Is(err, context.Canceled) {
				t.Errorf("run: %v does not wrap the context's error", err)
			}
			var last error
			for _, err := range plan.Steps(c.ctx, backend.Inputs{Values: c.in}) {
				last = err
			}
			mentions(t, last, c.want...)
			expect(t, "p", s["p"], 1, 2, 3, 4)
			// The plan is as good as before.
			if err := plan.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"pictures": x, "answers": l}}); err != nil {
				t.Errorf("a good run after a bad one: %v", err)
			}
		})
	}
}

func mentions(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("there is no error that mentions %s", strings.Join(words, ", "))
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not mention %s", err, w)
		}
	}
}
