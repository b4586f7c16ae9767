package spec

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/tensor"
)

// Decode fills *dst, a non-nil pointer, from v. What v does not mention keeps
// its value. A type that has a Validate() error method is asked once it is
// filled. All mistakes are reported at once, each an [Error], joined.
func Decode(v Value, dst any) error {
	p := reflect.ValueOf(dst)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("decode needs a pointer to fill, got %T", dst)
	}
	var d decoder
	d.value(v, p.Elem(), "", "", false)
	return errors.Join(d.errs...)
}

type decoder struct{ errs []error }

// fail records one mistake at a value.
func (d *decoder) fail(pos Pos, path, format string, args ...any) {
	d.errs = append(d.errs, &Error{Pos: pos, Path: path, Msg: fmt.Sprintf(format, args...)})
}

// want records a value of the wrong type.
func (d *decoder) want(v Value, path, what string) { d.fail(v.Pos, path, "%s", wanted(v, path, what)) }

// wanted says what stands where something else was wanted.
func wanted(v Value, path, what string) string {
	msg := "want " + what + ", found " + v.found()
	if v.Kind == Null {
		msg += " (leave the key out for the default)"
	}
	if l := label(path); l != "" {
		msg = l + ": " + msg
	}
	return msg
}

// wantFields records a value that is no mapping, and how it would be written under the key
// that it is most likely meant for: the one that has to be there.
func (d *decoder) wantFields(v Value, slots []slot, path string) {
	needed := ""
	for _, s := range slots {
		if s.required && needed != "" {
			needed = ""
			break
		}
		if s.required {
			needed = s.name
		}
	}
	msg := wanted(v, path, "a mapping of fields")
	if needed != "" && v.Text != "" {
		msg += fmt.Sprintf("; write {%s: %s}", needed, v.Text)
	}
	d.fail(v.Pos, path, "%s", msg)
}

// unknown records a word that is none of the names.
func (d *decoder) unknown(pos Pos, path, what, word, of string, names []string) {
	msg := "unknown " + what + " " + strconv.Quote(word)
	if of != "" {
		msg += " of " + of
	}
	d.errs = append(d.errs, &Error{Pos: pos, Path: path, Msg: msg, Word: word, Nearest: Nearest(word, names)})
}

