package ref_test

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Movements of elements undo one another.
func TestMovementsUndoEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 5).Draw(t, "shape")
		axes := make([]int, len(shape))
		for i := range axes {
			axes[i] = i
		}
		axes = rapid.Permutation(axes).Draw(t, "axes")
		back := make([]int, len(axes))
		for i, a := range axes {
			back[a] = i
		}
		axis := rapid.IntRange(0, len(shape)-1).Draw(t, "axis")
		cut := rapid.IntRange(0, shape[axis]).Draw(t, "cut")
		before, after := rapid.IntRange(0, 3).Draw(t, "before"), rapid.IntRange(0, 3).Draw(t, "after")

		g := graph.New()
		x := g.Input("x", graph.Int, shape...)
		g.Output("transposed", x.Transpose(axes...).Transpose(back...))
		g.Output("cut and joined", graph.Concat(axis, x.Slice(axis, 0, cut), x.Slice(axis, cut, shape[axis])))
		g.Output("padded and cut", x.Pad(axis, before, after).Slice(axis, before, before+shape[axis]))
		g.Output("flattened", x.Reshape(x.Shape().Len()).Reshape(shape...))
		p, err := ref.Backend{}.Compile(g, backend.Options{})
		if err != nil {
			t.Fatal(err)
		}
		v := tensor.New(tensor.Int32, shape...)
		for i := range v.Int32s() {
			v.Int32s()[i] = int32(i + 1)
		}
		if err := p.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": v}}); err != nil {
			t.Fatal(err)
		}
		for _, o := range g.Outputs() {
			if got := p.Output(o.Name); !slices.Equal(got.Int32s(), v.Int32s()) {
				t.Fatalf("%s: got %v, want %v", o.Name, got, v)
			}
		}
	})
}
