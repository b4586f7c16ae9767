package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Convolutions of few channels or one a group, of any shape and along up to three axes,
// are with their gradients those of the plain interpreter.
func TestGroups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.IntRange(1, 20).Draw(t, "groups")
		each := rapid.SampledFrom([]int{1, 1, 1, 2, 5}).Draw(t, "channels of a group")
		filters := rapid.SampledFrom([]int{1, 1, 1, 2, 3, 16}).Draw(t, "filters of a group")
		shape, taps := tensor.Shape{rapid.IntRange(1, 3).Draw(t, "samples")}, tensor.Shape{}
		var spans []graph.Span
		for axis := range rapid.IntRange(1, 3).Draw(t, "axes") {
			s := graph.Span{Size: rapid.IntRange(1, 6-axis).Draw(t, "size"), Stride: rapid.IntRange(1, 4).Draw(t, "stride"), Dilation: rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "dilation"),
				Before: rapid.IntRange(0, 4).Draw(t, "before"), After: rapid.IntRange(0, 4).Draw(t, "after")}
			spans, taps = append(spans, s), append(taps, s.Size)
			shape = append(shape, max(1, s.Extent()-s.Before-s.After)+rapid.IntRange(0, 12-4*axis).Draw(t, "places"))
		}
		b := graph.New()
		x := b.Input("x", graph.Float, append(shape, groups*each)...)
		w := b.Input("w", graph.Float, append(taps, each, groups*filters)...)
		y := x.Conv(w, graph.Slide(spans...), groups)
		if rapid.Bool().Draw(t, "bias") {
			y = y.Add(b.Input("b", graph.Float, groups*filters))
		}
		if rapid.Bool().Draw(t, "relu") {
			y = y.Relu()
		}
		b.Output("y", y)
		for i, g := range graph.Grad(y.Mul(y).Sum(), []graph.Node{x, w}) {
			b.Output([]string{"dx", "dw"}[i], g)
		}
		same(t, b, true)
	})
}
