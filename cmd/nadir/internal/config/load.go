package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

// Sources are what a configuration is made of. Later ones win: built-in, File,
// Env, Keys.
type Sources struct {
	File string   // a configuration or model file, or none
	Env  []string // as os.Environ gives it
	Keys []string // key=value words
	// Model reads the architecture of a saved model, as nn.Encode writes it.
	// input and output name the nodes of a graph to begin and end with.
	Model func(path, input, output string) (spec.Value, error)
	// Known reports whether a model lies at a path that is no file.
	Known func(path string) bool
}

// Reserved are the NADIR_ variables that set no key.
func Reserved() []string {
	return []string{"NADIR_DATA", "NADIR_CPU", "NADIR_SHARED", "NADIR_ZOO_DIR", "NADIR_ZOO_CATALOGUE", "NADIR_ZOO_URL"}
}

// Keys lists every key of train, dotted. One that ends in ".*" has further
// keys below it that depend on what is named there.
func Keys() []string { return keysOf(spec.Describe(Config{}), "") }

func keysOf(fields []spec.FieldDoc, prefix string) []string {
	var out []string
	for _, f := range fields {
		out = append(out, prefix+f.Key)
		if f.Type == "any" {
			out = append(out, prefix+f.Key+".*")
		}
		out = append(out, keysOf(f.Fields, prefix+f.Key+".")...)
	}
	return out
}

// Load lays the sources over one another and reads the result. All mistakes
// are reported at once, where they can be.
func Load(s Sources) (*Config, error) {
	l := loader{Sources: s}
	tree, err := l.tree()
	if err != nil {
		return nil, err
	}
	c := &Config{Tree: tree, ModelFile: l.modelFile, Notes: l.notes}
	if err := spec.Decode(tree, c); err != nil {
		return nil, hint(err)
	}
	return c, nil
}

type loader struct {
	Sources
	modelFile string
	notes     []string
}

func (l *loader) tree() (spec.Value, error) {
	file, err := l.file()
	if err != nil {
		return file, err
	}
	env, err := Environ(l.Env, Keys(), Reserved())
	if err != nil {
		return file, err
	}
	keys, err := ParseAssignments(l.Keys)
	if err != nil {
		return file, err
	}
	base, err := Preset(presetName(file, env, keys))
	if err != nil {
		return file, place(err, file, env, keys)
	}
	if standard, err := Preset("default"); err == nil { // a preset says only what differs
		base = Merge(standard, base)
	}
	tree := Merge(base, file)
	for _, list := range [][]Assignment{env, keys} {
		var layers []Assignment // fields of layers, once it is known which layers
		list = slices.DeleteFunc(list, func(a Assignment) bool {
			if a.Path[0] == "model" && len(a.Path) > 1 {
				layers = append(layers, a)
				return true
			}
			return false
		})
		if tree, err = Apply(tree, list...); err != nil {
			return tree, err
		}
		if len(layers) == 0 {
			continue
		}
		if tree, err = l.model(tree); err != nil {
			return tree, err
		}
		if tree, err = Apply(tree, layers...); err != nil {
			return tree, err
		}
	}
	if tree, err = l.model(tree); err != nil {
		return tree, err
	}
	return complete(tree, base), nil
}

// file reads the configuration file. A list is a model.
func (l *loader) file() (spec.Value, error) {
	if l.File == "" {
		return spec.Value{Kind: spec.Map}, nil
	}
	v, err := ReadFile(l.File)
	if err != nil {
		return v, err
	}
	switch v.Kind {
	case spec.List:
		return spec.Value{Kind: spec.Map, Pos: v.Pos}.With("model", v), nil
	case spec.Map:
		return Canonical(v)
	}
	return v, &spec.Error{Pos: v.Pos, Msg: fmt.Sprintf("want a configuration or a list of layers, found %v", v.Kind)}
}

