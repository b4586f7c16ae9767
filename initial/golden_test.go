package initial

import (
	"math"
	"testing"

	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func shapeOf(c *golden.Case) tensor.Shape {
	var s tensor.Shape
	for _, d := range c.Hyper["shape"].([]any) {
		s = append(s, int(d.(float64)))
	}
	return s
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "initializers").Cases
	run := map[string]func(*testing.T, *golden.Case){
		"variance_scaling": varianceScaling, "xavier_table_11_1": firstEdition, "orthogonal": orthogonal,
		"initializer_sample": sample, "distribution": distribution,
	}
	held := 0
	for _, c := range cases {
		if t.Run(c.Name, func(t *testing.T) {
			f := run[c.Op]
			if f == nil {
				t.Fatalf("nothing stands for %s", c.Op)
			}
			f(t, c)
		}) {
			held++
		}
	}
	t.Logf("%d of %d cases held", held, len(cases))
}

// check compares in both precisions.
func check(t *testing.T, c *golden.Case, name string, v float64) {
	t.Helper()
	c.Check(t, 64, []float64{v}, name)
	c.Check(t, 32, []float64{float64(float32(v))}, name)
}

func varianceScaling(t *testing.T, c *golden.Case) {
	shape := shapeOf(c)
	v := VarianceScaling{Scale: c.Number(0, "scale")}
	if err := v.Mode.UnmarshalText([]byte(c.Text("mode"))); err != nil {
		t.Fatal(err)
	}
	in, out := param.Fans(shape)
	check(t, c, "fan_in", float64(in))
	check(t, c, "fan_out", float64(out))
	sigma := v.Deviation(shape)
	check(t, c, "sigma", sigma)
	check(t, c, "variance", sigma*sigma)
	check(t, c, "untruncated_normal_stddev", sigma)
	check(t, c, "truncated_normal_absmax", v.Limit(shape))
	check(t, c, "truncated_normal_stddev", v.Limit(shape)/2)
	v.Dist = Uniform
	check(t, c, "uniform_limit", v.Limit(shape))
}

func firstEdition(t *testing.T, c *golden.Case) {
	shape := shapeOf(c)
	check(t, c, "normal_sigma", FirstEdition(c.Text("activation"), TruncatedNormal).Deviation(shape))
	check(t, c, "uniform_r", FirstEdition(c.Text("activation"), Uniform).Limit(shape))
}

func orthogonal(t *testing.T, c *golden.Case) {
	o := Orthogonal{Gain: c.Number(0, "gain")}
	shape := shapeOf(c)
	for _, precision := range []int{64, 32} {
		w := tensor.New(graphtest.DType(precision), shape...)
		o.from(w, c.Input(t, "gaussian").Data)
		c.Check(t, precision, graphtest.Floats(w), "w")
	}
	sigma := o.Deviation(shape)
	check(t, c, "expected_variance", sigma*sigma)
}

// hoeffding is how far the mean of n numbers within a range may lie from its
// expectation with an error probability of 1e-6.
func hoeffding(width float64, n int) float64 {
	return width * math.Sqrt(math.Log(2e6)/(2*float64(n)))
}

// sample holds a draw to the moments of Keras' draw of the same initializer.
// Keras' largest element is not to be met: of a truncated normal a few of its
// draws lie outside the cut.
func sample(t *testing.T, c *golden.Case) {
	init := map[string]VarianceScaling{
		"GlorotNormal": Glorot, "GlorotUniform": GlorotUniform, "HeNormal": He, "HeUniform": HeUniform,
		"LecunNormal": LeCun, "LecunUniform": LeCunUniform,
	}[c.Text("initializer")]
	shape := shapeOf(c)
	for _, precision := range []int{64, 32} {
		w := tensor.New(graphtest.DType(precision), shape...)
		init.Fill(w, rng.New(1, 0))
		limit := init.Limit(shape) * (1 + 1e-6)
		xs, mean, square, power4 := graphtest.Floats(w), 0.0, 0.0, 0.0
		for _, x := range xs {
			if math.Abs(x) > limit {
				t.Fatalf("%g lies beyond the limit %g", x, limit)
			}
			mean += x / float64(len(xs))
		}
		for _, x := range xs {
			square += (x - mean) * (x - mean) / float64(len(xs))
			power4 += math.Pow(x-mean, 4) / float64(len(xs))
		}
		// Both means are samples: 5 deviations of their difference.
		if want := c.Want(t, "mean").Data[0]; math.Abs(mean-want) > 5*math.Sqrt(2*square/float64(len(xs))) {
			t.Errorf("mean %g, Keras' is %g", mean, want)
		}
		c.Check(t, precision, []float64{math.Sqrt(square)}, "std")
		c.Check(t, precision, []float64{power4 / (square * square)}, "kurtosis")
		if sigma := init.Deviation(shape); math.Abs(square-sigma*sigma) > hoeffding(limit*limit, len(xs)) {
			t.Errorf("deviation %g, want %g", math.Sqrt(square), sigma)
		}
	}
}

// distribution holds draws to the moments and the distribution function.
func distribution(t *testing.T, c *golden.Case) {
	const n = 100000
	r := rng.New(2, 0)
	var xs [n]float64
	if c.Name == "uniform_facts" {
		limit := VarianceScaling{Dist: Uniform}.Limit(tensor.Shape{3, 1})
		check(t, c, "std_over_limit", VarianceScaling{}.Deviation(tensor.Shape{3, 1})/limit)
		w := tensor.New(tensor.Float64, n)
		RandomUniform{Min: -1, Max: 1}.Fill(w, r)
		copy(xs[:], w.Float64s())
		near(t, c, "mean_abs_over_limit", xs[:], 1, math.Abs)
		fourth(t, c, xs[:], 1, 1.0/9)
		return
	}
	check(t, c, "std_factor", truncatedDeviation)
	check(t, c, "std_factor_constant", truncatedDeviation)
	for i := range xs {
		xs[i] = r.TruncNorm()
	}
	near(t, c, "mean_abs", xs[:], 2, math.Abs)
	fourth(t, c, xs[:], 16, math.Pow(truncatedDeviation, 4))
	cdf := c.Want(t, "cdf").Data
	for i, z := range c.Input(t, "z").Data {
		below := 0
		for _, x := range xs {
			if x <= z {
				below++
			}
		}
		if got := float64(below) / n; math.Abs(got-cdf[i]) > hoeffding(1, n) {
			t.Errorf("a share of %g lies below %g, want %g", got, z, cdf[i])
		}
	}
}

func near(t *testing.T, c *golden.Case, name string, xs []float64, width float64, f func(float64) float64) {
	t.Helper()
	sum := 0.0
	for _, x := range xs {
		sum += f(x)
	}
	if got, want := sum/float64(len(xs)), c.Want(t, name).Data[0]; math.Abs(got-want) > hoeffding(width, len(xs)) {
		t.Errorf("%s is %g, want %g", name, got, want)
	}
}

// fourth holds the fourth moment to the kurtosis times the square of the
// variance.
func fourth(t *testing.T, c *golden.Case, xs []float64, width, variance2 float64) {
	t.Helper()
	sum := 0.0
	for _, x := range xs {
		sum += x * x * x * x
	}
	want := c.Want(t, "kurtosis").Data[0] * variance2
	if got := sum / float64(len(xs)); math.Abs(got-want) > hoeffding(width, len(xs)) {
		t.Errorf("the fourth moment is %g, want %g", got, want)
	}
}
