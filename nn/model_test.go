package nn_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// traced is a model traced for two rows.
type traced struct {
	b    *graph.Builder
	set  *param.Set
	s    *nn.Scope
	in   []graph.Node
	outs []graph.Node
}

func trace(m nn.Model, samples ...tensor.Shape) *traced {
	tr := &traced{b: graph.New(), set: param.NewSet(tensor.Float64)}
	tr.s = param.NewScope(tr.b, tr.set, param.Options{Training: true})
	for i, shape := range samples {
		tr.in = append(tr.in, tr.b.Input(fmt.Sprint("x", i), graph.Float, append(tensor.Shape{2}, shape...)...))
	}
	tr.outs = m.Trace(tr.s, tr.in)
	return tr
}

func (tr *traced) names() (out []string) {
	for p := range tr.set.All() {
		out = append(out, p.Name)
	}
	return out
}

func decode(t testing.TB, text string) nn.Model {
	t.Helper()
	v, err := spec.ParseJSON("model", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := nn.Decode(v)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// same holds a model's text to what it reads back as.
func same(t testing.TB, m nn.Model) {
	t.Helper()
	v, err := nn.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := nn.Encode(decode(t, string(v.JSON())))
	if err != nil || string(again.JSON()) != string(v.JSON()) {
		t.Errorf("%s reads back as %s, %v", v.JSON(), again.JSON(), err)
	}
}

func TestCutting(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 3, Name: "hidden"}, nn.Dense{Units: 2}}
	next := append(m[:2:2], nn.Dense{Units: 5, Name: "head"})
	if got, want := trace(next, tensor.Shape{2, 2}).names(), []string{"hidden/kernel", "hidden/bias", "head/kernel", "head/bias"}; !slices.Equal(got, want) {
		t.Errorf("parameters %q, want %q", got, want)
	}
	if m[2].(nn.Dense).Units != 2 {
		t.Error("the model that was cut has changed")
	}
}

func TestAutomaticNames(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{
		nn.Dense{Units: 2}, nn.BatchNorm{}, nn.Dense{Units: 2, Name: "dense_1"}, nn.Dense{Units: 2}, act.ELU{}, nn.BatchNorm{},
		nn.Block{Layers: nn.Sequential{nn.Dense{Units: 2}, nn.Dense{Units: 2}}}, nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 2}}, Name: "r"},
	}
	tr := trace(m, tensor.Shape{2})
	var got []string
	for _, a := range tr.s.Layers() {
		got = append(got, a.Path)
	}
	want := []string{"dense", "batch_normalization", "dense_1", "dense_2", "elu", "batch_normalization_1",
		"sequential", "sequential/dense", "sequential/dense_1", "r", "r/dense"}
	if err := tr.b.Err(); err != nil || !slices.Equal(got, want) {
		t.Errorf("layers %q, %v, want %q", got, err, want)
	}
}

