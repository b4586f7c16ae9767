package config

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/nadir-ml/nadir/spec"
)

// Apply sets the values of assignments in a tree and gives the new tree.
// Shorter paths go first, so that the order of words on a command line does
// not matter; a path given twice is an error.
func Apply(tree spec.Value, list ...Assignment) (spec.Value, error) {
	list = slices.Clone(list)
	for i := range list {
		list[i].Path = canonical(list[i].Path)
		for _, b := range list[:i] {
			if slices.Equal(list[i].Path, b.Path) {
				return tree, &spec.Error{Pos: list[i].Pos, Path: dotted(b.Path), Msg: fmt.Sprintf("%s is given twice", dotted(b.Path))}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Assignment) int { return len(a.Path) - len(b.Path) })
	for _, a := range list {
		var err error
		if tree, err = put(tree, a, 0); err != nil {
			return tree, err
		}
	}
	return tree, nil
}

// Merge lays one tree over another. A mapping is merged key by key; everything
// else takes the place of what was there. A scalar over a mapping sets its main
// field.
func Merge(under, over spec.Value) spec.Value { return merge(under, over, nil) }

func merge(under, over spec.Value, path []string) spec.Value {
	if over.Kind != spec.Map {
		if main := mainField(path); main != "" && under.Kind == spec.Map && (over.Kind == spec.String || over.Kind == spec.Number) && !other(under, path) {
			return merge(under, spec.Value{Kind: spec.Map, Pos: over.Pos}.With(main, over), path)
		}
		return over
	}
	if under.Kind == spec.String || under.Kind == spec.Number {
		if main := mainField(path); main != "" {
			under = spec.Value{Kind: spec.Map, Pos: under.Pos}.With(main, under)
		}
	}
	if under.Kind != spec.Map || other(over, path) {
		return over
	}
	under = renamed(under, over, path)
	out := under
	out.Pos = over.Pos
	for _, e := range over.Entries {
		old, _ := under.Get(e.Key)
		out = out.With(e.Key, merge(old, e.Value, append(slices.Clone(path), e.Key)))
		for i := range out.Entries {
			if out.Entries[i].Key == e.Key {
				out.Entries[i].Pos = e.Pos
			}
		}
	}
	return out
}

// other reports whether a mapping has keys of another sort than the fields
// beside a name: a layer's kind, or an output that has a loss of its own.
func other(v spec.Value, path []string) bool {
	_, named := v.Get("name")
	return !named && len(path) > 0 && (path[0] == "loss" || path[0] == "model")
}

// renamed drops the built-in parameters of a value whose name changes: those of
// nadam say nothing about sgd. What was written down stays, and is an error if
// the new name has no such field; in a model, all of them go. The fields of
// data are about any data set.
func renamed(under, over spec.Value, path []string) spec.Value {
	name, ok := over.Get("name")
	if was, had := under.Get("name"); !ok || !had || was.Equal(name) || len(path) == 0 || path[0] == "data" {
		return under
	}
	under.Entries = slices.DeleteFunc(slices.Clone(under.Entries), func(e spec.Entry) bool { return path[0] == "model" || e.Value.Pos.File == BuiltIn })
	return under
}

// mainField is the field that a scalar stands for, where a mapping may stand.
func mainField(path []string) string {
	switch dotted(path) {
	case "data", "optim", "loss", "schedule":
		return "name"
	case "data.val", "data.test":
		return "size"
	case "input":
		return "shape"
	}
	if len(path) > 1 && path[0] == "model" {
		return "name"
	}
	return ""
}

// put sets the value at a.Path[i:] of v.
func put(v spec.Value, a Assignment, i int) (spec.Value, error) {
	if i == len(a.Path) {
		return merge(v, a.Value, a.Path), nil
	}
	part := a.Path[i]
	switch v.Kind {
	case spec.List:
		at, err := a.find(v, i)
		if err != nil {
			return v, err
		}
		v.Items = slices.Clone(v.Items)
		x := v.Items[at]
		if i+1 < len(a.Path) && a.Path[0] == "model" {
			x, err = putLayer(x, a, i+1)
		} else {
			x, err = put(x, a, i+1)
		}
		v.Items[at] = x
		return v, err
	case spec.String, spec.Number:
		main := mainField(a.Path[:i])
		if main == "" {
			return v, a.fail(i, "%s is %q, which has no fields", dotted(a.Path[:i]), v.Text)
		}
		v = spec.Value{Kind: spec.Map, Pos: v.Pos}.With(main, v)
	case spec.Bool:
		return v, a.fail(i, "%s is %s, which has no fields", dotted(a.Path[:i]), v.Text)
	}
	if part == "name" && i+1 == len(a.Path) {
		v = renamed(v, spec.Value{}.With("name", a.Value), a.Path[:i])
	}
	old, ok := v.Get(part)
	if !ok && a.Path[0] == "model" && i == 1 {
		// A model written as a mapping: its layers are found by name too.
		if layers, has := v.Get("layers"); has && layers.Kind == spec.List {
			x, err := put(layers, a, i)
			return v.With("layers", x), err
		}
	}
	x, err := put(old, a, i+1)
	return v.With(part, x), err
}

// putLayer sets a field of a layer, which is a kind or a mapping of one key.
func putLayer(v spec.Value, a Assignment, i int) (spec.Value, error) {
	switch {
	case v.Kind == spec.String:
		v = spec.Value{Kind: spec.Map, Pos: v.Pos, Entries: []spec.Entry{{Key: v.Text, Pos: v.Pos}}}
	case v.Kind != spec.Map || len(v.Entries) != 1:
		return v, a.fail(i, "%s is no layer", dotted(a.Path[:i]))
	}
	v.Entries = slices.Clone(v.Entries)
	body := &v.Entries[0].Value
	if body.Kind == spec.Null {
		body.Kind, body.Pos = spec.Map, v.Entries[0].Pos
	}
	if a.Path[i] == "name" && i+1 == len(a.Path) { // the layer's own, not a kind's
		*body = body.With("name", a.Value)
		return v, nil
	}
	x, err := put(*body, a, i)
	*body = x
	return v, err
}

// find is the place in a list that part i names: a number, or the name of a
// layer.
func (a Assignment) find(v spec.Value, i int) (int, error) {
	part := a.Path[i]
	if n := index(part); n >= 0 {
		if n >= len(v.Items) {
			return 0, a.fail(i, "%s has entries 0 to %d, not %d", dotted(a.Path[:i]), len(v.Items)-1, n)
		}
		return n, nil
	}
	names := layerNames(v)
	if at := slices.Index(names, part); at >= 0 {
		return at, nil
	}
	e := a.fail(i, "%s has no entry named %q", dotted(a.Path[:i]), part)
	e.Word, e.Nearest = part, spec.Nearest(part, names)
	return 0, e
}

// layerNames are the names of a list of layers: those given, or the kind with
// a number from the second on.
func layerNames(v spec.Value) []string {
	out := make([]string, len(v.Items))
	taken := map[string]bool{}
	kinds := make([]string, len(v.Items))
	for i, x := range v.Items {
		switch {
		case x.Kind == spec.String:
			kinds[i] = x.Text
		case x.Kind == spec.Map && len(x.Entries) == 1:
			kinds[i] = x.Entries[0].Key
			if n, ok := x.Entries[0].Value.Get("name"); ok {
				out[i] = n.Text
				taken[n.Text] = true
			}
		}
	}
	for i, kind := range kinds {
		if out[i] != "" || kind == "" {
			continue
		}
		name := kind
		for n := 1; taken[name]; n++ {
			name = kind + "_" + strconv.Itoa(n)
		}
		out[i], taken[name] = name, true
	}
	return out
}

// fail is an error at part i of the path.
func (a Assignment) fail(i int, format string, args ...any) *spec.Error {
	pos := a.Pos
	for _, p := range a.Path[:i] {
		pos.Col += len([]rune(p)) + 1
	}
	return &spec.Error{Pos: pos, Path: dotted(a.Path), Msg: fmt.Sprintf(format, args...)}
}

func dotted(path []string) string {
	s := ""
	for i, p := range path {
		if i > 0 {
			s += "."
		}
		s += p
	}
	return s
}

// canonical replaces the other names of keys.
func canonical(path []string) []string {
	out := slices.Clone(path)
	for i := range out {
		out[i] = canonicalKey(out[:i], out[i])
	}
	if n := len(out); n > 1 && out[n-1] == mainField(out[:n-1]) && out[0] != "model" {
		return out[:n-1] // optim.name=sgd is optim=sgd
	}
	return out
}

// canonicalKey is the key's first name at a place.
func canonicalKey(path []string, key string) string {
	switch {
	case len(path) == 0 && key == "optimizer":
		return "optim"
	case len(path) > 0 && (path[0] == "optim" || path[0] == "pretrain") && key == "learning_rate":
		return "lr"
	}
	return key
}

// Canonical replaces the other names of keys in a whole tree. A key that is
// given under both names is an error.
func Canonical(v spec.Value) (spec.Value, error) { return canonicalTree(v, nil) }

func canonicalTree(v spec.Value, path []string) (spec.Value, error) {
	if len(path) > 0 && path[0] == "model" {
		return v, nil
	}
	var err error
	v.Items = slices.Clone(v.Items)
	for i, x := range v.Items {
		if v.Items[i], err = canonicalTree(x, append(slices.Clone(path), strconv.Itoa(i))); err != nil {
			return v, err
		}
	}
	v.Entries = slices.Clone(v.Entries)
	seen := map[string]string{}
	for i, e := range v.Entries {
		key := canonicalKey(path, e.Key)
		if first, twice := seen[key]; twice {
			return v, &spec.Error{Pos: e.Pos, Path: dotted(append(slices.Clone(path), key)), Msg: fmt.Sprintf("key %q is given twice, first as %q", e.Key, first)}
		}
		seen[key] = e.Key
		v.Entries[i].Key = key
		if v.Entries[i].Value, err = canonicalTree(e.Value, append(slices.Clone(path), key)); err != nil {
			return v, err
		}
	}
	return v, nil
}
