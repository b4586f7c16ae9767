package hdf5

import (
	"errors"
	"math"
)

// Classes of layouts.
const (
	layoutCompact = iota
	layoutContiguous
	layoutChunked
	layoutVirtual
)

// A layout is what a dataset's header says: what its elements are and where.
type layout struct {
	addr    uint64 // of the header
	typ     *datatype
	space   *space
	size    uint64 // bytes that the elements take
	fill    []byte // an element that was never written; nil for zeros
	class   int
	at      uint64  // of contiguous data
	compact []byte  // data in the header itself
	chunked chunked // of class chunked
	filters []filter
	refusal error   // why it cannot be read, though it can be listed
	located bool    // chunks are known and the data is claimed
	chunks  []chunk // in the order of the elements
}

// layout reads the messages of a dataset. The lock is held.
func (f *File) layout(n *node) (*layout, error) {
	d := &layout{addr: n.addr}
	var extent, typ, place message
	for _, m := range []struct {
		typ  int
		to   *message
		name string
	}{{msgDataspace, &extent, "shape"}, {msgDatatype, &typ, "type"}, {msgLayout, &place, "layout"}} {
		var ok bool
		if *m.to, ok = n.find(m.typ); !ok {
			return nil, f.errorf(n.addr, "the dataset has no %s; the file is damaged", m.name)
		}
	}
	c, err := f.resolve(extent)
	if err != nil {
		return nil, err
	}
	if d.space, err = parseSpace(c); err != nil {
		return nil, err
	}
	if c, err = f.resolve(typ); err != nil {
		return nil, err
	}
	if d.typ, err = parseType(c); err != nil {
		return nil, err
	}
	var ok bool
	if d.size, ok = d.space.bytesOf(d.typ); !ok {
		return nil, f.errorf(n.addr, "a dataset of shape %v and type %s is larger than any memory", d.space.dims, d.typ.name)
	}
	if err = d.fillValue(n); err == nil {
		if m, ok := n.find(msgFilters); ok {
			d.filters, err = parseFilters(m.open())
		}
	}
	if m, ok := n.find(msgExternal); err == nil && ok {
		err = f.externalFile(m.open())
	}
	if err == nil {
		err = f.place(d, place.open())
	}
	if _, elsewhere := errors.AsType[*External](err); elsewhere || errors.Is(err, ErrUnsupported) {
		d.refusal, err = err, nil
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// place reads the layout message.
func (f *File) place(d *layout, c *cursor) error {
	version := c.u8()
	if version != 3 && version != 4 {
		return c.unsupported("data layout version %d is not known; this reader knows 3 and 4", version)
	}
	d.class = c.u8()
	switch d.class {
	case layoutCompact:
		n := c.u16()
		d.compact = c.take(n)
		if err := c.err(); err != nil {
			return err
		}
		if uint64(n) != d.size {
			return c.errorf("the dataset holds %d bytes, but shape %v of %s takes %d", n, d.space.dims, d.typ.name, d.size)
		}
	case layoutContiguous:
		at, n := c.u64(), c.u64()
		if err := c.err(); err != nil {
			return err
		}
		d.at = at
		if at != undefined && d.size > 0 {
			if n != d.size {
				return c.errorf("the dataset holds %d bytes, but shape %v of %s takes %d", n, d.space.dims, d.typ.name, d.size)
			}
			return f.inside(at, n, "the dataset's data")
		}
	case layoutChunked:
		var err error
		if version == 3 {
			err = d.chunked.version3(c)
		} else {
			err = d.chunked.version4(c)
		}
		if err != nil {
			return err
		}
		return d.chunked.check(c, d)
	case layoutVirtual:
		return f.virtual(c)
	default:
		return c.unsupported("data layout class %d is not known", d.class)
	}
	return nil
}

// fillValue reads what stands for elements that were never written.
func (d *layout) fillValue(n *node) error {
	m, ok := n.find(msgFill)
	if !ok {
		if m, ok = n.find(msgFillOld); !ok {
			return nil
		}
	}
	if m.flags&flagShared != 0 {
		return m.open().unsupported("a shared fill value; rewrite the file with h5repack")
	}
	c := m.open()
	var size uint64
	if m.typ == msgFillOld {
		size = uint64(c.u32())
	} else {
		switch version := c.u8(); version {
		case 1, 2:
			c.skip(2)
			if defined := c.u8(); version == 1 || defined != 0 {
				// -1 is how version 1 says that there is none.
				if size = uint64(c.u32()); size == math.MaxUint32 {
					size = 0
				}
			}
		case 3:
			if c.u8()&0x20 != 0 {
				size = uint64(c.u32())
			}
		default:
			return c.unsupported("fill value version %d is not known", version)
		}
	}
	if size > 0 {
		d.fill = c.take(int(size))
	}
	if err := c.err(); err != nil {
		return err
	}
	if size > 0 && size != uint64(d.typ.size) {
		return c.errorf("a fill value of %d bytes for elements of %d", size, d.typ.size)
	}
	return nil
}

// externalFile refuses data in another file, naming it.
func (f *File) externalFile(c *cursor) error {
	if v := c.u8(); v != 1 {
		return c.unsupported("external file list version %d is not known", v)
	}
	c.skip(5)
	used, heap, name := c.u16(), c.u64(), c.u64()
	if err := c.err(); err != nil || used == 0 {
		return err
	}
	h, err := f.localHeap(heap)
	if err != nil {
		return err
	}
	file, err := h.name(name)
	if err != nil {
		return err
	}
	return f.external(c.addr, file, "")
}

// virtual refuses a dataset that is put together from others, naming the first.
func (f *File) virtual(c *cursor) error {
	heap, index := c.u64(), c.u32()
	if err := c.err(); err != nil {
		return err
	}
	if heap == undefined {
		return c.unsupported("a virtual dataset")
	}
	list, err := f.heapObject(heap, index)
	if err != nil {
		return err
	}
	o := &cursor{f: f, what: "the list of a virtual dataset", addr: heap, b: []byte(list.all)}
	o.skip(1 + 8)
	file, set := o.text(), o.text()
	if err := o.err(); err != nil {
		return err
	}
	return f.external(c.addr, file, set)
}