// TestShapeErrors reports every mistake of a model at once, each with its layer.
func TestShapeErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		m      nn.Model
		sample tensor.Shape
		want   []string
	}{
		{nn.Sequential{
			nn.Block{Layers: nn.Sequential{nn.Reshape{Shape: []int{7}}, nn.Dense{Units: 3}}, Name: "one"},
		}, tensor.Shape{2, 2}, []string{"one/reshape: "}},
		{nn.Functional{Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 0, Name: "a"}}, {Layer: nn.Dense{Units: -1, Name: "b"}, Inputs: []string{"input"}},
			{Layer: nn.Reshape{Shape: []int{5}, Name: "c"}, Inputs: []string{"input"}}, {Layer: nn.Dropout{Rate: 1, Name: "d"}, Inputs: []string{"input"}},
			{Layer: nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 9}}, Name: "e"}, Inputs: []string{"input"}},
			{Layer: nn.BatchNorm{Momentum: 2, Epsilon: -1, Name: "f"}, Inputs: []string{"input"}},
			{Layer: nn.Input{Shape: tensor.Shape{3}, Name: "g"}, Inputs: []string{"input"}},
			{Layer: nn.Concatenate{}, Inputs: []string{"a", "b", "c", "d", "e", "f", "g"}},
		}}, tensor.Shape{4}, []string{
			"a: units: want a whole number above 0, got 0", "b: units: want a whole number above 0, got -1",
			"c: reshape: ", "d: rate: want a number from 0 to below 1, got 1",
			"e: residual: the layers turn [2 4] into [2 9]; both must be equal", "f: momentum: want a number from 0 to 1, got 2",
			"g: samples have shape [4], the model wants [3]",
		}},
		{nn.Sequential{nn.Dense{Units: 2, Name: "a"}, nn.Dense{Units: 2, Name: "a"}}, tensor.Shape{4}, []string{`two layers are called "a"`}},
		{nn.Sequential{nn.Dense{Units: 2, Name: "a/b"}}, tensor.Shape{4}, []string{`layer name "a/b"`}},
		{nn.Sequential{nil}, tensor.Shape{4}, []string{"a layer is nil"}},
		{nn.Sequential{nn.Activation{}}, tensor.Shape{4}, []string{"activation: activation: there is none"}},
	} {
		err := trace(tc.m, tc.sample).b.Err()
		if err == nil {
			t.Fatalf("no error of %v", tc.m)
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(tc.want) {
			t.Errorf("%d errors, want %d:\n%v", len(lines), len(tc.want), err)
		}
		for _, w := range tc.want {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
				t.Errorf("no error begins with %q:\n%v", w, err)
			}
		}
	}
}

const towers = `{"name":"towers","inputs":{"a":"2x2","b":"2x2"},"layers":[
	{"flatten":{"name":"fa","inputs":["a"]}},
	{"dense":{"units":3,"name":"tower","inputs":["fa"]}},
	{"flatten":{"name":"fb","inputs":["b"]}},
	{"share":{"of":"tower","name":"other","inputs":["fb"]}},
	{"concatenate":{"name":"both","inputs":["tower","other"]}},
	{"dense":{"units":6,"activation":"elu","name":"h"}},
	{"add":{"name":"sum","inputs":["both","h"]}},
	{"dense":{"units":1,"name":"y"}},
	{"dense":{"units":2,"name":"z","inputs":["sum"]}}],
	"outputs":["y","z"]}`

// TestFunctional reads towers with shared weights, a residual path and two
// outputs, and computes them by hand.
func TestFunctional(t *testing.T) {
	t.Parallel()
	m := decode(t, towers)
	same(t, m)
	tr := trace(m, tensor.Shape{2, 2}, tensor.Shape{2, 2})
	if err := tr.b.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{"tower/kernel", "tower/bias", "h/kernel", "h/bias", "y/kernel", "y/bias", "z/kernel", "z/bias"}
	if got := tr.names(); !slices.Equal(got, want) {
		t.Errorf("parameters %q, want %q", got, want)
	}
	in, out := m.Ports()
	if fmt.Sprint(in, out) != "[{a [2 2]} {b [2 2]}] [{y []} {z []}]" {
		t.Errorf("ports %v %v", in, out)
	}
	p := func(name string) graph.Node {
		return tr.b.Param(name, tr.set.Value(name).Shape()...)
	}
	dense := func(layer string, x graph.Node) graph.Node {
		return x.MatMul(p(layer + "/kernel")).Add(p(layer + "/bias"))
	}
	both := graph.Concat(-1, dense("tower", tr.in[0].Reshape(2, 4)), dense("tower", tr.in[1].Reshape(2, 4)))
	h := dense("h", both)
	sum := both.Add(h.Greater(tr.b.Const(0)).Select(h, h.Expm1()))
	for i, want := range []graph.Node{dense("y", sum), dense("z", sum)} {
		tr.b.Output(fmt.Sprint("difference", i), tr.outs[i].Sub(want).Abs().Sum())
	}
	r, err := graphtest.Compile(tr.b, tr.set)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("x0", 1, -2, 3, -4, 0.5, 1, 2, 3)
	r.Set("x1", 2, 1, 0, -1, -2, -3, 4, 5)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if d := r.Output(fmt.Sprint("difference", i))[0]; d > 1e-12 {
			t.Errorf("output %d is %v off", i, d)
		}
	}
}

