package spec

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/tensor"
)

// Encode writes v as a tree that [Decode] reads back to an equal value. Fields
// that are the Go zero value are left out. The static type counts: Encode of
// an interface type that has a [Registry] writes the name too.
//
//	Encode(Dense{Units: 5})        // {units: 5}
//	Encode[Layer](Dense{Units: 5}) // {dense: {units: 5}}
func Encode[T any](v T) (Value, error) {
	return encode(reflect.ValueOf(&v).Elem(), "")
}

func encode(v reflect.Value, path string) (Value, error) {
	if v.Kind() != reflect.Interface && v.Kind() != reflect.Pointer {
		if out, ok, err := encodeCustom(v, path); ok {
			return out, err
		}
	}
	switch t := v.Type(); t {
	case valueType:
		return v.Interface().(Value), nil
	case shapeType:
		if s := v.Interface().(tensor.Shape); len(s) > 0 && slices.Min(s) > 0 {
			return Str(s.Times()), nil
		}
	case durationType:
		return Str(v.Interface().(time.Duration).String()), nil
	}
	switch v.Kind() {
	case reflect.Bool:
		return Value{Kind: Bool, Text: strconv.FormatBool(v.Bool())}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Value{Kind: Number, Text: strconv.FormatInt(v.Int(), 10)}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Value{Kind: Number, Text: strconv.FormatUint(v.Uint(), 10)}, nil
	case reflect.Float32, reflect.Float64:
		return encodeFloat(v, path)
	case reflect.String:
		return Str(v.String()), nil
	case reflect.Slice:
		out := Value{Kind: List}
		if v.IsNil() {
			return Value{}, nil
		}
		for i := range v.Len() {
			x, err := encode(v.Index(i), join(path, strconv.Itoa(i)))
			if err != nil {
				return Value{}, err
			}
			out.Items = append(out.Items, x)
		}
		return out, nil
	case reflect.Map:
		return encodeMap(v, path)
	case reflect.Pointer:
		if v.IsNil() {
			return Value{}, nil
		}
		return encode(v.Elem(), path)
	case reflect.Interface:
		return encodeInterface(v, path)
	case reflect.Struct:
		return encodeStruct(v, reflect.Zero(v.Type()), path)
	}
	return Value{}, unwritable(v, path)
}

func unwritable(v reflect.Value, path string) error {
	return &Error{Path: path, Msg: fmt.Sprintf("%s: a %v cannot be written as text", label(path), v.Type())}
}

// encodeCustom writes types with a grammar of their own.
func encodeCustom(v reflect.Value, path string) (out Value, ok bool, err error) {
	p := reflect.New(v.Type()) // addressable, for methods on the pointer
	p.Elem().Set(v)
	switch m := p.Interface().(type) {
	case Marshaler:
		out, err = m.MarshalSpec()
	case encoding.TextMarshaler:
		var b []byte
		b, err = m.MarshalText()
		out = Str(string(b))
	default:
		return Value{}, false, nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", label(path), err)
	}
	return out, true, err
}

func encodeFloat(v reflect.Value, path string) (Value, error) {
	f := v.Float()
	switch {
	case math.IsNaN(f):
		return Value{}, &Error{Path: path, Msg: label(path) + ": not a number cannot be written as text"}
	case math.IsInf(f, 0):
		return Str(strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))), nil
	case f == Zero:
		f = 0
	}
	if v.Kind() == reflect.Float32 { // its own shortest digits
		return Value{Kind: Number, Text: formatBits(f, 32)}, nil
	}
	return Num(f), nil
}

func formatFloat(f float64) string { return formatBits(f, 64) }

func formatBits(f float64, bits int) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

func encodeMap(v reflect.Value, path string) (Value, error) {
	if v.Type().Key().Kind() != reflect.String {
		return Value{}, unwritable(v, path)
	}
	if v.IsNil() {
		return Value{}, nil
	}
	out := Value{Kind: Map}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		x, err := encode(v.MapIndex(k), join(path, k.String()))
		if err != nil {
			return Value{}, err
		}
		out.Entries = append(out.Entries, Entry{Key: k.String(), Value: x})
	}
	return out, nil
}

