package hdf5

// Types of the messages in an object header.
const (
	msgNil          = 0x00
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgFillOld      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgExternal     = 0x07
	msgLayout       = 0x08
	msgGroupInfo    = 0x0a
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgDriver       = 0x14
	msgAttrInfo     = 0x15
	msgCacheImage   = 0x18
	msgLast         = 0x18
)

// Flags of a message.
const (
	flagShared      = 1 << 1
	flagFailUnknown = 1 << 7
)

// A message is one property of an object.
type message struct {
	typ   int
	flags int
	body  *cursor
}

// open is a cursor at the message's beginning.
func (m message) open() *cursor { c := *m.body; return &c }

// header reads the messages of the object header at an address.
func (f *File) header(addr uint64) ([]message, error) {
	const what = "the object header"
	if err := f.inside(addr, 16, what); err != nil {
		return nil, err
	}
	var prefix [16]byte
	if err := f.readAt(prefix[:], addr); err != nil {
		return nil, err
	}
	h := headerReader{f: f, seen: map[uint64]bool{addr: true}}
	var err error
	switch {
	case string(prefix[:4]) == "OHDR":
		err = h.version2(addr)
	case prefix[0] == 1:
		err = h.version1(addr)
	default:
		err = f.errorf(addr, "no object header begins here; the file is damaged")
	}
	if err != nil {
		return nil, err
	}
	return h.msgs, nil
}

type headerReader struct {
	f       *File
	msgs    []message
	seen    map[uint64]bool // chunks, against chains that return
	next    []chunkOfHeader
	creates bool // messages of version 2 hold the order of their creation
}

type chunkOfHeader struct{ addr, size uint64 }

func (h *headerReader) version1(addr uint64) error {
	c, err := h.f.block(addr, 16, "the object header")
	if err != nil {
		return err
	}
	c.skip(2)
	count := c.u16()
	c.skip(4)
	h.next = []chunkOfHeader{{addr + 16, uint64(c.u32())}}
	for len(h.next) > 0 {
		at := h.next[0]
		h.next = h.next[1:]
		c, err := h.f.block(at.addr, at.size, "the object header")
		if err != nil {
			return err
		}
		for c.left() >= 8 && count > 0 {
			typ, size, flags := c.u16(), c.u16(), c.u8()
			c.skip(3)
			if err := h.add(typ, flags, c.sub(size)); err != nil {
				return err
			}
			count--
		}
	}
	if count > 0 {
		return h.f.errorf(addr, "the object header lacks %d of its messages; the file is damaged", count)
	}
	return nil
}

func (h *headerReader) version2(addr uint64) error {
	const what = "the object header"
	n := min(h.f.end-addr, 4+2+16+4+8)
	var prefix [4 + 2 + 16 + 4 + 8]byte
	if err := h.f.readAt(prefix[:n], addr); err != nil {
		return err
	}
	c := &cursor{f: h.f, what: what, addr: addr, b: prefix[:n]}
	if err := c.signature("OHDR", 2); err != nil {
		return err
	}
	flags := c.u8()
	if flags&0x20 != 0 {
		c.skip(16) // times
	}
	if flags&0x10 != 0 {
		c.skip(4) // limits of compact attributes
	}
	size := c.uint(1 << (flags & 3))
	if err := c.err(); err != nil {
		return err
	}
	h.creates = flags&4 != 0
	if size > h.f.end {
		return c.errorf("it claims %d bytes; the file is damaged", size)
	}
	start := c.pos
	c, err := h.f.block(addr, uint64(start)+size+4, what)
	if err != nil {
		return err
	}
	if err := c.checksum(); err != nil {
		return err
	}
	c.skip(start)
	if err := h.messages2(c); err != nil {
		return err
	}
	for len(h.next) > 0 {
		at := h.next[0]
		h.next = h.next[1:]
		c, err := h.f.block(at.addr, at.size, what)
		if err != nil {
			return err
		}
		if string(c.take(4)) != "OCHK" {
			return c.errorf(`its continuation does not begin with "OCHK"`)
		}
		if err := c.checksum(); err != nil {
			return err
		}
		if err := h.messages2(c); err != nil {
			return err
		}
	}
	return nil
}

func (h *headerReader) messages2(c *cursor) error {
	head := 4
	if h.creates {
		head += 2
	}
	for c.left() >= head {
		typ, size, flags := c.u8(), c.u16(), c.u8()
		c.skip(head - 4)
		if err := h.add(typ, flags, c.sub(size)); err != nil {
			return err
		}
	}
	return nil
}

func (h *headerReader) add(typ, flags int, body *cursor) error {
	if err := body.err(); err != nil {
		return err
	}
	switch {
	case typ == msgNil:
		return nil
	case typ == msgContinuation:
		at := chunkOfHeader{body.u64(), body.u64()}
		if err := body.err(); err != nil {
			return err
		}
		if h.seen[at.addr] {
			return body.errorf("its continuation leads back to byte %d", at.addr)
		}
		h.seen[at.addr] = true
		h.next = append(h.next, at)
		return nil
	case typ > msgLast && flags&flagFailUnknown != 0:
		return body.unsupported("message %#x is not known and must not be passed over", typ)
	}
	h.msgs = append(h.msgs, message{typ, flags, body})
	return nil
}

// A node is what is known of an object: its header, and what was read from it.
type node struct {
	addr    uint64
	msgs    []message
	listed  bool
	links   []link // by name
	carries bool
	attrs   []Attr  // by name
	data    *layout // of a dataset
}

// node reads an object's header, once. The lock is held.
func (f *File) node(addr uint64) (*node, error) {
	if n := f.nodes[addr]; n != nil {
		return n, nil
	}
	msgs, err := f.header(addr)
	if err != nil {
		return nil, err
	}
	n := &node{addr: addr, msgs: msgs}
	f.nodes[addr] = n
	return n, nil
}

// find is the first message of a type.
func (n *node) find(typ int) (message, bool) {
	for _, m := range n.msgs {
		if m.typ == typ {
			return m, true
		}
	}
	return message{}, false
}

func (n *node) has(typ int) bool { _, ok := n.find(typ); return ok }

// resolve is a cursor over the message, or over the one in another header that
// it stands for, as a named datatype.
func (f *File) resolve(m message) (*cursor, error) {
	c := m.open()
	if m.flags&flagShared == 0 {
		return c, nil
	}
	return f.shared(c, m.typ)
}

// shared follows a reference to a message that is kept in another object.
func (f *File) shared(c *cursor, typ int) (*cursor, error) {
	version, kind := c.u8(), c.u8()
	switch {
	case version < 1 || version > 3:
		return nil, c.unsupported("shared message version %d is not known", version)
	case version == 1:
		c.skip(6)
	case version == 3 && kind != 2:
		return nil, c.unsupported("a message in the shared message heap; rewrite the file with h5repack")
	}
	addr := c.u64()
	if err := c.err(); err != nil {
		return nil, err
	}
	n, err := f.node(addr)
	if err != nil {
		return nil, err
	}
	m, ok := n.find(typ)
	if !ok || m.flags&flagShared != 0 {
		return nil, c.errorf("the object at byte %d holds no message %#x to share", addr, typ)
	}
	return m.open(), nil
}
