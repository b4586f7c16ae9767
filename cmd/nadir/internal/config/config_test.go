package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/spec"
)

// write makes a file in a directory of the test's own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, file string, keys ...string) *config.Config {
	t.Helper()
	c, err := config.Load(config.Sources{File: file, Keys: keys})
	if err != nil {
		t.Fatal(spec.Render(err))
	}
	return c
}

func TestDefault(t *testing.T) {
	t.Parallel()
	c := load(t, "")
	const model = `["flatten","batch_normalization",{"dense":{"units":300,"activation":"elu","kernel_initializer":"he_normal","name":"hidden1"}},` +
		`"batch_normalization",{"dense":{"units":100,"activation":"elu","kernel_initializer":"he_normal","name":"hidden2"}},` +
		`"batch_normalization",{"dense":{"units":10,"name":"logits"}}]`
	if got := string(c.Model.JSON()); got != model {
		t.Errorf("model: %s", got)
	}
	if got := string(c.Optim.JSON()); got != `{"name":"nadam","lr":0.001}` {
		t.Errorf("optim: %s", got)
	}
	if c.Loss.Text != "cross_entropy" || c.Data.Batch != 32 || c.Data.Name != "digits" || c.Seed != 42 || c.Epochs.N != 5 ||
		c.Data.Val.Size.Fraction != 0.1 || c.Ckpt.Keep != 3 || c.Precision != "f32" {
		t.Errorf("%+v", c)
	}
	for path, v := range config.Leaves(c.Tree) {
		if v.Pos.File != config.BuiltIn {
			t.Errorf("%s comes from %q", path, config.Origin(v.Pos))
		}
	}
}

