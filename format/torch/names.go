package torch

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format/pickle"
)

// wrappers are the keys under which checkpoints keep a state dict, the likeliest first.
var wrappers = []string{"state_dict", "model_state_dict", "model_state", "model", "network", "net", "params_ema", "params", "weights", "module"}

// prefixes stand before every name of a model that was wrapped when it was saved.
var prefixes = []struct{ text, wrapper string }{
	{"module.", "torch.nn.DataParallel"},
	{"_orig_mod.", "torch.compile"},
}

// maxDepth bounds the nesting of what holds tensors.
const maxDepth = 64

// maxWrapped bounds the wrappers around a state dict.
const maxWrapped = 4

// maxName bounds a tensor's name, in bytes.
const maxName = 4096

// maxListed is how many of what was left out are named.
const maxListed = 20

// A namer names the tensors of a value.
type namer struct {
	file  *File
	holds map[any]bool // containers, and whether tensors lie in them
	seen  map[any]bool // containers that have been walked
	left  []string     // what holds no tensor, the first maxListed
	more  int          // how many there are beyond
	room  int64        // parts and bytes of names that may still be looked at
}

// name fills infos, views and refused with what root holds.
func (f *File) name(root any) error {
	n := &namer{file: f, holds: map[any]bool{}, seen: map[any]bool{}, room: 16<<20 + f.size}
	if v, ok := root.(*view); ok {
		f.warn("the file holds a single tensor without a name; it is called \"tensor\"")
		return n.add("tensor", v)
	}
	if _, err := n.find(root, 0); err != nil {
		return err
	}
	root, path := n.unwrap(root)
	if path != "" {
		f.warn("the weights are those of the entry %s", pickle.Quote(path))
	}
	if err := n.walk("", root); err != nil {
		return err
	}
	if len(f.infos) == 0 {
		if names := slices.Sorted(maps.Keys(f.refused)); len(names) > 0 {
			return f.errorf(names[0], 0, "%s; no other tensor in the file can be read", f.refused[names[0]])
		}
		return f.errorf("", 0, "the file holds no tensors but a value of type %s%s", pickle.TypeName(root), n.leftOut(" with "))
	}
	if len(n.left) > 0 {
		f.warn("left out, for they are no weights: %s", n.leftOut(""))
	}
	f.strip()
	return nil
}

// leftOut lists what was left out, or is empty.
func (n *namer) leftOut(before string) string {
	if len(n.left) == 0 {
		return ""
	}
	s := before + strings.Join(n.left, ", ")
	if n.more > 0 {
		s += fmt.Sprintf(" and %d more", n.more)
	}
	return s
}

// leave notes what was left out: a part of what prefix names.
func (n *namer) leave(prefix string, key, v any) {
	if len(n.left) == maxListed {
		n.more++
		return
	}
	name := "a key of type " + pickle.TypeName(key)
	if k, ok := key.(string); ok {
		name = join(prefix, k)
	}
	n.left = append(n.left, fmt.Sprintf("%s (%s)", pickle.Quote(name), kind(v)))
}

// join is the name of a part.
func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// charge takes what going through v's parts costs, so that values which repeat the same
// parts are not gone through without end.
func (n *namer) charge(v any) error {
	cost := 1
	switch v := v.(type) {
	case *pickle.Dict:
		cost += len(v.Entries)
	case *pickle.List:
		cost += len(v.Items)
	case pickle.Tuple:
		cost += len(v)
	case *pickle.Object:
		switch state := v.State.(type) {
		case pickle.Tuple:
			cost += len(state)
		case *pickle.Dict:
			cost += 4 * len(state.Entries)
			for _, e := range state.Entries {
				switch part := e.Value.(type) {
				case *pickle.Dict:
					cost += 2 * len(part.Entries)
				case *pickle.Set:
					cost += len(part.Items)
				}
			}
		}
	}
	return n.take(8 * int64(cost))
}

func (n *namer) take(cost int64) error {
	if n.room -= cost; n.room < 0 {
		return n.file.errorf("", 0, "its values repeat their parts so often that they would take far more time or memory than the file has bytes")
	}
	return nil
}

// kind is the type of a value.
func kind(v any) string {
	switch v.(type) {
	case *view:
		return "tensor"
	case *typed:
		return "storage"
	}
	return pickle.TypeName(v)
}

// identity tells containers apart, and is nil for what is none.
func identity(v any) any {
	switch v := v.(type) {
	case *pickle.Dict, *pickle.List, *pickle.Object:
		return v
	case pickle.Tuple:
		if len(v) > 0 {
			return &v[0]
		}
	}
	return nil
}

// parts yields what a container holds, under the names that PyTorch gives it. A key that
// is no name yields as it is.
func parts(v any) iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		list := func(items []any) {
			for i, it := range items {
				if !yield(strconv.Itoa(i), it) {
					return
				}
			}
		}
		switch v := v.(type) {
		case *pickle.Dict:
			for _, e := range v.Entries {
				key := e.Key
				if i, ok := key.(int64); ok {
					key = strconv.FormatInt(i, 10)
				}
				if !yield(key, e.Value) {
					return
				}
			}
		case *pickle.List:
			list(v.Items)
		case pickle.Tuple:
			list(v)
		case *pickle.Object:
			attrs, ok := v.State.(*pickle.Dict)
			if !ok {
				if items, isTuple := v.State.(pickle.Tuple); isTuple {
					list(items)
				}
				return
			}
			for _, d := range moduleDicts(attrs) {
				for k, w := range parts(d) {
					if !yield(k, w) {
						return
					}
				}
			}
		}
	}
}