// encodeStruct writes the fields in which v differs from proto: those that are
// not zero, where proto is the zero value. Required fields are always written.
// A mapping of nothing but the scalar field is written as that.
func encodeStruct(v, proto reflect.Value, path string) (Value, error) {
	fields := fieldsOf(v.Type())
	out, err := encodeFields(v, proto, fields, path)
	if err == nil && len(out.Entries) == 1 {
		for _, f := range fields {
			if x := out.Entries[0]; f.scalar && f.name == x.Key && x.Value.Kind != Map && x.Value.Kind != Null {
				return x.Value, nil
			}
		}
	}
	return out, err
}

func encodeFields(v, proto reflect.Value, fields []structField, path string) (Value, error) {
	out := Value{Kind: Map}
	for _, f := range fields {
		x, p := v.FieldByIndex(f.index), proto.FieldByIndex(f.index)
		if !f.required && reflect.DeepEqual(x.Interface(), p.Interface()) {
			continue
		}
		w, err := encode(x, join(path, f.name))
		if err != nil {
			return Value{}, err
		}
		if f.not {
			w.Text = strconv.FormatBool(!x.Bool())
		}
		if w.Kind != Null {
			out.Entries = append(out.Entries, Entry{Key: f.name, Value: w})
		}
	}
	return out, nil
}

// encodeInterface writes a registered value in its registry's style.
func encodeInterface(v reflect.Value, path string) (Value, error) {
	if v.IsNil() {
		return Value{}, nil
	}
	r, ok := registries.Load(v.Type())
	if !ok {
		return Value{}, unwritable(v, path)
	}
	g, x := r.(*registry), v.Elem()
	e, inner := g.entryOf(x)
	var rest Value // the wrapper's other fields
	if inner.IsValid() {
		var fields []structField
		for _, f := range fieldsOf(x.Type()) {
			if f.name != g.inner.name {
				fields = append(fields, f)
			}
		}
		var err error
		if rest, err = encodeFields(x, g.wrapper, fields, path); err != nil {
			return Value{}, err
		}
		x = inner
		e, _ = g.other.entryOf(x)
	}
	if e == nil {
		return Value{}, &Error{Path: path, Msg: fmt.Sprintf("%s: %v is not a registered %s", label(path), x.Type(), g.noun)}
	}
	body, err := e.encode(x, path)
	if err != nil {
		return Value{}, err
	}
	body.Entries = append(body.Entries, rest.Entries...)
	if len(rest.Entries) > 0 {
		body.Kind = Map
	}
	switch {
	case body.Kind == Null || body.Kind == Map && len(body.Entries) == 0:
		return Str(e.name), nil
	case g.style == KindStyle:
		return Value{Kind: Map, Entries: []Entry{{Key: e.name, Value: body}}}, nil
	}
	return Value{Kind: Map, Entries: append([]Entry{{Key: "name", Value: Str(e.name)}}, body.Entries...)}, nil
}

// lacks reports whether a required field is zero: then the name alone cannot be
// read back.
func lacks(x reflect.Value) bool {
	if x.Kind() != reflect.Struct {
		return false
	}
	for _, f := range fieldsOf(x.Type()) {
		if f.required && x.FieldByIndex(f.index).IsZero() {
			return true
		}
	}
	return false
}

// encode writes what the name alone does not say: null where it says all.
func (e *entry) encode(v reflect.Value, path string) (Value, error) {
	p, x := indirect(e.proto), indirect(v)
	if !x.IsValid() || reflect.DeepEqual(p.Interface(), x.Interface()) && !lacks(x) {
		return Value{}, nil
	}
	if out, ok, err := encodeCustom(x, path); ok {
		return out, err
	}
	if x.Kind() == reflect.Struct {
		return encodeFields(x, p, fieldsOf(x.Type()), path)
	}
	return encode(x, path)
}
