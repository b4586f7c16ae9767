package pickle

import (
	"errors"
	"fmt"
)

// Standard is a Find for Python's own containers and for what its pickle module
// itself writes: OrderedDict, defaultdict, Counter, set, frozenset, bytes, bytearray and
// complex (as an [Object]); _codecs.encode, with which protocols 0 to 2 write bytes, and
// copyreg._reconstructor, with which they write instances. The types object, int,
// float, bool, str, list, dict and tuple may be named.
//
// Python 2's names of modules are known, too.
func Standard(module, name string) (Constructor, bool) {
	switch module {
	case "__builtin__":
		module = "builtins"
	case "copy_reg":
		module = "copyreg"
	}
	switch module + "." + name {
	case "collections.OrderedDict", "collections.Counter":
		return newDict, true
	case "collections.defaultdict":
		return newDefaultDict, true
	case "builtins.set", "builtins.frozenset":
		return newSet, true
	case "builtins.bytes", "builtins.bytearray", "_codecs.encode":
		return newBytes, true
	case "builtins.complex":
		return Inert, true
	case "copyreg._reconstructor":
		return reconstruct, true
	case "builtins.object", "builtins.int", "builtins.float", "builtins.bool", "builtins.str",
		"builtins.list", "builtins.dict", "builtins.tuple":
		return nil, true
	}
	return nil, false
}

// newDict makes a dict of nothing, of a dict or of pairs: Python 2 writes an
// OrderedDict as a list of lists.
func newDict(_ *Global, args Tuple) (any, error) {
	if len(args) == 0 {
		return &Dict{}, nil
	}
	if len(args) > 1 {
		return nil, fmt.Errorf("%d arguments; want at most 1", len(args))
	}
	if d, ok := args[0].(*Dict); ok {
		return &Dict{Entries: append([]Entry(nil), d.Entries...)}, nil
	}
	pairs, ok := items(args[0])
	if !ok {
		return nil, fmt.Errorf("its argument is of type %s; want a dict or a list of pairs", TypeName(args[0]))
	}
	d := &Dict{Entries: make([]Entry, len(pairs))}
	for i, p := range pairs {
		kv, ok := items(p)
		if !ok || len(kv) != 2 {
			return nil, fmt.Errorf("item %d of its argument is no pair", i)
		}
		if !hashable(kv[0]) {
			return nil, fmt.Errorf("a %s cannot be a key", TypeName(kv[0]))
		}
		d.Entries[i] = Entry{kv[0], kv[1]}
	}
	return d, nil
}

func newDefaultDict(class *Global, args Tuple) (any, error) {
	if len(args) > 0 {
		args = args[1:]
	}
	return newDict(class, args)
}

func newSet(class *Global, args Tuple) (any, error) {
	s := &Set{Frozen: class.Name == "frozenset"}
	if len(args) == 0 {
		return s, nil
	}
	list, ok := items(args[0])
	if !ok || len(args) > 1 {
		return nil, errors.New("want one list of items")
	}
	for _, v := range list {
		if !hashable(v) {
			return nil, fmt.Errorf("a %s cannot be an item of a set", TypeName(v))
		}
	}
	s.Items = append([]any(nil), list...)
	return s, nil
}

// newBytes makes bytes of nothing, of bytes, or of a str whose characters stand for
// one byte each.
func newBytes(_ *Global, args Tuple) (any, error) {
	if len(args) == 0 {
		return Bytes(""), nil
	}
	switch v := args[0].(type) {
	case Bytes:
		if len(args) == 1 {
			return v, nil
		}
	case string:
		if len(args) != 2 || args[1] != "latin1" && args[1] != "latin-1" {
			break
		}
		b := make([]byte, 0, len(v))
		for _, r := range v {
			if r > 0xff {
				return nil, fmt.Errorf("the character %q is not in Latin-1", r)
			}
			b = append(b, byte(r))
		}
		return Bytes(b), nil
	}
	return nil, errors.New("want bytes, or a str and \"latin1\"")
}

// reconstruct calls the class that is its first argument without arguments.
func reconstruct(_ *Global, args Tuple) (any, error) {
	if len(args) != 3 || args[2] != nil {
		return nil, errors.New("want a class, object and None")
	}
	class, ok := args[0].(*Global)
	base, isGlobal := args[1].(*Global)
	if !ok || !isGlobal || class.New == nil || base.Name != "object" {
		return nil, errors.New("only a class that is made of nothing but an object can be read")
	}
	return class.New(class, nil)
}

// items are those of a list or tuple.
func items(v any) ([]any, bool) {
	switch v := v.(type) {
	case Tuple:
		return v, true
	case *List:
		return v.Items, true
	}
	return nil, false
}

// hashable reports whether Python takes v as a key.
func hashable(v any) bool {
	switch v := v.(type) {
	case *List, *Dict:
		return false
	case *Set:
		return v.Frozen
	}
	return true
}
