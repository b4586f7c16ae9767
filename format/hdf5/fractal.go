package hdf5

import (
	"encoding/binary"
	"math/bits"
)

// A fractalHeap holds the links or attributes of an object that has many.
type fractalHeap struct {
	f                    *File
	addr                 uint64
	idSize               int
	checked              bool   // direct blocks have checksums
	most                 uint64 // bytes of the largest object kept in blocks
	huge                 uint64 // address of the B-tree of larger ones
	width                uint64 // blocks in a row
	start, largest       uint64 // bytes of the first and of the largest direct block
	offsetBits           int
	offsetLen, lengthLen int
	root                 uint64
	rows                 int // of the root, 0 where it is a direct block
	blocks               map[uint64]*cursor
	large                map[uint64]extent // from the B-tree of huge objects
}

// dense visits what an info message says is kept in a fractal heap, by the records of a B-tree of
// names. The message has a count of so many bytes where creation order is tracked.
func (f *File) dense(c *cursor, what string, count int, records int, visit func(h *fractalHeap, r *cursor) error) error {
	if v := c.u8(); v != 0 {
		return c.unsupported("%s info version %d is not known", what, v)
	}
	if c.u8()&1 != 0 {
		c.skip(count)
	}
	heap, names := c.u64(), c.u64()
	if err := c.err(); err != nil || heap == undefined {
		return err
	}
	h, err := f.fractalHeap(heap)
	if err != nil {
		return err
	}
	return f.walk2(names, records, func(r *cursor) error { return visit(h, r) })
}

type extent struct{ addr, size uint64 }

func (f *File) fractalHeap(addr uint64) (*fractalHeap, error) {
	c, err := f.block(addr, 26+15*8, "the fractal heap")
	if err != nil {
		return nil, err
	}
	h := &fractalHeap{f: f, addr: addr, blocks: map[uint64]*cursor{}}
	whole := *c
	if err := c.signature("FRHP", 0); err != nil {
		return nil, err
	}
	h.idSize = c.u16()
	filters := c.u16()
	h.checked = c.u8()&2 != 0
	h.most = uint64(c.u32())
	c.u64()
	h.huge = c.u64()
	c.u64()
	c.u64()
	c.skip(8 * 8)
	h.width, h.start, h.largest = uint64(c.u16()), c.u64(), c.u64()
	h.offsetBits = c.u16()
	c.skip(2)
	h.root, h.rows = c.u64(), c.u16()
	if err := c.err(); err != nil {
		return nil, err
	}
	if filters != 0 {
		return nil, c.unsupported("it is compressed; rewrite the file with h5repack")
	}
	if err := whole.checksum(); err != nil {
		return nil, err
	}
	power := func(n uint64) bool { return n != 0 && n&(n-1) == 0 }
	if !power(h.width) || !power(h.start) || !power(h.largest) || h.start > h.largest || h.largest > 1<<32 ||
		h.offsetBits < 1 || h.offsetBits > 64 || h.rows > 64 {
		return nil, c.errorf("its table of blocks cannot be: width %d, blocks of %d to %d bytes, %d bits, %d rows", h.width, h.start, h.largest, h.offsetBits, h.rows)
	}
	h.offsetLen = (h.offsetBits + 7) / 8
	h.lengthLen = min((bits.Len64(h.largest)-1+7)/8, bytesFor(h.most))
	return h, nil
}

// get is the object of a heap ID.
func (h *fractalHeap) get(id *cursor) (*cursor, error) {
	c := id.sub(h.idSize)
	flags := c.u8()
	if err := c.err(); err != nil {
		return nil, err
	}
	if flags>>6 != 0 {
		return nil, c.unsupported("heap ID version %d is not known", flags>>6)
	}
	switch flags >> 4 & 3 {
	case 0:
		off, n := c.uint(h.offsetLen), c.uint(h.lengthLen)
		if err := c.err(); err != nil {
			return nil, err
		}
		return h.managed(off, n)
	case 1:
		return h.hugeObject(c)
	case 2:
		n := flags&15 + 1
		if h.idSize-1 > 16 {
			n = (flags&15)<<8 | c.u8() + 1
		}
		o := c.sub(n)
		return o, o.err()
	default:
		return nil, c.unsupported("heap ID type 3 is not known")
	}
}

