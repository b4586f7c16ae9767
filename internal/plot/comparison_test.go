package plot

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

// three is three ways to train on five folds, the second as good as the first.
func three() Comparison {
	c := Comparison{Title: "mnist: accuracy in 5 folds", Metric: "accuracy", Target: 0.95}
	for i, name := range []string{"elu", "leaky_relu", "sigmoid"} {
		r := Candidate{Name: name, Difference: -0.01 * float64(i*i), Lo: -0.01*float64(i*i) - 0.008, Hi: -0.01*float64(i*i) + 0.008}
		for e := range 6 {
			r.X = append(r.X, float64(e+1))
			r.Y = append(r.Y, 0.97-0.02*float64(i*i)-0.3*math.Exp(-float64(e)/float64(i+1)))
		}
		for f := range 5 {
			r.Values = append(r.Values, 0.97-0.01*float64(i*i)+0.002*float64((f*3+i)%5))
		}
		c.Rows = append(c.Rows, r)
	}
	nan := math.NaN()
	c.Rows[0].Difference, c.Rows[0].Lo, c.Rows[0].Hi = nan, nan, nan
	return c
}

func TestComparisonGolden(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := three().SVG(&b); err != nil {
		t.Fatal(err)
	}
	if err := svgtest.Check(b.Bytes()); err != nil {
		t.Error(err)
	}
	golden(t, "comparison.svg", b.Bytes())
}

// Whatever the numbers and names, the document is well-formed and stays within its
// view box.
func TestComparisonAny(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 1), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)), rapid.Just(math.MaxFloat64))
	rapid.Check(t, func(t *rapid.T) {
		c := Comparison{Title: rapid.String().Draw(t, "title"), Metric: rapid.String().Draw(t, "metric"), Target: value.Draw(t, "target")}
		for range rapid.IntRange(0, 9).Draw(t, "rows") {
			n := rapid.IntRange(0, 5).Draw(t, "epochs")
			r := Candidate{Name: rapid.String().Draw(t, "name"), Values: rapid.SliceOfN(value, 0, 5).Draw(t, "values"),
				Difference: value.Draw(t, "difference"), Lo: value.Draw(t, "lo"), Hi: value.Draw(t, "hi"), Y: rapid.SliceOfN(value, n, n).Draw(t, "y")}
			for e := range n {
				r.X = append(r.X, float64(e))
			}
			c.Rows = append(c.Rows, r)
		}
		var b bytes.Buffer
		if err := c.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if err := svgtest.Check(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
	var b bytes.Buffer
	if err := (Comparison{Rows: []Candidate{{X: []float64{1}}}}).SVG(&b); err == nil || !strings.Contains(err.Error(), "0 values for 1 epochs") {
		t.Errorf("a course without values: %v", err)
	}
}
