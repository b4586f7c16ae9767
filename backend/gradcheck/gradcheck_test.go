package gradcheck

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

func TestCheckAcceptsRightGradients(t *testing.T) {
	t.Parallel()
	x := tensor.Of([]float64{0.3, -1.2, 2.5, 4e-4}, 2, 2)
	l := tensor.Of([]int32{1, 0}, 2)
	Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].Tanh().MatMul(x[0]) }, x)
	Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].CrossEntropy(x[1]) }, x, l)
	Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return x[0].Abs().Log() }, x)
	Check(t, func(b *graph.Builder, x []graph.Node) graph.Node { return b.Const(1) }, x)
}

// A gradient that is wrong in the sixth digit is caught: the derivative of
// x + c·stop(x) is off by c.
func TestCheckRejectsWrongGradients(t *testing.T) {
	t.Parallel()
	for _, c := range []float64{1, 1e-3, 1e-5, -1e-5} {
		b := graph.New()
		x := b.Input("x", graph.Float, 3)
		y := x.Square().Add(x.StopGradient().Mul(x).Scale(c))
		err := check(y, map[string]*tensor.Tensor{"x": tensor.Of([]float64{1, -0.5, 7}, 3)}, []graph.Node{x})
		if err == nil || !strings.Contains(err.Error(), `of "x"`) {
			t.Errorf("wrong by %v: got error %v", c, err)
		}
	}
}

func TestGraphIgnoresUpdates(t *testing.T) {
	t.Parallel()
	b := graph.New()
	w := b.Param("w", 2)
	v := tensor.Of([]float64{1, 2}, 2)
	b.Update(w, w.Scale(3))
	Graph(t, w.Square(), map[string]*tensor.Tensor{"w": v}, w)
	if v.Flat(0) != 1 || v.Flat(1) != 2 {
		t.Errorf("values were changed to %v", v)
	}
}

func TestErrorsAreReported(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x := b.Input("x", graph.Float, 2)
	if err := check(x.MatMul(x), nil, nil); err == nil {
		t.Error("an invalid node passed")
	}
	x = graph.New().Input("x", graph.Float, 2)
	if err := check(x, nil, []graph.Node{x}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("a missing value passed: %v", err)
	}
}

func TestSlopeIsExactOnPolynomials(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SliceOfN(rapid.Float64Range(-3, 3), 1, 6).Draw(t, "c")
		x0 := rapid.Float64Range(-4, 4).Draw(t, "x")
		b := graph.New()
		x := b.Input("x", graph.Float)
		y, want := b.Const(0), 0.0
		for k, ck := range slices.Backward(c) {
			y = y.Mul(x).AddScalar(ck)
			if k > 0 {
				want = want*x0 + float64(k)*ck
			}
		}
		b.Output("gradcheck.loss", y)
		f, err := newFunction(b, map[string]*tensor.Tensor{"x": tensor.Of([]float64{x0})})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.slope(f.at["x"], 0, 1)
		if err != nil || math.Abs(got-want) > 1e-7*(1+math.Abs(want)) {
			t.Fatalf("got %v, %v: want %v", got, err, want)
		}
	})
}