// moduleDicts are those that hold what module.state_dict() names: parameters, buffers but
// those that are not persistent, and modules. An object that is no module of PyTorch's
// gives all its attributes.
func moduleDicts(attrs *pickle.Dict) []*pickle.Dict {
	if _, ok := attrs.Get("_parameters"); !ok {
		return []*pickle.Dict{attrs}
	}
	var dicts []*pickle.Dict
	for _, key := range []string{"_parameters", "_buffers", "_modules"} {
		v, _ := attrs.Get(key)
		d, ok := v.(*pickle.Dict)
		if !ok {
			continue
		}
		if skip, _ := attrs.Get("_non_persistent_buffers_set"); key == "_buffers" {
			if s, ok := skip.(*pickle.Set); ok && len(s.Items) > 0 {
				d = without(d, s)
			}
		}
		dicts = append(dicts, d)
	}
	return dicts
}

// without is d without the names in s.
func without(d *pickle.Dict, s *pickle.Set) *pickle.Dict {
	skip := map[string]bool{}
	for _, v := range s.Items {
		if name, ok := v.(string); ok {
			skip[name] = true
		}
	}
	kept := &pickle.Dict{}
	for _, e := range d.Entries {
		if name, ok := e.Key.(string); !ok || !skip[name] {
			kept.Entries = append(kept.Entries, e)
		}
	}
	return kept
}

// find reports whether tensors lie in v, looking at each container once.
func (n *namer) find(v any, depth int) (bool, error) {
	if _, ok := v.(*view); ok {
		return true, nil
	}
	id := identity(v)
	if id == nil {
		return false, nil
	}
	if known, ok := n.holds[id]; ok {
		return known, nil
	}
	if depth > maxDepth {
		return false, n.file.errorf("", 0, "its values nest deeper than %d levels", maxDepth)
	}
	if err := n.charge(v); err != nil {
		return false, err
	}
	n.holds[id] = false
	holds := false
	for _, w := range parts(v) {
		in, err := n.find(w, depth+1)
		if err != nil {
			return false, err
		}
		holds = holds || in
	}
	n.holds[id] = holds
	return holds, nil
}

// unwrap goes from a checkpoint to its state dict.
func (n *namer) unwrap(root any) (any, string) {
	var path []string
next:
	for range maxWrapped {
		d, ok := root.(*pickle.Dict)
		if !ok {
			break
		}
		for _, key := range wrappers {
			inner, _ := d.Get(key)
			if id := identity(inner); id == nil || !n.holds[id] {
				continue
			}
			for k, v := range parts(d) {
				if k != any(key) {
					n.leave(strings.Join(path, "."), k, v)
				}
			}
			root, path = inner, append(path, key)
			continue next
		}
		break
	}
	return root, strings.Join(path, ".")
}

// walk names what v, whose own name is prefix, holds.
func (n *namer) walk(prefix string, v any) error {
	if err := n.charge(v); err != nil {
		return err
	}
	n.seen[identity(v)] = true
	_, isObject := v.(*pickle.Object)
	for k, w := range parts(v) {
		t, isView := w.(*view)
		id := identity(w)
		inner := id != nil && n.holds[id]
		key, ok := k.(string)
		if !ok || !isView && (!inner || n.seen[id]) {
			// What a module is besides its weights goes without saying.
			if inner || !isObject {
				n.leave(prefix, k, w)
			}
			continue
		}
		if len(prefix)+len(key) >= maxName {
			return n.file.errorf("", 0, "the name of a tensor, %s, has more than %d bytes", pickle.Quote(key), maxName)
		}
		name := join(prefix, key)
		err := n.take(256 + int64(len(name)))
		switch {
		case err != nil:
		case isView:
			err = n.add(name, t)
		default:
			err = n.walk(name, w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add names one tensor.
func (n *namer) add(name string, v *view) error {
	f := n.file
	_, twice := f.index[name]
	if !twice {
		_, twice = f.refused[name]
	}
	if twice {
		return f.errorf(name, 0, "the name is there twice")
	}
	if v.why != "" {
		f.refused[name] = v.why
		if len(f.refused) <= maxListed {
			f.warn("tensor %s cannot be read: %s", pickle.Quote(name), v.why)
		}
		return nil
	}
	f.index[name] = len(f.infos)
	f.infos = append(f.infos, Info{name, v.dtype, v.shape})
	f.views = append(f.views, v)
	return nil
}

// strip takes off prefixes that every name has.
func (f *File) strip() {
	for _, p := range prefixes {
		all := true
		for _, info := range f.infos {
			all = all && len(info.Name) > len(p.text) && strings.HasPrefix(info.Name, p.text)
		}
		if !all {
			continue
		}
		f.index = map[string]int{}
		for i := range f.infos {
			f.infos[i].Name = f.infos[i].Name[len(p.text):]
			f.index[f.infos[i].Name] = i
		}
		refused := map[string]string{}
		for name, why := range f.refused {
			refused[strings.TrimPrefix(name, p.text)] = why
		}
		f.refused = refused
		f.warn("%s was taken off every name: the model was wrapped in %s when it was saved", strconv.Quote(p.text), p.wrapper)
	}
}
