package spec_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

type everything struct {
	Common commonFields `spec:",inline"`
	B      bool
	I      int
	I8     int8
	U      uint16
	F      float64
	F32    float32
	Plain  float64 `spec:",plain"`
	S      string
	D      time.Duration
	Shape  tensor.Shape
	Mode   mode
	Floats []float64
	Map    map[string]int
	Ptr    *float64
	Inner  *everythingInner
	Raw    spec.Value
	Act    activation
	Layers []layer
}

type commonFields struct {
	Label string
	Tags  []string
}

type everythingInner struct {
	X int `spec:"x,required"`
}

func decodeJSON(t *testing.T, text string, dst any) error {
	t.Helper()
	v, err := spec.ParseJSON("f", []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return spec.Decode(v, dst)
}

func TestDecodeKinds(t *testing.T) {
	t.Parallel()
	var got everything
	err := decodeJSON(t, `{"label": "l", "tags": ["a"], "b": true, "i": 1e3, "i8": -128, "u": 65535, "f": "1/4",
		"f32": 0, "plain": 0, "s": 12, "d": "1m30s", "shape": "28x28x1", "mode": "fan_avg", "floats": [0, "inf"],
		"map": {"k": 3}, "ptr": 0, "inner": {"x": 2}, "raw": [null], "act": "lrelu",
		"layers": ["relu", {"dropout": 0.5}, {"reshape": {"target_shape": [-1, 4]}}, {"sequential": ["flatten"]}]}`, &got)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0.0
	raw := got.Raw
	got.Raw = spec.Value{}
	want := everything{
		Common: commonFields{Label: "l", Tags: []string{"a"}}, B: true, I: 1000, I8: -128, U: 65535, F: 0.25,
		S: "12", D: 90 * time.Second, Shape: tensor.Shape{28, 28, 1}, Mode: fanAvg, Floats: []float64{0, math.Inf(1)},
		Map: map[string]int{"k": 3}, Ptr: &zero, Inner: &everythingInner{2}, Act: leaky{},
		Layers: []layer{activate{Act: relu{}}, dropout{Rate: 0.5}, &reshape{tensor.Shape{-1, 4}}, stack{flatten{}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if raw.Kind != spec.List || len(raw.Items) != 1 {
		t.Errorf("raw: %+v", raw)
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, path, want string }{
		{`[{"dense": {"units": "abc"}}]`, "0.units", `f:1:22: units: want a whole number, found "abc"`},
		{`[{"dense": {"units": 2.5}}]`, "0.units", `units: want a whole number, found 2.5`},
		{`[{"dense": {"units": 1e30}}]`, "0.units", `units: 1e30 is out of range`},
		{`[{"dense": {"units": 0}}]`, "0.units", `f:1:22: units: want 1 or more, found 0`},
		{`[{"dense": {"units": -3}}]`, "0.units", `found -3`},
		{`[{"dense": {}}]`, "0.units", `f:1:12: dense needs "units"`},
		{`["dense"]`, "0.units", `f:1:2: dense needs "units"`},
		{`["dnese"]`, "0", `f:1:2: unknown layer "dnese"; did you mean "dense"?`},
		{`["zzzzzzzz"]`, "0", `the nearest known are`},
		{`[3]`, "0", `0: want a layer (kind, or kind: {fields}), found 3`},
		{`[{"dense": null, "units": 300}]`, "0", `write the fields under the kind`},
		{`[{"dense": 300}]`, "0", `want a mapping of fields, found 300`},
		{`[{"dense": {"units": 1, "use_bias": 0}}]`, "0.use_bias", `use_bias: want true or false, found 0`},
		{`[{"dense": {"units": 1, "activation": {"negative_slope": 1}}}]`, "0.activation", `the mapping has no name; want an activation`},
		{`[{"dense": {"units": 1, "activation": {"name": 3}}}]`, "0.activation.name", `name: want the name of an activation, found 3`},
		{`[{"dense": {"units": 1, "activation": {"name": "lrelu", "alpha": 2}}}]`, "0.activation.negative_slope", `want less than 1, found 2`},
		{`[{"dense": {"units": 1, "activation": {"name": "lrelu", "alpha": 0.1, "negative_slope": 0.2}}}]`, "0.activation.negative_slope", `key "negative_slope" is given twice, first as "alpha"`},
		{`[{"lrelu": {"negative_slope": "x"}}]`, "0.negative_slope", `negative_slope: want a number, found "x"`},
		{`[{"lrelu": {"slope": 1}}]`, "0.slope", `unknown key "slope" of leaky_relu`},
		{`[{"dense": 300}]`, "0", `found 300; write {units: 300}`},
		{`[{"lrelu": 3}]`, "0", `want a mapping of fields, found 3`},
		{`[{"dense": {"units": 1, "kernel_initializer": {"name": "variance_scaling", "mode": "fan"}}}]`, "0.kernel_initializer.mode", `mode: unknown mode "fan"`},
		{`[{"dense": {"units": null}}]`, "0.units", `want a whole number, found nothing (leave the key out for the default)`},
		{`[{"reshape": {"target_shape": "3xx"}}]`, "0.target_shape", `target_shape: shape "3xx"`},
		{`{"dense": 1}`, "", `want a list, found a mapping`},
	} {
		var m stack
		err := decodeJSON(t, c.text, &m)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got  %v\n want %s", c.text, err, c.want)
			continue
		}
		var e *spec.Error
		if !errors.As(err, &e) || e.Path != c.path {
			t.Errorf("%s: path %q, want %q", c.text, e.Path, c.path)
		}
	}
}

func TestDecodeReportsAll(t *testing.T) {
	t.Parallel()
	var m stack
	err := decodeJSON(t, `["flaten", {"dense": {"unit": 3}}, {"dense": {"units": []}}]`, &m)
	j, ok := err.(interface{ Unwrap() []error })
	if !ok || len(j.Unwrap()) != 4 { // the key, the missing units, …
		t.Fatalf("got %v", err)
	}
	if got := strings.Count(spec.Render(err), "^"); got != 4 {
		t.Errorf("%d carets in:\n%s", got, spec.Render(err))
	}
}

func TestDecodeKeepsWhatIsNotMentioned(t *testing.T) {
	t.Parallel()
	d := dense{Units: 3, Name: "x"}
	if err := decodeJSON(t, `{"use_bias": false}`, &d); err != nil || d != (dense{Units: 3, Name: "x", NoBias: true}) {
		t.Errorf("%+v %v", d, err)
	}
	var i initializer
	if err := decodeJSON(t, `{"name": "he", "mode": "fan_out"}`, &i); err != nil || i != (variance{Scale: 2, Mode: fanOut}) {
		t.Errorf("%+v %v", i, err)
	}
	if got, _ := initializers.New("he"); got != (variance{Scale: 2}) {
		t.Errorf("the preset itself was changed: %+v", got)
	}
}

func TestDecodeNeedsPointer(t *testing.T) {
	t.Parallel()
	if err := spec.Decode(spec.Str("x"), dense{}); err == nil {
		t.Error("no error")
	}
}

func TestEncodeErrors(t *testing.T) {
	t.Parallel()
	if _, err := spec.Encode(math.NaN()); err == nil {
		t.Error("NaN: no error")
	}
	if _, err := spec.Encode(struct{ F func() }{func() {}}); err == nil {
		t.Error("func: no error")
	}
	if _, err := spec.Encode([]layer{unregistered{}}); err == nil || !strings.Contains(err.Error(), "not a registered layer") {
		t.Errorf("unregistered: %v", err)
	}
}

type unregistered struct{}

func (unregistered) kind() string { return "" }

func TestNames(t *testing.T) {
	t.Parallel()
	if got := layers.NameOf(activate{Act: leaky{Slope: 1}}); got != "leaky_relu" {
		t.Errorf("wrapper: %q", got)
	}
	if got := layers.NameOf(&reshape{}); got != "reshape" {
		t.Errorf("pointer: %q", got)
	}
	if got := layers.NameOf(unregistered{}); got != "" {
		t.Errorf("unregistered: %q", got)
	}
	if got := activations.Names(); !reflect.DeepEqual(got, []string{"relu", "leaky_relu"}) {
		t.Errorf("names: %q", got)
	}
	if _, err := activations.New("nope"); err == nil {
		t.Error("no error for an unknown name")
	}
}

func TestRegisterTwicePanics(t *testing.T) {
	t.Parallel()
	type thing interface{ thing() }
	for name, f := range map[string]func(){
		"name":     func() { layers.Register("dense", flatten{}) },
		"type":     func() { spec.NewRegistry[layer]("layer") },
		"concrete": func() { spec.NewRegistry[dense]("dense") },
		"nil":      func() { spec.NewRegistry[thing]("thing").Register("nil", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	got := spec.Describe(dense{})
	if !reflect.DeepEqual(got[0], spec.FieldDoc{Key: "units", Type: "whole number", Required: true, Doc: "width of the output"}) {
		t.Errorf("units: %+v", got[0])
	}
	if got[1].Type != "activation" || got[3].Default != "true" {
		t.Errorf("%+v", got)
	}
	if d := activations.Describe()[1]; d.Name != "leaky_relu" || d.Fields[0].Aliases[0] != "alpha" {
		t.Errorf("%+v", d)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"relu", "elu", "selu", "leaky_relu", "tanh", "gelu"}
	for word, want := range map[string]string{"rleu": "relu", "RELU": "relu", "tahn": "tanh", "leaky": "leaky_relu"} {
		if got := spec.Nearest(word, names); len(got) != 3 || got[0] != want {
			t.Errorf("%s: %v, want %s first", word, got, want)
		}
	}
	if got := spec.Nearest("x", nil); len(got) != 0 {
		t.Errorf("no names: %v", got)
	}
}

// Decode undoes Encode, by way of text.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := genStack(t, 2)
		v, err := spec.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		w, err := spec.ParseJSON("", v.JSON())
		if err != nil {
			t.Fatalf("%s: %v", v.JSON(), err)
		}
		if !v.Equal(w) {
			t.Fatalf("text: %s became %s", v.JSON(), w.JSON())
		}
		var got stack
		if err := spec.Decode(w, &got); err != nil {
			t.Fatalf("%s: %v", v.JSON(), err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s:\n got  %+v\n want %+v", v.JSON(), got, want)
		}
	})
}

func genStack(t *rapid.T, depth int) stack {
	m := stack{}
	for range rapid.IntRange(0, 4).Draw(t, "layers") {
		name := rapid.String().Draw(t, "name")
		slope := rapid.OneOf(rapid.Float64Range(-1e300, 0.9), rapid.SampledFrom([]float64{0, spec.Zero, math.Inf(-1)}))
		act := rapid.SampledFrom([]activation{relu{}, leaky{Slope: slope.Draw(t, "slope")}}).Draw(t, "act")
		switch rapid.IntRange(0, 4+depth).Draw(t, "kind") {
		case 0:
			m = append(m, flatten{})
		case 1:
			seed := rapid.Int().Draw(t, "seed")
			init := rapid.SampledFrom([]initializer{nil, variance{}, variance{Scale: 2}, variance{Scale: 2, Mode: fanAvg},
				variance{Mode: fanAvg, Seed: &seed}, variance{Scale: spec.Zero}}).Draw(t, "init")
			m = append(m, dense{rapid.IntRange(1, 1<<40).Draw(t, "units"), act, init, rapid.Bool().Draw(t, "bias"), name})
		case 2:
			m = append(m, dropout{rapid.Float64().Draw(t, "rate"), name})
		case 3:
			m = append(m, activate{act, name})
		case 4:
			m = append(m, &reshape{tensor.Shape(rapid.SliceOfN(rapid.IntRange(-1, 9), 1, 4).Draw(t, "shape"))})
		default:
			m = append(m, genStack(t, depth-1))
		}
	}
	return m
}

func TestParseJSONErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "f:1:1: want a value, found the end of the document"},
		{"{\"a\": 1,\n \"é\": 2, \"a\": 3}", `f:2:10: key "a" is given twice`},
		{`[1,]`, "f:1:4: want a value, found ']'"},
		{`[1 2]`, "f:1:4: want a comma or ]"},
		{`{"a" 1}`, "want a colon"},
		{`{a: 1}`, "want a key in quotes"},
		{`{"a": 1 "b"}`, "want a comma or }"},
		{`01`, `found "01"`},
		{`1.`, `found "1."`},
		{`NaN`, `found "NaN"`},
		{`1e999`, "out of range"},
		{`"a`, "f:1:1: the string has no closing quote"},
		{`"\x"`, "bad escape"},
		{"\"\x01\"", "control character"},
		{"\"\xff\"", "not UTF-8"},
		{`1 2`, "want the end of the document"},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), "nested deeper than 64 levels"},
		{"[" + strings.Repeat("0,", spec.MaxValues) + "0]", "more than 131072 values"},
	} {
		if _, err := spec.ParseJSON("f", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestParseJSONStrings(t *testing.T) {
	t.Parallel()
	v, err := spec.ParseJSON("", []byte(`"a\n\u00e9\ud83d\ude00\ud800\/"`))
	if err != nil || v.Text != "a\né😀\ufffd/" {
		t.Errorf("%q %v", v.Text, err)
	}
}

func TestDetail(t *testing.T) {
	t.Parallel()
	e := &spec.Error{Pos: spec.Pos{File: "f", Line: 2, Col: 3, Text: "\té: x\r"}, Msg: "bad"}
	if got, want := e.Detail(), "f:2:3: bad\n  \té: x\n  \t ^"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e.Pos.Text, e.Pos.Col = strings.Repeat("x", 10000), 5000
	if got := e.Detail(); len(got) > 300 {
		t.Errorf("a long line is not cut: %d bytes", len(got))
	}
}

func TestValueWith(t *testing.T) {
	t.Parallel()
	a := spec.Value{}.With("a", spec.Num(1)).With("b", spec.Num(2))
	b := a.With("a", spec.Str("x"))
	if string(a.JSON()) != `{"a":1,"b":2}` || string(b.JSON()) != `{"a":"x","b":2}` || string(b.Without("a").JSON()) != `{"b":2}` {
		t.Errorf("%s %s %s", a.JSON(), b.JSON(), b.Without("a").JSON())
	}
	if a.Equal(b) || !a.Equal(spec.Value{}.With("b", spec.Num(2)).With("a", spec.Num(1))) {
		t.Error("Equal")
	}
}

// What parses is written to text that parses to the same; decoding it never
// panics.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`["flatten",{"dense":{"units":300,"activation":{"name":"leaky_relu","negative_slope":0}}}]`,
		`{"label":"l","f":"1/0","d":"1h","shape":[1,2],"map":{"k":3},"ptr":0,"inner":{"x":2},"raw":[null]}`,
		`[{"sequential":[{"lrelu":{"name":"a"}},{"dropout":0.5},{"reshape":{"target_shape":"3x4"}}]}]`,
		`"\ud83d\ude00"`, `-0.5e-7`, `[[[[]]]]`, `{"a":1,"a":2}`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := spec.ParseJSON("f", data)
		if err != nil {
			return
		}
		w, err := spec.ParseJSON("f", v.JSON())
		if err != nil || !v.Equal(w) {
			t.Fatalf("%s: %v", v.JSON(), err)
		}
		var m stack
		if err := spec.Decode(v, &m); err == nil {
			if _, err := spec.Encode(m); err != nil {
				t.Fatal(err)
			}
		} else if spec.Render(err) == "" {
			t.Fatal("an error without text")
		}
		var e everything
		_ = spec.Decode(v, &e)
	})
}

func TestDecodeNone(t *testing.T) {
	t.Parallel()
	type clip struct {
		Norm  float64 `spec:"norm" default:"none"`
		Axes  []int   `spec:"axes" default:"none"`
		Other float64 `spec:"other" default:"1"`
	}
	got := clip{Norm: 1, Axes: []int{2}}
	if err := decodeJSON(t, `{"norm": "none", "axes": "none"}`, &got); err != nil || got.Norm != 0 || got.Axes != nil {
		t.Errorf("none gives %+v, %v; want a field that is off", got, err)
	}
	if err := decodeJSON(t, `{"other": "none"}`, &got); err == nil {
		t.Error("none was taken where it is not the default")
	}
}
