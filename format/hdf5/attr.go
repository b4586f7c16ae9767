package hdf5

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// An Attr is a small named value that goes with an object.
type Attr struct {
	f     *File
	path  string // of the object
	name  string
	typ   *datatype
	space *space
	addr  uint64
	raw   []byte
}

// Name is the attribute's name.
func (a *Attr) Name() string { return a.name }

// Type names the type of the elements: a [tensor.DType]'s name, "string", or
// what cannot be read here, such as "compound of 12 bytes".
func (a *Attr) Type() string { return a.typ.name }

// Shape is the length of each axis: empty for a single value, nil where the
// attribute holds no value at all (h5py's Empty).
func (a *Attr) Shape() tensor.Shape { return a.space.dims.Clone() }

// Value is a string, a []string in row-major order, a [*tensor.Tensor], or nil
// where the attribute holds no value at all.
func (a *Attr) Value() (any, error) {
	switch {
	case a.space.null:
		return nil, nil
	case a.typ.class == classNumber:
		t, err := a.Tensor()
		if err != nil {
			return nil, err
		}
		return t, nil
	case len(a.space.dims) == 0:
		s, err := a.Text()
		if err != nil {
			return nil, err
		}
		return s, nil
	default:
		s, err := a.Texts()
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// Text is the attribute as one text: a single one, or a list of one.
func (a *Attr) Text() (string, error) {
	s, err := a.Texts()
	if err == nil && len(s) != 1 {
		err = a.errorf(nil, "it holds %d texts, want one", len(s))
	}
	if err != nil {
		return "", err
	}
	return s[0], nil
}

// Texts is the attribute as a list of texts; a single one is a list of one.
// An empty list may be of any type, because NumPy takes an empty list for one
// of numbers.
func (a *Attr) Texts() ([]string, error) {
	if !a.space.null && a.space.n == 0 {
		return []string{}, nil
	}
	if a.space.null || a.typ.class != classFixed && a.typ.class != classVar {
		return nil, a.errorf(nil, "it holds %s, want text", a.holds())
	}
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	s, err := a.f.texts(a.typ, a.addr, a.raw)
	return s, a.locate(err)
}

// Tensor is the attribute as numbers.
func (a *Attr) Tensor() (*tensor.Tensor, error) {
	if a.typ.class == classOther {
		return nil, a.errorf(ErrUnsupported, "it holds %s, which is not read", a.holds())
	}
	if a.space.null || a.typ.class != classNumber {
		return nil, a.errorf(nil, "it holds %s, want numbers", a.holds())
	}
	t, err := tensor.TryNew(a.typ.dtype, a.space.dims...)
	if err != nil {
		return nil, a.errorf(nil, "%v", err)
	}
	copy(t.Bytes(), a.raw)
	return t, a.locate(a.f.numbers(a.typ, a.addr, t.Bytes()))
}

func (a *Attr) holds() string {
	if a.space.null {
		return "no value"
	}
	return a.typ.name
}

func (a *Attr) errorf(kind error, format string, args ...any) error {
	return a.locate(a.f.wrapf(a.addr, kind, format, args...))
}

// locate adds the attribute and its object to an error.
func (a *Attr) locate(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		named := *e
		named.Object, named.Msg = a.path, fmt.Sprintf("attribute %q: %s", a.name, e.Msg)
		return &named
	}
	return err
}

// carry reads the attributes of an object, once. The lock is held.
func (f *File) carry(n *node) error {
	if n.carries {
		return nil
	}
	var attrs []Attr
	for _, m := range n.msgs {
		switch m.typ {
		case msgAttribute:
			if m.flags&flagShared != 0 {
				return m.open().unsupported("an attribute in the shared message heap; rewrite the file with h5repack")
			}
			a, err := f.parseAttr(m.open())
			if err != nil {
				return err
			}
			attrs = append(attrs, a)
		case msgAttrInfo:
			if err := f.denseAttrs(m.open(), &attrs); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(attrs, func(a, b Attr) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(attrs); i++ {
		if attrs[i].name == attrs[i-1].name {
			return f.errorf(n.addr, "the object has the attribute %q twice", attrs[i].name)
		}
	}
	n.attrs, n.carries = attrs, true
	return nil
}

// denseAttrs reads attributes that are kept in a fractal heap.
func (f *File) denseAttrs(c *cursor, attrs *[]Attr) error {
	return f.dense(c, "attribute", 2, recordsAttrName, func(h *fractalHeap, r *cursor) error {
		id := r.sub(8)
		if r.u8()&flagShared != 0 {
			return r.unsupported("an attribute in the shared message heap; rewrite the file with h5repack")
		}
		o, err := h.get(id)
		if err != nil {
			return err
		}
		a, err := f.parseAttr(o)
		*attrs = append(*attrs, a)
		return err
	})
}

// parseAttr reads an attribute message.
func (f *File) parseAttr(c *cursor) (Attr, error) {
	version, flags := c.u8(), c.u8()
	nameSize, typeSize, spaceSize := c.u16(), c.u16(), c.u16()
	pad := 0
	switch version {
	case 1:
		pad, flags = 7, 0
	case 2:
	case 3:
		c.skip(1) // character set
	default:
		return Attr{}, c.unsupported("attribute version %d is not known", version)
	}
	part := func(n int) *cursor {
		s := c.sub(n)
		c.skip(-n & pad)
		return s
	}
	name, typ, extent := part(nameSize), part(typeSize), part(spaceSize)
	if err := c.err(); err != nil {
		return Attr{}, err
	}
	a := Attr{f: f, name: name.text()}
	err := name.err()
	if err == nil && flags&1 != 0 {
		typ, err = f.shared(typ, msgDatatype)
	}
	if err == nil {
		a.typ, err = parseType(typ)
	}
	if err == nil && flags&2 != 0 {
		err = c.unsupported("a shared dataspace; rewrite the file with h5repack")
	}
	if err == nil {
		a.space, err = parseSpace(extent)
	}
	if err != nil {
		return Attr{}, err
	}
	if !a.space.null {
		n, ok := a.space.bytesOf(a.typ)
		if !ok || n > uint64(c.left()) {
			return Attr{}, c.errorf("attribute %q of shape %v and type %s does not fit in the %d bytes of its value", a.name, a.space.dims, a.typ.name, c.left())
		}
		a.addr = c.addr + uint64(c.pos)
		a.raw = c.take(int(n))
	}
	return a, nil
}
