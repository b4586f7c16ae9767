package spec

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/nadir-ml/nadir/tensor"
)

// Unmarshaler is implemented by pointers to types with a grammar of their own.
type Unmarshaler interface{ UnmarshalSpec(Value) error }

// Marshaler is the reverse of [Unmarshaler].
type Marshaler interface{ MarshalSpec() (Value, error) }

// validator is implemented by types that check themselves once they are filled.
type validator interface{ Validate() error }

var (
	valueType           = reflect.TypeFor[Value]()
	shapeType           = reflect.TypeFor[tensor.Shape]()
	durationType        = reflect.TypeFor[time.Duration]()
	unmarshalerType     = reflect.TypeFor[Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// A structField is one key of a struct.
type structField struct {
	name     string
	aliases  []string
	index    []int
	typ      reflect.Type
	required bool // must be written
	not      bool // the Go bool is the opposite of the written one
	plain    bool // a written 0 is the Go 0
	scalar   bool // a value that is no mapping goes here
	doc, def string
}

// parsed are the keys of struct types that were asked for: a net has thousands of layers of
// a few types.
var parsed sync.Map // reflect.Type → []structField

// fieldsOf lists the keys of a struct type, in a slice that is not to be changed. A tag that
// cannot be meant is a mistake of the programmer and panics.
func fieldsOf(t reflect.Type) []structField {
	if list, ok := parsed.Load(t); ok {
		return list.([]structField)
	}
	list := parseFields(t)
	parsed.Store(t, list)
	return list
}

func parseFields(t reflect.Type) []structField {
	var out []structField
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("spec")
		if !sf.IsExported() || tag == "-" {
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		f := structField{name: name, index: sf.Index, typ: sf.Type, doc: sf.Tag.Get("doc"), def: sf.Tag.Get("default")}
		inline := false
		for _, o := range strings.Split(rest, ",") {
			switch o {
			case "":
			case "required":
				f.required = true
			case "not":
				f.not = true
			case "plain":
				f.plain = true
			case "scalar":
				f.scalar = true
			case "inline":
				inline = true
			default:
				a, ok := strings.CutPrefix(o, "alias=")
				if !ok {
					panic(fmt.Sprintf("spec: %v.%s: unknown tag option %q", t, sf.Name, o))
				}
				f.aliases = append(f.aliases, a)
			}
		}
		if inline {
			if sf.Type.Kind() != reflect.Struct {
				panic(fmt.Sprintf("spec: %v.%s: inline needs a struct", t, sf.Name))
			}
			for _, g := range fieldsOf(sf.Type) {
				g.index = append(append([]int{}, sf.Index...), g.index...)
				out = append(out, g)
			}
			continue
		}
		if f.not && sf.Type.Kind() != reflect.Bool {
			panic(fmt.Sprintf("spec: %v.%s: not needs a bool", t, sf.Name))
		}
		if f.name == "" {
			f.name = snake(sf.Name)
		}
		out = append(out, f)
	}
	return out
}

// snake writes GlobalClipNorm as global_clip_norm and LRScale as lr_scale.
func snake(s string) string {
	r := []rune(s)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(r[i-1]) || unicode.IsDigit(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// isStruct reports whether a type is written as a mapping of its fields.
func isStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != valueType && !reflect.PointerTo(t).Implements(textUnmarshalerType)
}
