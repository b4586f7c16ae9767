package cpu

import (
	"bytes"
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// TestResidual draws convolutions of all kinds with what comes behind them, sums with what
// went in and functions that a convolution has no loop for, and their gradients: the same
// bytes on any number of threads as instruction by instruction, frozen or not.
func TestResidual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		samples, side, channels := rapid.IntRange(1, 5).Draw(t, "samples"), rapid.IntRange(3, 17).Draw(t, "side"), rapid.SampledFrom([]int{3, 8, 16, 32}).Draw(t, "channels")
		n, x := newFrozenNet(tensor.Float32, samples, side, side+1, channels)
		y := x
		for range rapid.IntRange(1, 4).Draw(t, "layers") {
			size, groups := rapid.SampledFrom([]int{1, 3, 3, 3, 5}).Draw(t, "size"), rapid.SampledFrom([]int{1, 1, 1, channels}).Draw(t, "groups")
			span := graph.Span{Size: size, Stride: 1, Before: size / 2, After: size / 2}
			next := y.Conv(n.param(size, size, channels/groups, channels), graph.Slide(span, span), groups)
			if rapid.Bool().Draw(t, "bias") {
				next = next.Add(n.param(channels))
			}
			switch rapid.IntRange(0, 2).Draw(t, "sum") {
			case 1:
				next = next.Add(y)
			case 2: // a projection, and what both need to be laid out before
				next = next.Add(y.Conv(n.param(size, size, channels/groups, channels), graph.Slide(span, span), groups))
			}
			switch rapid.IntRange(0, 3).Draw(t, "function") {
			case 0:
				next = next.Relu()
			case 1:
				next = next.Relu().Min(n.b.Const(6))
			case 2:
				next = next.Tanh()
			}
			y = next
		}
		n.b.Output("y", y)
		if rapid.Bool().Draw(t, "gradient") {
			n.b.Output("dx", graph.Grad(y.Square().Mean(), []graph.Node{x})[0])
		}
		b := New()
		in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": n.x}}
		want := map[string][]byte{}
		frozen := &backend.Frozen{}
		for _, o := range []backend.Options{n.options(1, nil), n.options(1, nil), n.options(2, nil), n.options(5, nil), n.options(1, frozen), n.options(3, frozen)} {
			p, err := b.Compile(n.b, o)
			if err != nil {
				t.Fatal(err)
			}
			checkStages(t, p.(*plan[float32]))
			if len(want) == 0 { // one instruction after the other
				p.(backend.Profiled).Profile(true)
			}
			for range 2 {
				if err := p.Run(context.Background(), in); err != nil {
					t.Fatal(err)
				}
			}
			for _, out := range n.b.Outputs() {
				got := bytes.Clone(p.Output(out.Name).Bytes())
				if want[out.Name] == nil {
					want[out.Name] = got
				}
				if !bytes.Equal(got, want[out.Name]) {
					t.Fatalf("%s on %d threads, frozen %v, is not what it is instruction by instruction", out.Name, o.Threads, o.Frozen != nil)
				}
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A block of a residual net is a lane for each convolution: the sum and what comes behind it
// are done line by line with the second.
func TestResidualIsOneLane(t *testing.T) {
	t.Parallel()
	if Family() == "generic" {
		t.Skip("plain Go unfolds convolutions")
	}
	n, x := newFrozenNet(tensor.Float32, 4, 16, 16, 16)
	span := graph.Span{Size: 3, Stride: 1, Before: 1, After: 1}
	conv := func(x graph.Node, groups int) graph.Node {
		return x.Conv(n.param(3, 3, 16/groups, 16), graph.Slide(span, span), groups).Add(n.param(16))
	}
	y := conv(conv(x, 1).Relu(), 1).Add(x).Relu()
	n.b.Output("y", conv(y, 16).Relu().Min(n.b.Const(6)))
	p, err := New().Compile(n.b, n.options(2, &backend.Frozen{}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var got []int
	for _, s := range p.(*plan[float32]).staged {
		for _, l := range s.lanes {
			got = append(got, len(l.instrs))
		}
	}
	if len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 2 {
		t.Errorf("lanes of %v instructions, want 1 for the first convolution, 2 for the second and 2 for that of each channel", got)
	}
}

// A pool behind a convolution is done sample by sample with it, with the bytes that it has
// by itself.
func TestPoolJoinsConvolution(t *testing.T) {
	t.Parallel()
	if Family() == "generic" {
		t.Skip("plain Go unfolds convolutions")
	}
	n, x := newFrozenNet(tensor.Float32, 8, 14, 14, 3)
	span, two := graph.Span{Size: 5, Stride: 1, Before: 2, After: 2}, graph.Span{Size: 2, Stride: 2}
	y := x.Conv(n.param(5, 5, 3, 6), graph.Slide(span, span), 1).Add(n.param(6)).MaxPool(graph.Slide(two, two))
	n.b.Output("y", y)
	var want []byte
	for _, threads := range []int{1, 2, 3} {
		p, err := New().Compile(n.b, n.options(threads, nil))
		if err != nil {
			t.Fatal(err)
		}
		if s := p.(*plan[float32]).staged; len(s) != 1 || len(s[0].lanes) != 1 {
			t.Errorf("%d threads: %d stages, want one of one lane", threads, len(s))
		}
		p.(backend.Profiled).Profile(want == nil) // one instruction after the other
		for range 2 {
			if err := p.Run(t.Context(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": n.x}}); err != nil {
				t.Fatal(err)
			}
			got := bytes.Clone(p.Output("y").Bytes())
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d threads: not what it is one by one", threads)
			}
			p.(backend.Profiled).Profile(false)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
