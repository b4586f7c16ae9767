package hdf5

import (
	"cmp"
	"slices"
	"strings"
)

type linkKind uint8

const (
	linkHard linkKind = iota
	linkSoft
	linkExternal
	linkOther
)

// A link is a name in a group.
type link struct {
	name   string
	kind   linkKind
	addr   uint64 // of a hard link's object; else of the link itself, for errors
	target string // path of a soft or external link
	file   string // of an external link
}

// list reads the links of a group, once, sorted by name. The lock is held.
func (f *File) list(n *node) ([]link, error) {
	if n.listed {
		return n.links, nil
	}
	var links []link
	for _, m := range n.msgs {
		var err error
		switch m.typ {
		case msgSymbolTable:
			c := m.open()
			tree, heap := c.u64(), c.u64()
			if err = c.err(); err == nil {
				err = f.symbols(tree, heap, &links)
			}
		case msgLink:
			var l link
			if l, err = parseLink(m.open()); err == nil {
				links = append(links, l)
			}
		case msgLinkInfo:
			err = f.denseLinks(m.open(), &links)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(links, func(a, b link) int { return cmp.Compare(a.name, b.name) })
	for i, l := range links {
		switch {
		case l.name == "" || l.name == "." || strings.Contains(l.name, "/"):
			return nil, f.errorf(n.addr, "the group holds a link named %q, which no path can reach", l.name)
		case len(l.name) > maxName:
			return nil, f.errorf(n.addr, "the group holds a link with a name of %d bytes; at most %d are read", len(l.name), maxName)
		case i > 0 && l.name == links[i-1].name:
			return nil, f.errorf(n.addr, "the group holds the name %q twice", l.name)
		}
	}
	n.links, n.listed = links, true
	return links, nil
}

// denseLinks reads links that are kept in a fractal heap.
func (f *File) denseLinks(c *cursor, links *[]link) error {
	return f.dense(c, "link", 8, recordsLinkName, func(h *fractalHeap, r *cursor) error {
		r.skip(4) // hash of the name
		o, err := h.get(r)
		if err != nil {
			return err
		}
		l, err := parseLink(o)
		*links = append(*links, l)
		return err
	})
}

// parseLink reads a link message.
func parseLink(c *cursor) (link, error) {
	if v := c.u8(); v != 1 {
		return link{}, c.unsupported("link message version %d is not known", v)
	}
	l := link{addr: c.addr}
	flags, kind := c.u8(), 0
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.skip(8) // order of creation
	}
	if flags&16 != 0 {
		c.skip(1) // character set
	}
	n := c.uint(1 << (flags & 3))
	if n > uint64(c.left()) {
		return l, c.errorf("a link's name of %d bytes leads out of it", n)
	}
	l.name = string(c.take(int(n)))
	switch kind {
	case 0:
		l.addr = c.u64()
	case 1:
		l.kind, l.target = linkSoft, string(c.take(c.u16()))
	case 64:
		l.kind = linkExternal
		t := c.sub(c.u16())
		t.skip(1)
		l.file, l.target = t.text(), t.text()
		if err := t.err(); err != nil {
			return l, err
		}
	default:
		l.kind = linkOther
	}
	return l, c.err()
}

// symbols reads the links of an old group: a B-tree of symbol tables, whose
// names lie in a local heap.
func (f *File) symbols(tree, heap uint64, links *[]link) error {
	names, err := f.localHeap(heap)
	if err != nil {
		return err
	}
	return f.walk1(tree, 0, 8, func(_ *cursor, table uint64) error {
		const what, size = "a symbol table node", 40
		c, err := f.block(table, 8, what)
		if err != nil {
			return err
		}
		if err := c.signature("SNOD", 1); err != nil {
			return err
		}
		c.skip(1)
		n := c.u16()
		if c, err = f.block(table+8, uint64(n*size), what); err != nil {
			return err
		}
		for range n {
			l := link{addr: c.addr + uint64(c.pos)}
			name, addr, cached := c.u64(), c.u64(), c.u32()
			c.skip(4)
			scratch := c.sub(16)
			if l.name, err = names.name(name); err != nil {
				return err
			}
			if cached == 2 {
				l.kind = linkSoft
				if l.target, err = names.name(uint64(scratch.u32())); err != nil {
					return err
				}
			} else {
				l.addr = addr
			}
			*links = append(*links, l)
		}
		return c.err()
	})
}

// A localHeap holds the names of an old group.
type localHeap struct{ data *cursor }

func (f *File) localHeap(addr uint64) (*localHeap, error) {
	const what = "a local heap"
	c, err := f.block(addr, 32, what)
	if err != nil {
		return nil, err
	}
	if err := c.signature("HEAP", 0); err != nil {
		return nil, err
	}
	c.skip(3)
	size, _, at := c.u64(), c.u64(), c.u64()
	data, err := f.block(at, size, what)
	return &localHeap{data}, err
}

// name is the text at an offset of the heap.
func (h *localHeap) name(off uint64) (string, error) {
	if off > uint64(len(h.data.b)) {
		return "", h.data.errorf("a name at %d lies beyond its %d bytes", off, len(h.data.b))
	}
	c := *h.data
	c.pos = int(off)
	s := c.text()
	if err := c.err(); err != nil {
		return "", err
	}
	return s, h.data.f.charge(h.data.addr+off, uint64(len(s)))
}

// walk1 visits the children of the leaves of a version 1 B-tree, each with the
// key before it.
func (f *File) walk1(addr uint64, typ, keySize int, visit func(key *cursor, child uint64) error) error {
	return f.node1(addr, typ, keySize, -1, visit)
}

// node1 walks a node whose level must be the one given, or any where it is -1.
// As levels fall, no node can lie below itself.
func (f *File) node1(addr uint64, typ, keySize, level int, visit func(key *cursor, child uint64) error) error {
	const what = "a B-tree node"
	c, err := f.block(addr, 24, what)
	if err != nil {
		return err
	}
	if string(c.take(4)) != "TREE" {
		return c.errorf(`it does not begin with "TREE"`)
	}
	if got := c.u8(); got != typ {
		return c.errorf("it is of type %d, want %d", got, typ)
	}
	at, n := c.u8(), c.u16()
	if level >= 0 && at != level {
		return c.errorf("it is of level %d below one of level %d", at, level+1)
	}
	if c, err = f.block(addr+24, uint64(n*(keySize+8)+keySize), what); err != nil {
		return err
	}
	for range n {
		key, child := c.sub(keySize), c.u64()
		if at > 0 {
			err = f.node1(child, typ, keySize, at-1, visit)
		} else {
			err = visit(key, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