// hugeObject is an object that lies in the file by itself: the ID gives its
// place, or a number that a B-tree finds it by.
func (h *fractalHeap) hugeObject(c *cursor) (*cursor, error) {
	f := h.f
	e := extent{}
	if h.idSize-1 >= 16 {
		e = extent{c.u64(), c.u64()}
	} else {
		if h.large == nil {
			h.large = map[uint64]extent{}
			err := f.walk2(h.huge, recordsHuge, func(r *cursor) error {
				e := extent{r.u64(), r.u64()}
				h.large[r.u64()] = e
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		n := c.uint(min(8, h.idSize-1))
		var ok bool
		if e, ok = h.large[n]; !ok {
			return nil, c.errorf("the fractal heap has no huge object %d", n)
		}
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return f.block(e.addr, e.size, "a huge object of the fractal heap")
}

// managed is the object of n bytes at an offset of the heap's own space.
func (h *fractalHeap) managed(off, n uint64) (*cursor, error) {
	if n == 0 || n > h.most {
		return nil, h.f.errorf(h.addr, "an object of the fractal heap has %d bytes; 1 to %d are possible", n, h.most)
	}
	if h.rows == 0 {
		return h.object(h.root, h.start, 0, off, n)
	}
	addr, rows, base := h.root, h.rows, uint64(0)
	for {
		row, col, size, at := h.place(off - base)
		if row >= rows {
			return nil, h.f.errorf(h.addr, "an object at offset %d lies beyond the fractal heap", off)
		}
		b, err := h.indirect(addr, rows, base)
		if err != nil {
			return nil, err
		}
		c := *b
		c.skip((row*int(h.width) + col) * 8)
		addr = c.u64()
		if err := c.err(); err != nil {
			return nil, err
		}
		base += at
		if size <= h.largest {
			return h.object(addr, size, base, off, n)
		}
		// A block of blocks covers size bytes with rows of its own,
		// fewer than the row it is in: there is an end.
		fewer := bits.Len64(size) - bits.Len64(h.start*h.width) + 1
		if fewer < 1 {
			return nil, h.f.errorf(h.addr, "a block of the fractal heap has no rows")
		}
		rows = fewer
	}
}

// place finds the block that covers an offset: its row, column, size, and the
// offset at which it begins.
func (h *fractalHeap) place(off uint64) (row, col int, size, at uint64) {
	size = h.start
	first := h.start * h.width
	if off >= first {
		row = bits.Len64(off) - bits.Len64(first) + 1
		size = h.start << (row - 1)
		at = first << (row - 1)
	}
	col = int((off - at) / size)
	return row, col, size, at + uint64(col)*size
}

// indirect is a cursor at the addresses in a block of blocks.
func (h *fractalHeap) indirect(addr uint64, rows int, base uint64) (*cursor, error) {
	if c := h.blocks[addr]; c != nil {
		return c, nil
	}
	n := 5 + 8 + h.offsetLen + rows*int(h.width)*8 + 4
	c, err := h.block(addr, uint64(n), "FHIB", base)
	if err != nil {
		return nil, err
	}
	if err := c.checksum(); err != nil {
		return nil, err
	}
	h.blocks[addr] = c
	return c, nil
}

// object is part of a direct block. Offsets count the block's head, too.
func (h *fractalHeap) object(addr, size, base, off, n uint64) (*cursor, error) {
	c := h.blocks[addr]
	if c == nil {
		var err error
		if c, err = h.block(addr, size, "FHDB", base); err != nil {
			return nil, err
		}
		if h.checked {
			// The checksum is that of the block with zeros in its place.
			at := c.pos
			want := c.u32()
			if err := c.err(); err != nil {
				return nil, err
			}
			clear(c.b[at : at+4])
			if got := lookup3(c.b); got != want {
				return nil, c.errorf("its checksum is %08x, the file says %08x: the file is damaged", got, want)
			}
		}
		h.blocks[addr] = c
	}
	at := off - base
	if at < uint64(c.pos) || at > uint64(len(c.b)) || n > uint64(len(c.b))-at {
		return nil, c.errorf("an object of %d bytes at %d leads out of it", n, at)
	}
	return &cursor{f: h.f, what: "an object of the fractal heap", addr: addr + at, b: c.b[at : at+n]}, nil
}

// block reads a block and checks that it is this heap's and in its place.
func (h *fractalHeap) block(addr, size uint64, letters string, base uint64) (*cursor, error) {
	c, err := h.f.block(addr, size, "a block of the fractal heap")
	if err != nil {
		return nil, err
	}
	if err := c.signature(letters, 0); err != nil {
		return nil, err
	}
	if c.u64() != h.addr {
		return nil, c.errorf("it belongs to another heap")
	}
	var b [8]byte
	copy(b[:], c.take(h.offsetLen))
	if got := binary.LittleEndian.Uint64(b[:]); got != base {
		return nil, c.errorf("it says that it begins at %d of the heap, want %d", got, base)
	}
	return c, c.err()
}
