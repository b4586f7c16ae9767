package cpu

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// A frozenNet is a graph with an input x, an output y and random parameters.
type frozenNet struct {
	b     *graph.Builder
	state map[string]*tensor.Tensor
	x     *tensor.Tensor
}

func newFrozenNet(float tensor.DType, shape ...int) (*frozenNet, graph.Node) {
	n := &frozenNet{b: graph.New(), state: map[string]*tensor.Tensor{}, x: tensor.New(float, shape...)}
	scatter(n.x)
	return n, n.b.Input("x", graph.Float, shape...)
}

func (n *frozenNet) param(shape ...int) graph.Node {
	name := fmt.Sprint("p", len(n.state))
	t := tensor.New(n.x.DType(), shape...)
	scatter(t)
	n.state[name] = t
	return n.b.Param(name, shape...)
}

func scatter(t *tensor.Tensor) {
	r := rng.New(rng.Key(uint64(t.Len()), "frozen"), 0)
	for i := range t.Len() {
		t.SetFlat(i, r.Norm())
	}
}

func (n *frozenNet) options(threads int, frozen *backend.Frozen) backend.Options {
	return backend.Options{Float: n.x.DType(), Threads: threads, Frozen: frozen, State: func(name string) *tensor.Tensor { return n.state[name] }}
}

func (n *frozenNet) run(t fataler, b *Backend, o backend.Options) []byte {
	t.Helper()
	plan, err := b.Compile(n.b, o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer plan.Close()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": n.x}}
	for range 2 {
		if err := plan.Run(context.Background(), in); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return bytes.Clone(plan.Output("y").Bytes())
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// same compiles the net without frozen parameters and with, on several numbers of
// threads, and holds all to the same bytes.
func (n *frozenNet) same(t fataler, y graph.Node, products tensor.DType) *backend.Frozen {
	t.Helper()
	n.b.Output("y", y)
	b := New()
	frozen := &backend.Frozen{}
	o := n.options(1, nil)
	o.Products = products
	want := n.run(t, b, o)
	for _, threads := range []int{1, 2, 3} {
		o.Threads, o.Frozen = threads, frozen
		if !bytes.Equal(want, n.run(t, b, o)) {
			t.Fatalf("frozen, on %d threads: other bytes", threads)
		}
	}
	return frozen
}

// TestFrozenDense draws nets of dense layers whose parameters do not change.
func TestFrozenDense(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		float := rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Float32, tensor.Float64}).Draw(t, "float")
		rows := rapid.OneOf(rapid.Just(1), rapid.IntRange(1, 20), rapid.SampledFrom([]int{100})).Draw(t, "rows")
		width := rapid.SampledFrom([]int{1, 7, 33, 256, 330}).Draw(t, "inputs")
		n, x := newFrozenNet(float, rows, width)
		for range rapid.IntRange(1, 3).Draw(t, "layers") {
			units := rapid.SampledFrom([]int{1, 10, 16, 40, 100, 300}).Draw(t, "units")
			var w graph.Node
			if rapid.Bool().Draw(t, "turned") {
				w = n.param(units, width).Transpose(1, 0)
			} else {
				w = n.param(width, units)
			}
			x, width = x.MatMul(w).Add(n.param(units)).Relu(), units
		}
		n.same(t, x, tensor.Invalid)
	})
}

// What is frozen is laid out once for all plans of one Frozen.
func TestFrozenShared(t *testing.T) {
	t.Parallel()
	n, x := newFrozenNet(tensor.Float32, 32, 100)
	frozen := n.same(t, x.MatMul(n.param(100, 40)), tensor.Invalid)
	before := frozen.Bytes()
	if Family() == "generic" {
		if before != 0 {
			t.Errorf("plain Go reads matrices as they lie, and %d bytes are kept", before)
		}
		return
	}
	if least := 4 * 100 * 40; before < least || before > 2*least {
		t.Errorf("%d bytes are kept of a matrix of %d", before, least)
	}
	n.run(t, New(), n.options(2, frozen))
	if frozen.Bytes() != before {
		t.Errorf("another plan took %d bytes more", frozen.Bytes()-before)
	}
}

func TestFrozenUpdate(t *testing.T) {
	t.Parallel()
	n, x := newFrozenNet(tensor.Float32, 4, 3)
	w := n.param(3, 2)
	n.b.Output("y", x.MatMul(w))
	n.b.Update(w, w.Mul(n.b.Const(2)))
	if _, err := New().Compile(n.b, n.options(1, &backend.Frozen{})); err == nil || !strings.Contains(err.Error(), `"p0" is frozen`) {
		t.Errorf("updating what is frozen: %v", err)
	}
}

// TestSpent has results written over what nothing else reads, and what something does.
func TestSpent(t *testing.T) {
	t.Parallel()
	n, x := newFrozenNet(tensor.Float32, 64, 48)
	y := x.MatMul(n.param(48, 48)).Add(n.param(48)).Relu()
	z := y.MatMul(n.param(48, 48)).Sigmoid().Mul(y)
	n.b.Output("y", z.MatMul(n.param(48, 48)).Tanh())
	plan, err := New().Compile(n.b, n.options(1, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	if size, got := 64*48*4, plan.(backend.Profiled).Arena(); got > 3*size {
		t.Errorf("the arena has %d bytes for three results of %d and what is written over them", got, size)
	}
}

// TestFrozenConvolutions has those of each kind: sliding, transformed, of one place, of
// groups, unfolded, and of each channel alone.
func TestFrozenConvolutions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, side, channels, filters, window, stride, groups int
		same                                               bool
	}{
		{2, 12, 3, 8, 3, 1, 1, true},
		{2, 16, 48, 64, 3, 1, 1, true},
		{1, 14, 64, 96, 1, 1, 1, false},
		{1, 7, 300, 256, 1, 1, 1, false},
		{2, 9, 16, 24, 3, 2, 4, true},
		{1, 9, 320, 300, 3, 2, 1, false},
		{2, 10, 20, 20, 3, 1, 20, true},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			span := graph.Span{Size: c.window, Stride: c.stride}
			if c.same {
				span.Before, span.After = c.window/2, c.window/2
			}
			n, x := newFrozenNet(tensor.Float32, c.n, c.side, c.side, c.channels)
			y := x.Conv(n.param(c.window, c.window, c.channels/c.groups, c.filters), graph.Slide(span, span), c.groups)
			n.same(t, y.Add(n.param(c.filters)).Relu(), tensor.Invalid)
		})
	}
}

// TestFrozenRounded has products that round their operands.
func TestFrozenRounded(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{1, 33} {
		n, x := newFrozenNet(tensor.Float32, rows, 70)
		y := x.MatMul(n.param(70, 200)).Relu().MatMul(n.param(10, 200).Transpose(1, 0))
		n.same(t, y, tensor.BFloat16)
	}
}

// TestFrozenRecurrent has kernels that go from step to step.
func TestFrozenRecurrent(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{1, 33} {
		const steps, units = 3, 20
		a := graph.RecurrentAttr{Steps: steps}
		n, x := newFrozenNet(tensor.Float32, steps*rows, 4*units)
		y, _ := graph.LSTM(x, n.param(units, 4*units), n.param(rows, units), n.param(rows, units), n.param(4*units), graph.Node{}, a)
		n.same(t, y, tensor.Invalid)
		n, x = newFrozenNet(tensor.Float32, steps*rows, 3*units)
		n.same(t, graph.GRU(x, n.param(units, 3*units), n.param(rows, units), n.param(2, 3*units), graph.Node{}, a), tensor.Invalid)
	}
}
