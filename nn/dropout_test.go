package nn

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
)

func TestDropoutGolden(t *testing.T) {
	t.Parallel()
	held := map[string]int{}
	for _, c := range golden.Load(t, "regularizers").Cases {
		rate := c.Number(0, "rate")
		var masked func(x, uniform graph.Node) graph.Node
		switch c.Op {
		case "dropout":
			masked = Dropout{Rate: rate}.masked
		case "alpha_dropout":
			masked = AlphaDropout{Rate: rate}.masked
		case "gaussian_dropout":
			for _, precision := range []int{64, 32} {
				c.Check(t, precision, []float64{GaussianDropout{Rate: rate}.Deviation()}, "stddev")
			}
			held[c.Op]++
			continue
		default:
			continue
		}
		for _, precision := range []int{64, 32} {
			b := graph.New()
			x, u := c.Input(t, "x"), c.Input(t, "uniform")
			b.Output("y", masked(b.Input("x", graph.Float, x.Shape...), b.Input("uniform", graph.Float, u.Shape...)))
			r, err := graphtest.Compile(b, param.NewSet(graphtest.DType(precision)))
			if err != nil {
				t.Fatal(err)
			}
			r.Set("x", x.Data...)
			r.Set("uniform", u.Data...)
			if err := r.Step(); err != nil {
				t.Fatal(err)
			}
			c.Check(t, precision, r.Output("y"), "y")
		}
		held[c.Op]++
	}
	if held["dropout"] != 4 || held["alpha_dropout"] != 4 || held["gaussian_dropout"] != 4 {
		t.Errorf("held %v, want 4 of each", held)
	}
}

// drawn runs a layer in training on n zeros plus offset; the mean and variance
// of what comes out.
func drawn(t testing.TB, l Layer, x func(b *graph.Builder) graph.Node) (mean, variance float64) {
	t.Helper()
	b := graph.New()
	y := l.Apply(param.NewScope(b, param.NewSet(graphtest.DType(64)), param.Options{Training: true}), x(b))
	m := y.Mean()
	b.Output("mean", m)
	b.Output("variance", y.Sub(m).Square().Mean())
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	return r.Output("mean")[0], r.Output("variance")[0]
}

// Means and variances are the documented ones. Over 200,000 draws the bounds
// are 6 standard errors and more: a right layer fails less than once in 10⁸.
func TestNoiseStatistics(t *testing.T) {
	t.Parallel()
	const n = 200_000
	normal := func(b *graph.Builder) graph.Node { return b.Normal(n/100, 100) }
	ones := func(b *graph.Builder) graph.Node { return b.Full(1, n/100, 100) }
	for _, p := range []float64{0.1, 0.3, 0.5} {
		for _, tc := range []struct {
			layer          Layer
			x              func(*graph.Builder) graph.Node
			mean, variance float64
		}{
			{AlphaDropout{Rate: p}, normal, 0, 1},
			{Dropout{Rate: p}, ones, 1, p / (1 - p)},
			{GaussianDropout{Rate: p}, ones, 1, p / (1 - p)},
			{GaussianNoise{Stddev: p}, ones, 1, p * p},
		} {
			mean, variance := drawn(t, tc.layer, tc.x)
			if d := math.Abs(mean - tc.mean); d > 6*math.Sqrt(tc.variance/n) {
				t.Errorf("%#v: mean %g, want %g", tc.layer, mean, tc.mean)
			}
			// The fourth moment of none of these is above 13 variances squared.
			if d := math.Abs(variance - tc.variance); d > 6*tc.variance*math.Sqrt(13.0/n) {
				t.Errorf("%#v: variance %g, want %g", tc.layer, variance, tc.variance)
			}
		}
	}
}

// Whatever the row, normalized by itself it has mean 0 and variance σ²/(σ² + ε),
// and neither scale nor offset of the row matter.
func TestLayerNormRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(rt, "features")
		row := rapid.SliceOfN(rapid.Float64Range(-10, 10), n, n).Draw(rt, "row")
		b := graph.New()
		s := param.NewScope(b, param.NewSet(graphtest.DType(64)), param.Options{})
		b.Output("y", LayerNorm{NoScale: true, NoCenter: true}.Apply(s, b.Input("x", graph.Float, 1, n)))
		r, err := graphtest.Compile(b, nil)
		if err != nil {
			rt.Fatal(err)
		}
		r.Set("x", row...)
		if err := r.Step(); err != nil {
			rt.Fatal(err)
		}
		moments := func(x []float64) (mean, variance float64) {
			for _, v := range x {
				mean += v / float64(n)
			}
			for _, v := range x {
				variance += (v - mean) * (v - mean) / float64(n)
			}
			return mean, variance
		}
		_, was := moments(row)
		mean, variance := moments(r.Output("y"))
		if want := was / (was + 1e-3); math.Abs(mean) > 1e-9 || math.Abs(variance-want) > 1e-9 {
			rt.Fatalf("mean %g, variance %g; want 0 and %g", mean, variance, want)
		}
	})
}

func TestNoiseRefused(t *testing.T) {
	t.Parallel()
	for _, l := range []interface{ Validate() error }{
		AlphaDropout{Rate: 1}, AlphaDropout{Rate: -0.1}, GaussianDropout{Rate: 1}, GaussianDropout{Rate: math.NaN()},
		GaussianNoise{Stddev: -1}, GaussianNoise{Stddev: math.Inf(1)}, LayerNorm{Epsilon: -1},
		Affine{Axes: []int{0}}, Affine{Axes: []int{2, 2}},
	} {
		if l.Validate() == nil {
			t.Errorf("%#v passes", l)
		}
	}
}

// A channel of a sample is dropped as a whole or kept as a whole, as many as the
// rate says: of n draws 6 standard errors are passed once in 10⁸.
func TestSpatialDropout(t *testing.T) {
	t.Parallel()
	const samples, channels, rate = 200, 100, 0.3
	b := graph.New()
	s := param.NewScope(b, param.NewSet(graphtest.DType(64)), param.Options{Training: true})
	b.Output("y", SpatialDropout{Rate: rate}.Apply(s, b.Full(1, samples, 2, 3, channels)))
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	y, dropped := r.Output("y"), 0.0
	for i := range samples {
		for c := range channels {
			first := y[i*6*channels+c]
			if first == 0 {
				dropped++
			} else if math.Abs(first-1/(1-rate)) > 1e-12 {
				t.Fatalf("what is kept is %v", first)
			}
			for place := range 6 {
				if y[(i*6+place)*channels+c] != first {
					t.Fatalf("sample %d, channel %d differs from place to place", i, c)
				}
			}
		}
	}
	const n = samples * channels
	if d := dropped/n - rate; math.Abs(d) > 6*math.Sqrt(rate*(1-rate)/n) {
		t.Errorf("%v of the channels are dropped", dropped/n)
	}
}
