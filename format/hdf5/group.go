package hdf5

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// An Object is a [*Group], a [*Dataset] or a [*NamedType].
type Object interface {
	// Path is the path from the root that the object was reached by.
	Path() string
	// Address is the byte at which the object's header begins. Two paths to
	// one object give one address.
	Address() int64
	// Attrs lists the object's attributes by name.
	Attrs() ([]*Attr, error)
	// Attr is the attribute of that name. It is an [ErrNotFound] where there
	// is none.
	Attr(name string) (*Attr, error)
}

type object struct {
	f    *File
	path string
	addr uint64
}

func (o *object) Path() string   { return o.path }
func (o *object) Address() int64 { return int64(o.f.base + o.addr) }

func (o *object) Attrs() ([]*Attr, error) {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	attrs, err := o.attrs()
	out := make([]*Attr, len(attrs))
	for i, a := range attrs {
		a.path = o.path
		out[i] = &a
	}
	return out, err
}

func (o *object) Attr(name string) (*Attr, error) {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	attrs, err := o.attrs()
	if err != nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(attrs, name, func(a Attr, name string) int { return cmp.Compare(a.name, name) })
	if !ok {
		return nil, within(o.path, o.f.wrapf(o.addr, ErrNotFound, "it has no attribute %q", name))
	}
	a := attrs[i]
	a.path = o.path
	return &a, nil
}

func (o *object) attrs() ([]Attr, error) {
	n, err := o.f.node(o.addr)
	if err == nil {
		err = o.f.carry(n)
	}
	if err != nil {
		return nil, within(o.path, err)
	}
	return n.attrs, nil
}

// A NamedType is a datatype that stands in a group by itself. It holds no data.
type NamedType struct{ object }

// A Group holds objects by name.
type Group struct{ object }

// Names lists the names in the group, sorted. Soft and external links are among
// them.
func (g *Group) Names() ([]string, error) {
	g.f.mu.Lock()
	defer g.f.mu.Unlock()
	links, err := g.links()
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = l.name
	}
	return names, err
}

func (g *Group) links() ([]link, error) {
	n, err := g.f.node(g.addr)
	if err != nil {
		return nil, within(g.path, err)
	}
	links, err := g.f.list(n)
	return links, within(g.path, err)
}