func TestFunctionalErrors(t *testing.T) {
	t.Parallel()
	dense := func(name string, from ...string) nn.Entry {
		return nn.Entry{Layer: nn.Dense{Units: 2, Name: name}, Inputs: from}
	}
	in := []nn.Port{{Name: "x"}}
	two := []nn.Port{{Name: "x"}, {Name: "y"}}
	for name, tc := range map[string]struct {
		m    nn.Functional
		want string
	}{
		"no layers":        {nn.Functional{In: in}, "the model has no layers"},
		"another number":   {nn.Functional{In: two, Layers: []nn.Entry{dense("a", "x")}}, "the model has 2 inputs, got 1"},
		"unknown input":    {nn.Functional{In: in, Layers: []nn.Entry{dense("a", "q")}}, `a: no input or layer before it is called "q"; there are x`},
		"a later layer":    {nn.Functional{In: in, Layers: []nn.Entry{dense("a", "b"), dense("b")}}, `a: no input or layer before it is called "b"; there are x`},
		"itself":           {nn.Functional{In: in, Layers: []nn.Entry{dense("a", "a")}}, `a: no input or layer before it is called "a"`},
		"unused layer":     {nn.Functional{In: in, Layers: []nn.Entry{dense("a"), dense("b", "x")}}, `"a" leads to no output`},
		"unknown output":   {nn.Functional{In: in, Layers: []nn.Entry{dense("a")}, Out: []string{"a", "q"}}, `output: no layer is called "q"; there are x, a`},
		"two of a name":    {nn.Functional{In: in, Layers: []nn.Entry{dense("a"), dense("a")}}, `"a"`},
		"name of an input": {nn.Functional{In: in, Layers: []nn.Entry{dense("x")}}, `"x" names two things`},
		"sharing nothing":  {nn.Functional{In: in, Layers: []nn.Entry{dense("a"), {Share: "q"}}}, `share: no layer before entry 1 is called "q"`},
		"no layer":         {nn.Functional{In: in, Layers: []nn.Entry{{}}}, "entry 0 has no layer"},
		"two for one":      {nn.Functional{In: in, Layers: []nn.Entry{dense("a"), dense("b", "a", "x")}}, "b: dense takes one input, got 2"},
		"shape of input":   {nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{3}}}, Layers: []nn.Entry{dense("a")}}, `input "x": the data is float[2 2], the model wants samples of shape [3]`},
		"shared misfit": {nn.Functional{In: in, Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 3, Name: "a"}}, {Share: "a", Name: "b"},
		}}, `a/kernel has shape [2 3], but the layer wants [3 3]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := trace(tc.m, tensor.Shape{2}).b.Err()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	err := trace(nn.Functional{In: two, Layers: []nn.Entry{dense("a")}}, tensor.Shape{2}, tensor.Shape{2}).b.Err()
	if err == nil || !strings.Contains(err.Error(), "a: the model has several inputs; say which with inputs: [x]") {
		t.Errorf("error %v", err)
	}
}

// TestSharedStatistics applies one batch normalization twice.
func TestSharedStatistics(t *testing.T) {
	t.Parallel()
	m := nn.Functional{In: []nn.Port{{Name: "x"}}, Layers: []nn.Entry{
		{Layer: nn.BatchNorm{Name: "bn"}}, {Share: "bn", Name: "again"},
	}}
	tr := trace(m, tensor.Shape{3})
	if err := tr.b.Err(); err == nil || !strings.Contains(err.Error(), "it is updated twice in one step") {
		t.Errorf("error %v", err)
	}
}

// TestSharedInGo ties weights in plain Go, too.
func TestSharedInGo(t *testing.T) {
	t.Parallel()
	m := nn.Func{
		In: []nn.Port{{Name: "a"}, {Name: "b"}}, Out: []nn.Port{{Name: "distance"}},
		Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
			tower := s.Share("tower", nn.Sequential{nn.Dense{Units: 3, Act: act.Tanh{}}, nn.Dense{Units: 2}})
			return []graph.Node{tower(in[0]).Sub(tower(in[1])).Square().Sum(-1)}
		},
	}
	tr := trace(m, tensor.Shape{4}, tensor.Shape{4})
	want := []string{"tower/dense/kernel", "tower/dense/bias", "tower/dense_1/kernel", "tower/dense_1/bias"}
	if err := tr.b.Err(); err != nil || !slices.Equal(tr.names(), want) {
		t.Errorf("parameters %q, %v, want %q", tr.names(), err, want)
	}
	if _, err := nn.Encode(m); err == nil || !strings.Contains(err.Error(), "func of 2 inputs and 1 outputs cannot be written as text") {
		t.Errorf("error %v", err)
	}
	m.Out = nil
	if err := trace(m, tensor.Shape{4}, tensor.Shape{4}).b.Err(); err == nil || !strings.Contains(err.Error(), "the model names 0 outputs, but builds 1") {
		t.Errorf("error %v", err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	m := decode(t, `["flatten","batch_normalization",
		{"dense":{"units":300,"activation":"elu","kernel_initializer":"he_normal","name":"hidden1"}},
		{"batch_norm":{"momentum":0,"center":false}},{"leaky_relu":{"alpha":0.3}},"swish",
		{"dropout":0.5},{"rescale":"1/255"},{"residual":{"layers":[{"dense":{"units":300}},"elu"]}},{"dense":{"units":10}}]`)
	want := nn.Sequential{
		nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}, Init: initial.He, Name: "hidden1"},
		nn.BatchNorm{Momentum: nn.Zero, NoCenter: true}, nn.Activation{Act: act.LeakyReLU{Slope: 0.3}}, nn.Activation{Act: act.SiLU{}},
		nn.Dropout{Rate: 0.5}, nn.Rescale{Scale: 1.0 / 255},
		nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 300}, nn.Activation{Act: act.ELU{}}}}, nn.Dense{Units: 10},
	}
	if got := fmt.Sprintf("%#v", m); got != fmt.Sprintf("%#v", want) {
		t.Errorf("got  %s\nwant %#v", got, want)
	}
	same(t, m)
	same(t, nn.Functional{Layers: []nn.Entry{
		{Layer: nn.Input{Shape: tensor.Shape{}}}, {Layer: act.Softplus{}, Inputs: []string{"input"}}, {Share: "softplus", Name: "b"},
	}, Out: []string{"b"}, In: []nn.Port{{Name: "x", Shape: tensor.Shape{}}, {Name: "y"}}})
	_, err := nn.Encode(nn.Sequential{unknown{}})
	if err == nil || !strings.Contains(err.Error(), "nn_test.unknown is not registered with nn.Layers") {
		t.Errorf("error %v", err)
	}
}

type unknown struct{}

func (unknown) Apply(_ *nn.Scope, x graph.Node) graph.Node { return x }

func TestTextErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                    "a model needs at least one layer",
		`3`:                     "a model is a list of layers",
		`{"layers":[]}`:         "a model needs at least one layer",
		`{"layer":["flatten"]}`: `did you mean "layers"`,
		`["flaten"]`:            `unknown layer "flaten"`,
		`[{"dense":{"units":5,"kernel_initinalizer":"lecun_normal"}}]`:             `did you mean "kernel_initializer"`,
		`[{"dense":{"units":5,"activation":"rleu"}}]`:                              `unknown activation "rleu"`,
		`[{"dense":{"units":"many"}}]`:                                             "units",
		`[{"dense":{"units":0}}]`:                                                  "want a whole number above 0, got 0",
		`[{"dense":{"units":-4}}]`:                                                 "want a whole number above 0, got -4",
		`[{"dense":{}}]`:                                                           `needs "units"`,
		`[{"dropout":1.5}]`:                                                        "want a number from 0 to below 1, got 1.5",
		`[{"rescale":"1/0"}]`:                                                      "a number or a fraction such as 1/255",
		`{"inputs":3,"layers":["flatten"]}`:                                        "inputs: want a mapping",
		`{"inputs":{"a":"2xx2"},"layers":["flatten"]}`:                             "2xx2",
		`{"inputs":[3,{"a":1}],"layers":["flatten"]}`:                              "inputs: want names",
		`{"layers":[{"share":{"name":"a"}}]}`:                                      `needs "of"`,
		`{"layers":["flatten",{"share":{"of":""}}]}`:                               "want the name of a layer",
		`{"layers":[{"dense":{"units":3,"inputs":{"a":1}}}]}`:                      "inputs",
		`{"layers":["flatten",{"dense":{"units":0}},{"dens":{}}],"outputs":["x"]}`: "want a whole number above 0, got 0",
	} {
		v, err := spec.ParseJSON("model", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		m, err := nn.Decode(v)
		var e *spec.Error
		if err == nil || !errors.As(err, &e) || !strings.Contains(spec.Render(err), want) {
			t.Errorf("%s: %v, error %v, want one with %q", text, m, err, want)
		}
	}
	// All at once.
	v, err := spec.ParseJSON("model", []byte(`[{"dense":{"units":0}},"flaten",{"dropout":2}]`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = nn.Decode(v)
	for _, want := range []string{"got 0", "flaten", "got 2"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// FuzzDecode reads any text as a model, and what is one traces without a panic
// and reads back the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(towers))
	f.Add([]byte(`["flatten",{"dense":{"units":3,"activation":{"name":"leaky_relu","negative_slope":0.1}}},"elu"]`))
	f.Add([]byte(`{"layers":[{"residual":{"layers":["elu"]}},{"dropout":{"rate":0.1,"inputs":"residual"}}]}`))
	f.Add([]byte(`[{"dense":1e12},{"reshape":"3x3"},{"batch_normalization":{"momentum":0}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := spec.ParseJSON("model", text)
		if err != nil {
			return
		}
		m, err := nn.Decode(v)
		if err != nil {
			return
		}
		same(t, m)
		in, _ := m.Ports()
		types := make([]graph.Type, len(in))
		for i, p := range in {
			types[i] = graph.Type{Kind: graph.Float, Shape: p.Shape}
			if p.Shape == nil {
				types[i].Shape = tensor.Shape{2, 2}
			}
		}
		if sum, err := nn.Summarize(m, types, nil); err == nil && len(sum.Rows) == 0 {
			t.Errorf("no rows of %s", text)
		}
	})
}

