package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// images is the schema of small pictures in two classes.
func images() data.Schema {
	return data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{2, 3}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: []string{"no", "yes"},
	}
}

// model is a net with parameters that were drawn at random.
func model(t testing.TB, net nn.Model, d data.Schema) *Model {
	t.Helper()
	m := &Model{Net: net, Preprocess: nn.Sequential{nn.Rescale{Scale: 1.0 / 255}, nn.Standardize{}}, Data: d, Params: param.NewSet(tensor.Float32),
		Losses: []Output{{"output", loss.CrossEntropy{Smoothing: 0.1}, 1}}, Extra: map[string]string{"columns": "a,b"}}
	b := graph.New()
	s := param.NewScope(b, m.Params, param.Options{})
	Trace(s, m.Net, m.Preprocess, m.Data, 2)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for p := range m.Params.All() {
		r := rng.New(rng.Key(1, p.Name), 0)
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, r.Norm())
		}
	}
	return m
}

func sequential() nn.Sequential {
	return nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 4, Act: act.ELU{}, Name: "hidden1"}, act.SELU{}, nn.Dense{Units: 2}}
}

func shared() nn.Functional {
	return nn.Functional{Name: "towers", In: []nn.Port{{Name: "a", Shape: tensor.Shape{3}}, {Name: "b"}},
		Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 2, Name: "tower"}, Inputs: []string{"a"}}, {Share: "tower", Name: "other", Inputs: []string{"b"}},
			{Layer: nn.Concatenate{Name: "both"}, Inputs: []string{"tower", "other"}},
			{Layer: nn.Dense{Units: 1, Name: "y"}}, {Layer: nn.Dense{Units: 3, Name: "z"}, Inputs: []string{"both"}},
		},
		Out: []string{"y", "z"}}
}

func write(t testing.TB, m *Model) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func save(t testing.TB, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRoundTrip saves models and opens them: everything is there, parameters to
// the bit, and saved again they give the same bytes.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	towers := model(t, shared(), data.Schema{Inputs: []data.Field{
		{Name: "a", DType: tensor.Float32, Shape: tensor.Shape{3}}, {Name: "b", DType: tensor.Float64, Shape: tensor.Shape{3}},
	}, Targets: []data.Field{{Name: "z", DType: tensor.Int32, Shape: tensor.Shape{}}, {Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}}})
	towers.Losses = []Output{{"y", loss.MSE{}, 0.3}, {"z", loss.CrossEntropy{}, 1}}
	towers.Extra = map[string]string{}
	bare := model(t, sequential(), images())
	bare.Preprocess, bare.Params = nn.Sequential{}, param.NewSet(tensor.Float32)
	for p := range model(t, sequential(), images()).Params.All() {
		if !strings.HasPrefix(p.Name, "preprocess/") {
			q, err := bare.Params.Add(p.Name, p.Kind, p.Value.Shape())
			if err != nil {
				t.Fatal(err)
			}
			copy(q.Value.Bytes(), p.Value.Bytes())
		}
	}
	for name, m := range map[string]*Model{"sequential": model(t, sequential(), images()), "functional": towers, "without preprocessing": bare} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := write(t, m)
			got, err := Open(save(t, text), tensor.Float32)
			if err != nil {
				t.Fatal(err)
			}
			if again := write(t, got); !bytes.Equal(again, text) {
				t.Error("saved again it has other bytes")
			}
			if !reflect.DeepEqual(got.Data, m.Data) || !reflect.DeepEqual(got.Losses, m.Losses) || !reflect.DeepEqual(got.Extra, m.Extra) {
				t.Errorf("got %+v", got)
			}
			a, _ := nn.Encode(got.Net)
			b, _ := nn.Encode(m.Net)
			if !a.Equal(b) {
				t.Errorf("net %s, want %s", a.JSON(), b.JSON())
			}
			a, _ = nn.Encode(got.Preprocess)
			b, _ = nn.Encode(m.Preprocess)
			if !a.Equal(b) {
				t.Errorf("preprocessing %s, want %s", a.JSON(), b.JSON())
			}
			if got.Params.Len() != m.Params.Len() {
				t.Errorf("%d parameters, want %d", got.Params.Len(), m.Params.Len())
			}
			for p := range m.Params.All() {
				q := got.Params.Get(p.Name)
				if q == nil || q.Kind != p.Kind || !bytes.Equal(q.Value.Bytes(), p.Value.Bytes()) {
					t.Errorf("%s is %v, want %v", p.Name, q, p)
				}
			}
			// In another precision it is the same numbers.
			wide, err := Open(save(t, text), tensor.Float64)
			if err != nil {
				t.Fatal(err)
			}
			for p := range wide.Params.All() {
				if p.Value.DType() != tensor.Float64 || p.Value.Flat(0) != m.Params.Value(p.Name).Flat(0) {
					t.Errorf("%s is %v", p.Name, p.Value)
				}
			}
		})
	}
}