// ReadFile reads a YAML or, by its ending, a JSON file.
func ReadFile(path string) (spec.Value, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > MaxBytes {
		return spec.Value{}, fmt.Errorf("%s: the file is over %d bytes, too large for a configuration", path, MaxBytes)
	}
	if err != nil {
		return spec.Value{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return spec.Value{}, err
	}
	if strings.EqualFold(filepath.Ext(path), ".json") {
		return spec.ParseJSON(path, data)
	}
	return ParseYAML(path, data)
}

// model replaces a model that is a name or a path by the layers it stands for.
func (l *loader) model(tree spec.Value) (spec.Value, error) {
	m, _ := tree.Get("model")
	if m.Kind != spec.String {
		return tree, nil
	}
	var v spec.Value
	switch ext := strings.ToLower(filepath.Ext(m.Text)); {
	case slices.Contains(Presets(), m.Text):
		p, err := Preset(m.Text)
		if err != nil {
			return tree, err
		}
		v = p
	case ext == ".yaml" || ext == ".yml" || ext == ".json":
		f, err := ReadFile(m.Text)
		if err != nil {
			return tree, at(err, m, "model")
		}
		v = f
	default:
		return l.savedModel(tree, m)
	}
	if v.Kind == spec.Map {
		inner, ok := v.Get("model")
		if !ok {
			return tree, &spec.Error{Pos: v.Pos, Path: "model", Msg: fmt.Sprintf("%s has no model key", m.Text)}
		}
		var left []string
		for _, e := range v.Entries {
			if e.Key != "model" {
				left = append(left, e.Key)
			}
		}
		if len(left) > 0 && m.Pos.File != BuiltIn {
			l.notes = append(l.notes, fmt.Sprintf("only the model of %s is taken; left out: %s", m.Text, strings.Join(left, ", ")))
		}
		v = inner
	}
	if v.Kind == spec.String {
		if v.Text == m.Text {
			return tree, &spec.Error{Pos: v.Pos, Path: "model", Msg: fmt.Sprintf("model %q stands for itself", m.Text)}
		}
		return l.model(tree.With("model", v))
	}
	return tree.With("model", v), nil
}

func (l *loader) savedModel(tree, m spec.Value) (spec.Value, error) {
	known := l.Known != nil && l.Known(m.Text)
	if _, err := os.Stat(m.Text); err != nil && !known {
		if !errors.Is(err, fs.ErrNotExist) {
			return tree, at(err, m, "model")
		}
		if name, ok := strings.CutPrefix(m.Text, "zoo:"); ok {
			return tree, &spec.Error{Pos: m.Pos, Path: "model", Msg: fmt.Sprintf("model takes a file; make one of %s first: nadir zoo get %s -o %s.safetensors", m.Text, name, name)}
		}
		return tree, &spec.Error{
			Pos: m.Pos, Path: "model", Word: m.Text, Nearest: spec.Nearest(m.Text, Presets()),
			Msg: fmt.Sprintf("no file and no built-in model is called %q", m.Text),
		}
	}
	if l.Model == nil {
		return tree, &spec.Error{Pos: m.Pos, Path: "model", Msg: fmt.Sprintf("%s: a saved model has no place here; want a list of layers", m.Text)}
	}
	path := m.Text
	if info, err := os.Stat(path); err == nil && info.IsDir() && !known { // of a run
		path = filepath.Join(path, "model.safetensors")
		if _, err := os.Stat(path); err != nil {
			return tree, &spec.Error{Pos: m.Pos, Path: "model", Msg: fmt.Sprintf("the folder %s holds no model.safetensors", m.Text)}
		}
	}
	node := func(key string) string {
		v, _ := tree.Get(key)
		v, _ = v.Get("node")
		return v.Text
	}
	v, err := l.Model(path, node("input"), node("output"))
	if err != nil {
		return tree, err
	}
	l.modelFile = path
	return tree.With("model", v), nil
}

// at places an error of reading a file where the file is named.
func at(err error, v spec.Value, path string) error {
	var e *spec.Error
	if errors.As(err, &e) {
		return err
	}
	return &spec.Error{Pos: v.Pos, Path: path, Msg: err.Error()}
}

// presetName is the preset that the sources ask for, the last one's.
func presetName(file spec.Value, lists ...[]Assignment) string {
	name := "default"
	if v, ok := file.Get("preset"); ok {
		name = v.Text
	}
	for _, list := range lists {
		for _, a := range list {
			if dotted(a.Path) == "preset" {
				name = a.Value.Text
			}
		}
	}
	return name
}

// place puts the error of an unknown preset where it is named.
func place(err error, file spec.Value, lists ...[]Assignment) error {
	var e *spec.Error
	if !errors.As(err, &e) {
		return err
	}
	if v, ok := file.Get("preset"); ok {
		e.Pos = v.Pos
	}
	for _, list := range lists {
		for _, a := range list {
			if dotted(a.Path) == "preset" {
				e.Pos = a.Value.Pos
			}
		}
	}
	return err
}

// complete adds the defaults that depend on other values, and takes back those
// of the preset that were meant for its own data.
func complete(tree, base spec.Value) spec.Value {
	name := func(v spec.Value) string {
		d, _ := v.Get("data")
		if n, ok := d.Get("name"); ok {
			return n.Text
		}
		return d.Text
	}
	epochs := 5.0
	if name(tree) != name(base) {
		epochs = 10
		for _, k := range []string{"loss", "epochs"} {
			if v, _ := tree.Get(k); v.Pos.File == BuiltIn {
				tree = tree.Without(k)
			}
		}
	}
	if _, ok := tree.Get("steps"); ok {
		if v, _ := tree.Get("epochs"); v.Pos.File == BuiltIn {
			tree = tree.Without("epochs")
		}
	} else if _, ok := tree.Get("epochs"); !ok {
		tree = tree.With("epochs", builtIn(spec.Num(epochs)))
	}
	ckpt, _ := tree.Get("ckpt")
	if _, ok := ckpt.Get("keep"); !ok && (ckpt.Kind == spec.Map || ckpt.Kind == spec.Null) {
		tree = tree.With("ckpt", ckpt.With("keep", builtIn(spec.Num(3))))
	}
	if _, ok := tree.Get("precision"); !ok {
		tree = tree.With("precision", builtIn(spec.Str("f32")))
	}
	return tree
}

func builtIn(v spec.Value) spec.Value {
	v.Pos = spec.Pos{File: BuiltIn}
	return v
}

// hint adds to an unknown key at the top the keys further down that end in the
// same word: batch is data.batch.
func hint(err error) error {
	list := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		list = j.Unwrap()
	}
	keys := slices.DeleteFunc(Keys(), func(k string) bool { return strings.HasSuffix(k, ".*") })
	keys = append(keys, "optim.lr")
	for i, err := range list {
		e, ok := err.(*spec.Error)
		if !ok || e.Word == "" || e.Path != e.Word {
			continue
		}
		for _, k := range keys {
			if strings.HasSuffix(k, "."+e.Word) || k == "optim.lr" && e.Word == "learning_rate" {
				c := *e
				c.Msg += fmt.Sprintf("; it is written %s", k)
				c.Word, c.Nearest = "", nil
				list[i] = &c
				break
			}
		}
	}
	return errors.Join(list...)
}
