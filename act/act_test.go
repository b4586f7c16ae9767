package act

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/gradcheck"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// variants is every activation by its bare name, and some with fields.
func variants(t testing.TB) []Activation {
	out := []Activation{
		LeakyReLU{Slope: 0.01}, LeakyReLU{Slope: spec.Zero}, ELU{Alpha: 0.5}, CELU{Alpha: 1.5}, RReLU{Paper: true},
		PReLU{SharedAxes: []int{1}}, ReLU{MaxValue: 5, Slope: 0.1, Threshold: 0.5}, HardSigmoid{Slope: 0.5},
		SoftShrink{1.5}, HardShrink{1.5}, Threshold{1.5, -0.5}, Clip{Min: -1.5}, Clip{Max: 0.7}, Clip{Min: spec.Zero, Max: 1.2},
	}
	for _, name := range Registry.Names() {
		a, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func TestGradients(t *testing.T) {
	t.Parallel()
	x := tensor.New(tensor.Float64, 5, 4)
	for i := range x.Len() {
		x.SetFlat(i, float64(i*7%20-10)/2.2+0.013) // off every kink
	}
	for _, a := range variants(t) {
		for _, training := range []bool{false, true} {
			b, set := graph.New(), param.NewSet(tensor.Float64)
			in := b.Input("x", graph.Float, 5, 4)
			y := a.Apply(param.NewScope(b, set, param.Options{Training: training}), in)
			values, wrt := map[string]*tensor.Tensor{"x": x}, []graph.Node{in}
			for p := range set.All() {
				values[p.Name] = p.Value
				wrt = append(wrt, b.Param(p.Name, p.Value.Shape()...))
			}
			t.Run(Registry.NameOf(a), func(t *testing.T) { gradcheck.Graph(t, y, values, wrt...) })
		}
	}
}

// apply2 is the value and the derivative of an activation at numbers that are
// the rows of one column, GLU's two halves being equal.
func apply2(t rapid.TB, a Activation, precision int, xs ...float64) (y, dy []float64) {
	return applyOn(t, ref.Backend{}, a, precision, xs...)
}

func applyOn(t rapid.TB, on backend.Backend, a Activation, precision int, xs ...float64) (y, dy []float64) {
	b, set := graph.New(), param.NewSet(graphtest.DType(precision))
	in := b.Input("x", graph.Float, len(xs), 1)
	x := in
	if _, ok := a.(GLU); ok {
		x = graph.Concat(-1, in, in)
	}
	out := a.Apply(param.NewScope(b, set, param.Options{}), x)
	b.Output("y", out)
	b.Output("dy", graph.VJP(out, b.Full(1, out.Shape()...), []graph.Node{in})[0])
	r, err := graphtest.CompileOn(on, b, set)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Set("x", xs...)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	return r.Output("y"), r.Output("dy")
}

// No number makes a NaN, in the value or in the derivative, nor an infinity
// where the function itself stays finite.
func TestNoNaN(t *testing.T) {
	t.Parallel()
	all := variants(t)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(all).Draw(t, "activation")
		x := rapid.Float64Range(-1e4, 1e4).Draw(t, "x")
		extremes := []float64{x, 1e4, -1e4, 88.8, -88.8, 0, math.Copysign(0, -1), 1e-38, -1e-38}
		for len(extremes) < 37 { // beyond any vector, and a rest
			extremes = append(extremes, extremes[:9]...)
		}
		for _, precision := range []int{32, 64} {
			for name, on := range backends {
				y, dy := applyOn(t, on, a, precision, extremes...)
				for i, x := range extremes {
					grows := a == Activation(Exponential{}) && x > 80
					for _, v := range []float64{y[i], dy[i]} {
						if math.IsNaN(v) || math.IsInf(v, 0) && !grows {
							t.Fatalf("%#v of %g in float%d on %s: %g, derivative %g", a, x, precision, name, y[i], dy[i])
						}
					}
				}
			}
		}
	})
}

