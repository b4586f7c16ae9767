package spec

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// A Style is the way a registry's values are written.
type Style uint8

const (
	// NameStyle is a name, or a mapping that holds it among the fields:
	// elu, {name: leaky_relu, negative_slope: 0.2}.
	NameStyle Style = iota
	// KindStyle is a kind, or a mapping with the kind as its only key:
	// flatten, dense: {units: 300}.
	KindStyle
)

// A Registry ties names to the Go types that implement the interface T. A
// field of type T is decoded and encoded through it. Registering is for
// package initialization; a name taken twice is a mistake of the programmer
// and panics.
type Registry[T any] struct{ reg *registry }

// registry is a Registry without its type parameter.
type registry struct {
	noun  string
	style Style
	typ   reflect.Type

	mu      sync.RWMutex
	entries []*entry
	byName  map[string]*entry // aliases too
	other   *registry         // the fallback
	wrapper reflect.Value     // what a value of other is put into
	inner   structField       // the wrapper's field for it
}

// An entry is one name. proto is the value that the bare name stands for.
type entry struct {
	name    string
	aliases []string
	doc     string
	proto   reflect.Value // of the concrete type
}

// registries finds the registry of an interface type.
var registries sync.Map // reflect.Type → *registry

// An Option adds to what [Registry.Register] says about a name.
type Option func(*entry)

// Alias gives further names, which are read and never written.
func Alias(names ...string) Option {
	return func(e *entry) { e.aliases = append(e.aliases, names...) }
}

// Doc is one line about the name for generated documentation.
func Doc(text string) Option { return func(e *entry) { e.doc = text } }

// NewRegistry makes the registry of the interface type T. The noun stands in
// errors: unknown activation "rleu".
func NewRegistry[T any](noun string, style ...Style) *Registry[T] {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Interface {
		panic(fmt.Sprintf("spec: a registry is of an interface type, not of %v", t))
	}
	r := &registry{noun: noun, typ: t, byName: map[string]*entry{}}
	if len(style) > 0 {
		r.style = style[0]
	}
	if _, taken := registries.LoadOrStore(t, r); taken {
		panic(fmt.Sprintf("spec: %v has a registry already", t))
	}
	return &Registry[T]{r}
}

// Register ties a name to a value. The zero value of a type makes the name the
// type's own; another value makes it a preset: he_normal for
// VarianceScaling{Scale: 2}. A value equal to a preset is written as its name.
func (r *Registry[T]) Register(name string, value T, opts ...Option) {
	e := &entry{name: name, proto: reflect.ValueOf(value)}
	for _, o := range opts {
		o(e)
	}
	g := r.reg
	if !e.proto.IsValid() {
		panic(fmt.Sprintf("spec: %s %q is nil", g.noun, name))
	}
	if g.style == NameStyle && deref(e.proto.Type()).Kind() != reflect.Struct {
		panic(fmt.Sprintf("spec: %s %q is a %v: only a struct has fields beside its name", g.noun, name, e.proto.Type()))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range append([]string{name}, e.aliases...) {
		if old := g.byName[n]; old != nil {
			panic(fmt.Sprintf("spec: %s %q is registered twice", g.noun, n))
		}
		g.byName[n] = e
	}
	g.entries = append(g.entries, e)
}

// anyRegistry is a [Registry] of any type.
type anyRegistry interface{ base() *registry }

func (r *Registry[T]) base() *registry { return r.reg }

// Fallback makes every name of other stand for a value here too: the wrapper
// with its field of other's type set. So an activation's name is a layer. The
// fields of the value and the rest of the wrapper's are written side by side.
func (r *Registry[T]) Fallback(other anyRegistry, wrapper T) {
	g, o := r.reg, other.base()
	w := reflect.ValueOf(wrapper)
	if w.Kind() == reflect.Struct {
		for _, f := range fieldsOf(w.Type()) {
			if f.typ == o.typ {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.other, g.wrapper, g.inner = o, w, f
				return
			}
		}
	}
	panic(fmt.Sprintf("spec: %T has no field of type %v", wrapper, o.typ))
}

// Names lists the names in the order of registration, without aliases and
// without those of the fallback.
func (r *Registry[T]) Names() []string {
	r.reg.mu.RLock()
	defer r.reg.mu.RUnlock()
	var out []string
	for _, e := range r.reg.entries {
		out = append(out, e.name)
	}
	return out
}

// New is the value that a bare name stands for.
func (r *Registry[T]) New(name string) (T, error) {
	var out T
	err := Decode(Str(name), &out)
	return out, err
}

// NameOf is the name that v is written with: that of the preset it equals, or
// its type's own. It is empty where the type is not registered.
func (r *Registry[T]) NameOf(v T) string {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return ""
	}
	if e, in := r.reg.entryOf(rv); e != nil {
		return e.name
	} else if in.IsValid() {
		if e, _ := r.reg.other.entryOf(in); e != nil {
			return e.name
		}
	}
	return ""
}

// find is the entry of a name, and whether it is the fallback's.
func (g *registry) find(name string) (e *entry, fallback bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if e := g.byName[name]; e != nil {
		return e, false
	}
	if g.other == nil {
		return nil, false
	}
	g.other.mu.RLock()
	defer g.other.mu.RUnlock()
	e = g.other.byName[name]
	return e, e != nil
}

// known lists every name that find knows.
func (g *registry) known() []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var out []string
	for n := range g.byName {
		out = append(out, n)
	}
	if g.other != nil {
		out = append(out, g.other.known()...)
	}
	slices.Sort(out)
	return out
}

// entryOf is the entry that v, of a concrete type, is written with. Where v is
// a wrapper around a value of the fallback, it is that value instead.
func (g *registry) entryOf(v reflect.Value) (e *entry, inner reflect.Value) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.other != nil && v.Type() == g.wrapper.Type() {
		if in := v.FieldByIndex(g.inner.index); !in.IsNil() {
			if e, _ := g.other.entryOf(in.Elem()); e != nil {
				return nil, in.Elem()
			}
		}
	}
	var best *entry
	for _, e := range g.entries {
		switch {
		case e.proto.Type() != v.Type():
		case reflect.DeepEqual(e.proto.Interface(), v.Interface()):
			return e, reflect.Value{}
		case best == nil || isZero(e.proto) && !isZero(best.proto):
			if e.covers(v) {
				best = e
			}
		}
	}
	return best, reflect.Value{}
}

// covers reports whether v can be written as changes to the entry's value: a
// field that is zero in v is not written, so it must be zero there too.
func (e *entry) covers(v reflect.Value) bool {
	p, w := indirect(e.proto), indirect(v)
	if p.Kind() != reflect.Struct || !w.IsValid() {
		return w.IsValid()
	}
	for _, f := range fieldsOf(p.Type()) {
		if w.FieldByIndex(f.index).IsZero() && !p.FieldByIndex(f.index).IsZero() {
			return false
		}
	}
	return true
}

func deref(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func indirect(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		return v.Elem()
	}
	return v
}

// isZero reports whether a registered value is its type's own zero.
func isZero(v reflect.Value) bool {
	w := indirect(v)
	return w.IsValid() && w.IsZero()
}