// label is the part of a path that a message begins with: the key, or for an
// entry of a list the key and the number.
func label(path string) string {
	parts := strings.Split(path, ".")
	i := len(parts) - 1
	for i > 0 {
		if _, err := strconv.Atoi(parts[i]); err != nil {
			break
		}
		i--
	}
	return strings.Join(parts[i:], ".")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value fills dst. of names what dst is in errors about its keys; plain keeps
// a written 0 of a float64.
func (d *decoder) value(v Value, dst reflect.Value, path, of string, plain bool) {
	bad := len(d.errs)
	if d.custom(v, dst, path) {
		d.validate(v, dst, path, bad)
		return
	}
	switch t := dst.Type(); {
	case t == valueType:
		dst.Set(reflect.ValueOf(v))
	case t == shapeType:
		d.shape(v, dst, path)
	case t == durationType:
		x, err := time.ParseDuration(v.Text)
		if v.Kind != String && v.Text != "0" || err != nil {
			d.want(v, path, "a duration such as 30s or 1h30m")
			return
		}
		dst.SetInt(int64(x))
	default:
		d.kind(v, dst, path, of, plain)
	}
	d.validate(v, dst, path, bad)
}

// custom lets types with a grammar of their own read the value.
func (d *decoder) custom(v Value, dst reflect.Value, path string) bool {
	if !dst.CanAddr() || dst.Kind() == reflect.Interface || dst.Kind() == reflect.Pointer {
		return false
	}
	switch u := dst.Addr().Interface().(type) {
	case Unmarshaler:
		d.add(u.UnmarshalSpec(v), v, path)
		return true
	case encoding.TextUnmarshaler:
		if v.Kind != String && v.Kind != Number && v.Kind != Bool {
			d.want(v, path, "text")
		} else if err := u.UnmarshalText([]byte(v.Text)); err != nil {
			d.fail(v.Pos, path, "%s: %v", label(path), err)
		}
		return true
	}
	return false
}

// validate asks a filled value, unless something in it was wrong already.
func (d *decoder) validate(v Value, dst reflect.Value, path string, bad int) {
	if len(d.errs) > bad || dst.Kind() == reflect.Interface || dst.Kind() == reflect.Pointer || !dst.CanAddr() {
		return
	}
	if c, ok := dst.Addr().Interface().(validator); ok {
		d.add(c.Validate(), v, path)
	}
}

// add records the error of a type's own method, placed in the document.
func (d *decoder) add(err error, v Value, path string) {
	if err == nil {
		return
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range j.Unwrap() {
			d.add(e, v, path)
		}
		return
	}
	switch e := err.(type) {
	case *Error: // of a Decode within the method
		c := *e
		if c.Path == "" {
			c.Path = path
		} else {
			c.Path = join(path, c.Path)
		}
		if c.Pos == (Pos{}) {
			c.Pos = v.Pos
		}
		d.errs = append(d.errs, &c)
	case *FieldError:
		pos := v.Pos
		if x, ok := v.Get(e.Key); ok {
			pos = x.Pos
		}
		d.fail(pos, join(path, e.Key), "%s", e.Error())
	default:
		if l := label(path); l != "" {
			d.fail(v.Pos, path, "%s: %v", l, err)
		} else {
			d.fail(v.Pos, path, "%v", err)
		}
	}
}

func (d *decoder) kind(v Value, dst reflect.Value, path, of string, plain bool) {
	t := dst.Type()
	switch t.Kind() {
	case reflect.Bool:
		if v.Kind != Bool {
			d.want(v, path, "true or false")
			return
		}
		dst.SetBool(v.Text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.int(v, dst, path)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.uint(v, dst, path)
	case reflect.Float32, reflect.Float64:
		f, ok := number(v)
		if !ok {
			d.want(v, path, "a number")
			return
		}
		if dst.OverflowFloat(f) {
			d.fail(v.Pos, path, "%s: %s is too large for %v", label(path), v.Text, t.Kind())
			return
		}
		if f == 0 && !plain && t.Kind() == reflect.Float64 {
			f = Zero
		}
		dst.SetFloat(f)
	case reflect.String:
		// A name made of digits is a number to YAML and text to its author.
		if v.Kind != String && v.Kind != Number {
			d.want(v, path, "text")
			return
		}
		dst.SetString(v.Text)
	case reflect.Slice:
		d.slice(v, dst, path)
	case reflect.Map:
		d.mapping(v, dst, path)
	case reflect.Pointer:
		if v.Kind == Null {
			dst.SetZero()
			return
		}
		p := reflect.New(t.Elem())
		d.value(v, p.Elem(), path, of, true)
		dst.Set(p)
	case reflect.Interface:
		d.polymorphic(v, dst, path)
	case reflect.Struct:
		d.structure(v, dst, path, of)
	default:
		d.fail(v.Pos, path, "%s: a %v cannot be read from text", label(path), t)
	}
}

// number reads a float64: a number, a fraction such as 1/255, or inf.
func number(v Value) (float64, bool) {
	switch v.Kind {
	case Number:
		f, err := strconv.ParseFloat(v.Text, 64)
		return f, err == nil && !math.IsNaN(f)
	case String:
		switch v.Text {
		case "inf", "+inf":
			return math.Inf(1), true
		case "-inf":
			return math.Inf(-1), true
		}
		if a, b, ok := strings.Cut(v.Text, "/"); ok {
			x, errX := strconv.ParseFloat(a, 64)
			y, errY := strconv.ParseFloat(b, 64)
			if q := x / y; errX == nil && errY == nil && !math.IsNaN(q) && !math.IsInf(q, 0) {
				return q, true
			}
		}
	}
	return 0, false
}

// whole reads a number without a fraction, 1e3 too.
func whole(v Value) (float64, bool) {
	if v.Kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	return f, err == nil && f == math.Trunc(f) && !math.IsInf(f, 0)
}

func (d *decoder) int(v Value, dst reflect.Value, path string) {
	f, ok := whole(v)
	if !ok {
		d.want(v, path, "a whole number")
		return
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if err != nil && math.Abs(f) < 1<<63 {
		n, err = int64(f), nil
	}
	if err != nil || dst.OverflowInt(n) {
		d.fail(v.Pos, path, "%s: %s is out of range", label(path), v.Text)
		return
	}
	dst.SetInt(n)
}

func (d *decoder) uint(v Value, dst reflect.Value, path string) {
	f, ok := whole(v)
	if !ok || f < 0 {
		d.want(v, path, "a whole number, 0 or more")
		return
	}
	n, err := strconv.ParseUint(v.Text, 10, 64)
	if err != nil && f < 1<<64 {
		n, err = uint64(f), nil
	}
	if err != nil || dst.OverflowUint(n) {
		d.fail(v.Pos, path, "%s: %s is out of range", label(path), v.Text)
		return
	}
	dst.SetUint(n)
}

func (d *decoder) shape(v Value, dst reflect.Value, path string) {
	switch v.Kind {
	case Null:
		dst.SetZero()
	case List:
		d.slice(v, dst, path)
	case String, Number:
		s, err := tensor.ParseShape(v.Text)
		if err != nil {
			d.fail(v.Pos, path, "%s: %v", label(path), err)
			return
		}
		dst.Set(reflect.ValueOf(s))
	default:
		d.want(v, path, "a shape such as 28x28x1")
	}
}

func (d *decoder) slice(v Value, dst reflect.Value, path string) {
	if v.Kind == Null {
		dst.SetZero()
		return
	}
	if v.Kind != List {
		d.want(v, path, "a list")
		return
	}
	s := reflect.MakeSlice(dst.Type(), len(v.Items), len(v.Items))
	for i, x := range v.Items {
		d.value(x, s.Index(i), join(path, strconv.Itoa(i)), "", true)
	}
	dst.Set(s)
}

func (d *decoder) mapping(v Value, dst reflect.Value, path string) {
	t := dst.Type()
	if t.Key().Kind() != reflect.String {
		d.fail(v.Pos, path, "%s: a %v cannot be read from text", label(path), t)
		return
	}
	if v.Kind == Null {
		dst.SetZero()
		return
	}
	if v.Kind != Map {
		d.want(v, path, "a mapping")
		return
	}
	m := reflect.MakeMap(t)
	for _, e := range v.Entries {
		k := reflect.ValueOf(e.Key).Convert(t.Key())
		if m.MapIndex(k).IsValid() {
			d.fail(e.Pos, path, "key %q is given twice", e.Key)
			continue
		}
		x := reflect.New(t.Elem()).Elem()
		d.value(e.Value, x, join(path, e.Key), "", true)
		m.SetMapIndex(k, x)
	}
	dst.Set(m)
}

// A slot is one key and the struct that it is a field of.
type slot struct {
	*structField
	in reflect.Value
}

func slotsOf(v reflect.Value) []slot {
	fields := fieldsOf(v.Type())
	out := make([]slot, len(fields))
	for i := range fields {
		out[i] = slot{&fields[i], v}
	}
	return out
}

// structure fills a struct from a mapping, or its scalar field from any other
// value.
func (d *decoder) structure(v Value, dst reflect.Value, path, of string) {
	if of == "" {
		of = label(path)
	}
	slots := slotsOf(dst)
	if v.Kind != Map && v.Kind != Null {
		for _, s := range slots {
			if s.scalar {
				d.fields(Value{Kind: Map, Pos: v.Pos, Entries: []Entry{{Key: s.name, Pos: v.Pos, Value: v}}}, slots, path, of)
				return
			}
		}
		d.wantFields(v, slots, path)
		return
	}
	d.fields(v, slots, path, of)
}

// none is the default of a field that is off unless it is written; writing it
// turns the field off again.
const none = "none"

// fields fills slots from the keys of a mapping. Null is a mapping without
// keys.
func (d *decoder) fields(v Value, slots []slot, path, of string) {
	given := make([]string, len(slots))
	for _, e := range v.Entries {
		i := findSlot(slots, e.Key)
		if i < 0 {
			var names []string
			for _, s := range slots {
				names = append(names, s.name)
			}
			d.unknown(e.Pos, join(path, e.Key), "key", e.Key, of, names)
			continue
		}
		if given[i] != "" {
			d.fail(e.Pos, join(path, e.Key), "key %q is given twice, first as %q", e.Key, given[i])
			continue
		}
		given[i] = e.Key
		s := slots[i]
		dst := s.in.FieldByIndex(s.index)
		if s.def == none && e.Value.Kind == String && e.Value.Text == none {
			dst.SetZero()
			continue
		}
		d.value(e.Value, dst, join(path, e.Key), "", s.plain)
		if s.not && e.Value.Kind == Bool {
			dst.SetBool(!dst.Bool())
		}
	}
	for i, s := range slots {
		if s.required && given[i] == "" && s.in.FieldByIndex(s.index).IsZero() {
			what := of
			if what == "" {
				what = "the file"
			}
			d.fail(v.Pos, join(path, s.name), "%s needs %q", what, s.name)
		}
	}
}

func findSlot(slots []slot, key string) int {
	for i, s := range slots {
		if s.name == key {
			return i
		}
		for _, a := range s.aliases {
			if a == key {
				return i
			}
		}
	}
	return -1
}

// polymorphic fills an interface through its registry.
func (d *decoder) polymorphic(v Value, dst reflect.Value, path string) {
	if v.Kind == Null {
		dst.SetZero()
		return
	}
	r, ok := registries.Load(dst.Type())
	if !ok {
		d.fail(v.Pos, path, "%s: %v has no registry", label(path), dst.Type())
		return
	}
	g := r.(*registry)
	name, body, ok := d.named(v, g, path)
	if !ok {
		return
	}
	e, fallback := g.find(name.Text)
	if e == nil {
		d.unknown(name.Pos, path, g.noun, name.Text, "", g.known())
		return
	}
	bad := len(d.errs)
	holder, out := e.fresh()
	if !fallback {
		d.body(body, out, path, e.name)
		if len(d.errs) == bad {
			dst.Set(holder)
		}
		return
	}
	w := reflect.New(g.wrapper.Type()).Elem()
	w.Set(g.wrapper)
	slots := slotsOf(out)
	for _, s := range slotsOf(w) {
		if s.name != g.inner.name && findSlot(slots, s.name) < 0 {
			slots = append(slots, s)
		}
	}
	if body.Kind != Map && body.Kind != Null {
		d.wantFields(body, slots, path)
		return
	}
	d.fields(body, slots, path, e.name)
	d.validate(body, out, path, bad)
	w.FieldByIndex(g.inner.index).Set(holder)
	d.validate(body, w, path, bad)
	if len(d.errs) == bad {
		dst.Set(w)
	}
}

// body fills a registered value from its fields.
func (d *decoder) body(v Value, out reflect.Value, path, of string) {
	if v.Kind == Null && !isStruct(out.Type()) {
		return // the bare name
	}
	d.value(v, out, path, of, true)
}

// fresh is a copy of the entry's value: holder is of the registered type, out
// the addressable value in it.
func (e *entry) fresh() (holder, out reflect.Value) {
	if e.proto.Kind() == reflect.Pointer {
		p := reflect.New(e.proto.Type().Elem())
		p.Elem().Set(e.proto.Elem())
		return p, p.Elem()
	}
	out = reflect.New(e.proto.Type()).Elem()
	out.Set(e.proto)
	return out, out
}

// named splits a polymorphic value into its name and its fields.
func (d *decoder) named(v Value, g *registry, path string) (name, body Value, ok bool) {
	body.Pos = v.Pos
	if v.Kind == String {
		return v, body, true
	}
	if v.Kind != Map {
		d.want(v, path, g.example())
		return
	}
	if g.style == KindStyle {
		if len(v.Entries) != 1 {
			d.fail(v.Pos, path, "%s: want one %s, found %d keys; write the fields under the kind, as in dense: {units: 300}", label(path), g.noun, len(v.Entries))
			return
		}
		e := v.Entries[0]
		if body = e.Value; body.Kind == Null {
			body.Pos = e.Pos
		}
		return Value{Kind: String, Text: e.Key, Pos: e.Pos}, body, true
	}
	name, ok = v.Get("name")
	if !ok {
		d.fail(v.Pos, path, "%s: the mapping has no name; want %s", label(path), g.example())
		return
	}
	if name.Kind != String {
		d.want(name, join(path, "name"), "the name of "+article(g.noun))
		return name, body, false
	}
	return name, v.Without("name"), true
}

// example says how a registry's values are written.
func (g *registry) example() string {
	if g.style == KindStyle {
		return article(g.noun) + " (kind, or kind: {fields})"
	}
	return article(g.noun) + " (name, or {name: …, field: …})"
}

func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