// Children opens every object of the group, by name. A link that leads nowhere
// or out of the file is an error.
func (g *Group) Children() ([]Object, error) {
	names, err := g.Names()
	if err != nil {
		return nil, err
	}
	out := make([]Object, 0, len(names))
	for _, name := range names {
		o, err := g.Lookup(name)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// maxSoft is the most soft links that one lookup follows, as in the HDF5
// library.
const maxSoft = 16

// maxParts is the most names that a path may have, and maxName the most bytes
// of a name: paths of hostile files could otherwise outgrow the file.
const (
	maxParts = 256
	maxName  = 1024
)

// Lookup opens the object at a path, such as "dense/kernel:0". It counts from
// the group, or from the root where it begins with a slash. Soft links are
// followed; one that leads to another file is an [*External]. A name that is
// not there is an [ErrNotFound].
func (g *Group) Lookup(path string) (Object, error) {
	g.f.mu.Lock()
	defer g.f.mu.Unlock()
	soft := maxSoft
	o, err := g.f.lookup(g, path, &soft)
	return o, within(join(g.path, path), err)
}

// Group is Lookup for what must be a group.
func (g *Group) Group(path string) (*Group, error) { return only[*Group](g, path, "a group") }

// Dataset is Lookup for what must be a dataset.
func (g *Group) Dataset(path string) (*Dataset, error) { return only[*Dataset](g, path, "a dataset") }

func only[T Object](g *Group, path, what string) (T, error) {
	o, err := g.Lookup(path)
	if err != nil {
		var none T
		return none, err
	}
	t, ok := o.(T)
	if !ok {
		return t, within(o.Path(), g.f.errorf(uint64(o.Address())-g.f.base, "it is not %s", what))
	}
	return t, nil
}

func (f *File) lookup(from *Group, path string, soft *int) (Object, error) {
	if strings.Count(path, "/") > maxParts {
		return nil, f.errorf(from.addr, "a path of more than %d names", maxParts)
	}
	var at Object = from
	if strings.HasPrefix(path, "/") {
		at = f.Root()
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." {
			continue
		}
		g, ok := at.(*Group)
		if !ok {
			return nil, f.wrapf(uint64(at.Address())-f.base, ErrNotFound, "%q is not a group, so %q is not in it", at.Path(), part)
		}
		links, err := g.links()
		if err != nil {
			return nil, err
		}
		i, ok := slices.BinarySearchFunc(links, part, func(l link, name string) int { return cmp.Compare(l.name, name) })
		if !ok {
			return nil, f.wrapf(g.addr, ErrNotFound, "the group %q has no %q", g.path, part)
		}
		if at, err = f.follow(g, links[i], soft); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// follow opens what a link of a group leads to.
func (f *File) follow(g *Group, l link, soft *int) (Object, error) {
	switch l.kind {
	case linkHard:
		return f.object(join(g.path, l.name), l.addr)
	case linkSoft:
		if *soft--; *soft < 0 {
			return nil, f.errorf(l.addr, "more than %d soft links one after the other; they lead in a circle", maxSoft)
		}
		o, err := f.lookup(g, l.target, soft)
		if err != nil {
			return nil, err
		}
		return f.object(join(g.path, l.name), uint64(o.Address())-f.base)
	case linkExternal:
		return nil, f.external(l.addr, l.file, l.target)
	default:
		return nil, f.unsupported(l.addr, "the link %q is of a user's own kind", l.name)
	}
}

// object opens the object at an address under a path.
func (f *File) object(path string, addr uint64) (Object, error) {
	n, err := f.node(addr)
	if err != nil {
		return nil, within(path, err)
	}
	o := object{f: f, path: path, addr: addr}
	switch {
	case n.has(msgSymbolTable) || n.has(msgLinkInfo) || n.has(msgGroupInfo):
		return &Group{o}, nil
	case n.has(msgLayout):
		if n.data == nil {
			if n.data, err = f.layout(n); err != nil {
				return nil, within(path, err)
			}
		}
		return &Dataset{o, n.data}, nil
	case n.has(msgDatatype):
		return &NamedType{o}, nil
	default:
		return nil, within(path, f.errorf(addr, "it is neither a group nor a dataset; the file is damaged"))
	}
}

func join(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

// maxDepth is the deepest nesting of groups that Walk goes down.
const maxDepth = 64

// Walk yields every object below the group, a group before what it holds, and
// what a group holds by name. An object with two names comes twice. Soft links
// are passed over, because what they lead to has a name of its own. It ends
// with an error where a group holds itself, where a link leads to another file,
// and where part of the file is damaged.
func (g *Group) Walk() iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		// A link takes 18 bytes at least: more visits than that come of
		// links that share what they lead to, over and over.
		w := walker{visits: g.f.end/18 + 1, yield: yield}
		w.walk(g, []uint64{g.addr})
	}
}

type walker struct {
	visits uint64
	yield  func(Object, error) bool
}

func (w *walker) walk(g *Group, above []uint64) bool {
	f := g.f
	f.mu.Lock()
	links, err := g.links()
	f.mu.Unlock()
	if err != nil {
		return w.fail(err)
	}
	for _, l := range links {
		if l.kind == linkSoft {
			continue
		}
		path := join(g.path, l.name)
		if w.visits == 0 {
			return w.fail(within(path, f.errorf(l.addr, "the groups hold each other so often that their paths have no end; the file is damaged")))
		}
		w.visits--
		f.mu.Lock()
		o, err := f.follow(g, l, nil)
		f.mu.Unlock()
		if err != nil {
			return w.fail(within(path, err))
		}
		if !w.yield(o, nil) {
			return false
		}
		down, ok := o.(*Group)
		switch {
		case !ok:
			continue
		case slices.Contains(above, down.addr):
			return w.fail(within(path, f.errorf(down.addr, "the group holds itself")))
		case len(above) == maxDepth:
			return w.fail(within(path, f.errorf(down.addr, "groups are nested more than %d deep", maxDepth)))
		}
		if !w.walk(down, append(above, down.addr)) {
			return false
		}
	}
	return true
}

func (w *walker) fail(err error) bool {
	w.yield(nil, err)
	return false
}
