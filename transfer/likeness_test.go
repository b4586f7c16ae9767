package transfer

import (
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// noise is pictures of the size of digits that show nothing.
func noise(t testing.TB, n int) data.Source {
	t.Helper()
	x, y := tensor.New(tensor.Uint8, n, 28, 28), tensor.New(tensor.Int32, n)
	r := rng.New(rng.Key(3, "transfer/noise"), 0)
	for i := range x.Bytes() {
		x.Bytes()[i] = byte(256 * r.Float64())
	}
	for i := range n {
		y.SetFlat(i, float64(i%5))
	}
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "image", DType: tensor.Uint8, Shape: tensor.Shape{28, 28}}},
		Targets: []data.Field{{Name: "label", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: []string{"a", "b", "c", "d", "e"},
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestCompare tells digits from noise.
func TestCompare(t *testing.T) {
	t.Parallel()
	all, _ := digits.New(1, 1500, 1)
	half := func(classes ...int) data.Source {
		s, err := data.Classes(all, classes)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := half(0, 1, 2, 3, 4)
	tr := trainer(t, nn.Sequential{nn.Flatten{}, nn.Dense{Units: 20, Act: act.ELU{}, Name: "hidden1"},
		nn.Dense{Units: 10, Act: act.ELU{}, Name: "hidden2"}, nn.Dense{Units: 5}}, train.Config{Data: old.Schema()}, "")
	if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: old, Epochs: 2})); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		task    data.Source
		verdict Verdict
		lo, hi  float64
	}{
		"the same digits": {old, Benefit, 0.99, 1},
		"other digits":    {half(5, 6, 7, 8, 9), Benefit, alikeAt, 0.99},
		"noise":           {noise(t, 300), NoBenefit, 0, 0.1},
	} {
		l, err := Compare(t.Context(), tr.Net, []string{"hidden1", "hidden2"}, old, c.task, 300, 1)
		if err != nil {
			t.Fatal(err)
		}
		if l.Verdict != c.verdict || !(l.Coverage >= c.lo && l.Coverage <= c.hi) || len(l.Layers) != 2 || l.Layers[0].Name != "hidden1" {
			t.Errorf("%s: %+v, want %q and a coverage from %g to %g", name, l, c.verdict, c.lo, c.hi)
		}
	}
	if _, err := Compare(t.Context(), tr.Net, []string{"hidden9"}, old, old, 0, 1); err == nil {
		t.Error("no such layer")
	}
	if _, err := Compare(t.Context(), tr.Net, []string{"hidden1"}, old, data.Limit(old, 1), 0, 1); err == nil || !isData(err) {
		t.Errorf("one row: %v", err)
	}
}

// TestCoverage knows which points lie among others on a line.
func TestCoverage(t *testing.T) {
	t.Parallel()
	at := func(v ...float64) matrix { return matrix{len(v), 1, v} }
	old := at(0, 1, 2, 3, 4, 5) // at the ends 3 to the third nearest, else 2
	for _, c := range []struct {
		now  matrix
		want float64
	}{
		{old, 1},
		{at(-3, 8, -3.1, 8.1), 0.5},
		{at(100), 0},
		{at(2.5, 100), 0.5},
	} {
		if got := coverage(old, c.now); got != c.want {
			t.Errorf("%v: %g, want %g", c.now.v, got, c.want)
		}
	}
}
