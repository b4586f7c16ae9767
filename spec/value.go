package spec

import (
	"slices"
	"strconv"
)

// A Kind says what a [Value] is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

// String names the kind as errors do.
func (k Kind) String() string {
	switch k {
	case Null:
		return "nothing"
	case Bool:
		return "true or false"
	case Number:
		return "a number"
	case String:
		return "text"
	case List:
		return "a list"
	case Map:
		return "a mapping"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// A Pos is a place in a document. File also names sources that are no file,
// such as the command line. The zero Pos is nowhere.
type Pos struct {
	File string
	Line int    // from 1; 0 where a source has no lines
	Col  int    // from 1, in characters
	Text string // the whole source line
}

// String writes the place as file:line:column, leaving out what is unknown.
func (p Pos) String() string {
	s := p.File
	if p.Line > 0 {
		if s != "" {
			s += ":"
		}
		s += strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
	}
	return s
}

// A Value is a node of a parsed document. The zero Value is null.
type Value struct {
	Kind    Kind
	Pos     Pos
	Text    string  // a scalar as it is written, without quotes
	Items   []Value // a list's
	Entries []Entry // a mapping's, in the order of the document
}

// An Entry is one key of a mapping.
type Entry struct {
	Key   string
	Pos   Pos // of the key
	Value Value
}

// Str is a value that holds text.
func Str(text string) Value { return Value{Kind: String, Text: text} }

// Num is a value that holds a number at full precision.
func Num(v float64) Value { return Value{Kind: Number, Text: formatFloat(v)} }

// Flag is a value that is true or false.
func Flag(v bool) Value { return Value{Kind: Bool, Text: strconv.FormatBool(v)} }

// Get is the value under a key of a mapping.
func (v Value) Get(key string) (Value, bool) {
	for _, e := range v.Entries {
		if e.Key == key {
			return e.Value, true
		}
	}
	return Value{}, false
}

// With is a copy of a mapping in which key has the value x. A new key comes
// last. With of null is a mapping of one key.
func (v Value) With(key string, x Value) Value {
	v.Kind = Map
	v.Entries = slices.Clone(v.Entries)
	for i, e := range v.Entries {
		if e.Key == key {
			v.Entries[i].Value = x
			v.Entries[i].Pos = x.Pos
			return v
		}
	}
	v.Entries = append(v.Entries, Entry{Key: key, Pos: x.Pos, Value: x})
	return v
}

// Without is a copy of a mapping that lacks the keys.
func (v Value) Without(keys ...string) Value {
	v.Entries = slices.DeleteFunc(slices.Clone(v.Entries), func(e Entry) bool { return slices.Contains(keys, e.Key) })
	return v
}

// Equal reports whether both values say the same, wherever they stand. Numbers
// are equal where their float64 values or their digits are; the order of keys
// does not matter.
func (v Value) Equal(w Value) bool {
	if v.Kind != w.Kind || len(v.Items) != len(w.Items) || len(v.Entries) != len(w.Entries) {
		return false
	}
	switch v.Kind {
	case Number:
		if v.Text == w.Text {
			return true
		}
		a, errA := strconv.ParseFloat(v.Text, 64)
		b, errB := strconv.ParseFloat(w.Text, 64)
		return errA == nil && errB == nil && a == b
	case Bool, String:
		return v.Text == w.Text
	}
	for i := range v.Items {
		if !v.Items[i].Equal(w.Items[i]) {
			return false
		}
	}
	for _, e := range v.Entries {
		x, ok := w.Get(e.Key)
		if !ok || !e.Value.Equal(x) {
			return false
		}
	}
	return true
}

// found is how an error shows a value that it did not expect.
func (v Value) found() string {
	switch v.Kind {
	case Bool, Number:
		return v.Text
	case String:
		return strconv.Quote(v.Text)
	}
	return v.Kind.String()
}
