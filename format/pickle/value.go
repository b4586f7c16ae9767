package pickle

import (
	"math/big"
)

// Bytes are a bytes or bytearray object's.
type Bytes string

// A Tuple is a tuple. It must not be changed: others may share it.
type Tuple []any

// A List is a list.
type List struct{ Items []any }

// A Set is a set, or a frozenset. Its items are those that the pickle lists.
type Set struct {
	Items  []any
	Frozen bool
}

// A Dict is a dict or one of its kind, such as an OrderedDict. Its entries stand in
// the order of the pickle; where one writes a key twice, both are there.
type Dict struct {
	Entries []Entry
	State   any // attributes that an OrderedDict carries; else nil
}

// An Entry is a key and its value.
type Entry struct{ Key, Value any }

// Get is the value of a key that is a str. Where the key is there twice, the later
// one counts, as in Python.
func (d *Dict) Get(key string) (any, bool) {
	for i := len(d.Entries) - 1; i >= 0; i-- {
		if k, ok := d.Entries[i].Key.(string); ok && k == key {
			return d.Entries[i].Value, true
		}
	}
	return nil, false
}

// A Global is a module's class, function or constant, by name alone.
type Global struct {
	Module, Name string
	New          Constructor // nil for what may be named but not called
}

// String is the dotted name, such as collections.OrderedDict.
func (g *Global) String() string { return g.Module + "." + g.Name }

// A Constructor makes what calling class with args makes in Python. The work it does
// must be bounded by the sizes of args and of what args directly hold, and it must
// not keep or change what a Tuple holds.
type Constructor func(class *Global, args Tuple) (any, error)

// Inert is the Constructor of classes that are taken as mere data: it makes an
// [Object].
func Inert(class *Global, args Tuple) (any, error) {
	return &Object{Class: class, Args: args}, nil
}

// An Object is an instance of a class as the pickle describes it: what its
// constructor would be given, and the state that would be set afterwards.
type Object struct {
	Class *Global
	Args  Tuple
	State any // nil, or most often a *Dict of attributes
}

// A Builder is a value of a Constructor that takes a state of its own, as
// __setstate__ does.
type Builder interface{ Build(state any) error }

// TypeName is what Python calls the type of a value that a Decoder made.
func TypeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case Bytes:
		return "bytes"
	case Tuple:
		return "tuple"
	case *List:
		return "list"
	case *Dict:
		return "dict"
	case *Set:
		return "set"
	case *Global:
		return v.String()
	case *Object:
		return v.Class.String()
	default:
		return "object"
	}
}
