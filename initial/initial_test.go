package initial

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

func variants(t testing.TB) []param.Init {
	out := []param.Init{
		VarianceScaling{1.7, FanOut, Uniform}, VarianceScaling{2, FanAvg, UntruncatedNormal}, Constant{0.25}, Orthogonal{2}, Identity{3},
		RandomNormal{Mean: 1, Stddev: 1}, RandomNormal{Stddev: spec.Zero}, RandomUniform{-1, 2}, Truncated{1, 0.5},
	}
	for _, name := range Registry.Names() {
		i, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, i)
	}
	return out
}

func draw(i param.Init, dt tensor.DType, seed uint64, shape ...int) *tensor.Tensor {
	w := tensor.New(dt, shape...)
	i.Fill(w, rng.New(seed, 0))
	return w
}

// A float32 parameter holds the float64 one's numbers, rounded, and every draw
// is the same again.
func TestPrecisionsAgree(t *testing.T) {
	t.Parallel()
	all := variants(t)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.SampledFrom(all).Draw(t, "initializer")
		shape := rapid.SliceOfN(rapid.IntRange(1, 6), 0, 4).Draw(t, "shape")
		seed := rapid.Uint64().Draw(t, "seed")
		single, double := draw(i, tensor.Float32, seed, shape...), draw(i, tensor.Float64, seed, shape...)
		for k := range single.Len() {
			if v := double.Flat(k); single.Float32s()[k] != float32(v) || math.IsNaN(v) {
				t.Fatalf("%#v: element %d is %v in float32 and %v in float64", i, k, single.Flat(k), v)
			}
		}
	})
}

func TestDeviations(t *testing.T) {
	t.Parallel()
	shape := tensor.Shape{300, 200}
	for _, i := range variants(t) {
		sigma, ok := Deviation(i, shape)
		if !ok {
			t.Fatalf("%#v has no deviation", i)
		}
		w := draw(i, tensor.Float64, 3, shape...)
		mean, square := 0.0, 0.0
		for _, x := range w.Float64s() {
			mean += x / float64(w.Len())
		}
		for _, x := range w.Float64s() {
			square += (x - mean) * (x - mean) / float64(w.Len())
		}
		// The deviation of a sample deviation is at most σ/√n for the
		// distributions here: five of them.
		if got := math.Sqrt(square); math.Abs(got-sigma) > 5*sigma/math.Sqrt(float64(w.Len()))+1e-12 {
			t.Errorf("%#v: deviation %g, want %g", i, got, sigma)
		}
	}
	if _, ok := Deviation(nil, shape); ok {
		t.Error("nothing has a deviation")
	}
}

func TestOrthonormal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 12).Draw(t, "rows"), rapid.IntRange(1, 12).Draw(t, "cols")
		w := draw(Orthogonal{Gain: 2}, tensor.Float64, rapid.Uint64().Draw(t, "seed"), rows, cols)
		n := min(rows, cols)
		for a := range n {
			for b := range n {
				sum := 0.0
				for k := range max(rows, cols) {
					if rows >= cols {
						sum += w.At(k, a) * w.At(k, b)
					} else {
						sum += w.At(a, k) * w.At(b, k)
					}
				}
				want := 0.0
				if a == b {
					want = 4
				}
				if math.Abs(sum-want) > 1e-12 {
					t.Fatalf("vectors %d and %d have the product %g, want %g", a, b, sum, want)
				}
			}
		}
	})
}

// The published figures for a layer of 784 inputs and 300 units.
func TestFigures(t *testing.T) {
	t.Parallel()
	shape := tensor.Shape{784, 300}
	for name, want := range map[string]float64{
		"glorot_normal": 0.0429537, "he_normal": 0.0505076, "lecun_normal": 0.0357143, "variance_scaling": 0.0357143,
		"glorot_tanh": 0.171815, "glorot_relu": 0.0607457,
	} {
		i, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := Deviation(i, shape); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s has deviation %.7f, want %.7f", name, got, want)
		}
	}
	for name, want := range map[string]float64{
		"glorot_uniform": 0.0743980, "he_uniform": 0.0874818, "glorot_tanh_uniform": 0.297592, "glorot_relu_uniform": 0.105215,
	} {
		i, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.(VarianceScaling).Limit(shape); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s has limit %.7f, want %.7f", name, got, want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, i := range variants(t) {
		v, err := spec.Encode(i)
		if err != nil {
			t.Fatal(err)
		}
		var got param.Init
		if err := spec.Decode(v, &got); err != nil || !reflect.DeepEqual(got, i) {
			t.Errorf("%#v is written as %v and read as %#v, %v", i, v, got, err)
		}
	}
	for name, want := range map[string]param.Init{
		"he": He, "kaiming_normal": He, "xavier_uniform": GlorotUniform, "lecun": LeCun,
	} {
		if got, err := Registry.New(name); err != nil || got != want {
			t.Errorf("%s is %#v, %v", name, got, err)
		}
	}
	var m Mode
	if err := m.UnmarshalText([]byte("FAN_AVG")); err != nil || m != FanAvg {
		t.Errorf("FAN_AVG is %v, %v", m, err)
	}
	if err := m.UnmarshalText([]byte("fan")); err == nil || !strings.Contains(err.Error(), "fan_in, fan_out, fan_avg") {
		t.Errorf("fan: %v", err)
	}
	var d Dist
	if err := d.UnmarshalText([]byte("normal")); err != nil || d != TruncatedNormal {
		t.Errorf("normal is %v, %v", d, err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, i := range variants(t) {
		if c, ok := i.(interface{ Validate() error }); ok && c.Validate() != nil {
			t.Errorf("%#v: %v", i, c.Validate())
		}
	}
	for _, c := range []struct {
		key string
		i   interface{ Validate() error }
	}{
		{"scale", VarianceScaling{Scale: -1}}, {"scale", VarianceScaling{Scale: spec.Zero}}, {"stddev", RandomNormal{Stddev: -1}},
		{"stddev", Truncated{Stddev: math.NaN()}}, {"minval", RandomUniform{1, -1}}, {"gain", Orthogonal{-1}}, {"gain", Identity{math.Inf(1)}},
	} {
		if err := c.i.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.key) {
			t.Errorf("%#v: got error %v, want one about %s", c.i, err, c.key)
		}
	}
}
