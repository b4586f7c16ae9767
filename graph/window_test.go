package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// convolution tries an op of the family over strides, padding, dilation and
// groups, along one, two and three axes; a and b pick its operands of x, w and y.
func convolution(op string, a, b int) []gradcase {
	var cs []gradcase
	for _, c := range []struct {
		x       []int
		filters int
		groups  int
		spans   []graph.Span
	}{
		{[]int{2, 3, 4, 2}, 3, 1, []graph.Span{{Size: 2}, {Size: 3}}},
		{[]int{1, 4, 3, 1}, 2, 1, []graph.Span{{Size: 3, Stride: 2, Before: 1, After: 1}, {Size: 2, Before: 1}}},
		{[]int{1, 4, 5, 2}, 1, 1, []graph.Span{{Size: 2, Dilation: 2, Before: 1}, {Size: 2, Stride: 2, Dilation: 3, After: 1}}},
		{[]int{1, 3, 3, 4}, 6, 2, []graph.Span{{Size: 2}, {Size: 2, Before: 1, After: 1}}},
		{[]int{1, 3, 3, 3}, 3, 3, []graph.Span{{Size: 2}, {Size: 2}}},
		{[]int{1, 3, 2, 2}, 4, 2, []graph.Span{{Size: 2}, {Size: 2}}},
		{[]int{2, 2, 2, 2}, 3, 1, []graph.Span{{Size: 1}, {Size: 1}}},
		{[]int{2, 5, 2}, 2, 1, []graph.Span{{Size: 3, Stride: 2, Before: 2, After: 1}}},
		{[]int{1, 2, 3, 2, 1}, 2, 1, []graph.Span{{Size: 2}, {Size: 2, Before: 1}, {Size: 2}}},
	} {
		w := graph.Slide(c.spans...)
		attr := graph.ConvAttr{Window: w, Groups: c.groups}
		kernel, y := []int{}, []int{c.x[0]}
		for i, s := range w.Spans() {
			attr.In[i] = c.x[1+i]
			kernel, y = append(kernel, s.Size), append(y, s.Out(c.x[1+i]))
		}
		shapes := [][]int{c.x, append(kernel, c.x[len(c.x)-1]/c.groups, c.filters), append(y, c.filters)}
		cs = append(cs, gradcase{
			func(g *graph.Builder, x []graph.Node) graph.Node { return g.Apply(op, attr, x...) },
			[]*tensor.Tensor{spread(-1, 1, shapes[a]...), spread(-1, 0.9, shapes[b]...)},
		})
	}
	return cs
}

// pools slides windows that overlap, leave places out, are padded and dilated.
func pools(f func(x graph.Node, w graph.Window) graph.Node) []gradcase {
	var cs []gradcase
	for _, c := range []struct {
		x     []int
		spans []graph.Span
	}{
		{[]int{2, 4, 4, 2}, []graph.Span{{Size: 2, Stride: 2}, {Size: 2, Stride: 2}}},
		{[]int{1, 5, 4, 2}, []graph.Span{{Size: 3, Stride: 2, Before: 1, After: 2}, {Size: 2}}},
		{[]int{1, 6, 2}, []graph.Span{{Size: 2, Dilation: 3, Stride: 2, After: 1}}},
		{[]int{1, 2, 3, 3, 1}, []graph.Span{{Size: 2}, {Size: 2}, {Size: 2, Before: 1}}},
	} {
		cs = append(cs, of1(func(x graph.Node) graph.Node { return f(x, graph.Slide(c.spans...)) }, spread(-1, 1, c.x...))...)
	}
	return cs
}