func TestPresetsAllLoad(t *testing.T) {
	t.Parallel()
	for _, name := range config.Presets() {
		layers := load(t, "", "model="+name).Model
		if layers.Kind == spec.Map {
			layers, _ = layers.Get("layers")
		}
		if layers.Kind != spec.List || len(layers.Items) < 4 {
			t.Errorf("%s: %d layers", name, len(layers.Items))
		}
	}
	if deep := load(t, "", "model=deep"); len(deep.Model.Items) != 22 {
		t.Errorf("deep has %d layers", len(deep.Model.Items))
	}
	if ae := load(t, "", "preset=ae"); ae.Loss.Text != "mse" || ae.Optim.Kind != spec.Map {
		t.Errorf("ae: %s", ae.Tree.JSON())
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := write(t, "exp.yaml", "seed: 1\ndata: {name: mnist, batch: 50}\noptimizer: {name: nadam, learning_rate: 0.01}\nepochs: 3\n")
	c, err := config.Load(config.Sources{
		File: file,
		Env:  []string{"NADIR_SEED=2", "NADIR_OPTIM_LR=0.02", "NADIR_EARLY_STOP_PATIENCE=4", "NADIR_OPTIM_GLOBAL_CLIPNORM=1", "NADIR_DATA=/x", "HOME=/y"},
		Keys: []string{"seed=3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Seed != 3 || c.Epochs.N != 3 || c.Data.Batch != 50 || c.EarlyStop.Patience != 4 || string(c.Optim.JSON()) != `{"name":"nadam","lr":0.02,"global_clipnorm":1}` {
		t.Errorf("%s", c.Tree.JSON())
	}
	if _, ok := c.Tree.Get("loss"); ok {
		t.Error("the built-in digits' loss is kept for other data")
	}
	want := map[string]string{
		"seed": "command line", "optim.lr": "environment NADIR_OPTIM_LR", "optim.name": file + ":3",
		"data.batch": file + ":2", "data.val": "built-in", "epochs": file + ":4",
	}
	got := config.Origins(c.Tree)
	for path, w := range want {
		if v, _ := got.Get(path); v.Text != w {
			t.Errorf("%s comes from %q, want %q", path, v.Text, w)
		}
	}
	if a := string(config.Annotated(c.Tree)); !strings.Contains(a, "seed: 3  # command line\n") {
		t.Error(a)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ words, path, want string }{
		{"optim=sgd", "optim", `{"name":"sgd"}`},
		{"optim.lr=0.1 optim=sgd", "optim", `{"name":"sgd","lr":0.1}`},
		{"optim=sgd optim.lr=0.1", "optim", `{"name":"sgd","lr":0.1}`},
		{"optimizer.learning_rate=0.1", "optim", `{"name":"nadam","lr":0.1}`},
		{"optim.name=nadam", "optim", `{"name":"nadam","lr":0.001}`},
		{"optim.name=sgd", "optim", `{"name":"sgd"}`},
		{"optim={name: sgd, momentum: 0.9}", "optim", `{"name":"sgd","momentum":0.9}`},
		{"data=mnist data.val.from=random", "data", `{"name":"mnist","val":{"size":0.1,"from":"random"},"batch":32}`},
		{"data.val=0", "data.val", `0`},
		{"data.val.size=500", "data.val", `500`},
		{"schedule=1cycle schedule.max_lr=0.05", "schedule", `{"name":"1cycle","max_lr":0.05}`},
		{"loss={z: mse}", "loss", `{"z":"mse"}`},
		{"model.2.units=50", "model.2", `{"dense":{"units":50,"activation":"elu","kernel_initializer":"he_normal","name":"hidden1"}}`},
		{"model.6.name=head", "model.6", `{"dense":{"units":10,"name":"head"}}`},
		{"model.0.name=first", "model.0", `{"flatten":{"name":"first"}}`},
		{"model.hidden1.units=50", "model.2.dense.units", `50`},
		{"model.batch_normalization_1.momentum=0.9", "model.3", `{"batch_normalization":{"momentum":0.9}}`},
		{"model.hidden1.activation.name=leaky_relu model.hidden1.activation.negative_slope=0.1", "model.2.dense.activation", `{"name":"leaky_relu","negative_slope":0.1}`},
		{"model.hidden1.activation.name=relu", "model.2.dense.activation", `{"name":"relu"}`},
		{"model=plain model.1.units=7", "model.1.dense.units", `7`},
		{"model.1=dropout", "model.1", `"dropout"`},
		{"model=[flatten,{dense:{units:10}}]", "model", `["flatten",{"dense":{"units":10}}]`},
		{"input=28x28x1 input.scale=1/255", "input", `{"shape":"28x28x1","scale":"1/255"}`},
		{"data.label=", "data.label", `""`},
		{"out=[12]*", "out", `"[12]*"`},
		{"steps=1e3", "epochs", ``},
	} {
		cfg := load(t, "", splitWords(c.words)...)
		if got := get(cfg.Tree, c.path); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.words, c.path, got, c.want)
		}
	}
}

// splitWords splits at spaces before a key, so that a value may hold spaces.
func splitWords(s string) []string {
	var out []string
	for _, f := range strings.Fields(s) {
		if strings.Contains(f, "=") || len(out) == 0 {
			out = append(out, f)
		} else {
			out[len(out)-1] += " " + f
		}
	}
	return out
}

func get(v spec.Value, path string) string {
	for _, p := range strings.Split(path, ".") {
		switch v.Kind {
		case spec.List:
			v = v.Items[int(p[0]-'0')]
		default:
			x, ok := v.Get(p)
			if !ok {
				return ""
			}
			v = x
		}
	}
	return string(v.JSON())
}

func TestModelMapping(t *testing.T) {
	t.Parallel()
	c := load(t, write(t, "two.yaml", `
model:
  inputs: {a: 28x28, b: 28x28}
  layers:
    - dense: {units: 50, name: x, inputs: [a]}
    - share: {of: x, name: y, inputs: [b]}
  outputs: [y]
`), "model.x.units=9", "model.layers.0.activation=elu")
	if got := get(c.Model, "layers.0"); got != `{"dense":{"units":9,"name":"x","inputs":["a"],"activation":"elu"}}` {
		t.Error(got)
	}
}

func TestModelFile(t *testing.T) {
	t.Parallel()
	list := write(t, "mlp.yaml", "- flatten\n- dense: {units: 10}\n")
	if c := load(t, list); len(c.Model.Items) != 2 {
		t.Errorf("%s", c.Model.JSON())
	}
	mapping := write(t, "exp.json", `{"model": ["flatten"], "seed": 7, "epochs": 2}`)
	c := load(t, "", "model="+mapping)
	if len(c.Model.Items) != 1 || c.Seed != 42 || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "seed, epochs") {
		t.Errorf("%s %q", c.Tree.JSON(), c.Notes)
	}
	saved := write(t, "model.safetensors", "")
	c, err := config.Load(config.Sources{Keys: []string{"model=" + saved}, Model: func(path, _, _ string) (spec.Value, error) {
		return spec.Value{Kind: spec.List, Items: []spec.Value{spec.Str("flatten")}}, nil
	}})
	if err != nil || c.ModelFile != saved || len(c.Model.Items) != 1 {
		t.Errorf("%+v %v", c, err)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct{ file, keys, want string }{
		{"epohcs: 3\n", "", `exp.yaml:1:1: unknown key "epohcs"; did you mean "epochs"?`},
		{"data:\n  bathc: 3\n", "", `exp.yaml:2:3: unknown key "bathc" of data; did you mean "batch"?`},
		{"optim: sgd\noptimizer: adam\n", "", `exp.yaml:2:1: key "optimizer" is given twice, first as "optim"`},
		{"data: {batch: x}\n", "", `exp.yaml:1:15: batch: want a whole number, found "x"`},
		{"just text\n", "", `exp.yaml:1:1: want a configuration or a list of layers, found text`},
		{"preset: defalt\n", "", `exp.yaml:1:9: unknown preset "defalt"; did you mean "default"?`},
		{"model: mpl.yaml\n", "", `exp.yaml:1:8: stat mpl.yaml`},
		{"model: chaptr\n", "", `exp.yaml:1:8: no file and no built-in model is called "chaptr"; did you mean "chapter"?`},
		{"", "epochs=0", `command line: epochs: want a whole number above 0`},
		{"", "epochs=+0", `epochs: want a whole number above 0`},
		{"", "data.batch=-1", `batch: want 1 or more, found -1`},
		{"", "batch=3", `unknown key "batch"; it is written data.batch`},
		{"", "lr=3", `unknown key "lr"; it is written optim.lr`},
		{"", "seed=1 seed=2", `seed is given twice`},
		{"", "optim=sgd optim.name=adam", `optim is given twice`},
		{"", "optim..lr=2", `"optim..lr" is no key`},
		{"", "model.9.units=2", `command line: model has entries 0 to 6, not 9`},
		{"", "model.hidden3.units=2", `model has no entry named "hidden3"; did you mean "hidden1"?`},
		{"", "seed.x=2", `seed is "42", which has no fields`},
		{"", "precision=f16", `precision: want f32 or f64 or bf16, found "f16"`},
		{"", "data.val.from=front", `from: want end or start or random, found "front"`},
		{"", "data.val=1.5", `size: want a fraction below 1 or a whole number of rows`},
		{"", "data.classes=4-2", `classes: want classes such as 0-4,7-9, found "4-2"`},
		{"", "data.classes=1,1,2", `class 1 is given twice`},
		{"", "class_weight=0:x", `want balanced, or weights such as 0:1,1:5, found "0:x"`},
		{"", "ckpt.every=soon", `every: want a number of steps such as 500, or a time such as 30s`},
		{"", "optim={name: sgd", ``},
		{"", "optim={name: }}", `command line`},
	} {
		file := ""
		if c.file != "" {
			file = filepath.Join(dir, "exp.yaml")
			if err := os.WriteFile(file, []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := config.Load(config.Sources{File: file, Keys: splitWords(c.keys)})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.keys, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%s:\n got  %v\n want %s", c.file, c.keys, err, c.want)
		}
	}
	if _, err := config.Load(config.Sources{Env: []string{"NADIR_SEDE=3"}}); err == nil || !strings.Contains(err.Error(), `did you mean "NADIR_SEED"?`) {
		t.Errorf("environment: %v", err)
	}
	if _, err := config.Load(config.Sources{File: filepath.Join(dir, "none.yaml")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestCaret(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"steps=abc":         "command line: steps: want a whole number, found \"abc\"\n  steps=abc\n        ^",
		"data={batch: [1]}": "command line: batch: want a whole number, found a list\n  data={batch: [1]}\n               ^",
		"data.vla=3":        "command line: unknown key \"vla\" of data; did you mean \"val\"? (near it: \"url\", \"label\")\n  data.vla=3\n           ^",
	} {
		_, err := config.Load(config.Sources{Keys: []string{word}})
		if got := spec.Render(err); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	}
}

func TestSplitArgs(t *testing.T) {
	t.Parallel()
	targets, keys, err := config.SplitArgs([]string{"seed=1", "exp.yaml", "model.2.units=50", "./a=b/x.csv", "--", "c=d"})
	if err != nil || !slices.Equal(targets, []string{"exp.yaml", "./a=b/x.csv", "c=d"}) || !slices.Equal(keys, []string{"seed=1", "model.2.units=50"}) {
		t.Errorf("%q %q %v", targets, keys, err)
	}
	if _, _, err := config.SplitArgs([]string{"=5"}); err == nil {
		t.Error("no error for a word without a key")
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	c := load(t, "", "ckpt.every=30s", "epochs=+10", "class_weight=0:1,cat:5", "data.classes=7-9,0-4", "metrics=top_5,mae", "max_time=1h", "data.test=test.csv", "data.val=5000")
	if c.Ckpt.Every.Time != 30*time.Second || c.Epochs != (config.Epochs{N: 10, Add: true}) || c.MaxTime != time.Hour ||
		!reflect.DeepEqual(c.ClassWeight.Of, map[string]float64{"0": 1, "cat": 5}) ||
		!slices.Equal(c.Data.Classes, []int{0, 1, 2, 3, 4, 7, 8, 9}) || len(c.Metrics) != 2 || c.Metrics[0].Text != "top_5" || c.Metrics[1].Text != "mae" ||
		c.Data.Test.Size.File != "test.csv" || c.Data.Val.Size.Count != 5000 {
		t.Errorf("%+v", c)
	}
	// What the values are written as is read back to the same.
	v, err := spec.Encode(*c)
	if err != nil {
		t.Fatal(err)
	}
	var again config.Config
	if err := spec.Decode(v, &again); err != nil {
		t.Fatalf("%s: %v", v.JSON(), err)
	}
	c.Tree, c.Notes = spec.Value{}, nil
	if w, err := spec.Encode(again); err != nil || !v.Equal(w) {
		t.Errorf("%s\n%s %v", v.JSON(), w.JSON(), err)
	}
}

func TestParseYAMLErrors(t *testing.T) {
	t.Parallel()
	var aliases, bomb strings.Builder
	aliases.WriteString("a: &a 1\nb:\n")
	for range 1001 {
		aliases.WriteString("  - *a\n")
	}
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		p := string(rune('0' + i - 1))
		bomb.WriteString("a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.TrimSuffix(strings.Repeat("*a"+p+", ", 10), ", ") + "]\n")
	}
	for _, c := range []struct{ text, want string }{
		{"a: 1\n---\nb: 2\n", "f:3:2: a second document"},
		{"%YAML 1.2\n---\na: 1\n", "directives have no meaning"},
		{"a: 1\nb: 2\na: 3\n", `f:3:1: key "a" is given twice, first on line 1`},
		{"{1: a, '1': b}", `key "1" is given twice`},
		{"a: !!str 5", "f:1:4: tags such as !!str"},
		{"a: *b", "f:1:4: no anchor &b stands before the alias *b"},
		{"a: &a [*a]", "no anchor &a"},
		{"a: {<<: 3}", "<< merges mappings"},
		{"a: [1, 2", "f:1:4: "},
		{"a: 'x", "f:1:4: "},
		{"a: \x00", "f:1:4: a character that YAML does not allow"},
		{"a: \xff", "f:1:4: a character that YAML does not allow"},
		{strings.Repeat("[", 70), "nested deeper than 64 levels"},
		{strings.Repeat("- ", 70) + "a", "nested deeper than 64 levels"},
		{nested(70), "nested deeper than 64 levels"},
		{strings.Repeat("#", config.MaxBytes+1), "over 1048576 bytes"},
		{strings.Repeat("a: 1\n", config.MaxKeys+1), "f:10001:2: the file has more than 10000 keys"},
		{"[" + strings.Repeat("1, ", config.MaxValues) + "1]", "the file holds more than 20000 values"},
		{aliases.String(), "more than 1000 aliases"},
		{bomb.String(), "more than 20000 values once its aliases are replaced"},
	} {
		_, err := config.ParseYAML("f", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: got %v, want %s", c.text, err, c.want)
		}
	}
}

// nested is a mapping in block style, n levels deep.
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestParseYAMLScalars(t *testing.T) {
	t.Parallel()
	v, err := config.ParseYAML("f", []byte("\ufeffa: 1e-3\r\nb: 007\r\nc: 0x1F\r\nd: yes\r\ne: 'true'\r\nf: ~\r\ng: -.inf\r\nh: 0:1,1:5\r\ni: |\r\n  x\r\nj: &j {k: True}\r\nl: {<<: *j, m: .5}\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":1e-3,"b":7,"c":31,"d":"yes","e":"true","f":null,"g":"-inf","h":"0:1,1:5","i":"x\n","j":{"k":true},"l":{"m":0.5,"k":true}}`
	if got := string(v.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What is written as YAML is read back to the same, with origins or without.
func TestYAMLRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := genValue(t, 4)
		for _, data := range [][]byte{config.YAML(want), config.Annotated(want)} {
			got, err := config.ParseYAML("f", data)
			if err != nil {
				t.Fatalf("%s\n%v", data, err)
			}
			if !got.Equal(want) {
				t.Fatalf("%s\nwant %s\ngot  %s", data, want.JSON(), got.JSON())
			}
		}
	})
}

func genValue(t *rapid.T, depth int) spec.Value {
	kinds := 3
	if depth > 0 {
		kinds = 5
	}
	word := rapid.OneOf(rapid.StringMatching(`[a-z_]{1,8}`), rapid.String(), rapid.StringMatching(`[-+.0-9eE_x:#*&!{}\[\], <~'"]{0,6}`))
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return spec.Value{}
	case 1:
		return spec.Value{Kind: spec.Bool, Text: rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")}
	case 2:
		return spec.Num(rapid.Float64().Draw(t, "number"))
	case 3:
		return spec.Str(word.Draw(t, "text"))
	case 4:
		v := spec.Value{Kind: spec.List}
		for range rapid.IntRange(0, 6).Draw(t, "items") {
			v.Items = append(v.Items, genValue(t, depth-1))
		}
		return v
	}
	v := spec.Value{Kind: spec.Map}
	for range rapid.IntRange(0, 4).Draw(t, "entries") {
		v = v.With(word.Draw(t, "key"), genValue(t, depth-1))
	}
	return v
}

// FuzzParseYAML looks for panics, places outside the text and trees that do
// not survive being written.
func FuzzParseYAML(f *testing.F) {
	for _, s := range []string{
		"seed: 42\nmodel:\n  - flatten\n  - dense: {units: 10, name: a}\n", "a: &x {b: 1}\nc: {<<: *x}\n", "- - - 1\n", "? a\n: b\n",
		"a: |\n  x\nb: >-\n  y\n", "'a': \"\\u00e9\"", "---\na: 1\n...\n", "a: [1, {b: c}]", "%YAML 1.2\n---\n", "&a *a", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := config.ParseYAML("f", data)
		if err != nil {
			if spec.Render(err) == "" {
				t.Fatal("an error without text")
			}
			return
		}
		w, err := config.ParseYAML("f", config.YAML(v))
		if err != nil || !v.Equal(w) {
			t.Fatalf("%s\nbecame\n%s\n%v", v.JSON(), config.YAML(v), err)
		}
		var c config.Config
		_ = spec.Decode(v, &c)
	})
}

// FuzzAssignment looks for panics in what a command line may hold.
func FuzzAssignment(f *testing.F) {
	for _, s := range []string{"optim.lr=3e-4", "model.hidden1.units=50", "data={name: x, val: {from: end}}", "model=plain", "data.classes=0-4,7-9", "a.b.c=[1,2]", "x='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if _, v, _ := strings.Cut(word, "="); strings.ContainsAny(v, `./\`) {
			return // no files
		}
		if _, err := config.Load(config.Sources{Keys: []string{word}}); err != nil && spec.Render(err) == "" {
			t.Fatal("an error without text")
		}
	})
}
