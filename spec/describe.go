package spec

import (
	"reflect"
	"slices"
)

// A FieldDoc says what may be written under one key.
type FieldDoc struct {
	Key      string
	Aliases  []string
	Type     string // such as "whole number" or "activation"
	Default  string // from the default tag
	Required bool
	Doc      string     // from the doc tag
	Fields   []FieldDoc // the keys below it, where a struct has its own
}

// A NameDoc says what one name of a registry stands for.
type NameDoc struct {
	Name    string
	Aliases []string
	Doc     string
	Fields  []FieldDoc
}

// Describe lists the keys of a struct, or of a pointer to one, in order. A
// struct must not contain itself.
func Describe(v any) []FieldDoc {
	t := reflect.TypeOf(v)
	if t == nil || !isStruct(deref(t)) {
		return nil
	}
	var out []FieldDoc
	for _, f := range fieldsOf(deref(t)) {
		d := FieldDoc{Key: f.name, Aliases: slices.Clone(f.aliases), Type: typeName(f.typ), Default: f.def, Required: f.required, Doc: f.doc}
		if t := deref(f.typ); isStruct(t) && !reflect.PointerTo(t).Implements(unmarshalerType) {
			d.Fields = Describe(reflect.Zero(t).Interface())
		}
		out = append(out, d)
	}
	return out
}

// Describe lists the registry's names, in the order of registration.
func (r *Registry[T]) Describe() []NameDoc {
	r.reg.mu.RLock()
	defer r.reg.mu.RUnlock()
	var out []NameDoc
	for _, e := range r.reg.entries {
		out = append(out, NameDoc{e.name, e.aliases, e.doc, Describe(e.proto.Interface())})
	}
	return out
}

// typeName says in words what a Go type is written as.
func typeName(t reflect.Type) string {
	switch t {
	case valueType:
		return "any"
	case shapeType:
		return "shape"
	case durationType:
		return "duration"
	}
	if r, ok := registries.Load(t); ok {
		return r.(*registry).noun
	}
	switch p := reflect.PointerTo(t); {
	case p.Implements(unmarshalerType):
		return "any"
	case p.Implements(textUnmarshalerType):
		return "text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole number"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "mapping to " + typeName(t.Elem())
	case reflect.Pointer:
		return typeName(t.Elem())
	}
	return "mapping"
}