// TestEqualModels writes the same bytes whatever the order of the parameters is
// and whatever else is among them.
func TestEqualModels(t *testing.T) {
	t.Parallel()
	m := model(t, sequential(), images())
	want := write(t, m)
	other := param.NewSet(tensor.Float32)
	add := func(name string, kind param.Kind, v *tensor.Tensor) {
		p, err := other.Add(name, kind, v.Shape())
		if err == nil {
			err = p.Value.CopyFrom(v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for p := range m.Params.All() {
		names = append(names, p.Name)
	}
	add("old_head/kernel", param.Weight, tensor.New(tensor.Float32, 3))
	for i := range names {
		p := m.Params.Get(names[len(names)-1-i])
		add(p.Name, p.Kind, p.Value)
		add(p.Name+"#momentum", param.Slot, p.Value)
	}
	m.Params = other
	if got := write(t, m); !bytes.Equal(got, want) {
		t.Error("another order gives other bytes")
	}
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(m *Model){
		`parameter "dense/kernel" is missing`:                                    func(m *Model) { m.Params.Remove("dense/kernel") },
		`parameter "dense/kernel" has shape [4 2], the model wants [4 5]`:        func(m *Model) { m.Net.(nn.Sequential)[4] = nn.Dense{Units: 5} },
		`the text "model" would take the place of what the format itself writes`: func(m *Model) { m.Extra["model"] = "x" },
		"cannot be written as text":                                              func(m *Model) { m.Net = nn.Func{} },
		"not registered":                                                         func(m *Model) { m.Preprocess = nn.Sequential{unknown{}} },
		"the data has no inputs":                                                 func(m *Model) { m.Data = data.Schema{} },
	} {
		m := model(t, sequential(), images())
		spoil(m)
		if err := Write(&bytes.Buffer{}, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

type unknown struct{}

func (unknown) Apply(_ *nn.Scope, x graph.Node) graph.Node { return x }

// spoiled is a saved model with tensors and metadata changed.
func spoiled(t testing.TB, change func(ts map[string]*tensor.Tensor, meta map[string]string)) []byte {
	t.Helper()
	m := model(t, sequential(), images())
	f, err := safetensors.Open(save(t, write(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := f.All()
	if err != nil {
		t.Fatal(err)
	}
	ts, meta := map[string]*tensor.Tensor{}, f.Metadata()
	for _, n := range all {
		ts[n.Name] = n.Tensor
	}
	change(ts, meta)
	var list []safetensors.Named
	for name, v := range ts {
		list = append(list, safetensors.Named{Name: name, Tensor: v})
	}
	var out bytes.Buffer
	if err := safetensors.Write(&out, list, meta); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestCorrupt opens files whose parts do not belong together: each says what is
// wrong, and takes no memory for what it claims to hold.
func TestCorrupt(t *testing.T) {
	t.Parallel()
	type tensors = map[string]*tensor.Tensor
	type texts = map[string]string
	set := func(key, text string) func(tensors, texts) {
		return func(_ tensors, meta texts) { meta["nadir."+key] = text }
	}
	for name, tc := range map[string]struct {
		change func(tensors, texts)
		want   string
	}{
		"missing":          {func(ts tensors, _ texts) { delete(ts, "hidden1/kernel") }, `tensor "hidden1/kernel" is missing`},
		"extra":            {func(ts tensors, _ texts) { ts["more"] = tensor.New(tensor.Float32, 1) }, `tensor "more" has no place in the model`},
		"shape":            {func(ts tensors, _ texts) { ts["hidden1/bias"] = tensor.New(tensor.Float32, 5) }, `tensor "hidden1/bias" is float32[5], the model wants floats of shape [4]`},
		"integers":         {func(ts tensors, _ texts) { ts["hidden1/bias"] = tensor.New(tensor.Int32, 4) }, `tensor "hidden1/bias" is int32[4]`},
		"version":          {set("version", "2"), `of version "2", this program reads "1"`},
		"no version":       {func(_ tensors, m texts) { delete(m, "nadir.version") }, `of version ""`},
		"no JSON":          {set("model", "["), "nadir.model"},
		"another JSON":     {set("model", "3"), "a model is a list of layers"},
		"layer":            {set("model", `["flaten"]`), `unknown layer "flaten"`},
		"no layers":        {set("model", `[]`), "a model needs at least one layer"},
		"misfit":           {set("model", `[{"reshape":[7]},{"dense":{"units":2}}]`), "reshape"},
		"hostile width":    {set("model", `[{"dense":{"units":1000000000000}}]`), `wants floats of shape [3 1000000000000]`},
		"hostile widths":   {set("model", `[{"dense":{"units":4000000000000}},{"dense":{"units":4000000000000}}]`), "dense"},
		"no preprocessing": {func(_ tensors, m texts) { delete(m, "nadir.preprocess") }, `tensor "preprocess/standardize/mean" has no place`},
		"preprocessing":    {set("preprocess", `{"rescaling":{}}`), "preprocess"},
		"no data":          {func(_ tensors, m texts) { delete(m, "nadir.data") }, "nadir.data"},
		"no inputs":        {set("data", `{"inputs":[]}`), "the model has no inputs"},
		"type of data":     {set("data", `{"inputs":[{"name":"x","dtype":"float7","shape":[6]}]}`), `field "x" of float7[6]`},
		"bools":            {set("data", `{"inputs":[{"name":"x","dtype":"bool","shape":[6]}]}`), `field "x" of bool[6]`},
		"negative shape":   {set("data", `{"inputs":[{"name":"x","dtype":"uint8","shape":[-6]}]}`), `field "x" of uint8[-6]`},
		"hostile shape":    {set("data", `{"inputs":[{"name":"x","dtype":"uint8","shape":[4000000000,4000000000]}]}`), `field "x" of uint8`},
		"number of inputs": {set("data", `{"inputs":[{"name":"p","dtype":"uint8","shape":[6]},{"name":"q","dtype":"uint8","shape":[6]}]}`), `input "input" of the model: the data has no field of that name; it has p, q`},
		"unknown field":    {set("data", `{"inputz":[]}`), "inputz"},
		"no loss":          {func(_ tensors, m texts) { delete(m, "nadir.loss") }, "nadir.loss"},
		"loss":             {set("loss", `[{"name":"output","loss":"cros_entropy"}]`), `unknown loss "cros_entropy"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := save(t, spoiled(t, tc.change))
			m, err := Open(path, tensor.Float32)
			var c *Corrupt
			if m != nil || !errors.As(err, &c) || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%v, error %v, want one with %q", m, err, tc.want)
			}
			if c != nil && c.Unwrap() == nil {
				t.Error("it has no cause")
			}
		})
	}
	// All that is wrong with the tensors at once.
	_, err := Open(save(t, spoiled(t, func(ts tensors, _ texts) {
		delete(ts, "hidden1/kernel")
		ts["more"] = tensor.New(tensor.Float32, 1)
	})), tensor.Float32)
	if err == nil || !strings.Contains(err.Error(), "missing") || !strings.Contains(err.Error(), "no place") {
		t.Errorf("error %v", err)
	}
}

// TestOtherFiles opens what no model was ever written to.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	if _, err := Open(save(t, spoiled(t, func(_ map[string]*tensor.Tensor, meta map[string]string) { clear(meta) })), tensor.Float32); !errors.Is(err, ErrBare) {
		t.Errorf("bare weights: error %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), tensor.Float32); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	good := write(t, model(t, sequential(), images()))
	for i := range good {
		var bad *safetensors.Error
		var corrupt *Corrupt
		if _, err := Open(save(t, good[:i]), tensor.Float32); !errors.As(err, &bad) && !errors.As(err, &corrupt) {
			t.Fatalf("cut to %d bytes: error %v", i, err)
		}
		if i > 400 { // the rest is like it
			break
		}
	}
	var bad *safetensors.Error
	var corrupt *Corrupt
	for _, text := range []string{"", "PK\x03\x04", string(good[:len(good)-1]), string(good) + "\x00"} {
		if _, err := Open(save(t, []byte(text)), tensor.Float32); !errors.As(err, &bad) && !errors.As(err, &corrupt) {
			t.Errorf("error %v", err)
		}
	}
}

// FuzzOpen reads any bytes as a model. What opens is written and opened again.
func FuzzOpen(f *testing.F) {
	f.Add(write(f, model(f, sequential(), images())))
	f.Add(spoiled(f, func(ts map[string]*tensor.Tensor, meta map[string]string) {
		clear(ts)
		meta["nadir.model"], meta["nadir.preprocess"] = `["flatten"]`, `[]`
	}))
	f.Add(spoiled(f, func(_ map[string]*tensor.Tensor, meta map[string]string) {
		meta["nadir.model"] = `[{"dense":{"units":1000000000000}}]`
	}))
	f.Fuzz(func(t *testing.T, text []byte) { reopen(t, text) })
}

// FuzzMetadata reads any texts as those of a model.
func FuzzMetadata(f *testing.F) {
	f.Add(`["flatten","elu"]`, `[{"rescaling":"1/255"}]`, `{"inputs":[{"name":"x","dtype":"uint8","shape":[2,3]}],"targets":[],"classes":["a"]}`, `[]`)
	f.Add(`{"inputs":{"a":"3"},"layers":[{"add":{"inputs":["a","a"]}}]}`, ``, `{"inputs":[{"name":"x","dtype":"float32","shape":[3]}]}`, `[{"name":"output","loss":"mse"}]`)
	f.Fuzz(func(t *testing.T, model, preprocess, data, losses string) {
		var out bytes.Buffer
		if err := safetensors.Write(&out, nil, map[string]string{
			"nadir.version": "1", "nadir.model": model, "nadir.preprocess": preprocess, "nadir.data": data, "nadir.loss": losses,
		}); err == nil {
			reopen(t, out.Bytes())
		}
	})
}

func reopen(t *testing.T, text []byte) {
	open := func(text []byte) (*Model, error) {
		f, err := safetensors.Read(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return nil, err
		}
		return read(f, tensor.Float32)
	}
	m, err := open(text)
	if err != nil {
		return
	}
	first := write(t, m)
	again, err := open(first)
	if err != nil {
		t.Fatal(err)
	}
	if second := write(t, again); !bytes.Equal(first, second) {
		t.Errorf("%q\nis written again as\n%q", first, second)
	}
}

// TestAnyModel saves and opens nets of any widths.
func TestAnyModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var net nn.Sequential
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(rt, "widths") {
			net = append(net, nn.Dense{Units: n}, nn.BatchNorm{NoScale: rapid.Bool().Draw(rt, "no scale")})
		}
		m := model(t, net, data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}})
		m.Extra = map[string]string{"text": rapid.String().Draw(rt, "text")}
		text := write(t, m)
		got, err := Open(save(t, text), tensor.Float32)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(write(t, got), text) || !reflect.DeepEqual(got.Extra, m.Extra) {
			rt.Fatalf("%q reads back otherwise", text)
		}
	})
}

func ExampleOpen() {
	m := &Model{
		Net: nn.Sequential{nn.Dense{Units: 1}},
		Data: data.Schema{
			Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}},
			Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}},
		},
		Losses: []Output{{Name: "output", Loss: loss.MSE{}, Weight: 1}},
		Params: param.NewSet(tensor.Float32),
	}
	for _, p := range []struct {
		name  string
		shape tensor.Shape
	}{{"dense/kernel", tensor.Shape{2, 1}}, {"dense/bias", tensor.Shape{1}}} {
		v, err := m.Params.Add(p.name, param.Weight, p.shape)
		if err != nil {
			fmt.Println(err)
			return
		}
		v.Value.SetFlat(0, 3)
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	f, err := os.Create(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := errors.Join(Write(f, m), f.Close()); err != nil {
		fmt.Println(err)
		return
	}
	back, err := Open(path, tensor.Float64)
	fmt.Println(back.Params.Get("dense/kernel").Value, err)
	// Output:
	// float64[2 1]{3 0} <nil>
}