// The number of results is how often the window fits, and as a function of the
// input it is what convolutions and pools are typed by.
func TestWindowShapes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rank := rapid.IntRange(1, graph.MaxSpatial).Draw(t, "rank")
		var spans []graph.Span
		in, kernel, want := []int{2}, []int{}, []int{2}
		fits := true
		for range rank {
			s := graph.Span{Size: rapid.IntRange(1, 4).Draw(t, "size"), Stride: rapid.IntRange(1, 3).Draw(t, "stride"), Dilation: rapid.IntRange(1, 3).Draw(t, "dilation"),
				Before: rapid.IntRange(0, 3).Draw(t, "before"), After: rapid.IntRange(0, 3).Draw(t, "after")}
			n := rapid.IntRange(1, 9).Draw(t, "n")
			count := 0
			for at := -s.Before; at+(s.Size-1)*s.Dilation < n+s.After; at += s.Stride {
				count++
			}
			if s.Out(n) != count {
				t.Fatalf("%+v gives %d results of %d places, want %d", s, s.Out(n), n, count)
			}
			fits = fits && count > 0
			spans, in, kernel, want = append(spans, s), append(in, n), append(kernel, s.Size), append(want, count)
		}
		in, kernel, want = append(in, 4), append(kernel, 2, 6), append(want, 6)
		b := graph.New()
		w := graph.Slide(spans...)
		x, k := b.Input("x", graph.Float, in...), b.Input("k", graph.Float, kernel...)
		y := x.Conv(k, w, 2)
		if y.Valid() != fits || fits && !y.Shape().Equal(want) {
			t.Fatalf("%v over %v gives %v, want %v", w, in, y.Type(), want)
		}
		if fits {
			if back := y.ConvTranspose(k, w, 2, in[1:len(in)-1]...); !back.Shape().Equal(in) {
				t.Fatalf("transposed, %v over %v gives %v", w, in, back.Type())
			}
			if p := x.MaxPool(w); p.Valid() && !p.Shape()[:len(in)-1].Equal(want[:len(in)-1]) {
				t.Fatalf("a pool %v over %v gives %v", w, in, p.Type())
			}
		}
	})
}

func TestWindowErrors(t *testing.T) {
	t.Parallel()
	image := []int{2, 5, 5, 4}
	square := func(s graph.Span) graph.Window { return graph.Slide(s, s) }
	for _, c := range []struct {
		name, want string
		f          func(b *graph.Builder, x graph.Node) graph.Node
	}{
		{"a kernel larger than the input", "spans 7 places of axis 1, the input has 5, with padding 6", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Conv(b.Param("k", 7, 7, 4, 2), square(graph.Span{Size: 7, Before: 1}), 1)
		}},
		{"groups and channels", "3 groups do not divide 4 channels", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Conv(b.Param("k", 1, 1, 1, 3), square(graph.Span{Size: 1}), 3)
		}},
		{"no groups", "0 groups", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Conv(b.Param("k", 1, 1, 4, 3), square(graph.Span{Size: 1}), 0)
		}},
		{"groups and filters", "2 groups do not divide 4 channels and 3 filters", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Conv(b.Param("k", 1, 1, 2, 3), square(graph.Span{Size: 1}), 2)
		}},
		{"another kernel", "want 4 channels", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Conv(b.Param("k", 1, 1, 3, 3), square(graph.Span{Size: 1}), 1)
		}},
		{"other taps", "want taps [2 2]", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Conv(b.Param("k", 1, 1, 4, 3), square(graph.Span{Size: 2}), 1)
		}},
		{"a negative stride", "stride -1", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.MaxPool(square(graph.Span{Size: 1, Stride: -1}))
		}},
		{"a negative dilation", "dilation -2", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.MaxPool(square(graph.Span{Size: 1, Dilation: -2}))
		}},
		{"no size", "size 0", func(b *graph.Builder, x graph.Node) graph.Node { return x.MaxPool(square(graph.Span{})) }},
		{"negative padding", "padding -1 and 0", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.MaxPool(square(graph.Span{Size: 1, Before: -1}))
		}},
		{"padding alone", "padding alone", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.MaxPool(square(graph.Span{Size: 2, Before: 2}))
		}},
		{"overflow", "too large", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.MaxPool(square(graph.Span{Size: 1 << 40, Dilation: 1 << 40}))
		}},
		{"axes", "2 spatial axes", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.Reshape(2, 25, 4).MaxPool(square(graph.Span{Size: 1}))
		}},
		{"too many axes", "not 4", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.MaxPool(graph.Slide(make([]graph.Span, 7)...))
		}},
		{"ints", "wants floats", func(b *graph.Builder, x graph.Node) graph.Node { return x.ToInt().MaxPool(square(graph.Span{Size: 1})) }},
		{"another space", "want spatial axes [2 2]", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.ConvTranspose(b.Param("k", 2, 2, 3, 4), square(graph.Span{Size: 2}), 1, 3, 3)
		}},
		{"space of other rank", "1 spatial axes for a window of 2", func(b *graph.Builder, x graph.Node) graph.Node {
			return x.ConvTranspose(b.Param("k", 2, 2, 3, 4), square(graph.Span{Size: 2}), 1, 3)
		}},
	} {
		b := graph.New()
		b.SetPath("here")
		y := c.f(b, b.Input("x", graph.Float, image...))
		if err := fmt.Sprint(b.Err()); y.Valid() || !strings.Contains(err, c.want) || !strings.HasPrefix(err, "here: ") {
			t.Errorf("%s: error is %q, want one with %q", c.name, err, c.want)
		}
	}
}