func TestNaNStays(t *testing.T) {
	t.Parallel()
	for _, a := range variants(t) {
		if y, _ := apply2(t, a, 64, math.NaN()); !math.IsNaN(y[0]) {
			t.Errorf("%#v of NaN is %g", a, y[0])
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, a := range variants(t) {
		v, err := spec.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		var got Activation
		if err := spec.Decode(v, &got); err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%#v is written as %v and read as %#v, %v", a, v, got, err)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, a := range variants(t) {
		if c, ok := a.(interface{ Validate() error }); ok && c.Validate() != nil {
			t.Errorf("%#v: %v", a, c.Validate())
		}
	}
	for want, a := range map[string]interface{ Validate() error }{
		"negative_slope": LeakyReLU{Slope: 1.5},
		"slope from 0":   ReLU{Slope: -0.1},
		"max_value":      ReLU{MaxValue: -1},
		"above 0":        ELU{Alpha: -1},
		"alpha":          CELU{Alpha: spec.Zero},
		"lower":          RReLU{Lower: 0.5, Upper: 0.2},
		"upper":          RReLU{Upper: 3},
		"shared_axes":    PReLU{SharedAxes: []int{0}},
		"lambda":         SoftShrink{-1},
		"0 or more":      HardShrink{math.NaN()},
		"slope":          HardSigmoid{Slope: math.Inf(1)},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%#v: got error %v, want one with %q", a, err, want)
		}
	}
}

func TestShapesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Activation{
		"even length": GLU{}, "shared axis 3": PReLU{SharedAxes: []int{3}}, "last axis": Softmax{},
	} {
		b := graph.New()
		s := param.NewScope(b, param.NewSet(tensor.Float32), param.Options{})
		x := b.Input("x", graph.Float, 4, 3)
		if want == "last axis" {
			x = b.Const(1)
		}
		if y := a.Apply(s, x); y.Valid() || b.Err() == nil || !strings.Contains(b.Err().Error(), want) {
			t.Errorf("%#v: got error %v, want one with %q", a, b.Err(), want)
		}
	}
}

func TestInvalidStaysInvalid(t *testing.T) {
	t.Parallel()
	for _, a := range variants(t) {
		b := graph.New()
		s := param.NewScope(b, param.NewSet(tensor.Float32), param.Options{Training: true})
		if y := a.Apply(s, graph.Node{}); y.Valid() || b.Err() != nil {
			t.Errorf("%#v of nothing: %v, %v", a, y.Valid(), b.Err())
		}
	}
}

func TestDefaultInit(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]param.Init{
		"relu": initial.He, "leaky_relu": initial.He, "prelu": initial.He, "rrelu": initial.He, "elu": initial.He,
		"gelu": initial.He, "silu": initial.He, "mish": initial.He, "selu": initial.LeCun,
		"sigmoid": initial.GlorotUniform, "tanh": initial.GlorotUniform, "softmax": initial.GlorotUniform,
	} {
		a, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := DefaultInit(a); got != want {
			t.Errorf("%s wants %v, got %v", name, want, got)
		}
	}
	if got := DefaultInit(nil); got != param.Init(initial.GlorotUniform) {
		t.Errorf("nothing wants %v", got)
	}
}

// The slopes of RReLU are drawn between the bounds, as often below a point as a
// uniform distribution says (error probability below 1e-6), anew at each step.
func TestRandomSlopes(t *testing.T) {
	t.Parallel()
	const n = 10000
	for _, a := range []RReLU{{}, {Paper: true}} {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		b.Output("y", a.Apply(param.NewScope(b, set, param.Options{Training: true}), b.Full(-1, n)))
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		var before []float64
		for range 2 {
			if err := r.Step(); err != nil {
				t.Fatal(err)
			}
			slopes := r.Output("y")
			if reflect.DeepEqual(slopes, before) {
				t.Error("two steps have the same slopes")
			}
			before = slopes
			below := 0
			for _, y := range slopes {
				u := (-y - 1.0/8) / (1.0/3 - 1.0/8)
				if a.Paper {
					u = (-1/y - 3) / 5
				}
				if u < 0 || u > 1 {
					t.Fatalf("slope %g lies outside the bounds", -y)
				}
				if u < 0.37 {
					below++
				}
			}
			// Hoeffding: P(|share − 0.37| > e) ≤ 2·exp(−2ne²) < 1e-6.
			if e := math.Sqrt(math.Log(2e6) / (2 * n)); math.Abs(float64(below)/n-0.37) > e {
				t.Errorf("%d of %d draws lie below 0.37 of the way, paper %t", below, n, a.Paper)
			}
		}
	}
}

func TestMeanSlopeWithoutTraining(t *testing.T) {
	t.Parallel()
	for want, a := range map[float64]RReLU{(1.0/8 + 1.0/3) / 2: {}, 1 / 5.5: {Paper: true}, 0.25: {Lower: 0.1, Upper: 0.4}} {
		if y, _ := apply2(t, a, 64, -1); math.Abs(y[0]+want) > 1e-15 {
			t.Errorf("%#v has slope %g, want %g", a, -y[0], want)
		}
	}
}
