package app

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
)

// Which layers are hidden, and what becomes of them: fields that are there or not,
// activations that are layers, blocks, models with names; outputs stay.
func TestSetHidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, model, what, value, want string }{
		{"fields", `[flatten, {dense: {units: 5, activation: relu}}, {dense: {units: 5}}, {dense: {units: 2}}]`, "activation", "elu",
			`["flatten",{"dense":{"units":5,"activation":"elu"}},{"dense":{"units":5,"activation":"elu"}},{"dense":{"units":2}}]`},
		{"layers of their own", `[{dense: {units: 5}}, batch_normalization, relu, {dense: {units: 5}}, {activation: {activation: tanh, name: a}}, {dense: {units: 2}}, softmax]`, "activation", "{name: leaky_relu, negative_slope: 0.3}",
			`[{"dense":{"units":5}},"batch_normalization",{"activation":{"activation":{"name":"leaky_relu","negative_slope":0.3}}},{"dense":{"units":5}},{"activation":{"activation":{"name":"leaky_relu","negative_slope":0.3},"name":"a"}},{"dense":{"units":2}},"softmax"]`},
		{"blocks", `[{residual: {layers: [{dense: {units: 5, activation: relu}}]}}, {dense: {units: 2}}]`, "activation", "selu",
			`[{"residual":{"layers":[{"dense":{"units":5,"activation":"selu"}}]}},{"dense":{"units":2}}]`},
		{"names", `{inputs: {a: 5}, layers: [{dense: {units: 5, name: x, activation: relu}}, {dense: {units: 1, name: y}}, {dense: {units: 2, name: z, inputs: [x]}}], outputs: [y, z]}`, "activation", "elu",
			`{"inputs":{"a":5},"layers":[{"dense":{"units":5,"name":"x","activation":"elu"}},{"dense":{"units":1,"name":"y"}},{"dense":{"units":2,"name":"z","inputs":["x"]}}],"outputs":["y","z"]}`},
		{"initializers", `[{dense: {units: 5, kernel_initializer: he_normal}}, relu, {dense: {units: 5}}, {dense: {units: 2, kernel_initializer: zeros}}]`, "initializer", "glorot_normal",
			`[{"dense":{"units":5,"kernel_initializer":"glorot_normal"}},"relu",{"dense":{"units":5,"kernel_initializer":"glorot_normal"}},{"dense":{"units":2,"kernel_initializer":"zeros"}}]`},
	} {
		model, err := config.ParseYAML("model", []byte(c.model))
		if err != nil {
			t.Fatal(err)
		}
		before := string(model.JSON())
		value, err := config.ParseAssignment(c.what + "=" + c.value)
		if err != nil {
			t.Fatal(err)
		}
		cfg := &config.Config{Model: model, Tree: spec.Value{Kind: spec.Map}.With("model", model)}
		if err := setHidden(cfg, c.what, value.Value); err != nil {
			t.Fatal(err)
		}
		if got := string(cfg.Model.JSON()); got != c.want {
			t.Errorf("%s: became\n%s, want\n%s", c.name, got, c.want)
		}
		if string(model.JSON()) != before {
			t.Errorf("%s: the model that it was made of changed", c.name)
		}
		if m, _ := cfg.Tree.Get("model"); !m.Equal(cfg.Model) {
			t.Errorf("%s: the tree has another model", c.name)
		}
		if _, err := nn.Decode(cfg.Model); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The values of vary= are what stands between commas outside of brackets and
// quotes; the product has each combination once, the last key changing first.
func TestVary(t *testing.T) {
	t.Parallel()
	v, err := parseVary(`optim: {name: sgd, lr: 0.1},adam,"a,b",[1,2]`)
	if want := []string{"{name: sgd, lr: 0.1}", "adam", `"a,b"`, "[1,2]"}; err != nil || !slices.Equal(v.values, want) {
		t.Errorf("%q, %v; want %q", v.values, err, want)
	}
	two := []variation{{"a", []string{"1", "2"}}, {"b", []string{"x", "y"}}}
	var names []string
	for _, c := range product(two) {
		names = append(names, c.name(two))
	}
	if want := []string{"a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9.]{1,3}|\{a: 1, b: \[2, 3\]\}|'x,y'`), 1, 6).Draw(t, "values")
		if got := splitTop(strings.Join(words, ",")); !slices.Equal(got, words) {
			t.Fatalf("%q is taken apart into %q", words, got)
		}
	})
}

// Each way is on after it was switched on and off after it was switched off,
// whatever was before, and the configuration that it was made of stays.
func TestWaysSwitch(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{
		{"model=plain"}, {"model=chapter", "optim=sgd"}, {"model=deep", "optim=sgd", "optim.momentum=0.9", "schedule=exponential"},
		{"model=[flatten, {dense: {units: 5, activation: sigmoid, kernel_initializer: {name: random_normal, stddev: 1}}}, {dense: {units: 2}}]"},
		{"model=[flatten, {dense: {units: 5}}, tanh, {dense: {units: 2}}]", "pretrain=[{kind: autoencoder, epochs: 3}]"},
	} {
		base, err := config.Load(config.Sources{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		before := string(base.Tree.JSON())
		for _, w := range fiveWays {
			for _, to := range []bool{true, false, true} {
				cfg := fork(base)
				change := w.off
				if to {
					change = w.on
				}
				if err := change(cfg); err != nil {
					t.Errorf("%q, %s: %v", keys, w.name, err)
				} else if w.is(cfg) != to {
					t.Errorf("%q, %s: switched to %v it is %v:\n%s", keys, w.name, to, !to, cfg.Model.JSON())
				} else if err := decodes(cfg); err != nil {
					t.Errorf("%q, %s: %v", keys, w.name, err)
				}
			}
		}
		if string(base.Tree.JSON()) != before {
			t.Errorf("%q: the configuration changed", keys)
		}
	}
}
