package cpu

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

var update = flag.Bool("update", false, "write testdata anew")

// perceptron is a training step of a small net, with the parameters it changes.
func perceptron() (*graph.Builder, func(string) *tensor.Tensor) {
	b := graph.New()
	x, label := b.Input("x", graph.Byte, 4, 6), b.Input("label", graph.Int, 4)
	lr := b.Input("lr", graph.Float)
	state := map[string]*tensor.Tensor{}
	param := func(name string, shape ...int) graph.Node {
		v := tensor.New(tensor.Float32, shape...)
		for i := range v.Len() {
			v.SetFlat(i, float64(i%5-2)/4)
		}
		state[name] = v
		return b.Param(name, shape...)
	}
	b.SetPath("hidden")
	w, bias := param("hidden/kernel", 6, 5), param("hidden/bias", 5)
	h := x.ToFloat().Scale(1.0 / 255).MatMul(w).Add(bias).Relu()
	b.SetPath("logits")
	w2 := param("logits/kernel", 5, 3)
	y := h.MatMul(w2)
	b.SetPath("loss")
	loss := y.CrossEntropy(label).Mean()
	b.Output("loss", loss)
	b.Guard(loss)
	ps := []graph.Node{w, bias, w2}
	grads := graph.Grad(loss, ps)
	b.SetPath("optimizer")
	for i, p := range ps {
		b.Update(p, p.Sub(grads[i].Mul(lr)))
	}
	return b, func(name string) *tensor.Tensor { return state[name] }
}

func batch() backend.Inputs {
	x, label, lr := tensor.New(tensor.Uint8, 4, 6), tensor.New(tensor.Int32, 4), tensor.New(tensor.Float32)
	for i := range x.Len() {
		x.SetFlat(i, float64(i*37%256))
	}
	for i := range label.Len() {
		label.SetFlat(i, float64(i%3))
	}
	lr.SetFlat(0, 0.5)
	return backend.Inputs{Values: map[string]*tensor.Tensor{"x": x, "label": label, "lr": lr}}
}

// TestDump compares the plan of a training step with the one in testdata: what
// is joined to tiles, in how many chunks, where results lie, and that updates
// are written in place.
func TestDump(t *testing.T) {
	t.Parallel()
	g, state := perceptron()
	dump := func() string {
		p, err := New().Compile(g, backend.Options{State: state, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		var out bytes.Buffer
		if err := p.Dump(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	got := dump()
	path := filepath.Join("testdata", "perceptron.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); d != "" {
		t.Errorf("the plan has changed (-update writes it anew):\n%s", d)
	}
	if again := dump(); again != got {
		t.Errorf("compiled again it is\n%s", again)
	}
	p, err := New().Compile(g, backend.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Dump(fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

type fullDisk struct{}

var errFull = errors.New("disk full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestStepsLikeRun takes the step op by op and as a whole: the same bytes.
func TestStepsLikeRun(t *testing.T) {
	t.Parallel()
	g, whole := perceptron()
	_, single := perceptron()
	a, err := New().Compile(g, backend.Options{State: whole})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := New().Compile(g, backend.Options{State: single})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	paths := map[string]bool{}
	for range 3 {
		if err := a.Run(context.Background(), batch()); err != nil {
			t.Fatal(err)
		}
		for ev, err := range b.Steps(context.Background(), batch()) {
			if err != nil || ev.Op == "" || ev.Value == nil {
				t.Fatalf("%+v, %v", ev, err)
			}
			paths[ev.Path] = true
		}
		if x, y := a.Output("loss").Flat(0), b.Output("loss").Flat(0); x != y {
			t.Errorf("loss %v, op by op %v", x, y)
		}
		for _, name := range []string{"hidden/kernel", "hidden/bias", "logits/kernel"} {
			if !bytes.Equal(whole(name).Bytes(), single(name).Bytes()) {
				t.Errorf("%s is\n%v, op by op\n%v", name, whole(name), single(name))
			}
		}
	}
	for _, p := range []string{"hidden", "logits", "loss", "optimizer"} {
		if !paths[p] {
			t.Errorf("no op of %q among %v", p, paths)
		}
	}
}

// TestCanceled asks that a run that is called off changes nothing.
func TestCanceled(t *testing.T) {
	t.Parallel()
	g, state := perceptron()
	p, err := New().Compile(g, backend.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before := state("hidden/kernel").Clone()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	for _, err := range p.Steps(ctx, batch()) {
		if n++; n == 3 {
			cancel()
		}
		if (err != nil) != (n > 3) || err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("event %d: %v", n, err)
		}
	}
	if n != 4 {
		t.Errorf("%d events", n)
	}
	if err := p.Run(ctx, batch()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if !bytes.Equal(before.Bytes(), state("hidden/kernel").Bytes()) {
		t.Error("a parameter has changed")
	}
}

// Products whose rows of A share the sets of a cache read a copy: the same numbers
// come of it, on any number of threads.
func TestProductsApart(t *testing.T) {
	t.Parallel()
	const m, n, k = 65, 260, 512
	if apart(m, n, k, k) == k {
		t.Fatal("the rows of A are read where they lie")
	}
	rows, weights := tensor.New(tensor.Float32, m, k), tensor.New(tensor.Float32, k*n)
	for i := range rows.Len() {
		rows.SetFlat(i, math.Sin(float64(i)))
	}
	for i := range weights.Len() {
		weights.SetFlat(i, math.Cos(float64(i)))
	}
	for _, trans := range []bool{false, true} {
		ldb, shape := n, []int{k, n}
		if trans {
			ldb, shape = k, []int{n, k}
		}
		want := make([]float32, m*n)
		kernel.MatMul(want, n, rows.Float32s(), k, false, weights.Float32s(), ldb, trans, m, n, k, 0, m, 0, n, false)
		w, err := weights.Reshape(shape...)
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 2, 3, 5, 8} {
			g := graph.New()
			x, y := g.Input("x", graph.Float, m, k), g.Input("w", graph.Float, shape...)
			if trans {
				g.Output("y", x.MatMulT(y))
			} else {
				g.Output("y", x.MatMul(y))
			}
			p, err := New().Compile(g, backend.Options{Threads: threads})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if err := p.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": rows, "w": w}}); err != nil {
				t.Fatal(err)
			}
			if got := p.Output("y").Float32s(); !slices.Equal(got, want) {
				t.Errorf("transposed %v, %d threads: not the product of what lies there", trans, threads)
			}
		}
	}
}
