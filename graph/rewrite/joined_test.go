package rewrite

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// Chains of elementwise ops, drawn at random, keep every bit when they are joined.
func TestJoined(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := graph.New()
		xs, in := drawn(rt, b, 4)
		zero := b.Const(0)
		number := func() graph.Node { return rapid.SampledFrom([]graph.Node{xs[3], b.Const(0.3)}).Draw(rt, "number") }
		for i := range rapid.IntRange(1, 15).Draw(rt, "ops") {
			x, y := rapid.SampledFrom(xs).Draw(rt, "x"), rapid.SampledFrom(xs).Draw(rt, "y")
			var r graph.Node
			switch rapid.IntRange(0, 12).Draw(rt, "op") {
			case 0, 1:
				r = x.Mul(y)
			case 2:
				r = x.Sub(y)
			case 3:
				r = x.Add(y)
			case 4:
				r = x.Greater(zero).Select(x, x.Min(zero).Expm1())
			case 5:
				r = x.Greater(zero).Select(y, y.Mul(x.AddScalar(1)))
			case 6:
				r = x.Greater(zero).Select(y, zero)
			case 8:
				r = x.Mul(number()).Add(number().Mul(y))
			case 9:
				r = x.Mul(number()).Add(y.Square().Mul(number()))
			case 10:
				r = x.Sub(y.Div(y.Square().Sqrt().Add(number())))
			case 12:
				r = x.Max(number()).Min(number())
			case 11:
				z := x.Add(y)
				r = z.Greater(zero).Select(z, z.Min(zero).Expm1())
			case 7:
				r = x
				b.Output(fmt.Sprint("y", i), r.AddScalar(1))
			}
			xs = append(xs, r)
		}
		b.Output("last", xs[len(xs)-1].AddScalar(1))
		if err := b.Err(); err != nil {
			rt.Fatal(err)
		}
		set := param.NewSet(tensor.Float64)
		want, got := run(t, b, set, in), run(t, Joined(b), set, in)
		for name, w := range want {
			for i := range w {
				if math.Float64bits(got[name][i]) != math.Float64bits(w[i]) && (w[i] == w[i] || got[name][i] == got[name][i]) {
					rt.Fatalf("element %d of %s is %g, want %g", i, name, got[name][i], w[i])
				}
			}
		}
	})
}

// What a step of the usual nets is made of is found, and a product that somebody
// else reads is left.
func TestJoinedFinds(t *testing.T) {
	t.Parallel()
	uses := func(g *graph.Builder, op string) bool {
		live := g.Live()
		for x := range g.Nodes() {
			if live[x.ID()] && x.Op().Name == op {
				return true
			}
		}
		return false
	}
	for _, see := range []bool{false, true} {
		b := graph.New()
		x, m, r := b.Input("x", graph.Float, 5, 3), b.Input("m", graph.Float, 3), b.Input("r", graph.Float, 3)
		b.Output("y", x.Sub(m).Mul(r))
		if see {
			b.Output("d", x.Sub(m))
		}
		if uses(Joined(b), "sub_mul") == see {
			t.Errorf("a difference that is an output (%v) is joined or another is not", see)
		}
	}
	for want, m := range map[string]nn.Sequential{
		"weighted":        {nn.Dense{Units: 3}},
		"weighted_square": {nn.Dense{Units: 3}},
		"over_root":       {nn.Dense{Units: 3}},
		"elu_of_one":      {nn.Dense{Units: 4, Act: act.ELU{}, NoBias: true}, nn.Dense{Units: 3}},
		"add_elu":         {nn.Dense{Units: 4, Act: act.ELU{}}, nn.Dense{Units: 3}},
		"elu_gradient":    {nn.Dense{Units: 4, Act: act.ELU{}}, nn.Dense{Units: 3}},
		"gate":            {nn.Dense{Units: 4, Act: act.ReLU{}}, nn.Dense{Units: 3}},
		"mul_add":         {nn.BatchNorm{}, nn.Dense{Units: 3}},
		"mul_sub":         {nn.Dense{Units: 4}, nn.BatchNorm{}, nn.Dense{Units: 3}},
		"sub_product":     {nn.Dense{Units: 4}, nn.BatchNorm{}, nn.Dense{Units: 3}},
	} {
		b, _, _ := step(t, m)
		if g := ColumnSums(Apply(b)); !uses(Joined(g), want) && !uses(Joined(lowered(g)), want) {
			t.Errorf("%v has no %s", m, want)
		}
	}
}
