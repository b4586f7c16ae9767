package train

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/loss"
)

// TestPairAccuracy counts by hand what the metric counts.
func TestPairAccuracy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "rows")
		shape := rapid.SampledFrom([][]int{{n, 2}, {n, 2, 3}, {n, 3, 2}}).Draw(t, "shape")
		k := 1
		for _, d := range shape[1:] {
			k *= d
		}
		x := rapid.SliceOfN(rapid.Float64Range(-1, 1), n*k, n*k).Draw(t, "pred")
		y := rapid.SliceOfN(rapid.SampledFrom([]float64{-1, 0, 1}), n, n).Draw(t, "target")
		m := PairAccuracy{Threshold: 0.8}
		b := graph.New()
		b.Output("sum", m.Sums(b.Input("x", graph.Float, shape...), b.Input("y", graph.Float, n))[0])
		r, err := graphtest.Compile(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("x", x...)
		r.Set("y", y...)
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for i := range n {
			row := x[i*k : (i+1)*k]
			apart := func(a, b int) (s float64) {
				d := shape[2]
				for j := range d {
					s += (row[a*d+j] - row[b*d+j]) * (row[a*d+j] - row[b*d+j])
				}
				return s
			}
			var right bool
			switch {
			case len(shape) == 2:
				right = y[i] > 0 && row[0] > row[1] || y[i] <= 0 && row[1] > row[0]
			case shape[1] == 2:
				right = (y[i] > 0) == (apart(0, 1) <= 0.8*0.8)
			default:
				right = apart(0, 1) < apart(0, 2)
			}
			if right {
				want++
			}
		}
		if got := r.Output("sum")[0]; got != want {
			t.Fatalf("%g in order, want %g", got, want)
		}
		if v := m.Value([]float64{want}, n); v != want/float64(n) {
			t.Fatalf("value %g", v)
		}
	})
}

func TestPairAccuracyGoesWith(t *testing.T) {
	t.Parallel()
	for _, l := range []loss.Loss{loss.MarginRanking{}, loss.Triplet{}, loss.Contrastive{Margin: 3}} {
		ms := DefaultMetrics(l)
		if p, ok := ms[0].(PairAccuracy); len(ms) != 1 || !ok || !Suits(p, l) || Suits(Accuracy{}, l) || Suits(MAE{}, l) {
			t.Errorf("%T has %v", l, ms)
		} else if _, c := l.(loss.Contrastive); c && p.Threshold != 1.5 {
			t.Errorf("half of a margin of 3 is %g", p.Threshold)
		}
	}
	if Suits(PairAccuracy{}, loss.CrossEntropy{}) || Suits(PairAccuracy{}, loss.MSE{}) {
		t.Error("classes and numbers have no order of pairs")
	}
	b := graph.New()
	PairAccuracy{}.Sums(b.Input("x", graph.Float, 4, 5), b.Input("y", graph.Float, 4))
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "pair_accuracy: wants two scores") {
		t.Errorf("error %v", err)
	}
}