// TestAnySequence draws models: their parameters depend on nothing but their
// layers, and they read back the same.
func TestAnySequence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		layer := rapid.Custom(func(rt *rapid.T) nn.Layer {
			return rapid.SampledFrom([]nn.Layer{
				nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: rapid.IntRange(1, 9).Draw(rt, "units")}, act.ELU{}, nn.Activation{Act: act.SELU{}},
				nn.Dropout{Rate: rapid.Float64Range(0, 0.9).Draw(rt, "rate")}, nn.Standardize{},
				nn.Rescale{Scale: nn.Ratio(rapid.Float64().Draw(rt, "scale")), Offset: rapid.Float64().Draw(rt, "offset")},
			}).Draw(rt, "layer")
		})
		m := nn.Sequential(rapid.SliceOfN(layer, 1, 6).Draw(rt, "model"))
		same(t, m)
		v, err := nn.Encode(m)
		if err != nil {
			rt.Fatal(err)
		}
		sample := tensor.Shape(rapid.SliceOfN(rapid.IntRange(1, 4), 1, 3).Draw(rt, "sample"))
		a, b := trace(m, sample), trace(decode(t, string(v.JSON())), sample)
		if a.b.Err() != nil || b.b.Err() != nil || !slices.Equal(a.names(), b.names()) {
			rt.Fatalf("%q, %v and %q, %v", a.names(), a.b.Err(), b.names(), b.b.Err())
		}
	})
}
